internal import PodiumModel
internal import YAMLDocument

// What files of the older system say of models and tags, as far as it has a counterpart. `ConfigurationLoader` reads `tagging:`,
// `EndpointReader` the key `model_rewrite` of an endpoint; whatever has none is a note that says what to write instead.

/// `tagging:` of the older system, as far as it goes by models.
///
/// There a request got the tag of each rule that its model matched. One with tags went to endpoints that have all of these tags, or
/// none at all; one without tags to endpoints without tags, and only where none was left to others. As patterns of `models` that is: an
/// endpoint with the rule's tag is asked for what the rule matches, one with other tags is not, and one without tags is asked for everything.
public struct ModelTagging: Sendable, Equatable {
    struct Rule: Sendable, Equatable {
        var pattern: String
        var tag: String
    }

    var rules: [Rule] = []
    /// An endpoint without tags takes what no rule matches, so that those with a rule's tag are kept for it.
    var hasUntagged = false

    /// No rules.
    public init() {}

    /// Patterns as those of an endpoint's `models`; none where it is asked for all.
    public func models(forTags tags: [String]) -> [String] {
        guard !tags.isEmpty else { return [] }
        let own = hasUntagged ? rules.filter { tags.contains($0.tag) }.map(\.pattern) : []
        return own + rules.filter { !tags.contains($0.tag) }.map { "!" + $0.pattern }
    }
}

extension ModelTagging {
    /// - Parameters:
    ///   - node: of `tagging`
    ///   - key: where it stands
    init(_ node: YAMLNode?, at key: YAMLNode?, endpoints: [EndpointSettings], sink: DiagnosticSink) {
        guard let key else { return }
        func note(_ place: YAMLNode, _ message: String, _ fix: String) {
            sink.report(.note, at: place, ValueProblem(message, fix: fix))
        }
        let taggers = node.flatMap { $0.kind == .mapping ? $0.merged("taggers")?.resolved : nil }
        for entry in taggers?.kind == .sequence ? taggers?.entries ?? [] : [] {
            guard let tagger = entry.resolved, tagger.kind == .mapping else { continue }
            func text(_ key: String, in node: YAMLNode? = tagger) -> String {
                node?.merged(key)?.resolved.flatMap { $0.kind == .scalar ? $0.text : nil } ?? ""
            }
            let name = HeaderRules.printable(text("name"))
            guard text("enabled") == "true" else { continue }
            let (kind, tag) = (text("type") == "starlark" ? "starlark" : text("builtin_type"), text("tag"))
            let config = tagger.merged("config")?.resolved.flatMap { $0.kind == .mapping ? $0 : nil }
            let pattern = text("expected_value", in: config)
            let isReadable = !tag.isEmpty && EndpointField.models.problems(of: .list([pattern])).isEmpty
            guard kind == "model", isReadable, !pattern.hasPrefix("!") else {
                note(
                    entry, "the older system's tagger '\(name)' is kept and not used: it goes by \(Self.subject(kind))",
                    Self.advice(kind, tag: HeaderRules.printable(tag)))
                continue
            }
            rules.append(Rule(pattern: pattern, tag: tag))
            let (tags, models) = (HeaderRules.printable(tag), HeaderRules.printable(pattern))
            note(
                entry,
                "the older system's tagger '\(name)' is read as models: endpoints with other tags than '\(tags)' are not asked for '\(models)'",
                "write models: [\"\(models)\"] for those with the tag, models: [\"!\(models)\"] for the others")
        }
        hasUntagged = endpoints.contains { $0.enabled && $0.tags.isEmpty }
        if rules.isEmpty {
            note(
                key, "the older system's key 'tagging' is kept and not used",
                "give clients tags, or have them send X-Podium-Tag; endpoints have models")
        } else {
            note(
                key,
                "the older system's key 'tagging' is read as far as it goes by models; among the endpoints that are left the ranking decides",
                "")
        }
    }

    private static func subject(_ kind: String) -> String {
        switch kind {
        case "model": "a model and a tag, of which one cannot be read"
        case "header": "a header"
        case "path": "the path"
        case "query": "the query"
        case "thinking": "whether thinking is asked for"
        case "body-json", "user-message": "what the body says"
        case "starlark": "a script"
        default: "what Podium does not know"
        }
    }

    private static func advice(_ kind: String, tag: String) -> String {
        switch kind {
        case "model": "write models: with the patterns for the endpoints"
        case "path": "endpoints get the APIs that they have a URL for; else have the client send X-Podium-Tag: \(tag)"
        default: "give the client a name and tags: [\(tag)], or have it send X-Podium-Tag: \(tag)"
        }
    }
}

/// `model_rewrite: {enabled, rules: [{source_pattern, target_model}]}` of an endpoint, read as its `model_map`.
enum OlderModelMap {
    /// - Parameters:
    ///   - node: of `model_rewrite`
    ///   - key: where it stands
    ///   - isOverruled: the endpoint has a `model_map` of its own
    static func read(
        _ node: YAMLNode?, at key: YAMLNode, isOverruled: Bool, sink: DiagnosticSink
    ) -> [Renaming] {
        func note(_ place: YAMLNode, _ message: String, _ fix: String) {
            sink.report(.note, at: place, ValueProblem(message, fix: fix))
        }
        let unused = "the older system's key 'model_rewrite' is kept and not used"
        func text(_ key: String, in node: YAMLNode?) -> String {
            node?.merged(key)?.resolved.flatMap { $0.kind == .scalar ? $0.text : nil } ?? ""
        }
        guard let node, node.kind == .mapping, text("enabled", in: node) == "true" else {
            note(key, unused + ": it is switched off", "use model_map:")
            return []
        }
        guard !isOverruled else {
            note(key, unused + ": the endpoint has a model_map", "remove it")
            return []
        }
        var renamings: [Renaming] = []
        let rules = node.merged("rules")?.resolved
        for entry in rules?.kind == .sequence ? rules?.entries ?? [] : [] {
            let rule = entry.resolved.flatMap { $0.kind == .mapping ? $0 : nil }
            let renaming = Renaming(from: text("source_pattern", in: rule), to: text("target_model", in: rule))
            // The first that matches counts, there as here.
            guard !renamings.contains(where: { $0.from == renaming.from }) else { continue }
            let isPlain = !renaming.from.contains { "[]\\".contains($0) } && !renaming.to.contains("*")
            guard isPlain, EndpointField.modelMap.problems(of: .renamings([renaming])).isEmpty else {
                note(
                    entry, "this rule of the older system's 'model_rewrite' is kept and not used",
                    "write it into model_map:, with * and ? in the pattern alone")
                continue
            }
            renamings.append(renaming)
        }
        guard !renamings.isEmpty else {
            note(key, unused + ": it has no rules", "use model_map:")
            return []
        }
        let list = renamings.map { HeaderRules.printable($0.description) }.joined(separator: ", ")
        note(key, "the older system's key 'model_rewrite' is read as model_map: \(list)", "")
        return renamings
    }
}

/// What files of the older system say of the conversion between APIs, which it did by itself: `supports_responses`, `native_format` and
/// `target_format`. And `header_overrides`, which are headers.
enum OlderConversion {
    static let keys = ["supports_responses", "native_format", "target_format", "header_overrides"]

    private static let chatFormats = ["openai", "openai_chat", "chat", "chat_completions"]

    static func read(_ reader: SectionReader, into settings: inout EndpointSettings, sink: DiagnosticSink) {
        readHeaders(reader, into: &settings, sink: sink)
        func word(_ key: String) -> String? {
            reader.node(key).flatMap { $0.kind == .scalar ? $0.text.lowercased() : nil }
        }
        func note(_ key: String, _ message: String, _ fix: String) {
            guard let place = reader.keys[key] else { return }
            sink.report(.note, at: place, ValueProblem("the older system's key '\(key)' \(message)", fix: fix))
        }
        let unused = "is kept and not used"
        let advice = "use speaks: chat_completions and convert: true"
        // Its own words go before those of the older system.
        let isOverruled = reader.keys["speaks"] != nil || reader.keys["convert"] != nil
        let servesOpenAI = settings.urlOpenAI != nil && settings.url == nil && settings.urlAnthropic == nil
        var converts = false
        for key in ["supports_responses", "native_format", "target_format"] where reader.keys[key] != nil {
            let saysSo =
                switch key {
                case "supports_responses": word(key) == "false"
                case "native_format": word(key) == "false" && word("target_format").map(chatFormats.contains) ?? true
                default: word(key).map(chatFormats.contains) ?? false && word("native_format") != "true"
                }
            if isOverruled {
                note(key, unused + ": the endpoint says what it speaks", "remove it")
            } else if saysSo, servesOpenAI {
                converts = true
                note(key, "is read as speaks: chat_completions and convert: true", "")
            } else if saysSo {
                note(key, unused + ": the endpoint has a URL for other APIs", advice)
            } else {
                note(key, unused + ": the endpoint gets the APIs that it has a URL for", "")
            }
        }
        guard converts else { return }
        settings.speaks = .chatCompletions
        settings.convert = true
    }

    private static func readHeaders(
        _ reader: SectionReader, into settings: inout EndpointSettings, sink: DiagnosticSink
    ) {
        guard let key = reader.keys["header_overrides"] else { return }
        func note(_ place: YAMLNode, _ message: String, _ fix: String) {
            sink.report(
                .note, at: place, ValueProblem("the older system's key 'header_overrides' \(message)", fix: fix),
                isSecret: true)
        }
        let node = reader.node("header_overrides").flatMap { $0.kind == .mapping ? $0 : nil }
        var names: [String] = []
        for pair in node.map({ EndpointReader.headerPairs($0) }) ?? [] {
            let name = pair.key
            let text = pair.value.resolved.flatMap { $0.kind == .scalar && $0.scalar != .null ? $0.text : nil } ?? ""
            let header = HeaderField(name: name.text, value: text)
            let isKnown = settings.headers.contains { $0.name.lowercased() == name.text.lowercased() }
            guard !text.isEmpty, !isKnown, EndpointField.headers.problems(of: .headers([header])).isEmpty else {
                note(
                    name, "has a header that is kept and not used: '\(HeaderRules.printable(name.text))'",
                    "write it into headers:")
                continue
            }
            settings.headers.append(header)
            names.append(HeaderRules.printable(name.text))
        }
        if names.isEmpty {
            note(key, "is kept and not used", "use headers:")
        } else {
            note(key, "is read as headers: \(names.joined(separator: ", "))", "")
        }
    }
}
