internal import Configuration
internal import PodiumModel
internal import Ranking
internal import Support

extension Snapshot.Endpoint {
    init(_ endpoint: EndpointReading, clock: WallClockMapping, name: (EndpointID) -> String) {
        self.init()
        id = endpoint.id.rawValue
        revision = endpoint.revision
        rank = endpoint.rank
        state = endpoint.state
        availability = Availability(endpoint.availability, clock: clock)
        misconfiguration = endpoint.misconfiguration
        notInFile = endpoint.notInFile
        explanation = endpoint.explanation.map {
            .init($0, misconfiguration: endpoint.misconfiguration, clock: clock, name: name)
        }
        movement = endpoint.movement
        traffic = .init(endpoint.traffic, inFlight: endpoint.inFlight)
        successStreak = endpoint.successStreak
        lastError = endpoint.lastError.map { LastError(time: $0.time, text: $0.text) }
        settings = endpoint.settings.shown
    }
}

extension Snapshot.Endpoint.Availability {
    fileprivate init(_ availability: Availability, clock: WallClockMapping) {
        self.init()
        kind = Kind(availability)
        until = availability.recovery.map(clock.seconds)
        switch availability {
        case .open(_, let reason): cause = reason.text
        case .misconfigured(_, let status): cause = status.map { "credential refused (\($0))" }
        case .available, .halfOpen, .rateLimited, .disabled: break
        }
    }
}

extension Snapshot.Endpoint.Availability.Kind {
    init(_ availability: Availability) {
        switch availability {
        case .available: self = .available
        case .halfOpen: self = .probation
        case .open: self = .open
        case .rateLimited: self = .rateLimited
        case .misconfigured: self = .misconfigured
        case .disabled: self = .disabled
        }
    }
}

extension Snapshot.Explanation {
    fileprivate init(
        _ explanation: RankExplanation, misconfiguration: String?, clock: WallClockMapping,
        name: (EndpointID) -> String
    ) {
        self.init()
        sentences = explanation.lines(now: clock.takenAt, misconfiguration: misconfiguration, name: name)
        responseTime = explanation.responseTime.map { time in
            var result = ResponseTime()
            result.averageSeconds = time.average.inSeconds
            result.usualSeconds = time.usual.inSeconds
            result.samples = time.samples
            result.ageSeconds = time.age?.inSeconds
            return result
        }
        pinnedRank = explanation.pinnedRank
        above = explanation.above.map { Margin($0, clock: clock, name: name) }
        below = explanation.below.map { Margin($0, clock: clock, name: name) }
        failuresInARow = explanation.failuresInARow
        recentAttempts = explanation.recentAttempts
        recentFailures = explanation.recentFailures
        lastFailure = explanation.lastFailure?.text
        rankSince = clock.seconds(explanation.rankSince)
        rankChanges = explanation.rankChanges
        lastChange = explanation.lastChange.map { .init($0, clock: clock, name: name) }
    }
}

extension Snapshot.Explanation.Margin {
    fileprivate init(_ margin: RankExplanation.Margin, clock: WallClockMapping, name: (EndpointID) -> String) {
        self.init()
        neighbour = name(margin.neighbour)
        lowerIsFasterBy = margin.lowerIsFasterBy
        required = margin.required
        switch margin.kept {
        case .slower: keptBy = .slower
        case .hysteresis(let time):
            keptBy = .hysteresis
            passesBelowSeconds = time.inSeconds
        case .dwell(let instant):
            keptBy = .dwell
            until = clock.seconds(instant)
        case .pinned: keptBy = .pinned
        case .unavailable: keptBy = .unavailable
        case .unmeasured: keptBy = .unmeasured
        case .manual: keptBy = .manual
        }
    }
}

extension Snapshot.RankChange {
    init(_ change: RankChange, clock: WallClockMapping, name: (EndpointID) -> String) {
        self.init()
        time = clock.seconds(change.at)
        endpoint = name(change.endpoint)
        from = change.from
        to = change.to
        text = change.cause.text(name: name)
        switch change.cause {
        case .faster(let passed, let fraction):
            cause = "faster"
            other = name(passed)
            share = fraction
        case .slower(let passer):
            cause = "slower"
            other = name(passer)
        case .preferred(let passed):
            cause = "preferred"
            other = name(passed)
        case .declining: cause = "declining"
        case .displaced(let mover):
            cause = "displaced"
            other = name(mover)
        case .unavailable: cause = "unavailable"
        case .recovered: cause = "recovered"
        case .moved: cause = "moved"
        case .pinned: cause = "pinned"
        case .unpinned: cause = "unpinned"
        case .enabled: cause = "enabled"
        case .disabled: cause = "disabled"
        case .added: cause = "added"
        case .removed: cause = "removed"
        case .reordered: cause = "reordered"
        case .sorted: cause = "sorted"
        case .autoSort: cause = "auto_sort"
        case .settings: cause = "settings"
        }
    }
}
