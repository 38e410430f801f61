internal import PodiumModel
internal import YAMLDocument
internal import Support

extension ServerSettings {
    static let knownKeys = [
        "host", "port", "auto_sort_endpoints", "persist_strategy", "config_flush_interval", "config_max_dirty_time",
        "on_hangup", "client_tokens", "allowed_origins", "admin_token", "drain_timeout", "allow_in_place",
        "replay_limit", "access_log", "persist", "half_close",
    ]

    init(_ node: YAMLNode?, environment: [String: String], sink: DiagnosticSink) {
        self.init()
        let reader = SectionReader(
            node, title: "server", known: Self.knownKeys, retired: ["default_model": "endpoints keep their own models"],
            sink: sink)
        host = reader.value("host", Self.checkedHost) ?? host
        // 0 asks the system for a free port.
        port = reader.integer("port", in: 0...65535) ?? port
        autoSortEndpoints = reader.boolean("auto_sort_endpoints") ?? autoSortEndpoints
        persist = reader.value("persist", Self.persistMode) ?? persist
        persistStrategy = reader.choice("persist_strategy", of: PersistStrategy.self) ?? persistStrategy
        onHangup = reader.choice("on_hangup", of: HangupAction.self) ?? onHangup
        drainTimeout = reader.duration("drain_timeout") ?? drainTimeout
        allowInPlace = reader.boolean("allow_in_place") ?? allowInPlace
        replayLimit = reader.value("replay_limit", Self.byteCount) ?? replayLimit
        halfClose = reader.choice("half_close", of: HalfCloseAction.self) ?? halfClose
        accessLog = reader.value("access_log", Self.accessLogTarget) ?? accessLog
        readIntervals(reader)
        readTokens(reader, environment)
        readOrigins(reader)
    }

    private mutating func readIntervals(_ reader: SectionReader) {
        configFlushInterval =
            reader.duration("config_flush_interval", atLeast: .milliseconds(10)) ?? configFlushInterval
        let written = reader.duration("config_max_dirty_time", atLeast: .milliseconds(10))
        // Unwritten, the limit gives way to a long interval; written, a contradiction is the operator's to solve.
        configMaxDirtyTime = written ?? max(configMaxDirtyTime, configFlushInterval)
        guard configMaxDirtyTime < configFlushInterval else { return }
        let limit = DurationText.render(configMaxDirtyTime)
        let interval = DurationText.render(configFlushInterval)
        reader.sink.report(
            .error, at: reader.place("config_max_dirty_time"),
            ValueProblem(
                "config_max_dirty_time (\(limit)) is below config_flush_interval (\(interval))",
                fix: "raise config_max_dirty_time to \(interval) or more, or lower config_flush_interval"))
    }

    private mutating func readTokens(_ reader: SectionReader, _ environment: [String: String]) {
        for (written, node) in reader.list("client_tokens") {
            let text = (node.resolved ?? node).withForeignTag(written)
            if written.isEmpty {
                reader.sink.error(at: node, "a client token is empty", fix: "remove it")
            } else {
                Self.check(text, "a client token", at: node, environment, reader.sink)
                clientTokens.append(text)
            }
        }
        guard let written = reader.text("admin_token"), !written.isEmpty else { return }
        let text = reader.node("admin_token")?.withForeignTag(written) ?? written
        adminToken = text
        if let node = reader.node("admin_token") { Self.check(text, "admin_token", at: node, environment, reader.sink) }
    }

    private mutating func readOrigins(_ reader: SectionReader) {
        for (text, node) in reader.list("allowed_origins") {
            if OriginText.isOrigin(text) || text == "*" {
                allowedOrigins.append(text)
            } else {
                reader.sink.error(
                    at: node, "\(SecretSigns.quoted(text)) is not an origin",
                    fix: "write it like https://app.example or http://nas.lan:3000: scheme, host and port, no path")
            }
        }
    }

    /// A token that cannot be expanded would lock everybody out, or let everybody in.
    private static func check(
        _ text: String, _ subject: String, at node: YAMLNode, _ environment: [String: String], _ sink: DiagnosticSink
    ) {
        // Whoever guesses the name of a variable would be let in by it.
        if let found = Placeholder.find(in: text) {
            sink.report(.error, at: node, found.problem(at: subject), isSecret: true)
            return
        }
        if SecretExpansion.isLiteral(text) { sink.literalSecret(at: node, subject) }
        do throws(MissingVariables) {
            let token = try SecretExpansion.expand(text, environment: environment)
            if let problem = HeaderRules.problem(inValue: token, of: subject) {
                sink.report(.error, at: node, problem, isSecret: true)
            }
        } catch {
            sink.report(.error, at: node, ValueProblem(error.description, fix: "set it, or remove the token"))
        }
    }

    private static func checkedHost(_ text: String) throws(ValueProblem) -> String {
        let bare = text.first == "[" && text.last == "]" ? String(text.dropFirst().dropLast()) : text
        guard HostAndPort.isIPv6(bare) || HostAndPort.isHostName(bare) else {
            throw ValueProblem(
                "\(SecretSigns.quoted(text)) is not an address to listen on", fix: "use 127.0.0.1, ::1 or 0.0.0.0")
        }
        return bare
    }

    private static func accessLogTarget(_ text: String) throws(ValueProblem) -> AccessLogTarget {
        switch text.lowercased() {
        case "off", "no", "false", "none": return .off
        case "stdout", "-": return .standardOutput
        case "on", "yes", "true":
            throw ValueProblem("access_log has to say where to", fix: "name a file, or write stdout or off")
        default: break
        }
        guard HeaderRules.printable(text) == text, !text.hasSuffix("/") else {
            throw ValueProblem(
                "access_log is not the name of a file", fix: "name a file, or write stdout or off")
        }
        return .file(text)
    }

    /// A switch with a third position: the two others may be written as any switch.
    private static func persistMode(_ text: String) throws(ValueProblem) -> PersistMode {
        switch text.lowercased() {
        case "auto": return .auto
        case "on", "yes", "true": return .on
        case "off", "no", "false": return .off
        default:
            throw ValueProblem(
                "\(SecretSigns.quoted(text)) is not a value of persist", fix: "write auto, on or off")
        }
    }

    private static func byteCount(_ text: String) throws(ValueProblem) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let scale = ["": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20][text[digits.endIndex...].drop { $0 == " " }]
        guard let number = Int(digits), let scale, number <= (1 << 30) / scale else {
            throw ValueProblem(
                "\(SecretSigns.quoted(text)) is not a size up to 1024MiB",
                fix: "write it like 65536, 64KiB or 1MiB")
        }
        return number * scale
    }
}

extension RankingSettings {
    static let knownKeys = ["hysteresis", "min_dwell", "decay"]

    init(_ node: YAMLNode?, sink: DiagnosticSink) {
        self.init()
        let reader = SectionReader(node, title: "ranking", known: Self.knownKeys, sink: sink)
        hysteresis = reader.value("hysteresis", FractionText.parse) ?? hysteresis
        minDwell = reader.duration("min_dwell") ?? minDwell
        decay = reader.duration("decay", atLeast: .milliseconds(1)) ?? decay
    }
}

extension TimeoutSettings {
    static let knownKeys = [
        "connect", "tls_handshake", "response_header", "stream_idle", "idle_connection", "health_check_timeout",
        "check_interval", "recovery_threshold",
    ]

    init(_ node: YAMLNode?, sink: DiagnosticSink) {
        self.init()
        let reader = SectionReader(node, title: "timeouts", known: Self.knownKeys, sink: sink)
        let least = Duration.milliseconds(1)
        connect = reader.duration("connect", atLeast: least) ?? connect
        tlsHandshake = reader.duration("tls_handshake", atLeast: least) ?? tlsHandshake
        responseHeader = reader.duration("response_header", atLeast: least) ?? responseHeader
        streamIdle = reader.duration("stream_idle", atLeast: least) ?? streamIdle
        idleConnection = reader.duration("idle_connection", atLeast: least) ?? idleConnection
        healthCheckTimeout = reader.duration("health_check_timeout", atLeast: least) ?? healthCheckTimeout
        checkInterval = reader.duration("check_interval", atLeast: .milliseconds(100)) ?? checkInterval
        recoveryThreshold = reader.integer("recovery_threshold", in: 1...1000) ?? recoveryThreshold
    }
}
