/// One difference between what the file holds and what it is to hold.
public enum ConfigurationChange: Sendable, Equatable {
    /// `endpoint` is the name that the file has, also where the field is the name itself.
    case setField(endpoint: String, field: EndpointField, old: FieldValue, new: FieldValue)
    case addEndpoint(EndpointSettings)
    case removeEndpoint(name: String)
    case setAutoSort(Bool)
}

extension ConfigurationChange: CustomStringConvertible {
    /// `anthropic-main priority 2→1`, for history and logs: secrets are masked.
    public var description: String {
        switch self {
        case .setField(let endpoint, let field, let old, let new):
            "\(endpoint) \(field.rawValue) \(old.display(as: field))→\(new.display(as: field))"
        case .addEndpoint(let settings): "\(settings.name) added"
        case .removeEndpoint(let name): "\(name) removed"
        case .setAutoSort(let flag): "auto_sort_endpoints \(!flag)→\(flag)"
        }
    }
}

extension FieldValue {
    func display(as field: EndpointField) -> String {
        switch self {
        case .absent: "(none)"
        case .text(let text): field == .authValue ? SecretExpansion.masked(text) : text
        case .integer(let number): String(number)
        case .boolean(let flag): String(flag)
        case .list(let list): "[\(list.joined(separator: ", "))]"
        case .headers(let headers): "[\(headers.map(\.name).joined(separator: ", "))]"
        case .proxy(let proxy): "\(proxy.kind.rawValue)://\(proxy.host):\(proxy.port)"
        }
    }
}
