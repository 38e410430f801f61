/// How settings that may hold secrets are shown to people.
extension HeaderField {
    private static let secretWords = ["auth", "key", "token", "secret", "cookie", "password", "credential"]

    /// Whether the value is a secret that stands here in the clear, judged by the header's name.
    public var holdsSecret: Bool {
        let name = name.lowercased()
        return Self.secretWords.contains(where: name.contains) && SecretExpansion.isLiteral(value)
    }
}

extension OutboundProxy {
    /// As a URL; a password that stands here in the clear is shown as `mask`.
    public func shown(mask: String) -> String {
        var shown = self
        if let password, SecretExpansion.isLiteral(password) { shown.password = nil }
        let text = ProxyText.render(shown)
        guard shown.password == nil, password != nil, let at = text.firstIndex(of: "@") else { return text }
        return text[..<at] + ":" + mask + text[at...]
    }
}
