public import PodiumModel

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

    /// Of the endpoints, in file order.
    public var names: [String] { endpoints.map(\.settings.name) }

    /// Creates a state from its parts.
    public init(endpoints: [Endpoint], autoSortEndpoints: Bool) {
        self.endpoints = endpoints
        self.autoSortEndpoints = autoSortEndpoints
    }
}
