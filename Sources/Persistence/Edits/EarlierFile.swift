import Configuration

/// The file as it was before entries were taken out of it, while nobody else has edited it: an endpoint that comes back
/// just as it was gets its own lines back, comments and unknown keys included.
struct EarlierFile {
    let bytes: [UInt8]
    private var state: PersistedState

    init(bytes: [UInt8], state: PersistedState) {
        self.bytes = bytes
        self.state = state
    }

    /// What makes this file hold the desired state; what comes back goes by its new identity from then on.
    ///
    /// - Parameter present: what the file holds now.
    /// - Returns: nil where no endpoint of this file comes back.
    mutating func changes(to desired: PersistedState, from present: PersistedState) -> [ConfigurationChange]? {
        let known = Set(present.endpoints.map(\.id))
        let arrivals = desired.endpoints.filter { !known.contains($0.id) }
        var comesBack = false
        for index in state.endpoints.indices where !known.contains(state.endpoints[index].id) {
            let gone = state.endpoints[index].settings
            guard let arrival = arrivals.first(where: { $0.settings.isSame(as: gone) }) else { continue }
            state.endpoints[index].id = arrival.id
            comesBack = true
        }
        return comesBack ? state.changes(to: desired) : nil
    }
}

extension EndpointSettings {
    /// Ranks may have moved on meanwhile. With anything else different it is a new endpoint of an old name, which must not
    /// inherit what stood beside the other.
    fileprivate func isSame(as other: EndpointSettings) -> Bool {
        var other = other
        other.priority = priority
        return self == other
    }
}
