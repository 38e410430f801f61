public import Ranking

let start = ContinuousClock.now

func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

/// Without jitter: a cooldown lasts as long as the settings say.
func noJitter() -> UInt64 { 0 }

extension EndpointID: ExpressibleByIntegerLiteral {
    /// Endpoints in tests are plain numbers.
    public init(integerLiteral value: UInt32) { self.init(value) }
}

extension EndpointRanking {
    /// Endpoints 0..<count in that order, all enabled, with the default settings unless told.
    init(count: UInt32, settings: Settings = .init(), autoSort: Bool = true) {
        self.init(
            settings: settings, endpoints: (0..<count).map { Endpoint(id: EndpointID($0)) }, autoSort: autoSort,
            now: start)
    }

    @discardableResult
    mutating func succeed(_ id: EndpointID, _ milliseconds: Int, at seconds: Double) -> RankingUpdate {
        record(
            .success(timeToFirstByte: .milliseconds(milliseconds)), for: id, now: Podium.at(seconds), random: noJitter)
    }

    @discardableResult
    mutating func fail(_ id: EndpointID, _ kind: FailureKind = .status(502), at seconds: Double) -> RankingUpdate {
        record(.failure(kind), for: id, now: Podium.at(seconds), random: noJitter)
    }

    @discardableResult
    mutating func probe(_ id: EndpointID, _ outcome: AttemptOutcome, at seconds: Double) -> RankingUpdate {
        record(outcome, for: id, source: .probe, now: Podium.at(seconds), random: noJitter)
    }
}

/// The fixtures' `at`, reachable from within extensions that have arguments of that name.
enum Podium {
    static func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }
}
