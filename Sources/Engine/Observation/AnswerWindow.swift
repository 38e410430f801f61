internal import PureSupport
internal import Proxy
internal import Ranking

/// How fast answers came lately, in three figures that are not to be mixed: the first content of streams, the end of answers that come
/// whole, and the tokens per second that streams are written with.
///
/// Answers of models are few, so the window is longer than that of other traffic: the last five to ten minutes. Counting is an addition to an
/// array of fixed size, which is taken when the first answer is measured.
struct AnswerWindow: Sendable {
    private var streams = RotatingCounts()
    private var wholes = RotatingCounts()
    private var speeds = RotatingCounts()

    /// What a window shows.
    struct Summary: Sendable, Equatable {
        /// Of streams, in seconds.
        var firstContent: Spread?
        /// Of answers that come whole, in seconds.
        var whole: Spread?
        /// In tokens per second; the worse end is the low one.
        var speed: Spread?
    }

    /// The middle, and where the worst twentieth begins.
    struct Spread: Sendable, Equatable {
        var median: Double
        var worst: Double
    }

    mutating func record(_ sample: ResponseSample, second: Int64) {
        let microseconds = sample.time.wholeMicroseconds
        switch sample.kind {
        case .stream: streams.record(microseconds, second: second)
        case .whole: wholes.record(microseconds, second: second)
        }
    }

    mutating func record(tokensPerSecond: Double, second: Int64) {
        speeds.record(UInt64(min(max(0, tokensPerSecond), 1e6) * 1_000), second: second)
    }

    func summary(second: Int64) -> Summary {
        Summary(
            firstContent: streams.spread(worst: 0.95, unit: 1e6, second: second),
            whole: wholes.spread(worst: 0.95, unit: 1e6, second: second),
            speed: speeds.spread(worst: 0.05, unit: 1e3, second: second))
    }
}

/// Counts by size, in steps of an eighth of an octave, so that a figure is right to 6 %. Two turns, so that they follow the present.
private struct RotatingCounts: Sendable {
    private static let turn: Int64 = 300
    private static let buckets = 256
    private var current: [UInt32] = []
    private var previous: [UInt32] = []
    private var turnBegan: Int64 = 0

    mutating func record(_ value: UInt64, second: Int64) {
        if second - turnBegan >= Self.turn {
            let isOld = second - turnBegan >= 2 * Self.turn
            swap(&current, &previous)
            if isOld { previous = [] }
            if !current.isEmpty { current = [] }
            turnBegan = second
        }
        if current.isEmpty { current = [UInt32](repeating: 0, count: Self.buckets) }
        current[Self.bucket(value)] &+= 1
    }

    func spread(worst: Double, unit: Double, second: Int64) -> AnswerWindow.Spread? {
        let age = second - turnBegan
        guard age < 2 * Self.turn else { return nil }
        let parts = (age < Self.turn ? [current, previous] : [current]).filter { !$0.isEmpty }
        guard !parts.isEmpty else { return nil }
        let counts = (0..<Self.buckets).map { index in parts.reduce(UInt64(0)) { $0 + UInt64($1[index]) } }
        return AnswerWindow.Spread(
            median: Self.value(counts, at: 0.5) / unit, worst: Self.value(counts, at: worst) / unit)
    }

    private static func value(_ counts: [UInt64], at share: Double) -> Double {
        let total = counts.reduce(0, +)
        let wanted = max(1, UInt64((Double(total) * share).rounded(.up)))
        var sum: UInt64 = 0
        for (index, count) in counts.enumerated() {
            sum += count
            if sum >= wanted { return middle(of: index) }
        }
        return 0
    }

    private static func bucket(_ value: UInt64) -> Int {
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        return min(buckets - 1, (exponent - 2) * 8 + Int(value >> (exponent - 3) & 7))
    }

    private static func middle(of bucket: Int) -> Double {
        guard bucket >= 8 else { return Double(bucket) }
        let exponent = bucket / 8 + 2
        let least = Double(UInt64(8 + bucket % 8) << UInt64(exponent - 3))
        return least + Double(UInt64(1) << UInt64(exponent - 3)) / 2
    }
}
