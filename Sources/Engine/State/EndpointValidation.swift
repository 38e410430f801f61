internal import Configuration
internal import Proxy
internal import Ranking

/// One reason why an endpoint cannot be accepted from an operator.
struct EndpointProblem: Sendable, Equatable {
    var field: EndpointField
    var message: String
}

extension EndpointSettings {
    /// What an operator has to mend before this endpoint is taken in; in the order of the form.
    ///
    /// A `${NAME}` that is missing from the environment is no reason: it may be set at the next start.
    func problems() -> [EndpointProblem] {
        var problems: [EndpointProblem] = []
        if name.isEmpty {
            problems.append(.init(field: .name, message: "a name is needed"))
        } else if name.hasControlCharacters {
            problems.append(.init(field: .name, message: "the name holds a control character"))
        } else if name.count > 200 {
            problems.append(.init(field: .name, message: "the name is longer than 200 characters"))
        }
        let urls: [(EndpointField, String?)] = [(.url, url), (.urlAnthropic, urlAnthropic), (.urlOpenAI, urlOpenAI)]
        for case (let field, let text?) in urls where !text.isEmpty && SecretExpansion.isLiteral(text) {
            do throws(UpstreamURL.ParseError) {
                _ = try UpstreamURL(text)
            } catch {
                problems.append(.init(field: field, message: error.description))
            }
        }
        if urls.allSatisfy({ $0.1?.isEmpty ?? true }) {
            problems.append(.init(field: .url, message: "at least one URL is needed"))
        }
        if authType == .apiKey || authType == .authToken {
            if authValue?.isEmpty ?? true {
                problems.append(
                    .init(field: .authValue, message: "auth type \(authType.rawValue) needs a secret, or ${NAME}"))
            } else if authValue?.hasControlCharacters ?? false {
                problems.append(.init(field: .authValue, message: "the secret holds a control character"))
            }
        }
        if tags.contains(where: { $0.isEmpty || $0.hasControlCharacters }) {
            problems.append(.init(field: .tags, message: "a tag is empty or holds a control character"))
        }
        return problems
    }
}

extension String {
    fileprivate var hasControlCharacters: Bool {
        unicodeScalars.contains { $0.properties.generalCategory == .control }
    }
}
