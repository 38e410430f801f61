/// A finding about one endpoint's settings.
public struct EndpointProblem: Sendable, Equatable {
    /// An error keeps the file from being used.
    public var severity: Diagnostic.Severity
    /// Where the finding belongs.
    public var field: EndpointField
    /// For lists: which item.
    public var item: Int?
    /// What is wrong, and what to do about it.
    public var problem: ValueProblem

    /// Creates a finding.
    public init(severity: Diagnostic.Severity, field: EndpointField, item: Int? = nil, problem: ValueProblem) {
        self.severity = severity
        self.field = field
        self.item = item
        self.problem = problem
    }
}

extension EndpointSettings {
    /// Everything that is wrong with these settings alone, for the loader, for forms and before each write.
    public var problems: [EndpointProblem] {
        var found: [EndpointProblem] = []
        func report(_ field: EndpointField, _ problem: ValueProblem?, item: Int? = nil) {
            guard let problem else { return }
            found.append(EndpointProblem(severity: .error, field: field, item: item, problem: problem))
        }
        report(.name, Self.problem(inName: name))
        for field in [EndpointField.url, .urlAnthropic, .urlOpenAI] {
            if case .text(let text) = value(of: field) { report(field, Self.problem(inURL: text)) }
        }
        if url == nil, urlAnthropic == nil, urlOpenAI == nil {
            report(.url, ValueProblem("the endpoint has no URL", fix: "add url, url_anthropic or url_openai"))
        }
        report(.authValue, authValue.flatMap { HeaderRules.problem(inValue: $0, of: "the credential") })
        if let problem = credentialProblem {
            found.append(EndpointProblem(severity: .warning, field: .authValue, problem: problem))
        }
        if let caFile, HeaderRules.printable(caFile) != caFile {
            report(.caFile, ValueProblem("the file's name holds a control character", fix: "remove it"))
        }
        for (index, tag) in tags.enumerated() where tag.isEmpty {
            report(.tags, ValueProblem("a tag is empty", fix: "remove it"), item: index)
        }
        var names: Set<String> = []
        for (index, header) in headers.enumerated() {
            report(.headers, HeaderRules.problem(inName: header.name), item: index)
            report(.headers, HeaderRules.problem(inValue: header.value, of: "the header '\(header.name)'"), item: index)
            if !names.insert(header.name.lowercased()).inserted {
                report(
                    .headers, ValueProblem("the header '\(header.name)' is there twice", fix: "remove one"), item: index
                )
            }
        }
        return found
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

    static func problem(inName name: String) -> ValueProblem? {
        if name.isEmpty { return ValueProblem("the endpoint has no name", fix: "add a unique name") }
        if name.utf8.count > 200 { return ValueProblem("the name is longer than 200 bytes", fix: "shorten it") }
        if HeaderRules.printable(name) != name {
            return ValueProblem("the name holds a control character", fix: "remove it")
        }
        if name.first == " " || name.last == " " {
            return ValueProblem("the name begins or ends with a space", fix: "remove it")
        }
        return nil
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

    /// What other programs would replace and Podium sends as it stands: it is never sent as a credential.
    private var placeholder: ValueProblem? {
        var texts: [(String, String?)] = [("proxy", proxy?.username), ("proxy", proxy?.password)]
        if authType == .apiKey || authType == .authToken { texts.append(("auth_value", authValue)) }
        texts += headers.map { ("the header \($0.name)", $0.value) }
        for (place, text) in texts {
            guard let text, let found = Placeholder.find(in: text) else { continue }
            var problem = found.problem(at: place)
            // At run time nobody shows the fix apart.
            problem.message += ": \(problem.fix)"
            return problem
        }
        return nil
    }

    /// The settings with every `${NAME}` replaced, ready to be used; thrown is why the endpoint is misconfigured.
    public func expanded(environment: [String: String]) throws(ValueProblem) -> EndpointSettings {
        var settings = self
        if let problem = placeholder { throw problem }
        var missing = MissingVariables(names: [])
        func expand(_ text: String?) -> String? {
            guard let text else { return nil }
            do throws(MissingVariables) {
                return try SecretExpansion.expand(text, environment: environment)
            } catch {
                missing.names += error.names.filter { !missing.names.contains($0) }
                missing.broken += error.broken.filter { !missing.broken.contains($0) }
                return nil
            }
        }
        settings.url = expand(url)
        settings.urlAnthropic = expand(urlAnthropic)
        settings.urlOpenAI = expand(urlOpenAI)
        settings.authValue = expand(authValue)
        settings.headers = headers.map { HeaderField(name: $0.name, value: expand($0.value) ?? "") }
        settings.proxy?.username = expand(proxy?.username)
        settings.proxy?.password = expand(proxy?.password)
        guard missing.names.isEmpty, missing.broken.isEmpty else {
            throw ValueProblem(missing.description, fix: "set it and start again")
        }
        let usesCredential = authType == .apiKey || authType == .authToken
        let fatal = settings.problems.first {
            $0.severity == .error || ($0.field == .authValue && usesCredential)
        }
        if let fatal { throw fatal.problem }
        return settings
    }
}
