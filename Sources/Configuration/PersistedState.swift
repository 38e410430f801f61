public import PodiumModel

// The part of the file that the running program changes, and the difference of two such states. The persister keeps one of what
// is on disk, takes another from the engine, and has the changes between them written by `ConfigurationEditor`.

/// What the file holds and the program can change: the persister's unit of comparison.
///
/// The identity of an endpoint outlives a rename, so that renaming edits one scalar instead of removing one
/// entry and adding another.
public struct PersistedState: Sendable, Equatable {
    /// One endpoint with the identity it has at run time.
    public struct Endpoint: Sendable, Equatable, Identifiable {
        /// Unique within the state.
        public var id: UInt32
        /// What the file says, or is to say, about it.
        public var settings: EndpointSettings

        /// Creates an endpoint's state.
        public init(id: UInt32, settings: EndpointSettings) {
            self.id = id
            self.settings = settings
        }
    }

    /// In file order.
    public var endpoints: [Endpoint]
    /// `server.auto_sort_endpoints`
    public var autoSortEndpoints: Bool
    /// In file order.
    public var clients: [ClientSettings]

    /// Of the endpoints, in file order.
    public var names: [String] { endpoints.map(\.settings.name) }

    /// Creates a state from its parts.
    public init(endpoints: [Endpoint], autoSortEndpoints: Bool, clients: [ClientSettings] = []) {
        self.endpoints = endpoints
        self.clients = clients
        self.autoSortEndpoints = autoSortEndpoints
    }
}

extension PersistedState {
    /// The state a file holds; endpoints get the ids 0..<n in file order.
    public init(configuration: Configuration) {
        self.init(
            endpoints: configuration.endpoints.enumerated().map {
                Endpoint(id: UInt32($0.offset), settings: $0.element)
            },
            autoSortEndpoints: configuration.server.autoSortEndpoints, clients: configuration.clients)
    }

    /// What has to change in a file that holds this state so that it holds the desired one.
    ///
    /// Field by field: the server's settings, the clients, then the endpoints in file order, then the removed ones, then the new ones in
    /// the desired order. Endpoints are matched by id, so a rename is one changed field. The order of endpoints in the file
    /// is not part of the state; their priorities are.
    public func changes(to desired: PersistedState) -> [ConfigurationChange] {
        var changes: [ConfigurationChange] = []
        if autoSortEndpoints != desired.autoSortEndpoints { changes.append(.setAutoSort(desired.autoSortEndpoints)) }
        changes += clientChanges(to: desired)

        let wanted = Dictionary(desired.endpoints.map { ($0.id, $0.settings) }, uniquingKeysWith: { first, _ in first })
        var removals: [ConfigurationChange] = []
        for endpoint in endpoints {
            guard let settings = wanted[endpoint.id] else {
                removals.append(.removeEndpoint(name: endpoint.settings.name))
                continue
            }
            if settings != endpoint.settings { changes += endpoint.settings.changes(to: settings) }
        }
        let present = Set(endpoints.map(\.id))
        let additions = desired.endpoints.filter { !present.contains($0.id) }
        return changes + removals + additions.map { .addEndpoint($0.settings) }
    }
}

extension EndpointSettings {
    fileprivate func changes(to desired: EndpointSettings) -> [ConfigurationChange] {
        EndpointField.all.compactMap { field in
            let old = value(of: field)
            let new = desired.value(of: field)
            return old == new ? nil : .setField(endpoint: name, field: field, old: old, new: new)
        }
    }
}

/// One difference between what the file holds and what it is to hold.
public enum ConfigurationChange: Sendable, Equatable {
    /// `endpoint` is the name that the file has, also where the field is the name itself.
    case setField(endpoint: String, field: EndpointField, old: FieldValue, new: FieldValue)
    case addEndpoint(EndpointSettings)
    case removeEndpoint(name: String)
    case setAutoSort(Bool)
    case setClientField(client: String, field: ClientField, old: FieldValue, new: FieldValue)
    case addClient(ClientSettings)
    case removeClient(name: String)
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
        case .setClientField(let client, .token, _, _): "client \(client) token changed"
        case .setClientField(let client, let field, let old, let new):
            "client \(client) \(field.key) \(old.display(isSecret: false))→\(new.display(isSecret: false))"
        case .addClient(let client): "client \(client.name) added"
        case .removeClient(let name): "client \(name) removed"
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

    fileprivate func display(as field: EndpointField) -> String { display(isSecret: field.kind == .secret) }

    fileprivate func display(isSecret: Bool) -> String {
        switch self {
        case .absent: "(none)"
        case .text(let text): isSecret ? SecretExpansion.masked(text) : text
        case .integer(let number): String(number)
        case .boolean(let flag): String(flag)
        case .list(let list): "[\(list.joined(separator: ", "))]"
        case .renamings(let renamings): "[\(renamings.map(\.description).joined(separator: "; "))]"
        case .headers(let headers): "[\(headers.map(\.name).joined(separator: ", "))]"
        case .proxy(.environment): OutboundProxy.Kind.environment.rawValue
        case .proxy(let proxy): "\(proxy.kind.rawValue)://\(proxy.host):\(proxy.port)"
        }
    }
}
