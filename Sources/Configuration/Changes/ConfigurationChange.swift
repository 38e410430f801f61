public import PodiumModel

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
        case .setField(let endpoint, .headers, let old, let new):
            "\(endpoint) headers: \(HeaderField.changes(from: old.headers, to: new.headers).joined(separator: ", "))"
        case .setField(let endpoint, .proxy, .proxy(let old), .proxy(let new))
        where (old.kind, old.host, old.port) == (new.kind, new.host, new.port):
            "\(endpoint) proxy \(old.username == new.username ? "password" : "user") changed"
        case .setField(let endpoint, let field, let old, let new):
            "\(endpoint) \(field.key) \(old.display(as: field))→\(new.display(as: field))"
        case .addEndpoint(let settings): "\(settings.name) added"
        case .removeEndpoint(let name): "\(name) removed"
        case .setAutoSort(let flag): "auto_sort_endpoints \(!flag)→\(flag)"
        }
    }
}

extension HeaderField {
    /// What became of which header, in words; secrets are not among them.
    static func changes(from old: [HeaderField], to new: [HeaderField]) -> [String] {
        func find(_ header: HeaderField, in list: [HeaderField]) -> HeaderField? {
            list.first { $0.name.lowercased() == header.name.lowercased() }
        }
        var changes: [String] = []
        for header in new {
            guard let before = find(header, in: old) else {
                changes.append("\(header.name) added")
                continue
            }
            if before.name != header.name { changes.append("\(before.name) is now \(header.name)") }
            guard before.value != header.value else { continue }
            let isSecret = before.holdsSecret || header.holdsSecret
            changes.append(isSecret ? "\(header.name) changed" : "\(header.name) \(before.value)→\(header.value)")
        }
        changes += old.filter { find($0, in: new) == nil }.map { "\($0.name) removed" }
        return changes.isEmpty ? ["other order"] : changes
    }
}

extension FieldValue {
    /// Those of a field that is or is not there.
    fileprivate var headers: [HeaderField] {
        if case .headers(let headers) = self { headers } else { [] }
    }

    func display(as field: EndpointField) -> String {
        switch self {
        case .absent: "(none)"
        case .text(let text): field.kind == .secret ? SecretExpansion.masked(text) : text
        case .integer(let number): String(number)
        case .boolean(let flag): String(flag)
        case .list(let list): "[\(list.joined(separator: ", "))]"
        case .headers(let headers): "[\(headers.map(\.name).joined(separator: ", "))]"
        case .proxy(.environment): OutboundProxy.Kind.environment.rawValue
        case .proxy(let proxy): "\(proxy.kind.rawValue)://\(proxy.host):\(proxy.port)"
        }
    }
}
