internal import PodiumModel

/// What the console shows of it. Deadlines are on this process's clock, for they are counted down.
extension ConsolePicture {
    /// A time of the snapshot on this process's clock. A broken clock must not trap the arithmetic.
    func instant(_ time: Double) -> ContinuousClock.Instant {
        let seconds = time - snapshot.takenAt
        return receivedAt + .seconds(seconds.isFinite ? min(max(seconds, -1e9), 1e9) : 0)
    }

    /// When the endpoint is tried again, while it is cooling, down or misconfigured.
    func retry(of endpoint: Snapshot.Endpoint) -> ContinuousClock.Instant? {
        endpoint.availability.until.map(instant)
    }

    /// `opus for 4m10: model not available (404)`, for each model that it is not asked for now.
    func limitedModels(of endpoint: Snapshot.Endpoint, now: ContinuousClock.Instant) -> [String] {
        endpoint.limitedModels.compactMap { limited in
            let end = instant(limited.until)
            return end > now ? "\(limited.model) for \(Quantity.age(end - now)): \(limited.cause)" : nil
        }
    }

    /// Since the start of the proxy.
    var uptime: Duration { .seconds(max(0, snapshot.server.uptimeSeconds)) }

    /// When the next automatic write, or the one that is tried again, is due; nil when none is.
    var nextFlush: ContinuousClock.Instant? { snapshot.persister.nextDeadline.map(instant) }

    /// When the oldest mark reaches the maximum dirty time; nil when all is saved.
    var maxDirty: ContinuousClock.Instant? { snapshot.persister.maxDirtyDeadline.map(instant) }

    /// The whole span that the countdown to `nextFlush` began with.
    var flushInterval: Duration { .seconds(snapshot.server.flushIntervalSeconds) }

    /// The whole span that the countdown to `maxDirty` began with.
    var maxDirtyTime: Duration { .seconds(snapshot.server.maxDirtyTimeSeconds) }

    /// The most recent flush that failed.
    var lastFailure: Snapshot.Flush? { snapshot.flushes.last { $0.error != nil } }
}

/// What the console shows of an endpoint.
extension Snapshot.Endpoint {
    /// Which API it serves, by the URLs it has.
    enum Kind: String, Sendable, Equatable, CaseIterable {
        case anthropic = "anth"
        case openAI = "oai"
        case any = "any"
    }

    /// Which API it serves.
    var kind: Kind {
        switch (settings.url, settings.urlAnthropic, settings.urlOpenAI) {
        case (nil, .some, nil): .anthropic
        case (nil, nil, .some): .openAI
        default: .any
        }
    }

    /// How often it has changed rank since the start, as far as that is told.
    var rankChanges: Int { explanation?.rankChanges ?? 0 }

    /// Why it has its rank, or cannot be used: one finished sentence per line.
    var sentences: [String] {
        (explanation?.sentences ?? misconfiguration.map { ["Cannot be used: \($0)."] } ?? [])
            + (notInFile.map { ["In force, but not in the file: \($0)."] } ?? [])
    }

    /// Mean time to the first byte in milliseconds over the last minute, oldest first; 0 means no traffic.
    var latencySeries: [Double] {
        traffic.firstByteMillisecondsSeries.map { $0.map { min(max($0, 1), 4e9).rounded(.down) } ?? 0 }
    }
}

extension Snapshot.Traffic {
    /// Median time to the first byte; nil without traffic.
    var p50: Duration? { p50Seconds.map { .seconds($0) } }

    /// 95th percentile of the time to the first byte; nil without traffic.
    var p95: Duration? { p95Seconds.map { .seconds($0) } }

    /// 99th percentile of the time to the first byte; nil without traffic.
    var p99: Duration? { p99Seconds.map { .seconds($0) } }

    /// Fraction of requests that failed; nil without traffic.
    var errorRate: Double? { successRatio.map { 1 - $0 } }
}

/// What the console shows of the persister.
extension Snapshot.Persister {
    /// Field-level changes that are not on disk yet.
    var unsavedChanges: Int { Int(clamping: self.generation - min(self.generation, self.savedGeneration)) }

    /// Age of the oldest unsaved mark when the snapshot was taken; nil when all is saved.
    var oldestUnsaved: Duration? { self.oldestUnsavedSeconds.map { .seconds($0) } }

    /// True while a write is under way.
    var isWriting: Bool { self.writingSince != nil }

    /// Whether the next write is the one that is tried again after a failure.
    var isRetrying: Bool { self.nextTrigger == "retry" && self.nextDeadline != nil }

    /// Flushes that failed.
    var failures: UInt64 { self.failuresByError.values.reduce(0, +) + self.refusals }

    /// Writes by what caused them, most first.
    var causes: [(name: String, count: UInt64)] { Self.mostFirst(self.writesByTrigger.map { ($0, $1) }) }

    /// Failures by their code, most first.
    var failureCodes: [(name: String, count: UInt64)] {
        Self.mostFirst(self.failuresByError.map { ($0, $1) } + [("REFUSED", self.refusals)])
    }

    private static func mostFirst(_ counts: [(name: String, count: UInt64)]) -> [(name: String, count: UInt64)] {
        counts.filter { $0.count > 0 }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    }
}

/// What the console shows of a flush.
extension Snapshot.Flush {
    /// Below this it is the time between the steps, and no waiting.
    private static let leastWait = 0.005

    /// Wall time of the whole.
    var duration: Duration { .seconds(totalSeconds) }

    /// How much of it was spent waiting for an editor that was saving the file itself.
    var waited: Duration {
        let rest = duration - steps(withWait: false).reduce(.zero) { $0 + $1.duration }
        return rest >= .seconds(Self.leastWait) ? rest : .zero
    }

    /// What it took of its own time.
    var worked: Duration { max(.zero, duration - waited) }

    /// In the order they ran.
    var steps: [(name: String, duration: Duration)] { steps(withWait: true) }

    private func steps(withWait: Bool) -> [(name: String, duration: Duration)] {
        let steps: [(name: String, duration: Duration)] = [
            ("encode", .seconds(encodeSeconds)), ("write", .seconds(writeSeconds)),
            ("fsync", .seconds(fsyncSeconds)), ("rename", .seconds(renameSeconds)),
        ]
        guard withWait, waited > .zero else { return steps }
        return [("waiting", waited)] + steps
    }

    /// Size of the file afterwards; nil when it was not read.
    var shownSize: UInt64? { fileSize > 0 ? UInt64(clamping: fileSize) : nil }

    /// Why it failed, or is not known to last: a short symbol and the whole story.
    var failure: (code: String, text: String)? {
        result == .failed ? (errorCode ?? "", error ?? "") : nil
    }
}

/// What the console shows of an event.
extension Snapshot.Event {
    /// The endpoint that it concerns, if it is one, and what happened.
    var line: String { endpoint.map { "\($0)  \(text)" } ?? text }

    /// When it happened first.
    var since: Double { firstTime ?? time }
}
