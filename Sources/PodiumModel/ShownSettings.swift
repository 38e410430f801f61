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

extension EndpointSettings {
    /// The settings as they may be shown: secrets that stand in the clear are masked, references to them stay.
    public var shown: EndpointSettings {
        var shown = self
        for field in EndpointField.all where field.traits.contains(.fileOnly) { shown.set(field, to: .absent) }
        for field in EndpointField.all where field.isSecret {
            switch field.read(self) {
            case .text(let text): shown.set(field, to: .text(SecretExpansion.masked(text)))
            case .headers(let headers):
                let masked = headers.map {
                    HeaderField(name: $0.name, value: $0.holdsSecret ? EndpointPatch.keptSecret : $0.value)
                }
                shown.set(field, to: .headers(masked))
            case .proxy(var proxy):
                if let password = proxy.password, SecretExpansion.isLiteral(password) {
                    proxy.password = EndpointPatch.keptSecret
                }
                shown.set(field, to: .proxy(proxy))
            default: break
            }
        }
        return shown
    }

    /// Writes the shown settings, a key per field; an optional field that is nil has none.
    func encodeShown(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: FieldKey.self)
        for field in EndpointField.current {
            try field.read(self).encode(in: &container, FieldKey(field.snapshotKey))
        }
    }

    /// Reads shown settings. A word that is none of a field's choices is of a newer Podium, and counts as not told.
    init(shownIn decoder: any Decoder) throws {
        self.init(name: "")
        let container = try decoder.container(keyedBy: FieldKey.self)
        for field in EndpointField.current {
            let key = FieldKey(field.snapshotKey)
            guard container.contains(key), try !container.decodeNil(forKey: key) else { continue }
            var value = try FieldValue(field.kind, in: container, key)
            if field.kind == .proxy, case .text(let text) = value {
                value = (try? ProxyText.parse(text)).map(FieldValue.proxy) ?? .absent
            }
            set(field, to: value)
        }
    }
}

extension EndpointField {
    /// The key in the endpoint of a snapshot, which has no secrets.
    public var snapshotKey: String { kind == .secret ? "masked_secret" : key }

    /// A value in a few words, such as a form and `podium endpoint show` have it; empty for none.
    public func text(of value: FieldValue) -> String {
        switch (kind, value) {
        case (_, .absent): ""
        case (_, .text(let text)): text
        case (_, .integer(let number)): String(number)
        case (.flag(let on, let off), .boolean(let flag)): flag ? on : off
        case (_, .boolean(let flag)): String(flag)
        case (_, .list(let list)): list.joined(separator: ", ")
        case (_, .headers(let headers)): headers.map { "\($0.name): \($0.value)" }.joined(separator: "; ")
        case (_, .proxy(let proxy)): proxy.shown(mask: EndpointPatch.keptSecret)
        }
    }
}
