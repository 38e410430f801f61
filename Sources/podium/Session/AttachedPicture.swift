import Console
import Control
import PodiumModel

/// The newest picture of another process, put together from whole and partial answers. Pure.
struct AttachedPicture {
    private static let mostFlushes = 512

    private var picture: Snapshot?
    private var receivedAt = ContinuousClock.now
    private var load: Double?
    /// Why there is no newer one; nil while there is.
    private(set) var loss: String?

    /// What is known; ask for what is newer. Nil: ask for everything.
    var known: (event: UInt64?, flush: UInt64?, endpoints: UInt64?) {
        (picture?.events.last?.id, picture?.flushes.last?.number, picture?.endpointsVersion)
    }

    /// Takes in an answer.
    ///
    /// - Returns: false if it is a part of something else than what is held, because Podium has started anew: then nothing
    ///   is held any more, and everything has to be asked for again.
    mutating func take(_ answer: Snapshot, isWhole: Bool, at now: ContinuousClock.Instant) -> Bool {
        let before = picture
        guard isWhole || before.map({ Self.isSame($0.server, answer.server) }) == true else {
            picture = nil
            return false
        }
        var next = answer
        if let before, Self.isSame(before.server, answer.server) {
            // Two questions can be under way at once, and their answers overtake each other.
            guard answer.takenAt >= before.takenAt else { return true }
            if !isWhole {
                let (event, flush) = (before.events.last?.id ?? 0, before.flushes.last?.number ?? 0)
                next.events = Self.merge(answer.events.filter { $0.id > event }, into: before.events)
                next.flushes = (before.flushes + answer.flushes.filter { $0.number > flush }).suffix(Self.mostFlushes)
                if answer.endpointsSince != nil {
                    next.endpoints = Self.merge(answer.endpoints, into: before.endpoints)
                }
            }
            load = Self.load(before, answer)
        } else {
            load = nil
        }
        picture = next
        receivedAt = now
        loss = nil
        return true
    }

    /// The connection is gone; what is shown is the past from now on.
    mutating func lost(_ reason: String) {
        loss = reason
    }

    /// What the console shows: marked as old once nothing came for `patience`.
    func dashboard(now: ContinuousClock.Instant, patience: Duration) -> ConsolePicture {
        guard let picture else {
            var empty = ConsolePicture(receivedAt: now)
            empty.isAttached = true
            empty.staleSince = now
            return empty
        }
        var dashboard = ConsolePicture(
            picture, receivedAt: receivedAt, utcOffset: LocalTime.offset(at: picture.takenAt), load: load)
        dashboard.isAttached = true
        if loss != nil || now - receivedAt > patience {
            dashboard.staleSince = receivedAt
            dashboard.server.warning = "not connected: \(loss ?? "no answer"); trying again"
        }
        return dashboard
    }

    /// The changed ones take the place of what was known of them; the others have kept their ranks.
    private static func merge(
        _ changed: [Snapshot.Endpoint], into known: [Snapshot.Endpoint]
    ) -> [Snapshot.Endpoint] {
        let ids = Set(changed.map(\.id))
        return (known.filter { !ids.contains($0.id) } + changed).sorted { $0.rank < $1.rank }
    }

    /// What repeated stands at its last time only, and of each part as much is kept as Podium itself keeps.
    private static func merge(
        _ fresh: [Snapshot.Event], into known: [Snapshot.Event]
    ) -> [Snapshot.Event] {
        let repeated = Set(fresh.map(\.identity))
        var room = EventRetention.allCases.map(\.capacity)
        var kept: [Snapshot.Event] = []
        for event in (known.filter { !repeated.contains($0.identity) } + fresh).reversed() {
            let part = EventRetention(
                level: event.severity, kind: EventKind(rawValue: event.kind) ?? .change)
            guard room[part.rawValue] > 0 else { continue }
            room[part.rawValue] -= 1
            kept.append(event)
        }
        return kept.reversed()
    }

    private static func isSame(_ one: Snapshot.Server, _ other: Snapshot.Server) -> Bool {
        one.pid == other.pid && one.startedAt == other.startedAt
    }

    /// Processor time between two snapshots of one process, as a fraction of a core.
    static func load(_ before: Snapshot, _ after: Snapshot) -> Double? {
        guard let earlier = before.server.cpuSeconds, let later = after.server.cpuSeconds else { return nil }
        let elapsed = after.takenAt - before.takenAt
        return elapsed > 0 ? max(0, (later - earlier) / elapsed) : nil
    }
}
