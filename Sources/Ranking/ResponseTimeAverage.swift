/// Time to an answer of one kind by one endpoint, as a peak-sensitive moving average, in seconds.
///
/// A slower sample sets the average at once; a faster one pulls it down by `1 - exp(-elapsed / decay)`, so that the
/// speed of forgetting depends on time and not on the request rate.
struct ResponseTimeAverage: Sendable {
    /// What the ranking compares; nil while nothing is known.
    private(set) var value: Double?
    /// Slow average of `value` itself, so that it carries the same bias towards peaks.
    private(set) var usual: Double?
    /// Plain average, without a bias towards peaks: what the endpoint takes for one model is compared with it.
    private(set) var typical: Double?
    /// The last sample, by which its model is compared with the next one's.
    private(set) var previous: ModelFactors.Previous?
    /// Requests measured.
    private(set) var samples = 0
    /// A figure that is not kept up by traffic has to be better to count as much.
    private(set) var isIdle = false
    private(set) var lastSample = RankingTime(nanoseconds: 0)
    private var lastUpdate = RankingTime(nanoseconds: 0)

    /// `usual` follows `value`, and probes bring `value` back to `usual`, this many times slower than `decay`.
    static let usualDecay = 20.0
    private static let recallDecay = 10.0
    private static let typicalDecay = 4.0

    var evidence: RankKey.Evidence {
        samples == 0 ? .presumed : isIdle ? .idle : .fresh
    }

    /// The endpoint comes back from a time out, during which others were measured.
    mutating func becomeIdle() { isIdle = true }

    /// Goes on with what an earlier process has measured.
    mutating func restore(_ times: RankingMemory.Times, sampled: RankingTime, at now: RankingTime) {
        (value, usual, typical, samples) = (times.value, times.usual, times.typical, times.samples)
        isIdle = true
        lastSample = sampled
        lastUpdate = now
    }

    /// Times are on another scale from now on.
    mutating func rescale(by ratio: Double) {
        value = value.map { $0 * ratio }
        usual = usual.map { $0 * ratio }
        typical = typical.map { $0 * ratio }
        previous?.seconds *= ratio
    }

    /// - Parameter model: the one that the sample was measured of, before it was brought to the time of the first one
    mutating func add(_ sample: Double, of model: UInt32, at now: RankingTime, decay: Double) {
        let elapsed = max(0, now.seconds(since: lastUpdate))
        if samples > 0, let typical {
            let kept = min(exponential(-elapsed / (decay * Self.typicalDecay)), 1 - 1 / Double(samples + 1))
            self.typical = sample + (typical - sample) * kept
        } else {
            typical = sample
        }
        previous = ModelFactors.Previous(model: model, seconds: sample, at: now)
        if samples > 0, let value, let usual {
            let next = sample >= value ? sample : sample + (value - sample) * exponential(-elapsed / decay)
            self.value = next
            // The plain mean of the first ones, so that `usual` does not hang on to the very first.
            let kept = min(exponential(-elapsed / (decay * Self.usualDecay)), 1 - 1 / Double(samples + 1))
            self.usual = next + (usual - next) * kept
        } else {
            value = sample
            usual = sample
        }
        samples += 1
        isIdle = false
        lastSample = now
        lastUpdate = now
    }

    /// Without a request of its own, an endpoint is taken to be like the others. The figure is never raised: when all
    /// that is measured grows slower together, one that is not has to be tried.
    mutating func presume(_ value: Double, at now: RankingTime) {
        guard samples == 0 else { return }
        let presumed = min(value, self.value ?? value)
        self.value = presumed
        usual = presumed
        lastUpdate = now
    }

    /// The endpoint gets no traffic but can be reached: a bad spell is slowly taken to have ended, and a good one,
    /// which may have been luck, at once.
    mutating func recallUsual(at now: RankingTime, decay: Double) {
        guard let value, let usual else { return }
        isIdle = true
        let elapsed = max(0, now.seconds(since: lastUpdate))
        self.value =
            value > usual ? usual + (value - usual) * exponential(-elapsed / (decay * Self.recallDecay)) : usual
        lastUpdate = now
    }
}

/// One of something for each kind of answer.
struct ByKind<Value: Sendable>: Sendable {
    private var values: InlineArray<2, Value>

    init(_ value: Value) { values = InlineArray(repeating: value) }

    private static func place(_ kind: AnswerKind) -> Int { kind == .stream ? 0 : 1 }

    // With one way to the value these are inlined; with a branch between two each access would take memory for a coroutine.
    subscript(kind: AnswerKind) -> Value {
        @inline(__always)
        _read { yield values[Self.place(kind)] }
        @inline(__always)
        _modify { yield &values[Self.place(kind)] }
    }
}

/// What is usual for all endpoints together, in one kind of answers.
struct FleetTimes: Sendable {
    /// Slow average of the response times of all traffic, in seconds: presumed for endpoints without any.
    private(set) var baseline: Double?
    /// The same of the plain samples, brought to the first model.
    private(set) var typical: Double?
    private(set) var samples = 0
    private var lastUpdate = RankingTime(nanoseconds: 0)
    var factors = ModelFactors()

    /// Goes on with what an earlier process has measured.
    mutating func restore(_ fleet: RankingMemory.Fleet, at now: RankingTime) {
        (baseline, typical, samples) = (fleet.baseline, fleet.typical, fleet.samples)
        lastUpdate = now
    }

    /// - Parameters:
    ///   - value: what the endpoint is compared by, now that the sample is in it
    ///   - decay: in seconds
    /// - Returns: whether it was the first one of all
    mutating func take(_ sample: Double, value: Double, at now: RankingTime, decay: Double) -> Bool {
        defer { lastUpdate = now }
        samples += 1
        guard let baseline, let typical else {
            baseline = value
            typical = sample
            return true
        }
        let elapsed = max(0, now.seconds(since: lastUpdate))
        let kept = exponential(-elapsed / (decay * ResponseTimeAverage.usualDecay))
        self.baseline = value + (baseline - value) * kept
        // The plain mean of the first ones, which teach the factors of the other models.
        self.typical = sample + (typical - sample) * min(kept, 1 - 1 / Double(samples))
        return false
    }
}

/// e^x for x ≤ 0, within 1e-9: the standard library alone has none.
func exponential(_ x: Double) -> Double {
    guard x < 0 else { return 1 }
    // Requests follow each other fast: nearly all calls end here, with an error below 1e-12.
    if x > -0.01 { return 1 + x * (1 + x * (1 / 2.0 + x * (1 / 6.0 + x * (1 / 24.0)))) }
    guard x > -700 else { return 0 }
    let scaled = x * 1.442695040888963407
    let whole = Double(Int(scaled) - 1)
    // e^r with 0 ≤ r ≤ ln 2 by its series; the terms left out are below 1e-10.
    let r = (scaled - whole) * 0.693147180559945309
    var sum = 1 / 39_916_800.0
    sum = sum * r + 1 / 3_628_800.0
    sum = sum * r + 1 / 362_880.0
    sum = sum * r + 1 / 40_320.0
    sum = sum * r + 1 / 5_040.0
    sum = sum * r + 1 / 720.0
    sum = sum * r + 1 / 120.0
    sum = sum * r + 1 / 24.0
    sum = sum * r + 1 / 6.0
    sum = sum * r + 1 / 2.0
    sum = sum * r + 1
    sum = sum * r + 1
    return Double(sign: .plus, exponent: Int(whole), significand: sum)
}
