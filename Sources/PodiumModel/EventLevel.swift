/// How much an event matters.
public enum EventLevel: String, Codable, Sendable, Comparable, CaseIterable {
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

/// What brings an event about.
public enum EventKind: String, Sendable {
    /// A change of the state of an endpoint, of the configuration or of the program. These tell the story of an outage, and
    /// each stands for itself, unless the very same is said twice in a row.
    case change
    /// A request, a trial or a write, which come as often as they come. What is the same is one event that is counted.
    case traffic
}

/// How many events are kept, in parts of their own: what comes often must not push out what matters.
public enum EventRetention: Int, Sendable, CaseIterable {
    case errors
    case changes
    case warnings
    case infos
    case debugs

    /// Where an event is kept.
    public init(level: EventLevel, kind: EventKind) {
        switch (level, kind) {
        case (.error, _): self = .errors
        case (.debug, _): self = .debugs
        case (_, .change): self = .changes
        case (.warning, .traffic): self = .warnings
        case (.info, .traffic): self = .infos
        }
    }

    /// As many of the newest are kept.
    public var capacity: Int {
        switch self {
        case .errors: 500
        case .changes: 700
        case .warnings: 300
        case .infos: 300
        case .debugs: 200
        }
    }

    /// Of all parts together.
    public static let total = allCases.reduce(0) { $0 + $1.capacity }
}
