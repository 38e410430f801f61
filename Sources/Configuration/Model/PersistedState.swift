/// What the file holds and the program can change: the persister's unit of comparison.
///
/// The identity of an endpoint outlives a rename, so that renaming edits one scalar instead of removing one
/// entry and adding another.
public struct PersistedState: Sendable, Equatable {
    public struct Endpoint: Sendable, Equatable, Identifiable {
        public var id: UInt32
        public var settings: EndpointSettings

        public init(id: UInt32, settings: EndpointSettings) {
            self.id = id
            self.settings = settings
        }
    }

    /// In file order; endpoints added at run time stand last.
    public var endpoints: [Endpoint]
    public var autoSortEndpoints: Bool

    public init(endpoints: [Endpoint], autoSortEndpoints: Bool) {
        self.endpoints = endpoints
        self.autoSortEndpoints = autoSortEndpoints
    }
}
