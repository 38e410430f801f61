/// What the order of one endpoint depends on, in one word, so that a neighbour walk reads one array.
///
/// Bits from the top: class (2), time in µs (30), evidence (2), slot (30).
struct RankKey: Sendable, Equatable {
    enum Class: UInt64, Sendable {
        case usable = 0
        /// Timed out, or half-open: what has not proved itself does not rank above others that are down.
        case unusable = 1
        case disabled = 2
    }

    /// How much a response time is worth when it challenges another.
    enum Evidence: UInt64, Sendable {
        /// Measured under the traffic of now.
        case fresh = 0
        /// Measured, and not renewed since the endpoint lost its traffic.
        case idle = 1
        /// Taken from the other endpoints.
        case presumed = 2
        /// None: it declines what it is asked. Everybody else may pass it.
        case doubted = 3
    }

    private var bits: UInt64

    /// About 18 minutes; also what "no time known" is stored as.
    static let unmeasured: UInt64 = (1 << 30) - 1

    init(slot: Int) {
        bits = Self.unmeasured << 32 | UInt64(slot)
    }

    var slot: Int { Int(bits & 0x3FFF_FFFF) }

    var rankClass: UInt64 {
        get { bits >> 62 }
        set { bits = bits & (.max >> 2) | newValue << 62 }
    }

    var microseconds: UInt64 { (bits >> 32) & Self.unmeasured }

    var evidence: Evidence { Evidence(rawValue: (bits >> 30) & 3) ?? .presumed }

    var isMeasured: Bool { microseconds != Self.unmeasured }

    mutating func setTime(seconds: Double?, evidence: Evidence) {
        let time = seconds.map { min(Self.unmeasured - 1, UInt64(max(0, min($0, 1e6)) * 1e6)) } ?? Self.unmeasured
        bits = bits & 0xC000_0000_3FFF_FFFF | time << 32 | evidence.rawValue << 30
    }

    /// Whether this one's time is below the other's by more than the hysteresis that applies to this one.
    ///
    /// Together with the class this is a strict partial order: every margin is a factor ≤ 1 of the holder's time.
    /// That makes the order reached by passing neighbours the same, whichever passes first.
    func isFaster(than holder: RankKey, by settings: EndpointRanking.Settings) -> Bool {
        if evidence == .doubted || holder.evidence == .doubted { return evidence != .doubted }
        guard isMeasured, holder.isMeasured else { return false }
        return Double(microseconds) < Double(holder.microseconds) * (1 - margin(settings))
    }

    func margin(_ settings: EndpointRanking.Settings) -> Double {
        switch evidence {
        case .fresh: settings.hysteresis
        case .idle: settings.idleHysteresis
        case .presumed, .doubted: max(settings.presumedHysteresis, settings.hysteresis)
        }
    }
}
