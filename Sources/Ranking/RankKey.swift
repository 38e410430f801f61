/// What the order of one endpoint depends on, in one word, so that a neighbour walk reads one array.
///
/// Bits from the top: class (2), time in µs (30), presumed (1), slot (31).
struct RankKey: Sendable, Equatable {
    enum Class: UInt64, Sendable {
        case usable = 0
        case unusable = 1
        case disabled = 2
    }

    private var bits: UInt64

    /// About 18 minutes; also what "no time known" is stored as.
    static let unmeasured: UInt64 = (1 << 30) - 1

    init(slot: Int) {
        bits = Self.unmeasured << 32 | UInt64(slot)
    }

    var slot: Int { Int(bits & 0x7FFF_FFFF) }

    var rankClass: UInt64 {
        get { bits >> 62 }
        set { bits = bits & (.max >> 2) | newValue << 62 }
    }

    var microseconds: UInt64 { (bits >> 32) & Self.unmeasured }

    var isPresumed: Bool { bits & 0x8000_0000 != 0 }

    var isMeasured: Bool { microseconds != Self.unmeasured }

    mutating func setTime(seconds: Double?, isPresumed: Bool) {
        let time = seconds.map { min(Self.unmeasured - 1, UInt64(max(0, min($0, 1e6)) * 1e6)) } ?? Self.unmeasured
        bits = bits & 0xC000_0000_7FFF_FFFF | time << 32 | (isPresumed ? 0x8000_0000 : 0)
    }

    /// Whether this one's time is below the other's by more than the hysteresis that applies to this one.
    ///
    /// Together with the class this is a strict partial order: both margins are factors ≤ 1 of the holder's time.
    /// That makes the order reached by passing neighbours the same, whichever passes first.
    func isFaster(than holder: RankKey, by settings: EndpointRanking.Settings) -> Bool {
        guard isMeasured, holder.isMeasured else { return false }
        return Double(microseconds) < Double(holder.microseconds) * (1 - margin(settings))
    }

    func margin(_ settings: EndpointRanking.Settings) -> Double {
        isPresumed ? settings.presumedHysteresis : settings.hysteresis
    }
}
