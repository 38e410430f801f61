/// One endpoint's change of rank, with its cause.
public struct RankChange: Sendable, Equatable {
    /// When.
    public var at: ContinuousClock.Instant
    /// Who moved.
    public var endpoint: EndpointID
    /// Rank before; 0 for an endpoint that was just added.
    public var from: Int
    /// Rank after; 0 for an endpoint that was just removed.
    public var to: Int
    /// Why.
    public var cause: RankChangeCause
}

/// Why a rank changed.
public enum RankChangeCause: Sendable, Equatable {
    /// Faster than the named endpoint, the highest it passed, by this fraction of that one's response time.
    case faster(than: EndpointID, by: Double)
    /// Its own response time grew, and at least the named endpoint passed it.
    case slower(than: EndpointID)
    /// The named endpoint declines what it is asked, and this one may not.
    case preferred(to: EndpointID)
    /// It declines what it is asked, and at least one endpoint passed it.
    case declining
    /// It went away, and endpoints that can be used passed it.
    case unavailable
    /// It came back and passed endpoints that cannot be used.
    case recovered
    /// Another endpoint moved and so shifted this one.
    case displaced(by: EndpointID)
    /// The operator moved it.
    case moved
    case pinned
    case unpinned
    case enabled
    case disabled
    case added
    case removed
    /// The file, or an undo, gave a whole new order.
    case reordered
    /// The operator asked for one sort.
    case sorted
    /// Auto-sort was switched.
    case autoSort
    /// The settings of the ranking changed.
    case settings
}

extension RankChange {
    /// `3 → 1, 22 % faster than NAME`
    public func text(name: (EndpointID) -> String) -> String {
        let places =
            if from == 0 { "at \(to)" } else if to == 0 { "from \(from)" } else { "\(from) → \(to)" }
        return "\(places), \(cause.text(name: name))"
    }
}

extension RankChangeCause {
    /// `22 % faster than NAME`
    public func text(name: (EndpointID) -> String) -> String {
        switch self {
        case .faster(let other, let fraction): "\(Int(fraction * 100 + 0.5)) % faster than \(name(other))"
        case .slower(let other): "slower than \(name(other))"
        case .preferred(let other): "\(name(other)) declines what it is asked"
        case .declining: "declines what it is asked"
        case .unavailable: "could not be used"
        case .recovered: "can be used again"
        case .displaced(let other): "\(name(other)) moved"
        case .moved: "moved by hand"
        case .pinned: "pinned"
        case .unpinned: "unpinned"
        case .enabled: "enabled"
        case .disabled: "disabled"
        case .added: "added"
        case .removed: "removed"
        case .reordered: "new order"
        case .sorted: "sorted"
        case .autoSort: "auto-sort switched"
        case .settings: "settings changed"
        }
    }
}
