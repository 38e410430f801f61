internal import PodiumModel
internal import YAMLDocument

extension EndpointSettings {
    /// A new entry: what is needed to understand it, and every setting that differs from its default.
    var yaml: YAMLValue {
        var pairs: [YAMLPair] = []
        for field in EndpointField.all {
            let value = value(of: field)
            let isDefault = value == field.defaultValue
            guard field.traits.contains(.alwaysWritten) || !isDefault, let yaml = value.yaml else { continue }
            pairs.append(YAMLPair(key: field.key, value: yaml))
        }
        return .mapping(pairs)
    }
}

extension FieldValue {
    /// Nil for an absent value.
    var yaml: YAMLValue? {
        switch self {
        case .absent: nil
        case .text(let text): .string(text)
        case .integer(let number): .integer(number)
        case .boolean(let flag): .boolean(flag)
        case .list(let items): .sequence(items.map(YAMLValue.string))
        case .headers(let headers): .mapping(headers.map { YAMLPair(key: $0.name, value: .string($0.value)) })
        case .proxy(let proxy): .string(ProxyText.render(proxy))
        }
    }
}
