public import PodiumModel
internal import Proxy

/// A client as it is in force, to be looked at when the engine's lock is free again.
public struct ClientReading: Sendable {
    var settings: ClientSettings
    var requests: UInt64
    var limits: LimitsInForce?
    var used: LimitCount?
    var problem: String?

    init(settings: ClientSettings, requests: UInt64) {
        (self.settings, self.requests) = (settings, requests)
    }

    /// As configured.
    public var name: String { settings.name }

    /// How far its limits are used.
    public var usedLimits: [Snapshot.Endpoint.Limit] {
        guard let limits, let used else { return [] }
        return limits.readings(used, at: .now).map { Snapshot.Endpoint.Limit($0) }
    }
}

extension Engine {
    /// The named clients, without their tokens.
    public func clients() -> ClientList {
        let (revision, readings) = withState { ($0.revisions.revision, $0.clientReadings) }
        return ClientList(
            revision: revision,
            clients: readings.map { reading in
                var entry = ClientList.Entry(reading.settings)
                (entry.requests, entry.problem) = (reading.requests, reading.problem)
                entry.usedLimits = reading.usedLimits
                return entry
            })
    }
}
