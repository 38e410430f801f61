/// Attempts and failures of the last 60 s, in eight lanes of 7.5 s: constant size, no allocation.
///
/// The oldest lane is dropped as a whole, so the window covers the last 52.5 to 60 s.
struct FailureWindow: Sendable {
    static let laneNanoseconds: Int64 = 7_500_000_000

    private var attempts = SIMD8<UInt32>()
    private var failures = SIMD8<UInt32>()
    private var newestLane: Int64 = 0

    mutating func add(failed: Bool, at now: RankingTime) {
        forgetLanes(upTo: now)
        let lane = Int(newestLane & 7)
        attempts[lane] &+= 1
        if failed { failures[lane] &+= 1 }
    }

    mutating func clear() {
        attempts = .init()
        failures = .init()
    }

    func totals(at now: RankingTime) -> (attempts: Int, failures: Int) {
        var current = self
        current.forgetLanes(upTo: now)
        return (Int(current.attempts.wrappedSum()), Int(current.failures.wrappedSum()))
    }

    private mutating func forgetLanes(upTo now: RankingTime) {
        let lane = max(0, now.nanoseconds) / Self.laneNanoseconds
        guard lane > newestLane else { return }
        if lane - newestLane >= 8 {
            clear()
        } else {
            for passed in newestLane + 1...lane {
                attempts[Int(passed & 7)] = 0
                failures[Int(passed & 7)] = 0
            }
        }
        newestLane = lane
    }
}
