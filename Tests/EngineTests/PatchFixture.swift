import PodiumModel

extension EndpointPatch {
    /// The whole endpoint, as a form sends it: what is not given is taken away, but for the secret, the headers and the proxy.
    init(
        name: String, url: String? = nil, urlOpenAI: String? = nil, authType: AuthType = .none, secret: String? = nil,
        rank: Int? = nil, tags: [String] = [], enabled: Bool = true, pinned: Bool = false
    ) {
        self.init()
        self[.name] = .text(name)
        self[.url] = url.map(FieldValue.text)
        self[.urlOpenAI] = urlOpenAI.map(FieldValue.text)
        self[.authType] = .text(authType.rawValue)
        self[.authValue] = secret.map(FieldValue.text)
        self[.priority] = rank.map(FieldValue.integer)
        self[.tags] = .list(tags)
        self[.enabled] = .boolean(enabled)
        self[.pinned] = .boolean(pinned)
        self = asWhole
    }
}
