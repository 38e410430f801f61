internal import PodiumModel

extension PersistedState {
    /// The state a file holds; endpoints get the ids 0..<n in file order.
    public init(configuration: Configuration) {
        self.init(
            endpoints: configuration.endpoints.enumerated().map {
                Endpoint(id: UInt32($0.offset), settings: $0.element)
            },
            autoSortEndpoints: configuration.server.autoSortEndpoints)
    }

    /// What has to change in a file that holds this state so that it holds the desired one.
    ///
    /// Field by field: the server's settings, then the endpoints in file order, then the removed ones, then the new ones in
    /// the desired order. Endpoints are matched by id, so a rename is one changed field. The order of endpoints in the file
    /// is not part of the state; their priorities are.
    public func changes(to desired: PersistedState) -> [ConfigurationChange] {
        var changes: [ConfigurationChange] = []
        if autoSortEndpoints != desired.autoSortEndpoints { changes.append(.setAutoSort(desired.autoSortEndpoints)) }

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
