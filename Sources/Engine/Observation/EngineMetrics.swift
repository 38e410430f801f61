public import Persistence
public import PodiumModel
public import Proxy
internal import PureSupport
public import Ranking

// All counters: what is counted of each request and attempt, and the value in which the metrics page gets them. Counting is an addition
// under the lock that is held anyway; everything that costs more is done when a page is asked for.

/// All counters at one moment: what a metrics page needs, without the work that a snapshot for people takes.
public struct EngineMetrics: Sendable {
    /// One endpoint's counters and gauges.
    public struct Endpoint: Sendable {
        /// As configured; unique.
        public var name: String
        /// 1 is tried first.
        public var rank: Int
        /// Whether requests may be sent.
        public var availability: Availability
        /// The models that it is not asked for now.
        public var limitedModels: [LimitedModel]
        /// It cannot be used as configured.
        public var isMisconfigured: Bool
        /// How often its rank changed since the start.
        public var rankChanges: Int
        /// Requests being served now.
        public var inFlight: Int
        /// Requests that wait for a place there.
        public var queued: Int
        /// What its settings say of when it is asked; nil: nothing.
        var limits: LimitSource?
        /// Requests that passed it over since it was full.
        public var overflows: Int
        /// As many may be served at once; 0: any number.
        public var maxInFlight: Int
        /// Sessions that run there.
        public var sessions: Int
        /// Since the start.
        public var counters: EndpointCounters
        /// Failed attempts by what they failed by; kinds that did not occur are left out.
        public var errors: [ErrorKind: UInt64]
        /// Body bytes of requests.
        public var bytesIn: UInt64
        /// Body bytes of answers.
        public var bytesOut: UInt64

        /// As a ``Snapshot`` names it, but for one that cannot be used as configured, which is that first.
        public var availabilityKind: Snapshot.Endpoint.Availability.Kind {
            isMisconfigured && availability != .disabled ? .misconfigured : .init(availability)
        }
    }

    /// In rank order.
    public var endpoints: [Endpoint]
    /// Requests of named clients, by their names.
    public var clientRequests: [String: UInt64]
    /// Those with limits.
    public var clients: [ClientReading]
    /// Requests to which no endpoint's answer went.
    public var unanswered: RequestTally
    /// What clients waited for their first byte.
    public var firstByte: TimeHistogram
    /// What they waited for the first content.
    public var firstContent: TimeHistogram
    /// Client requests being served now.
    public var requestsInFlight: Int
    /// Open client connections.
    public var connections: Int
    /// Bytes of request bodies that are kept for the next endpoint.
    public var replayBytes: Int
    /// Requests so far that could not be kept, since `replay_memory` was used up.
    public var unreplayable: Int
    /// Answers so far for which `failover.commit: content` would have asked another endpoint, under `shadow`.
    public var shadowed: Int
    /// Requests so far that were sent to the same endpoint again without what it could not read.
    public var repaired: Int
    /// Requests that waited for endpoints that were full.
    public var queue: QueueCounts
    /// Attempts at endpoints per second, mean over the last ten seconds.
    public var attemptsPerSecond: Double
    /// Whether the ranking sorts itself.
    public var isAutoSorting: Bool
    /// Of the configuration.
    public var revision: UInt64
    /// The persister's counters and gauges.
    public var persister: PersisterStatistics
    /// The last flush.
    public var lastFlush: FlushRecord?
    /// Tokens and costs.
    public var usage: UsageCounters
    /// Events written so far.
    public var events: UInt64
    /// All instants above are on this clock.
    public var takenAt: ContinuousClock.Instant
    /// The same moment, seconds since 1970.
    public var wallTime: Double

    /// An instant in seconds since 1970.
    public func seconds(_ instant: ContinuousClock.Instant) -> Double {
        WallClockMapping(takenAt: takenAt, wallTime: wallTime).seconds(instant)
    }
}

/// Whether Podium does what it is there for.
public struct EngineHealth: Sendable, Equatable {
    /// It accepts clients.
    public var isListening: Bool
    /// It is stopping: requests that run may end, new ones are not accepted.
    public var isDraining: Bool
    /// Endpoints that requests may be sent to.
    public var usableEndpoints: Int
    /// Unsaved changes are older than the maximum dirty time.
    public var isOverdue: Bool
    /// What the last flush failed of.
    public var saveError: String?
}

/// How many requests ended how. Pure counters, for the metrics.
public struct RequestTally: Sendable {
    /// One kind of end.
    public struct Entry: Sendable, Equatable {
        /// What the client saw; 0 when it went away before there was a status.
        public let status: UInt16
        /// How it ended.
        public let ending: RequestReport.Ending
        /// How often.
        public internal(set) var count: UInt64
    }

    /// In order of appearance. An endpoint that is well has one or two.
    public private(set) var entries: [Entry] = []

    mutating func record(status: Int?, ending: RequestReport.Ending) {
        let status = UInt16(clamping: status ?? 0)
        for index in entries.indices where entries[index].status == status && entries[index].ending == ending {
            entries[index].count += 1
            return
        }
        entries.append(Entry(status: status, ending: ending, count: 1))
    }
}

/// Times, counted in fixed buckets.
public struct TimeHistogram: Sendable {
    /// Upper bounds in microseconds; the last bucket has none.
    public let bounds: [UInt64]
    /// One count more than there are bounds; not cumulative.
    public private(set) var counts: [UInt64]
    /// Of all times.
    public private(set) var sumMicroseconds: UInt64 = 0

    private init(bounds: [UInt64]) {
        self.bounds = bounds
        counts = [UInt64](repeating: 0, count: bounds.count + 1)
    }

    /// For servers that say at once that they have begun.
    static let toFirstByte = TimeHistogram(bounds: [
        5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
        30_000_000, 60_000_000, 120_000_000,
    ])

    /// For models, which read and think first, and for their whole answers.
    static let toFirstToken = TimeHistogram(bounds: [
        100_000, 200_000, 300_000, 500_000, 750_000, 1_000_000, 1_500_000, 2_000_000, 3_000_000, 5_000_000, 7_500_000,
        10_000_000, 15_000_000, 20_000_000, 30_000_000, 60_000_000, 120_000_000,
    ])

    mutating func record(_ time: Duration) {
        let microseconds = time.wholeMicroseconds
        let bucket = bounds.firstIndex { microseconds <= $0 } ?? bounds.count
        counts[bucket] += 1
        sumMicroseconds &+= microseconds
    }

    /// Whether nothing was counted.
    public var isEmpty: Bool { !counts.contains { $0 > 0 } }
}

/// How many streams were measured and the sum of their speeds: for a mean over any time. Tails are in the window that people are shown.
public struct SpeedTally: Sendable {
    /// Streams whose speed is known.
    public private(set) var streams: UInt64 = 0
    /// Of their speeds, in thousandths of a token per second.
    public private(set) var sumThousandths: UInt64 = 0

    mutating func record(_ tokensPerSecond: Double) {
        streams += 1
        sumThousandths &+= UInt64(min(max(0, tokensPerSecond), 1e6) * 1_000)
    }
}

/// What is counted of one endpoint since the start.
public struct EndpointCounters: Sendable {
    /// Requests that this endpoint's answer went to.
    public internal(set) var requests = RequestTally()
    /// Attempts that succeeded.
    public internal(set) var successes: UInt64 = 0
    /// Attempts that failed.
    public internal(set) var failures: UInt64 = 0
    /// Attempts that the endpoint turned away with a time to wait.
    public internal(set) var rateLimited: UInt64 = 0
    /// Attempts that the endpoint refused for want of money or of the model, or by a rule of the operator's.
    public internal(set) var refused: UInt64 = 0
    /// Attempts whose credential was refused.
    public internal(set) var misconfigured: UInt64 = 0
    /// Attempts that the endpoint declined, for which the request may be to blame.
    public internal(set) var declined: UInt64 = 0
    /// Attempts that the client gave up.
    public internal(set) var abandoned: UInt64 = 0
    /// Of its attempts that succeeded.
    public internal(set) var firstByte = TimeHistogram.toFirstByte
    /// The first content of its streams.
    public internal(set) var firstToken = TimeHistogram.toFirstToken
    /// The end of its answers that come whole.
    public internal(set) var whole = TimeHistogram.toFirstToken
    /// What its streams are written with.
    public internal(set) var speed = SpeedTally()

    mutating func record(_ sample: ResponseSample) {
        switch sample.kind {
        case .stream: firstToken.record(sample.time)
        case .whole: whole.record(sample.time)
        }
    }

    mutating func record(_ report: AttemptReport) {
        switch report.outcome {
        case .success:
            successes += 1
            if let time = report.timeToFirstByte, report.isEvidence {
                firstByte.record(time)
            }
        case .failure: failures += 1
        case .rateLimited: rateLimited += 1
        case .timedOut(let request):
            if request.cause == .rateLimited || request.cause == .overloaded { rateLimited += 1 } else { refused += 1 }
        case .misconfigured: misconfigured += 1
        case .declined: declined += 1
        case .neutral: abandoned += 1
        }
    }
}
