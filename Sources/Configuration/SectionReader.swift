internal import PodiumModel
internal import YAMLDocument

/// Reads the keys of one mapping, reporting what does not fit. A key that is absent or null keeps its default.
struct SectionReader {
    /// `server`, or an endpoint's name, for messages.
    let title: String
    let sink: DiagnosticSink
    private var values: [String: YAMLNode] = [:]
    private(set) var keys: [String: YAMLNode] = [:]
    private var visited: Set<Int> = []

    /// - Parameter known: every key of the section that means something; all others are reported as notes.
    init(_ node: YAMLNode?, title: String, known: [String], retired: [String: String] = [:], sink: DiagnosticSink) {
        self.title = title
        self.sink = sink
        guard let node else { return }
        guard let mapping = node.resolved, mapping.kind == .mapping else {
            if node.scalar != .null { sink.error(at: node, "\(title) has to be a mapping of keys to values") }
            return
        }
        collect(mapping, depth: 0)
        for (key, keyNode) in keys where !known.contains(key) {
            reportUnknown(key, keyNode, known: known, retired: retired)
        }
    }

    private mutating func collect(_ mapping: YAMLNode, depth: Int) {
        // A node that is met a second time has nothing new, and lists of merges within lists of merges would multiply.
        guard visited.insert(mapping.position).inserted else { return }
        var merged: [YAMLNode] = []
        var seen: [String: Int] = [:]
        for (key, value) in mapping.pairs {
            guard key.kind == .scalar else {
                sink.error(at: key, "a key of \(title) is not plain text")
                continue
            }
            if key.isMergeKey {
                merged.append(value)
                continue
            }
            let name = key.text
            if let first = seen.updateValue(key.line, forKey: name) {
                sink.error(
                    at: key, "the key \(SecretSigns.quoted(name)) is there twice, first in line \(first)",
                    fix: "remove one")
                continue
            }
            if values[name] == nil {
                values[name] = value
                // A merged key stands where its alias does not; only the mapping's own keys are reported.
                if depth == 0 { keys[name] = key }
            }
        }
        for value in merged { collectMerged(value, depth: depth) }
    }

    private mutating func collectMerged(_ node: YAMLNode, depth: Int) {
        guard depth < 10, let target = node.resolved else {
            sink.error(at: node, "the merge key refers to itself")
            return
        }
        switch target.kind {
        case .mapping: collect(target, depth: depth + 1)
        case .sequence: for entry in target.entries { collectMerged(entry, depth: depth + 1) }
        default: sink.error(at: node, "a merge key needs a mapping")
        }
    }

    private func reportUnknown(_ key: String, _ node: YAMLNode, known: [String], retired: [String: String]) {
        if let advice = retired[key] {
            sink.report(
                .note, at: node, ValueProblem("the older system's key '\(key)' is kept and not used", fix: advice))
            return
        }
        let section = title.hasPrefix("endpoint") ? "endpoint" : title.hasPrefix("client ") ? "client" : title
        if let advice = MisnamedKeys.advice(for: key, in: section) {
            sink.report(
                .warning, at: node,
                ValueProblem("the key '\(HeaderRules.printable(key))' is not read in \(title)", fix: advice))
            return
        }
        // The text may be a credential without a key, or one that has lost its dash.
        let key = SecretSigns.hidingWithURLs(in: HeaderRules.printable(key), behind: "***")
        let suggestion = NearestName.suggestion(for: key, among: known.filter { values[$0] == nil })
        sink.report(
            .note, at: node,
            ValueProblem(
                "the key \(SecretSigns.quoted(key)) is unknown in \(title), kept and not used",
                fix: suggestion.map { "did you mean \($0)?" } ?? ""))
    }

    /// Keys whose values are not shown, whatever is wrong with them.
    private static let secretKeys = Set(EndpointField.all.filter(\.isSecret).map(\.key))
        .union(["client_tokens", "admin_token", "password", "token"])

    private func error(at node: YAMLNode, of key: String, _ message: String, fix: String = "") {
        sink.report(.error, at: node, ValueProblem(message, fix: fix), isSecret: Self.secretKeys.contains(key))
    }

    /// The value's node, aliases followed; nil where the key is absent or null.
    func node(_ key: String) -> YAMLNode? {
        guard let value = values[key] else { return nil }
        guard let resolved = value.resolved else {
            sink.error(at: value, "the alias refers to itself")
            return nil
        }
        return resolved.scalar == .null ? nil : resolved
    }

    /// Where a finding about the key belongs.
    func place(_ key: String) -> YAMLNode? { values[key] ?? keys["name"] }

    func text(_ key: String) -> String? {
        guard let node = node(key) else { return nil }
        guard node.kind == .scalar else {
            error(at: node, of: key, "\(key) has to be a single value")
            return nil
        }
        return node.text
    }

    func value<Value>(_ key: String, _ parse: (String) throws(ValueProblem) -> Value) -> Value? {
        // The older system wrote settings that were never set as empty text.
        guard let text = text(key), !text.isEmpty else { return nil }
        do throws(ValueProblem) {
            return try parse(text)
        } catch {
            sink.report(.error, at: place(key), error)
            return nil
        }
    }

    func duration(_ key: String, atLeast minimum: Duration = .zero) -> Duration? {
        value(key) { text throws(ValueProblem) in
            let duration = try DurationText.parse(text)
            guard duration >= minimum else {
                throw ValueProblem("\(key) is below \(DurationText.render(minimum))", fix: "raise it")
            }
            return duration
        }
    }

    /// `off` is zero.
    func durationOrOff(_ key: String, atLeast minimum: Duration) -> Duration? {
        value(key) { text throws(ValueProblem) in
            if text == "off" { return .zero }
            let duration = try DurationText.parse(text)
            guard duration == .zero || duration >= minimum else {
                throw ValueProblem("\(key) is below \(DurationText.render(minimum))", fix: "raise it, or say off")
            }
            return duration
        }
    }

    func boolean(_ key: String) -> Bool? {
        guard let node = node(key), node.kind != .scalar || !node.text.isEmpty else { return nil }
        // Quoted or not: `"true"` cannot have meant anything else.
        switch node.kind == .scalar ? YAMLScalar(plain: node.text) : nil {
        case .boolean(let flag): return flag
        default:
            sink.error(at: node, "\(key) has to be true or false")
            return nil
        }
    }

    func integer(_ key: String, in range: ClosedRange<Int> = .min ... .max) -> Int? {
        value(key) { text throws(ValueProblem) in
            guard case .integer(let number) = YAMLScalar(plain: text) else {
                throw ValueProblem("\(key) has to be a whole number")
            }
            guard range.contains(number) else {
                throw .outOfRange(range, key)
            }
            return number
        }
    }

    func choice<Value: RawRepresentable<String> & CaseIterable>(_ key: String, of type: Value.Type) -> Value? {
        choice(key, of: Value.allCases.map(\.rawValue)).flatMap(Value.init)
    }

    func choice(_ key: String, of names: [String]) -> String? {
        guard let text = text(key), !text.isEmpty else { return nil }
        if names.contains(text) { return text }
        let suggestion = NearestName.suggestion(for: text, among: names)
        // Beside the place for the secret: what is no slip of one of the names can be the secret itself.
        let isHidden = suggestion == nil && EndpointField.credential.contains { $0.key == key }
        sink.report(
            .error, at: place(key),
            ValueProblem(
                "\(isHidden ? "what stands there" : SecretSigns.quoted(text)) is not a value of \(key)",
                fix: suggestion.map { "did you mean \($0)?" } ?? "use \(names.joined(separator: ", "))"),
            isSecret: isHidden)
        return nil
    }

    /// A list of texts with the node of each.
    func list(_ key: String) -> [(text: String, node: YAMLNode)] {
        guard let node = node(key) else { return [] }
        guard node.kind == .sequence else {
            if node.kind != .scalar || !node.text.isEmpty {
                error(at: node, of: key, "\(key) has to be a list", fix: "write [first, second]")
            }
            return []
        }
        return node.entries.compactMap { entry in
            guard let resolved = entry.resolved, resolved.kind == .scalar else {
                error(at: entry, of: key, "an item of \(key) has to be a single value")
                return nil
            }
            return (resolved.scalar == .null ? "" : resolved.text, entry)
        }
    }
}

/// Names that other programs have for keys of Podium. A file with such a name would load, the setting would have no effect, and
/// the operator would not see it: so the warning about an unknown key says which key to write.
private enum MisnamedKeys {
    /// What to write instead of a key; nil where the key is a known name of nothing.
    ///
    /// - Parameter section: as in the section's title; every endpoint is `endpoint`.
    static func advice(for key: String, in section: String) -> String? {
        let name = normalized(key)
        if let right = names[section]?.first(where: { $0.value.contains(name) })?.key { return "write \(right)" }
        // `authValue` and `AUTH-VALUE` are slips of the pen.
        if let right = known[section]?.first(where: { normalized($0) == name }), right != key {
            return "write \(right)"
        }
        guard section == "the file" else { return nil }
        for inner in ["server", "ranking", "timeouts"]
        where known[inner]?.contains(where: { normalized($0) == name }) == true {
            return "it belongs under \(inner):, indented"
        }
        return nil
    }

    private static func normalized(_ key: String) -> String { key.lowercased().filter { $0.isLetter || $0.isNumber } }

    private static let known: [String: [String]] = [
        "endpoint": EndpointField.all.map(\.key), "client": ClientField.allCases.map(\.key),
        "server": ServerSettings.table.map(\.key),
        "ranking": RankingSettings.table.map(\.key), "failover": FailoverSettings.table.map(\.key),
        "timeouts": TimeoutSettings.table.map(\.key),
        "history": UsageSettings.historyTable.map(\.key), "usage": UsageSettings.usageTable.map(\.key),
        "the file": ["server", "ranking", "timeouts", "failover", "history", "usage", "console", "endpoints"],
    ]

    /// By section, then by the right name; without case, blanks and signs.
    private static let names: [String: [String: Set<String>]] = [
        "endpoint": Dictionary(
            uniqueKeysWithValues: EndpointField.all.map { ($0.otherNamesAdvice, $0.otherNames) }),
        "server": [
            "host": [
                "listen", "bind", "address", "addr", "hostname", "ip", "listenaddress", "bindaddress", "interface",
            ],
            "port": ["listenport", "ports"],
            "client_tokens": [
                "token", "tokens", "key", "keys", "apikey", "apikeys", "clienttoken", "authtoken", "authtokens",
                "password",
                "auth", "secret", "clientkeys", "allowedtokens", "accesstokens", "masterkey", "clients",
            ],
            "admin_token": ["adminkey", "adminpassword", "adminsecret", "admintokens", "admin"],
            "allowed_origins": [
                "cors", "corsorigins", "origins", "alloworigins", "allowedorigin", "corsallowedorigins",
            ],
            "access_log": ["log", "logfile", "accesslogs", "requestlog"],
            "config_flush_interval": ["flushinterval", "saveinterval"], "config_max_dirty_time": ["maxdirtytime"],
            "auto_sort_endpoints": ["autosort", "sort", "autosorting"],
            "drain_timeout": ["shutdowntimeout", "graceperiod", "stoptimeout"],
        ],
        "client": [
            "name": ["id", "user", "username", "client"], "token": ["key", "apikey", "secret", "password"],
            "expires": ["expiry", "expiresat", "expirydate", "validuntil"], "enabled": ["active", "disabled"],
            "models": ["allowedmodels", "modellist"], "endpoints": ["providers", "allowedendpoints", "upstreams"],
            "tags": ["tag", "groups", "group"],
            "limits": ["limit", "budget", "quota", "ratelimit", "ratelimits", "maxbudget", "rpm", "tpm"],
        ],
        "timeouts": [
            "connect": ["connecttimeout", "connection", "connectiontimeout"],
            "tls_handshake": ["tls", "handshake", "tlstimeout"],
            "response_header": [
                "header", "headers", "read", "readtimeout", "request", "requesttimeout", "response", "timeout",
            ],
            "stream_idle": ["stream", "idle", "idletimeout", "streamtimeout"],
            "idle_connection": ["keepalive", "keepalivetimeout"],
            "check_interval": ["healthcheckinterval", "probeinterval"],
        ],
        "the file": [
            "endpoints": [
                "endpoint", "providers", "upstreams", "backends", "servers", "models", "modellist", "channels",
            ],
            "timeouts": ["timeout"], "server": ["listen", "proxy", "general", "settings"],
        ],
    ]
}
