internal import Ranking
import Histogram
internal import PureSupport

/// What happened at one endpoint, or at all of them, in the last minute. Pure: the second is passed in.
///
/// Each attempt adds to it under the engine's lock, so it has a fixed size and allocates nothing then; figures are made of it only
/// when a snapshot is taken.
struct TrafficWindow: Sendable {
    static let length = 60

    private struct Slot: Sendable {
        var attempts: UInt32 = 0
        var failures: UInt32 = 0
        var bytesIn: UInt64 = 0
        var bytesOut: UInt64 = 0
        var firstByteSamples: UInt32 = 0
        var firstByteMicroseconds: UInt64 = 0
    }

    private var slots: [Slot] = []
    private var latestSecond: Int64 = 0
    private var times = RotatingHistogram()
    private(set) var attempts: UInt64 = 0
    private(set) var failures: UInt64 = 0
    private(set) var bytesIn: UInt64 = 0
    private(set) var bytesOut: UInt64 = 0
    private var firstByteSamples: UInt64 = 0
    private var firstByteMicroseconds: UInt64 = 0

    /// Counts one attempt; `timeToFirstByte` is nil where no byte came.
    mutating func recordAttempt(succeeded: Bool, timeToFirstByte: Duration?, second: Int64) {
        advance(to: second)
        let index = slot(of: second)
        slots[index].attempts += 1
        attempts += 1
        if !succeeded {
            slots[index].failures += 1
            failures += 1
        }
        if succeeded, let timeToFirstByte {
            let microseconds = timeToFirstByte.wholeMicroseconds
            slots[index].firstByteSamples += 1
            slots[index].firstByteMicroseconds += microseconds
            self.firstByteSamples += 1
            self.firstByteMicroseconds &+= microseconds
            times.record(microseconds, second: second)
        }
    }

    /// An attempt that was counted as a success when its answer began has failed after all.
    mutating func takeBackSuccess(second: Int64) {
        advance(to: second)
        slots[slot(of: second)].failures += 1
        failures += 1
    }

    /// Counts payload bytes: `bytesIn` from the client, `bytesOut` to it.
    mutating func recordBytes(in bytesIn: UInt64, out bytesOut: UInt64, second: Int64) {
        advance(to: second)
        let index = slot(of: second)
        slots[index].bytesIn += bytesIn
        slots[index].bytesOut += bytesOut
        self.bytesIn &+= bytesIn
        self.bytesOut &+= bytesOut
    }

    /// The last minute as of `second`; rates are over the last ten whole seconds.
    func summary(second: Int64) -> TrafficSummary {
        var summary = TrafficSummary()
        summary.attempts = attempts
        summary.failures = failures
        summary.bytesIn = bytesIn
        summary.bytesOut = bytesOut
        summary.firstByteSamples = firstByteSamples
        summary.firstByteTotal = .microseconds(Int64(clamping: firstByteMicroseconds))
        guard !slots.isEmpty else {
            return summary
        }
        var attemptsInWindow: UInt64 = 0
        var failuresInWindow: UInt64 = 0
        let rateSeconds: Int64 = 10
        var recent = Slot()
        for age in stride(from: Int64(Self.length - 1), through: 0, by: -1) {
            let slot = value(at: second - age)
            attemptsInWindow += UInt64(slot.attempts)
            if slot.failures > 0 {
                // Most windows have none, and are not charged for a series of zeroes.
                if summary.failuresPerSecondSeries.isEmpty {
                    summary.failuresPerSecondSeries = Array(repeating: 0, count: Self.length)
                }
                failuresInWindow += UInt64(slot.failures)
                summary.failuresPerSecondSeries[Self.length - 1 - Int(age)] = Int(slot.failures)
            }
            summary.attemptsPerSecondSeries.append(Int(slot.attempts))
            summary.firstByteMillisecondsSeries.append(
                slot.firstByteSamples == 0
                    ? nil : Double(slot.firstByteMicroseconds) / Double(slot.firstByteSamples) / 1_000)
            if age >= 1, age <= rateSeconds {
                recent.attempts += slot.attempts
                recent.bytesIn += slot.bytesIn
                recent.bytesOut += slot.bytesOut
            }
        }
        summary.attemptsPerSecond = Double(recent.attempts) / Double(rateSeconds)
        summary.bytesInPerSecond = Double(recent.bytesIn) / Double(rateSeconds)
        summary.bytesOutPerSecond = Double(recent.bytesOut) / Double(rateSeconds)
        // An attempt that failed late may have been counted before the window begins.
        let counted = max(attemptsInWindow, failuresInWindow)
        if counted > 0 {
            summary.successRatio = 1 - Double(failuresInWindow) / Double(counted)
        }
        summary.firstByte = times.percentiles(second: second)
        return summary
    }

    private func slot(of second: Int64) -> Int {
        Int(second % Int64(Self.length))
    }

    private func value(at second: Int64) -> Slot {
        guard second >= 0, second <= latestSecond, second > latestSecond - Int64(Self.length) else {
            return Slot()
        }
        return slots[slot(of: second)]
    }

    /// Empties the slots of the seconds that passed without a record.
    private mutating func advance(to second: Int64) {
        if slots.isEmpty {
            slots = Array(repeating: Slot(), count: Self.length)
            latestSecond = second
            return
        }
        guard second > latestSecond else {
            return
        }
        let first = max(latestSecond + 1, second - Int64(Self.length) + 1)
        for passed in first...second {
            slots[slot(of: passed)] = Slot()
        }
        latestSecond = second
    }
}

/// A minute of traffic in figures.
public struct TrafficSummary: Sendable, Equatable {
    /// Since start.
    public var attempts: UInt64 = 0
    /// Since start.
    public var failures: UInt64 = 0
    /// Body bytes from clients since start, counted as their requests end.
    public var bytesIn: UInt64 = 0
    /// Body bytes to clients since start, counted as their requests end.
    public var bytesOut: UInt64 = 0
    /// Measured times to the first byte since start.
    public var firstByteSamples: UInt64 = 0
    /// Their sum.
    public var firstByteTotal = Duration.zero
    /// Mean over the last ten seconds.
    public var attemptsPerSecond = 0.0
    /// From clients, mean over the last ten seconds.
    public var bytesInPerSecond = 0.0
    /// To clients, mean over the last ten seconds.
    public var bytesOutPerSecond = 0.0
    /// 0...1 over the last minute; nil without an attempt in it.
    public var successRatio: Double?
    /// Time to first byte over the last one to two minutes; nil without a sample.
    public var firstByte: Percentiles?
    /// One value a second, oldest first; empty before the first attempt.
    public var attemptsPerSecondSeries: [Int] = []
    /// Mean time to first byte of each second in milliseconds, oldest first; nil in a second without a sample.
    public var firstByteMillisecondsSeries: [Double?] = []

    /// One value a second, oldest first; empty when none failed.
    public var failuresPerSecondSeries: [Int] = []

    public init() {}
}

/// Median and tails of a duration.
public struct Percentiles: Sendable, Equatable {
    /// Median.
    public var p50: Duration
    /// 95th percentile.
    public var p95: Duration
    /// 99th percentile.
    public var p99: Duration

    public init(p50: Duration, p95: Duration, p99: Duration) {
        self.p50 = p50
        self.p95 = p95
        self.p99 = p99
    }
}

/// Two HDR histograms that take turns, so that percentiles follow the present and cost nothing to age.
private struct RotatingHistogram: Sendable {
    private static let turn: Int64 = 60
    private var current: Histogram<UInt32>?
    private var previous: Histogram<UInt32>?
    private var turnBegan: Int64 = 0

    mutating func record(_ microseconds: UInt64, second: Int64) {
        if second - turnBegan >= Self.turn {
            previous = second - turnBegan >= 2 * Self.turn ? nil : current
            current = nil
            turnBegan = second
        }
        // A pattern, because a comparison with nil would copy the histogram.
        if case .none = current {
            current = Histogram<UInt32>(numberOfSignificantValueDigits: .two)
        }
        current?.record(microseconds)
    }

    func percentiles(second: Int64) -> Percentiles? {
        guard second - turnBegan < 2 * Self.turn, var merged = current else {
            return nil
        }
        if let previous, second - turnBegan < Self.turn {
            merged.add(previous)
        }
        guard merged.totalCount > 0 else {
            return nil
        }
        return Percentiles(
            p50: .microseconds(merged.valueAtPercentile(50)), p95: .microseconds(merged.valueAtPercentile(95)),
            p99: .microseconds(merged.valueAtPercentile(99)))
    }
}
