internal import PureSupport

/// What a ranking has learnt about response times, for the process that comes after this one.
///
/// Of an endpoint it is taken in as measured and not kept up since, so that it needs twice the hysteresis to pass another. Breakers, dwell
/// times and doubts are not in it: they are about a moment that has passed.
public struct RankingMemory: Sendable, Equatable {
    /// What one endpoint takes, in one kind of answers, in seconds.
    public struct Times: Sendable, Equatable {
        public var endpoint: EndpointID
        public var kind: AnswerKind
        /// What it is compared by.
        public var value: Double
        public var usual: Double
        public var typical: Double
        public var samples: Int
        /// When it was measured last.
        public var sampled: ContinuousClock.Instant

        /// All parts given.
        public init(
            endpoint: EndpointID, kind: AnswerKind, value: Double, usual: Double, typical: Double, samples: Int,
            sampled: ContinuousClock.Instant
        ) {
            (self.endpoint, self.kind, self.value, self.usual) = (endpoint, kind, value, usual)
            (self.typical, self.samples, self.sampled) = (typical, samples, sampled)
        }
    }

    /// What is usual for all endpoints, in one kind of answers.
    public struct Fleet: Sendable, Equatable {
        public var kind: AnswerKind
        public var baseline: Double
        public var typical: Double
        public var samples: Int

        /// All parts given.
        public init(kind: AnswerKind, baseline: Double, typical: Double, samples: Int) {
            (self.kind, self.baseline, self.typical, self.samples) = (kind, baseline, typical, samples)
        }
    }

    /// How long a model takes as a multiple of the first one: without it the times of two processes could not be compared.
    public struct Factor: Sendable, Equatable {
        public var kind: AnswerKind
        public var model: UInt32
        public var samples: UInt32
        public var isFirst: Bool
        public var factor: Double

        /// All parts given.
        public init(kind: AnswerKind, model: UInt32, samples: UInt32, isFirst: Bool, factor: Double) {
            (self.kind, self.model, self.samples) = (kind, model, samples)
            (self.isFirst, self.factor) = (isFirst, factor)
        }
    }

    /// By which kind of answers endpoints are compared.
    public var comparedKind = AnswerKind.stream
    public var times: [Times] = []
    public var fleet: [Fleet] = []
    public var factors: [Factor] = []

    /// Nothing is known.
    public init() {}
}

extension EndpointRanking {
    /// How many answers have been measured: what `memory` gives has changed if this has.
    public var measuredAnswers: Int { AnswerKind.allCases.reduce(0) { $0 + fleet[$1].samples } }

    /// What is worth knowing after a restart. Linear in the number of endpoints.
    public var memory: RankingMemory {
        var memory = RankingMemory()
        memory.comparedKind = comparedKind
        for kind in AnswerKind.allCases {
            guard let baseline = fleet[kind].baseline, let typical = fleet[kind].typical else { continue }
            memory.fleet.append(
                .init(kind: kind, baseline: baseline, typical: typical, samples: fleet[kind].samples))
            memory.factors += fleet[kind].factors.memory(kind)
            for slot in orderedSlots {
                let response = endpoints[slot].response[kind]
                guard response.samples > 0, let value = response.value, let usual = response.usual,
                    let typical = response.typical
                else { continue }
                memory.times.append(
                    .init(
                        endpoint: endpoints[slot].id, kind: kind, value: value, usual: usual, typical: typical,
                        samples: response.samples, sampled: instant(response.lastSample)))
            }
        }
        return memory
    }

    /// Takes in what another process has learnt, before the order is first made.
    mutating func takeIn(_ memory: RankingMemory, at now: RankingTime) {
        for fleet in memory.fleet where fleet.baseline > 0 && fleet.typical > 0 && fleet.samples > 0 {
            self.fleet[fleet.kind].restore(fleet, at: now)
            self.fleet[fleet.kind].factors.restore(memory.factors.filter { $0.kind == fleet.kind }, at: now)
        }
        // Without the factors by which they were brought to one model times mean nothing.
        for times in memory.times where times.value > 0 && times.usual > 0 && times.typical > 0 && times.samples > 0 {
            guard let slot = slotByID[times.endpoint], fleet[times.kind].baseline != nil else { continue }
            endpoints[slot].response[times.kind].restore(times, sampled: min(now, moment(times.sampled)), at: now)
        }
        if fleet[memory.comparedKind].baseline != nil { comparedKind = memory.comparedKind }
        for slot in endpoints.indices { presumeUsual(slot, now) }
    }
}
