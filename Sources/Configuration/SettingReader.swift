internal import PodiumModel
internal import Support
internal import YAMLDocument

// Reading the sections of settings: `server:`, `ranking:`, `timeouts:` and `console:`; those of `failover:`, `history:` and `usage:` have
// their tables beside their types. `ConfigurationLoader` calls it. Each section has a table of its keys, so that what is read, what is
// known and what is documented cannot differ.

/// A key of a section of settings: the section's table lists them, and what is known, read and documented (a test holds the page
/// against it) goes by the table. A new setting is a property and a row.
struct Setting<Section> {
    let key: String
    fileprivate let read: (inout Section, SettingReader) -> Void

    /// A setting that is more than one value.
    init(_ key: String, read: @escaping (inout Section, SettingReader) -> Void) {
        self.key = key
        self.read = read
    }

    /// A setting that `value` finds by the key; nil leaves the default.
    private static func row<Value>(
        _ key: String, _ path: WritableKeyPath<Section, Value>, _ value: @escaping (SectionReader, String) -> Value?
    ) -> Setting {
        Setting(key) { section, reader in
            if let value = value(reader.section, key) { section[keyPath: path] = value }
        }
    }

    static func flag(_ key: String, _ path: WritableKeyPath<Section, Bool>) -> Setting {
        row(key, path) { $0.boolean($1) }
    }

    /// One whose default follows from other settings.
    static func flag(_ key: String, _ path: WritableKeyPath<Section, Bool?>) -> Setting {
        row(key, path) { $0.boolean($1).map(Optional.some) }
    }

    static func integer(_ key: String, _ path: WritableKeyPath<Section, Int>, in range: ClosedRange<Int>) -> Setting {
        row(key, path) { $0.integer($1, in: range) }
    }

    static func duration(
        _ key: String, _ path: WritableKeyPath<Section, Duration>, atLeast minimum: Duration = .zero
    ) -> Setting {
        row(key, path) { $0.duration($1, atLeast: minimum) }
    }

    /// A time, or `off`, which is zero.
    static func durationOrOff(
        _ key: String, _ path: WritableKeyPath<Section, Duration>, atLeast minimum: Duration
    ) -> Setting {
        row(key, path) { $0.durationOrOff($1, atLeast: minimum) }
    }

    static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ path: WritableKeyPath<Section, Choice>
    ) -> Setting {
        row(key, path) { $0.choice($1, of: Choice.self) }
    }

    static func value<Value>(
        _ key: String, _ path: WritableKeyPath<Section, Value>,
        _ parse: @escaping (String) throws(ValueProblem) -> Value
    ) -> Setting {
        row(key, path) { $0.value($1, parse) }
    }
}

/// What a row of a table of settings reads from.
struct SettingReader {
    let section: SectionReader
    let environment: [String: String]

    /// - Parameter settings: the section's defaults, replaced by what the file says.
    /// - Returns: the section, for what is read of it besides
    @discardableResult
    static func read<Section>(
        _ node: YAMLNode?, title: String, _ table: [Setting<Section>], into settings: inout Section,
        retired: [String: String] = [:], environment: [String: String] = [:], sink: DiagnosticSink
    ) -> SectionReader {
        let section = SectionReader(node, title: title, known: table.map(\.key), retired: retired, sink: sink)
        let reader = SettingReader(section: section, environment: environment)
        for setting in table { setting.read(&settings, reader) }
        return section
    }
}

extension ServerSettings {
    /// A computed table: its key paths are of no type that threads may share.
    static var table: [Setting<ServerSettings>] {
        [
            .value("host", \.host, checkedHost),
            // 0 asks the system for a free port.
            .integer("port", \.port, in: 0...65535),
            .flag("auto_sort_endpoints", \.autoSortEndpoints),
            .choice("persist_strategy", \.persistStrategy),
            .duration("config_flush_interval", \.configFlushInterval, atLeast: .milliseconds(10)),
            Setting("config_max_dirty_time") { $0.readMaxDirtyTime($1.section) },
            .choice("on_hangup", \.onHangup),
            Setting("client_tokens") { $0.readClientTokens($1) },
            Setting("allowed_origins") { $0.readOrigins($1.section) },
            Setting("admin_token") { $0.readAdminToken($1) },
            .duration("drain_timeout", \.drainTimeout),
            .flag("allow_in_place", \.allowInPlace),
            .value("replay_limit", \.replayLimit, byteCount),
            .value("replay_memory", \.replayMemory, byteCount),
            .value("access_log", \.accessLog, accessLogTarget),
            .value("persist", \.persist, persistMode),
            .choice("half_close", \.halfClose),
            .flag("name_endpoint", \.nameEndpoint),
        ]
    }

    init(_ node: YAMLNode?, environment: [String: String], sink: DiagnosticSink) {
        self.init()
        SettingReader.read(
            node, title: "server", Self.table, into: &self,
            retired: ["default_model": "endpoints keep their own models"], environment: environment, sink: sink)
    }

    /// Read behind the interval.
    private mutating func readMaxDirtyTime(_ reader: SectionReader) {
        let written = reader.duration("config_max_dirty_time", atLeast: .milliseconds(10))
        // A limit that is not in the file gives way to a long interval. One that is in the file contradicts it, which the
        // operator has to solve.
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

    private mutating func readClientTokens(_ reader: SettingReader) {
        let sink = reader.section.sink
        for (written, node) in reader.section.list("client_tokens") {
            let text = (node.resolved ?? node).withForeignTag(written)
            if written.isEmpty {
                sink.error(at: node, "a client token is empty", fix: "remove it")
            } else {
                Self.check(text, "a client token", at: node, reader.environment, sink)
                clientTokens.append(text)
            }
        }
    }

    private mutating func readAdminToken(_ reader: SettingReader) {
        guard let written = reader.section.text("admin_token"), !written.isEmpty else { return }
        let node = reader.section.node("admin_token")
        let text = node?.withForeignTag(written) ?? written
        adminToken = text
        if let node { Self.check(text, "admin_token", at: node, reader.environment, reader.section.sink) }
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

    /// A token that cannot be expanded would keep all clients out, or let all of them in.
    static func check(
        _ text: String, _ subject: String, at node: YAMLNode, _ environment: [String: String], _ sink: DiagnosticSink
    ) {
        // The name of the variable would be the token then, and a client that guesses the name would be let in.
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
        try ByteSizeText.parse(text, largest: 1 << 30)
    }
}

/// How many bytes, such as `64KiB`.
enum ByteSizeText {
    private static let scales = [
        "": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
    ]

    /// - Parameter largest: in whole MiB
    static func parse(_ text: String, largest: Int) throws(ValueProblem) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let scale = scales[String(text[digits.endIndex...].drop { $0 == " " })]
        guard let number = Int(digits), let scale, number <= largest / scale else {
            throw ValueProblem(
                "\(SecretSigns.quoted(text)) is not a size up to \(largest >> 20)MiB",
                fix: "write it like 65536, 64KiB or 1MiB")
        }
        return number * scale
    }
}

extension RankingSettings {
    static var table: [Setting<RankingSettings>] {
        [
            .value("hysteresis", \.hysteresis, FractionText.parse),
            .duration("min_dwell", \.minDwell),
            .duration("decay", \.decay, atLeast: .milliseconds(1)),
            .value("sticky_sessions", \.stickySessions, stickySessions),
            .value("explore", \.explore, explore),
        ]
    }

    init(_ node: YAMLNode?, sink: DiagnosticSink) {
        self.init()
        SettingReader.read(node, title: "ranking", Self.table, into: &self, sink: sink)
    }

    /// A share, or a switch that is off.
    private static func explore(_ text: String) throws(ValueProblem) -> Double {
        if ["off", "no", "false"].contains(text.lowercased()) { return 0 }
        let share = try FractionText.parse(text)
        guard share == 0 || (0.0001...0.5).contains(share) else {
            throw ValueProblem("explore has to be 0.01% to 50%, or off", fix: "2% is one request of fifty")
        }
        return share
    }

    /// A time, or a switch that is off.
    private static func stickySessions(_ text: String) throws(ValueProblem) -> Duration? {
        if ["off", "no", "false"].contains(text.lowercased()) { return nil }
        let time = try DurationText.parse(text)
        guard (.seconds(1) ... .seconds(86_400)).contains(time) else {
            throw ValueProblem("sticky_sessions has to be 1s to 24h, or off", fix: "5m is as long as caches live")
        }
        return time
    }
}

extension TimeoutSettings {
    static var table: [Setting<TimeoutSettings>] {
        let least = Duration.milliseconds(1)
        return [
            .duration("connect", \.connect, atLeast: least),
            .duration("tls_handshake", \.tlsHandshake, atLeast: least),
            .duration("response_header", \.responseHeader),
            .duration("response", \.response),
            .duration("stream_idle", \.streamIdle),
            .duration("idle_connection", \.idleConnection, atLeast: least),
            .duration("health_check_timeout", \.healthCheckTimeout, atLeast: least),
            .duration("check_interval", \.checkInterval, atLeast: .milliseconds(100)),
            .integer("recovery_threshold", \.recoveryThreshold, in: 1...1000),
        ]
    }

    init(_ node: YAMLNode?, sink: DiagnosticSink) {
        self.init()
        SettingReader.read(node, title: "timeouts", Self.table, into: &self, sink: sink)
    }
}

extension ConsoleSettings {
    init(_ node: YAMLNode?, sink: DiagnosticSink) {
        self.init()
        let reader = SectionReader(node, title: "console", known: ["keys"], sink: sink)
        guard let keys = reader.node("keys") else { return }
        guard keys.kind == .mapping else {
            // A key of the console that cannot be used must not keep the proxy from starting.
            sink.report(
                .warning, at: keys, ValueProblem("keys has to be a mapping", fix: "write flush: W, or flush: [W, F5]"))
            return
        }
        for (command, value) in keys.pairs {
            guard let words = Self.words(value, sink), command.kind == .scalar else { continue }
            self.keys.append(KeySetting(command: .init(command), keys: words))
        }
    }

    private static func words(_ value: YAMLNode, _ sink: DiagnosticSink) -> [KeySetting.Word]? {
        let nodes = value.resolved?.kind == .sequence ? value.resolved?.entries ?? [] : [value]
        var words: [KeySetting.Word] = []
        for node in nodes {
            guard let resolved = node.resolved, resolved.kind == .scalar,
                resolved.style != .plain || resolved.scalar != .null
            else {
                sink.report(
                    .warning, at: node,
                    ValueProblem("a key has to be a text", fix: "quote it, as in \"~\"; write [] for no key at all"))
                return nil
            }
            words.append(.init(resolved))
        }
        return words
    }
}

extension KeySetting.Word {
    fileprivate init(_ node: YAMLNode) {
        self.init(text: node.text, line: node.line, column: node.column)
    }
}

/// Origins of web pages as browsers write them (RFC 6454 §6.2).
private enum OriginText {
    /// Whether the text is `scheme://host[:port]` and nothing more. Extensions have schemes of their own.
    static func isOrigin(_ text: String) -> Bool {
        guard let separator = text.firstRange(of: "://") else { return false }
        let scheme = text[..<separator.lowerBound].utf8
        guard let first = scheme.first, ASCII.isLetter(first), scheme.allSatisfy(isSchemePart) else { return false }
        return (try? HostAndPort(text[separator.upperBound...])) != nil
    }

    private static func isSchemePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        default: ASCII.isLetter(byte) || ASCII.isDigit(byte)
        }
    }
}
