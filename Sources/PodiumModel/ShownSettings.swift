/// How settings that may hold secrets are shown to people.
extension HeaderField {
    /// Whether the value is a secret that stands here in the clear, judged by the header's name and by its looks.
    public var holdsSecret: Bool {
        SecretExpansion.isLiteral(value) && (SecretSigns.inName(name) || SecretSigns.inValue(value))
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
