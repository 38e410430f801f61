internal import Limits
internal import PureSupport

/// A finding about one endpoint's settings. File, form, control API and command line call the checks below, so that none
/// of them takes a value that another refuses.
public struct EndpointProblem: Error, Sendable, Equatable {
    /// An error keeps the file from being used.
    public var severity: Severity
    /// Where the finding belongs.
    public var field: EndpointField
    /// For lists: which item.
    public var item: Int?
    /// What is wrong, and what to do about it.
    public var problem: ValueProblem

    /// Creates a finding.
    public init(severity: Severity, field: EndpointField, item: Int? = nil, problem: ValueProblem) {
        self.severity = severity
        self.field = field
        self.item = item
        self.problem = problem
    }
}

/// How much a finding matters.
public enum Severity: String, Sendable, Equatable, CaseIterable {
    /// The configuration cannot be used.
    case error
    /// It can be used, but hardly as it was meant.
    case warning
    /// Worth knowing, such as a key that is kept and not used.
    case note
}

extension EndpointField {
    /// What is wrong with a value by itself, for lists with the number of the item. The file, the control API, the command line and
    /// the form all ask here.
    public func problems(of value: FieldValue) -> [(item: Int?, problem: ValueProblem)] {
        if case .text(let text) = value, let problem = Self.problem(inTimes: text, of: self) { return [(nil, problem)] }
        return switch (kind, value) {
        case (.name, .text(let name)): Self.problem(inName: name).map { [(nil, $0)] } ?? []
        case (.url, .text(let text)): Self.problem(inURL: text).map { [(nil, $0)] } ?? []
        case (.secret, .text(let text)):
            HeaderRules.problem(inValue: text, of: "the credential").map { [(nil, $0)] } ?? []
        case (.file, .text(let text)) where HeaderRules.printable(text) != text:
            [(nil, ValueProblem("the file's name holds a control character", fix: "remove it"))]
        case (.text, .text(let text)) where HeaderRules.printable(text) != text:
            [(nil, ValueProblem("\(key) holds a control character", fix: "remove it"))]
        case (.choice(let words), .text(let text)) where !words.contains(text):
            [(nil, ValueProblem("'\(key)' has to be one of \(words.joined(separator: ", "))"))]
        case (.integer(let range), .integer(let number)) where !range.contains(number):
            [(nil, .outOfRange(range, key))]
        case (.words, .list(let words)):
            words.enumerated().flatMap { place, word in Self.problems(inWord: word, of: key).map { (place, $0) } }
        case (.renamings, .renamings(let parameters)) where self == .parameterOverrides:
            Self.problems(inParameters: parameters)
        case (.renamings, .renamings(let renamings)):
            Self.problems(in: renamings)
        case (.headers, .headers(let headers)): Self.problems(in: headers)
        default: []
        }
    }

    static func problem(inName name: String) -> ValueProblem? {
        if name.isEmpty {
            return ValueProblem("the endpoint has no name", fix: "add a unique name", brief: "needs a name")
        }
        if name.utf8.count > 200 { return ValueProblem("the name is longer than 200 bytes", fix: "shorten it") }
        if HeaderRules.printable(name) != name {
            return ValueProblem("the name holds a control character", fix: "remove it")
        }
        if name.first == " " || name.last == " " {
            return ValueProblem("the name begins or ends with a space", fix: "remove it")
        }
        return nil
    }

    /// What limits and active hours say is read by the types that go by it.
    private static func problem(inTimes text: String, of field: EndpointField) -> ValueProblem? {
        do throws(LimitsProblem) {
            if field == .limits { _ = try LimitRules(text) }
            if field == .active { _ = try ActiveHours(text) }
            return nil
        } catch {
            return ValueProblem(error.message, fix: error.fix)
        }
    }

    /// A URL with a reference can be checked only once it is expanded.
    static func problem(inURL text: String) -> ValueProblem? {
        guard SecretExpansion.references(in: text).isEmpty else { return nil }
        do throws(ValueProblem) {
            _ = try BaseURL(text)
            return nil
        } catch {
            return error
        }
    }

    private static func problems(inWord word: String, of key: String) -> [ValueProblem] {
        if word.isEmpty || word == "!" { return [ValueProblem("an item of \(key) is empty", fix: "remove it")] }
        guard HeaderRules.printable(word) != word else { return [] }
        return [ValueProblem("an item of \(key) holds a control character", fix: "remove it")]
    }

    private static func problems(inParameters parameters: [Renaming]) -> [(item: Int?, problem: ValueProblem)] {
        var names: Set<String> = []
        return parameters.enumerated().compactMap { place, parameter in
            let name = HeaderRules.printable(parameter.from)
            if name.isEmpty || name != parameter.from {
                return (place, ValueProblem("a parameter has no name, or one with a control character", fix: "name it"))
            }
            if ["model", "messages", "stream", "tools"].contains(name) {
                return (place, ValueProblem("the parameter '\(name)' is the client's", fix: "remove it"))
            }
            guard names.insert(name).inserted else {
                return (place, ValueProblem("the parameter '\(name)' is there twice", fix: "remove one"))
            }
            return nil
        }
    }

    private static func problems(in renamings: [Renaming]) -> [(item: Int?, problem: ValueProblem)] {
        var patterns: Set<String> = []
        return renamings.enumerated().flatMap { place, renaming -> [(item: Int?, problem: ValueProblem)] in
            guard patterns.insert(renaming.from).inserted else {
                let pattern = HeaderRules.printable(renaming.from)
                return [(place, ValueProblem("the pattern '\(pattern)' is there twice", fix: "remove one"))]
            }
            return problems(in: renaming).map { (place, $0) }
        }
    }

    private static func problems(in renaming: Renaming) -> [ValueProblem] {
        let (from, to) = (renaming.from, renaming.to)
        if from.isEmpty || to.isEmpty {
            return [
                ValueProblem(
                    "'\(HeaderRules.printable(renaming.description))' lacks a pattern or a name",
                    fix: "write it like claude-*=gpt-5", brief: "write pattern=name")
            ]
        }
        guard from == HeaderRules.printable(from), to == HeaderRules.printable(to) else {
            return [ValueProblem("'\(HeaderRules.printable(from))' holds a control character", fix: "remove it")]
        }
        let stars = to.utf8.count { $0 == UInt8(ascii: "*") }
        guard stars > 0 else { return [] }
        let isPlain = !from.utf8.contains(UInt8(ascii: "?")) && from.utf8.count { $0 == UInt8(ascii: "*") } == 1
        guard stars > 1 || !isPlain else { return [] }
        return [
            ValueProblem(
                "the * of the name '\(to)' has no one * in '\(from)' to stand for", fix: "write the name out",
                brief: "* stands for one * of the pattern")
        ]
    }

    private static func problems(in headers: [HeaderField]) -> [(item: Int?, problem: ValueProblem)] {
        var found: [(item: Int?, problem: ValueProblem)] = []
        var names: Set<String> = []
        for (index, header) in headers.enumerated() {
            let isRepeated = !names.insert(header.name.lowercased()).inserted
            let problems = [
                HeaderRules.problem(inName: header.name),
                HeaderRules.problem(inValue: header.value, of: "the header '\(header.name)'"),
                isRepeated ? ValueProblem("the header '\(header.name)' is there twice", fix: "remove one") : nil,
            ]
            found += problems.compactMap(\.self).map { (index, $0) }
        }
        return found
    }
}

/// A text of an endpoint in which `${NAME}` is replaced before it is used.
public struct ReferenceText: Sendable, Equatable {
    /// Of which it is the value, or a part of it.
    public var field: EndpointField
    /// The header of which it is the value.
    public var header: String?
    /// As written.
    public var text: String

    /// The place in words.
    public var place: String { header.map { "the header \($0)" } ?? field.key }
}

extension EndpointSettings {
    /// Everything that is wrong with these settings alone, for the loader, for forms and before each write.
    public var problems: [EndpointProblem] {
        var found: [EndpointProblem] = []
        for field in EndpointField.all {
            let problems = field.problems(of: effectiveValue(of: field))
            found += problems.map {
                EndpointProblem(severity: .error, field: field, item: $0.item, problem: $0.problem)
            }
            if field == EndpointField.urls.last, let first = EndpointField.urls.first, baseURLs.isEmpty {
                found.append(EndpointProblem(severity: .error, field: first, problem: EndpointField.noURL))
            }
            if field.kind == .secret, let problem = credentialProblem {
                found.append(EndpointProblem(severity: .warning, field: field, problem: problem))
            }
        }
        return found
    }

    /// The first finding that keeps the endpoint from being used: an error, or a credential that is to be sent and is not there.
    public var fatalProblem: EndpointProblem? {
        problems.first { $0.severity == .error || ($0.field.kind == .secret && authType.sendsCredential) }
    }

    /// Why the credential cannot work; the endpoint can still be loaded, and fixed while the others run.
    private var credentialProblem: ValueProblem? {
        let isEmpty = authValue?.isEmpty ?? true
        switch authType {
        case .apiKey, .authToken:
            return isEmpty
                ? ValueProblem("auth_type \(authType.rawValue) needs an auth_value", fix: "set auth_value to ${NAME}")
                : nil
        case .passthrough, .none:
            return isEmpty ? nil : ValueProblem("auth_value is not used with auth_type \(authType.rawValue)")
        }
    }

    /// What other programs would replace and Podium sends as it stands: it is never sent as a credential.
    private var placeholder: ValueProblem? {
        for text in referenceTexts where text.field.isSecret {
            guard text.field.kind != .secret || authType.sendsCredential,
                let found = Placeholder.find(in: text.text)
            else { continue }
            var problem = found.problem(at: text.place)
            // At run time the message is all that is shown, so the fix is part of it.
            problem.message += ": \(problem.fix)"
            return problem
        }
        return nil
    }

    /// The texts in which `${NAME}` is replaced.
    public var referenceTexts: [ReferenceText] {
        EndpointField.all.filter(\.takesReferences).flatMap { field -> [ReferenceText] in
            switch effectiveValue(of: field) {
            case .text(let text): [ReferenceText(field: field, text: text)]
            case .headers(let headers):
                headers.map { ReferenceText(field: field, header: $0.name, text: $0.value) }
            case .proxy(let proxy):
                [proxy.username, proxy.password].compactMap(\.self).map { ReferenceText(field: field, text: $0) }
            default: []
            }
        }
    }

    private mutating func replaceTexts(_ replace: (String) -> String?) {
        for field in EndpointField.all where field.takesReferences {
            switch effectiveValue(of: field) {
            case .text(let text): set(field, to: replace(text).map(FieldValue.text) ?? .absent)
            case .headers(let headers):
                set(field, to: .headers(headers.map { HeaderField(name: $0.name, value: replace($0.value) ?? "") }))
            case .proxy(var proxy):
                proxy.username = proxy.username.flatMap(replace)
                proxy.password = proxy.password.flatMap(replace)
                set(field, to: .proxy(proxy))
            default: break
            }
        }
    }

    /// The settings with every `${NAME}` replaced, ready to be used; thrown is why the endpoint is misconfigured.
    public func expanded(environment: [String: String]) throws(ValueProblem) -> EndpointSettings {
        var settings = self
        if let problem = placeholder { throw problem }
        var missing = MissingVariables(names: [])
        settings.replaceTexts { text in
            do throws(MissingVariables) {
                return try SecretExpansion.expand(text, environment: environment)
            } catch {
                missing.names += error.names.filter { !missing.names.contains($0) }
                missing.broken += error.broken.filter { !missing.broken.contains($0) }
                return nil
            }
        }
        guard missing.names.isEmpty, missing.broken.isEmpty else {
            throw ValueProblem(missing.description, fix: "set it and start again")
        }
        if let fatal = settings.fatalProblem { throw fatal.problem }
        return settings
    }
}

/// What may stand in a configured header.
public enum HeaderRules {
    /// Why the name cannot be used, if it cannot.
    public static func problem(inName name: String) -> ValueProblem? {
        guard !name.isEmpty else { return ValueProblem("a header has no name") }
        guard ASCII.isToken(name) else {
            return ValueProblem(
                "\(SecretSigns.quoted(name)) is not a header name", fix: "use letters, digits and hyphens only",
                brief: "\(SecretSigns.quoted(name)) is no header name")
        }
        guard !ReservedHeaders.contain(name) else {
            return ValueProblem("the header '\(name)' is the proxy's own", fix: "remove it")
        }
        return nil
    }

    /// Why the value cannot be used, if it cannot: what it holds could end the header and begin another one.
    public static func problem(inValue value: String, of subject: String) -> ValueProblem? {
        guard let bad = value.unicodeScalars.first(where: { ($0.value < 0x20 && $0 != "\t") || $0.value == 0x7F })
        else { return nil }
        let name = bad == "\n" || bad == "\r" ? "a line break" : "a control character"
        return ValueProblem("\(subject) holds \(name)", fix: "remove it")
    }

    /// The text without control characters.
    public static func printable(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) { return text }
        let scalars = text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        return String(String.UnicodeScalarView(scalars))
    }
}
