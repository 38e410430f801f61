internal import PodiumModel

extension EndpointForm {
    /// A secret is of use only with a way to present it: without the operator's word, the one that the URL asks for.
    mutating func suggestAuth() {
        guard !isAuthChosen else { return }
        guard let original else {
            authType = usualAuth
            return
        }
        guard original.auth == .none else { return }
        authType = text(.secret).isEmpty ? .none : usualAuth
    }

    /// Anthropic's own API takes its keys as `x-api-key`, everything else a bearer token.
    private var usualAuth: AuthType {
        guard trimmed(.urlOpenAI).isEmpty else { return .authToken }
        let url = trimmed(.url)
        let isAnthropic = url.isEmpty ? !trimmed(.urlAnthropic).isEmpty : url.lowercased().contains("anthropic")
        return isAnthropic ? .apiKey : .authToken
    }

    /// How a typed secret will be presented; nil where it will not be.
    var secretHeader: String? {
        switch authType {
        case .apiKey: "x-api-key"
        case .authToken: "Bearer"
        case .passthrough, .none: nil
        }
    }
}
