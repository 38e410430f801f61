internal import Support

/// What a simulated endpoint does with a request.
public enum DemoBehaviour: Sendable, Equatable {
    /// Answers after `delay`; a streamed answer goes on with a piece each `pace`.
    case answer(delay: Duration, pace: Duration)
    /// Begins to answer, then drops the connection.
    case breakOff(delay: Duration, pace: Duration)
    /// Answers with an error status.
    case fail(status: Int, delay: Duration)
    /// 429 with `Retry-After` in seconds.
    case rateLimit(retryAfter: Int)
    /// Resets the connection instead of answering.
    case reset
    /// Does not even listen.
    case refuse
}

/// The whole course of the demo as a pure function of seed, endpoint and time.
public struct DemoScript: Sendable {
    let seed: UInt64
    let cast: DemoCast

    /// Each endpoint has one episode at most in a stretch of this many seconds.
    static let stretch = 24.0
    /// The response time drifts from one random level to the next in this many seconds.
    static let drift = 15.0
    /// One turn of the endpoint that is often down, in seconds, and when in it it is down.
    private static let downCycle = 120.0
    private static let downTimes = 12.0..<60.0

    /// A script for so many endpoints.
    public init(seed: UInt64, endpoints: Int) {
        self.seed = seed
        self.cast = DemoCast(count: max(1, endpoints))
    }

    /// What the endpoint does with the request of that number which reaches it at that time.
    public func behaviour(endpoint: Int, elapsed: Duration, request: Int) -> DemoBehaviour {
        let seconds = elapsed.inSeconds
        if isRefusing(endpoint: endpoint, elapsed: elapsed) { return .refuse }
        let chance = fraction(endpoint, .request, request)
        let jitter = 0.92 + 0.18 * fraction(endpoint, .jitter, request)
        var delay = level(endpoint, at: seconds) * jitter
        let pace = Duration.milliseconds(25 + Int(40 * fraction(endpoint, .pace, request)))
        switch episode(endpoint, at: seconds) {
        case .slow(let factor): delay *= factor
        case .errors where chance < 0.8:
            let statuses = [500, 502, 503, 529]
            let status = statuses[Int(fraction(endpoint, .status, request) * 4) % 4]
            return .fail(status: status, delay: .seconds(0.04 + 0.1 * jitter))
        case .resets where chance < 0.7: return .reset
        case .broken where chance < 0.5: return .breakOff(delay: .seconds(delay), pace: pace)
        case .limited(let until): return .rateLimit(retryAfter: max(1, Int(until - seconds) + 1))
        case .errors, .resets, .broken, .none: break
        }
        return .answer(delay: .seconds(delay), pace: pace)
    }

    /// Whether the endpoint's port is closed at that time.
    public func isRefusing(endpoint: Int, elapsed: Duration) -> Bool {
        guard cast.members.indices.contains(endpoint), cast.members[endpoint].part == .oftenDown else { return false }
        let seconds = elapsed.inSeconds
        return Self.downTimes.contains(seconds - (seconds / Self.downCycle).rounded(.down) * Self.downCycle)
    }

    // MARK: Response time

    /// Seconds to the first byte without jitter and episodes.
    func level(_ endpoint: Int, at seconds: Double) -> Double {
        let base = 0.2 + 0.035 * Double(endpoint % 12) + 0.06 * fraction(endpoint, .base, 0)
        let knot = (max(0, seconds) / Self.drift).rounded(.down)
        let along = max(0, seconds) / Self.drift - knot
        let eased = along * along * (3 - 2 * along)
        let here = fraction(endpoint, .drift, Int(knot))
        let next = fraction(endpoint, .drift, Int(knot) + 1)
        return base * (0.7 + 0.9 * (here + (next - here) * eased))
    }

    // MARK: Episodes

    enum Episode: Equatable {
        case slow(factor: Double)
        case errors
        case resets
        case broken
        case limited(until: Double)
    }

    /// The episode the endpoint is in, if any.
    func episode(_ endpoint: Int, at seconds: Double) -> Episode? {
        guard seconds >= 0 else { return nil }
        let stretch = Int(seconds / Self.stretch)
        let begin = Double(stretch) * Self.stretch + 4 + 6 * fraction(endpoint, .begin, stretch)
        let end = begin + 5 + 7 * fraction(endpoint, .length, stretch)
        guard seconds >= begin, seconds < end else { return nil }
        return kind(endpoint, stretch, end)
    }

    private func kind(_ endpoint: Int, _ stretch: Int, _ end: Double) -> Episode? {
        let factor = 2.5 + 2 * fraction(endpoint, .factor, stretch)
        // The first half minute shows one of each, whatever the seed.
        switch (endpoint, stretch) {
        case (0, 0): return .slow(factor: factor)
        case (2, 0): return .limited(until: end)
        case (1, 0): return nil
        case (1, 1): return .errors
        default: break
        }
        switch fraction(endpoint, .kind, stretch) {
        case ..<0.22: return .slow(factor: factor)
        case ..<0.32: return .errors
        case ..<0.37: return .resets
        case ..<0.41: return .broken
        case ..<0.51: return .limited(until: end)
        default: return nil
        }
    }

    // MARK: Chance

    private enum Purpose: UInt64 {
        case base = 1, drift, begin, length, kind, factor, request, jitter, pace, status
    }

    /// A number in [0, 1) that depends on nothing but the seed and what it is for.
    private func fraction(_ endpoint: Int, _ purpose: Purpose, _ index: Int) -> Double {
        var generator = SplitMix64(seed: seed)
        for part in [UInt64(bitPattern: Int64(endpoint)), purpose.rawValue, UInt64(bitPattern: Int64(index))] {
            generator = SplitMix64(seed: generator.next() ^ part)
        }
        return Double(generator.next() >> 11) * 0x1p-53
    }
}

/// The endpoints of the demo: their names, APIs and the parts they play.
struct DemoCast: Sendable {
    struct Member: Sendable, Equatable {
        var name: String
        var kind: DemoEndpoint.Kind
        var tags: [String]
        var part: Part
    }

    enum Part: Sendable, Equatable {
        /// Slows down, fails and is limited at times.
        case ordinary
        /// Out of reach for long times.
        case oftenDown
        /// Switched off in the configuration.
        case disabled
    }

    let members: [Member]

    init(count: Int) {
        var members: [Member] = []
        let extras = count >= 4 ? 2 : 0
        for index in 0..<(count - extras) {
            if index < Self.ordinary.count {
                members.append(Self.ordinary[index])
            } else {
                let kind: DemoEndpoint.Kind = index.isMultiple(of: 2) ? .anthropic : .openAI
                members.append(.init(name: "spare-\(index + 1)", kind: kind, tags: ["spare"], part: .ordinary))
            }
        }
        if extras > 0 {
            members.append(.init(name: "backup-hk", kind: .both, tags: ["backup"], part: .oftenDown))
            members.append(.init(name: "lab-proxy", kind: .openAI, tags: ["lab"], part: .disabled))
        }
        self.members = members
    }

    private static let ordinary: [Member] = [
        .init(name: "anthropic-main", kind: .anthropic, tags: ["prod", "claude"], part: .ordinary),
        .init(name: "anthropic-eu", kind: .anthropic, tags: ["prod", "claude"], part: .ordinary),
        .init(name: "openai-team", kind: .openAI, tags: ["prod"], part: .ordinary),
        .init(name: "azure-gpt", kind: .openAI, tags: ["prod"], part: .ordinary),
        .init(name: "gemini-a", kind: .openAI, tags: ["gemini"], part: .ordinary),
        .init(name: "bedrock-west", kind: .anthropic, tags: ["aws"], part: .ordinary),
        .init(name: "gemini-b", kind: .openAI, tags: ["gemini"], part: .ordinary),
        .init(name: "vertex-claude", kind: .anthropic, tags: ["gcp"], part: .ordinary),
        .init(name: "openrouter", kind: .both, tags: ["resale"], part: .ordinary),
        .init(name: "mistral-paris", kind: .openAI, tags: ["eu"], part: .ordinary),
    ]
}
