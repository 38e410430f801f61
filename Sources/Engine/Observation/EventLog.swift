/// How much an event matters.
public enum EventLevel: String, Sendable, Comparable, CaseIterable {
    case debug
    case info
    case warning
    case error

    /// Less important levels come first.
    public static func < (left: EventLevel, right: EventLevel) -> Bool {
        left.order < right.order
    }

    private var order: Int {
        Self.allCases.firstIndex(of: self) ?? 0
    }
}

/// Something an operator may want to know of.
public struct LoggedEvent: Sendable, Equatable, Identifiable {
    /// Counts up from 1 without gaps, so that a reader sees what it missed.
    public let id: UInt64
    /// Seconds since 1970.
    public let time: Double
    /// How much it matters.
    public let level: EventLevel
    /// `proxy`, `ranking`, `endpoint`, `config`, `persist`, `service` or `control`; of an operator's command the way by
    /// which it came: `console`, `cli` or `api`.
    public let source: String
    /// Whom it concerns, if one endpoint.
    public let endpoint: String?
    /// One line in plain words.
    public let text: String
}

/// The last events, oldest first.
struct EventLog: Sendable {
    static let capacity = 2_000

    private var ring: [LoggedEvent] = []
    private var next: UInt64 = 1

    mutating func append(
        _ level: EventLevel, source: String, endpoint: String? = nil, _ text: String, time: Double
    ) -> LoggedEvent {
        let event = LoggedEvent(
            id: next, time: time, level: level, source: source, endpoint: endpoint, text: text)
        if ring.count < Self.capacity {
            ring.append(event)
        } else {
            ring[Int((next - 1) % UInt64(Self.capacity))] = event
        }
        next += 1
        return event
    }

    /// At most `limit` of the newest, oldest first.
    func latest(_ limit: Int) -> [LoggedEvent] {
        after(0, limit: limit)
    }

    /// At most `limit` of the newest that came after an id, oldest first.
    func after(_ id: UInt64, limit: Int) -> [LoggedEvent] {
        let count = min(limit, ring.count, Int(clamping: total - min(id, total)))
        guard count > 0 else {
            return []
        }
        let first = next - UInt64(count)
        return (first..<next).map { id in
            ring.count < Self.capacity ? ring[Int(id - 1)] : ring[Int((id - 1) % UInt64(Self.capacity))]
        }
    }

    /// How many there were since start.
    var total: UInt64 {
        next - 1
    }
}
