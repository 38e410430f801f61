internal import PodiumModel

extension EndpointForm {
    var authType: AuthType {
        get { choices[.authType].flatMap(AuthType.init) ?? .none }
        set { choices[.authType] = newValue.rawValue }
    }

    static let secretField = Field.authValue

    /// The secret that is typed anew; empty leaves the present one.
    var secret: String { text(Self.secretField) }

    /// Without a way to present it, the present secret goes.
    var removesSecret: Bool { secret.isEmpty && authType == .none && original?.maskedSecret != nil }

    /// From now on the form suggests no other way to present the secret; and the operator has been in the secret, as it were.
    mutating func noteChoice(of field: Field, before: String?) {
        guard field == .authType else { return }
        if choices[field] != before { isAuthChosen = true }
        touched.insert(Self.secretField)
    }

    /// A secret is of use only with a way to present it: without the operator's word, the one that the URL asks for.
    mutating func suggestAuth() {
        guard !isAuthChosen else { return }
        guard let original else {
            authType = usualAuth
            return
        }
        guard original.authType == .none else { return }
        authType = secret.isEmpty ? .none : usualAuth
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
