internal import PodiumModel
internal import YAMLDocument

/// Reads one entry of `endpoints:` by the table of fields (`EndpointField`).
///
/// `ConfigurationLoader` calls it for each entry of the file, `ResultCheck` for the entries that an edit has changed: so an edit is
/// checked by the code that will read it at the next start.
struct EndpointReader {
    private let reader: SectionReader
    private let entry: YAMLNode
    private let sink: DiagnosticSink

    /// `failover` and `timeouts` are no fields: they are read with those of the file (`FailoverSettings`, `EndpointTimeouts`).
    private static let knownKeys =
        EndpointField.all.map(\.key) + ["failover", "timeouts", UsageSettings.endpointKey, "model_rewrite"]
        + OlderConversion.keys

    /// What the older system had and Podium does not; the text says what to do about it.
    private static let retired: [String: String] = [
        "url_gemini": "only Anthropic and OpenAI URLs are used",
        "oauth_config": "use auth_type api_key, auth_token or passthrough",
        "rate_limit_reset": waits, "rate_limit_status": waits, "enhanced_protection": waits,
        "sse_config": "answers are judged by what they say (docs/verdicts.md)",
        "count_tokens_enabled": "an endpoint that does not know the path is passed over for it",
        "client_type": "endpoints get the APIs that they have a URL for; clients have names, endpoints and tags",
        "path_prefix": "write it into the URL",
    ]

    private static let waits = "waits that an endpoint names are kept by themselves"

    /// Nil if the entry is not a mapping; that is reported.
    /// - Parameter environment: nil leaves references unchecked.
    static func read(
        _ entry: YAMLNode, number: Int, environment: [String: String]?,
        authorityProblem: (String) -> String? = { _ in nil }, sink: DiagnosticSink
    ) -> (settings: EndpointSettings, nameNode: YAMLNode)? {
        guard let resolved = entry.resolved, resolved.kind == .mapping else {
            sink.error(at: entry, "entry \(number) of endpoints is not a mapping", fix: "begin it with - name: NAME")
            return nil
        }
        let reader = EndpointReader(resolved, number: number, sink: sink)
        let settings = reader.settings(environment: environment)
        if let path = settings.caFile, let problem = authorityProblem(path) {
            sink.report(
                .warning, at: reader.reader.node("ca_file"),
                ValueProblem(
                    "\(reader.reader.title) is misconfigured: ca_file \(HeaderRules.printable(path)) \(problem)",
                    fix: "name a PEM file of the authorities to trust, or remove the key"))
        }
        return (settings, reader.reader.place("name") ?? entry)
    }

    private init(_ entry: YAMLNode, number: Int, sink: DiagnosticSink) {
        self.entry = entry
        self.sink = sink
        let name = entry.merged("name")?.resolved.flatMap {
            $0.kind == .scalar ? "endpoint '\(HeaderRules.printable($0.text))'" : nil
        }
        reader = SectionReader(
            entry, title: name ?? "endpoint \(number)", known: Self.knownKeys, retired: Self.retired, sink: sink)
    }

    private func settings(environment: [String: String]?) -> EndpointSettings {
        var settings = EndpointSettings(name: "")
        for field in EndpointField.all where field != .authType && field != .endpointType {
            if let value = value(of: field) { settings.set(field, to: value) }
        }
        if let key = reader.keys["model_rewrite"] {
            let older = OlderModelMap.read(
                reader.node("model_rewrite"), at: key, isOverruled: !settings.modelMap.isEmpty, sink: sink)
            if !older.isEmpty { settings.modelMap = older }
        }
        OlderConversion.read(reader, into: &settings, sink: sink)
        settings.authType = authType(hasValue: settings.authValue != nil)
        settings.endpointType = endpointType(hasURL: settings.url != nil)
        report(settings, environment)
        return settings
    }

    /// nil where the key is absent, or holds nothing that could be the value; that is reported.
    private func value(of field: EndpointField) -> FieldValue? {
        let key = field.key
        if field == .limits, let node = reader.node(key), node.kind == .mapping { return .text(Self.limits(node)) }
        return switch field.kind {
        case .name: reader.text(key).map(FieldValue.text)
        case .text, .file, .url: nonEmpty(key).map(FieldValue.text)
        case .secret: nonEmpty(key).map { .text(reader.node(key)?.withForeignTag($0) ?? $0) }
        case .choice(let words): reader.choice(key, of: words).map(FieldValue.text)
        case .flag: reader.boolean(key).map(FieldValue.boolean)
        case .rank: reader.integer(key).map(FieldValue.integer)
        case .integer(let range): reader.integer(key, in: range).map(FieldValue.integer)
        case .words: .list(reader.list(key).map(\.text))
        case .renamings: .renamings(renamings(key))
        case .headers: .headers(headers(key))
        case .proxy: ProxyReader(reader: reader, key: key).read().map(FieldValue.proxy)
        }
    }

    private func nonEmpty(_ key: String) -> String? {
        reader.text(key).flatMap { $0.isEmpty ? nil : $0 }
    }

    private func authType(hasValue: Bool) -> AuthType {
        guard let text = nonEmpty("auth_type") else {
            if hasValue {
                sink.error(
                    at: reader.keys["auth_value"] ?? entry, "auth_value is set and auth_type is not",
                    fix: "add auth_type: api_key (x-api-key) or auth_token (Bearer)")
            }
            return .none
        }
        if text == "oauth" || text == "auto" {
            sink.report(
                .warning, at: reader.place("auth_type"),
                ValueProblem(
                    "auth_type \(text) of the older system is not supported; no credential is sent",
                    fix: "use api_key, auth_token, passthrough or none"))
            return .none
        }
        return reader.choice("auth_type", of: AuthType.self) ?? .none
    }

    /// Files of the older system may say in one key what a URL is for; Podium has three for it.
    private func endpointType(hasURL: Bool) -> EndpointType? {
        guard let text = nonEmpty("endpoint_type") else { return nil }
        let type = EndpointType(rawValue: text.lowercased())
        guard hasURL, let type else {
            let reason = hasURL ? ": url serves every API" : ""
            sink.report(
                .note, at: reader.keys["endpoint_type"] ?? reader.place("endpoint_type"),
                ValueProblem(
                    "the older system's key 'endpoint_type' is kept and not used\(reason)",
                    fix: hasURL ? "use url_anthropic or url_openai" : ""))
            return type
        }
        return type
    }

    /// A mapping of limits as the one line that it stands for, which is checked as such.
    static func limits(_ node: YAMLNode) -> String {
        node.mergedPairs.map { key, value in
            guard let spend = value.resolved, spend.kind == .mapping else {
                return "\(key.text) \(value.resolved?.text ?? "")"
            }
            func part(_ key: String) -> String { spend.merged(key)?.resolved?.text ?? "" }
            let unknown = spend.mergedPairs.map(\.key.text).filter { !["amount", "per", "reset"].contains($0) }
            let reset = part("reset").isEmpty ? "" : " reset \(part("reset"))"
            return "\(key.text) \(part("amount")) per \(part("per"))\(reset)\(unknown.map { " \($0)" }.joined())"
        }.joined(separator: ", ")
    }

    private func headers(_ key: String) -> [HeaderField] {
        guard let node = reader.node(key) else { return [] }
        guard node.kind == .mapping else {
            sink.error(at: node, "\(key) has to be a mapping of names to values")
            return []
        }
        return Self.headerPairs(node).compactMap { key, value in
            guard key.kind == .scalar, let resolved = value.resolved, resolved.kind == .scalar else {
                sink.report(.error, at: value, ValueProblem("a header has to have a single value"), isSecret: true)
                return nil
            }
            return HeaderField(
                name: key.text, value: resolved.scalar == .null ? "" : resolved.withForeignTag(resolved.text))
        }
    }

    private func renamings(_ key: String) -> [Renaming] {
        guard let node = reader.node(key) else { return [] }
        guard node.kind == .mapping else {
            sink.error(at: node, "\(key) has to be a mapping of patterns to names")
            return []
        }
        return Self.headerPairs(node).compactMap { from, to in
            guard from.kind == .scalar, let resolved = to.resolved, resolved.kind == .scalar else {
                sink.error(at: to, "a pattern of \(key) has to have a single name")
                return nil
            }
            return Renaming(from: from.text, to: resolved.scalar == .null ? "" : resolved.text)
        }
    }

    /// The headers in the order in which they stand, those that `<<` merges in at its place. A header's name means the same in
    /// capitals: one of the mapping's own hides a merged one in any spelling.
    static func headerPairs(_ node: YAMLNode) -> [(key: YAMLNode, value: YAMLNode)] {
        let pairs = node.pairs
        guard let merge = pairs.firstIndex(where: { $0.key.isMergeKey }) else { return pairs }
        let own = Set(pairs.filter { !$0.key.isMergeKey }.map { $0.key.text.lowercased() })
        var seen = own
        let ownCount = node.mergedPairs.count { pair in pairs.contains { $0.key.position == pair.key.position } }
        let merged = node.mergedPairs.dropFirst(ownCount).filter { seen.insert($0.key.text.lowercased()).inserted }
        return pairs[..<merge] + merged + pairs[merge...].filter { !$0.key.isMergeKey }
    }

    private func report(_ settings: EndpointSettings, _ environment: [String: String]?) {
        for finding in settings.problems {
            var severity = finding.severity
            // The older system reached some endpoints by a URL that Podium has no use for.
            if finding.field == .url, settings.url == nil, reader.keys["url_gemini"] != nil { severity = .warning }
            if finding.field == .authValue, reader.node("auth_type")?.text == "oauth" { continue }
            sink.report(
                severity, at: place(of: finding), finding.problem,
                isSecret: finding.field.isSecret)
        }
        if let environment { reportSecrets(settings, environment) }
    }

    private func place(of finding: EndpointProblem) -> YAMLNode? {
        let node = reader.node(finding.field.key)
        guard let item = finding.item, let node else { return node ?? reader.place("name") ?? entry }
        if node.kind == .mapping {
            let pairs = Self.headerPairs(node)
            return item < pairs.count ? pairs[item].key : node
        }
        return item < node.entries.count ? node.entries[item] : node
    }

    private func reportSecrets(_ settings: EndpointSettings, _ environment: [String: String]) {
        if let node = reader.node("auth_value"), let value = settings.authValue, SecretExpansion.isLiteral(value) {
            sink.literalSecret(at: node, "the auth_value of '\(HeaderRules.printable(settings.name))'")
        }
        for text in settings.referenceTexts {
            do throws(MissingVariables) {
                _ = try SecretExpansion.expand(text.text, environment: environment)
            } catch {
                sink.report(
                    .warning, at: reader.node(text.field.key),
                    ValueProblem(
                        "\(reader.title) is misconfigured: \(error.description)", fix: "set it and start again"),
                    isSecret: true)
            }
        }
    }
}

extension YAMLNode {
    /// `!env NAME` is no text of its own: another program would replace it. The tag stays visible, so that it is not taken
    /// for a credential.
    func withForeignTag(_ text: String) -> String {
        guard let tag, tag != "!",
            !["str", "int", "bool", "float", "null"].contains(where: { tag == "tag:yaml.org,2002:\($0)" })
        else { return text }
        let standard = "tag:yaml.org,2002:"
        let written =
            tag.hasPrefix(standard) ? "!!" + tag.dropFirst(standard.count) : tag.hasPrefix("!") ? tag : "!\(tag)"
        return "\(written) \(text)"
    }
}

/// Reads `proxy:` in either form.
private struct ProxyReader {
    let reader: SectionReader
    let key: String

    func read() -> OutboundProxy? {
        guard let node = reader.node(key) else { return nil }
        if node.kind != .mapping {
            let proxy = parse(at: node, isSecret: true) { () throws(ValueProblem) -> OutboundProxy? in
                guard node.kind == .scalar else { throw ValueProblem("\(key) has to be a URL or a mapping") }
                return node.text.isEmpty ? nil : try ProxyText.parse(node.text)
            }
            if let password = proxy??.password { reportLiteral(password, at: node) }
            return proxy ?? nil
        }
        let section = SectionReader(
            node, title: key, known: ["type", "address", "username", "password"], sink: reader.sink)
        let proxy = parse(at: section.node("address") ?? section.node("type") ?? node, isSecret: false) {
            () throws(ValueProblem) -> OutboundProxy? in
            guard let type = section.text("type"), !type.isEmpty else { return nil }
            guard let address = section.text("address"), !address.isEmpty else {
                throw ValueProblem("the proxy has no address", fix: "add address: HOST:PORT")
            }
            let kind = try ProxyText.kind(type)
            let place = try ProxyText.address(address, kind: kind)
            return OutboundProxy(kind: kind, host: place.host, port: place.port)
        }
        guard var outbound = proxy ?? nil else { return nil }
        outbound.username = section.text("username").flatMap { $0.isEmpty ? nil : $0 }
        outbound.password = section.text("password").flatMap { $0.isEmpty ? nil : $0 }
        if let password = outbound.password, let place = section.node("password") { reportLiteral(password, at: place) }
        return outbound
    }

    private func reportLiteral(_ password: String, at node: YAMLNode) {
        if SecretExpansion.isLiteral(password) { reader.sink.literalSecret(at: node, "a proxy password") }
    }

    private func parse<Value>(
        at node: YAMLNode, isSecret: Bool, _ body: () throws(ValueProblem) -> Value
    ) -> Value? {
        do throws(ValueProblem) {
            return try body()
        } catch {
            reader.sink.report(.error, at: node, error, isSecret: isSecret)
            return nil
        }
    }
}
