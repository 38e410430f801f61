internal import PodiumModel

/// What the console shows of the persister.
extension Snapshot.Persister {
    /// Field-level changes that are not on disk yet.
    var unsavedChanges: Int { Int(clamping: generation - min(generation, savedGeneration)) }

    /// Age of the oldest unsaved mark when the snapshot was taken; nil when all is saved.
    var oldestUnsaved: Duration? { oldestUnsavedSeconds.map { .seconds($0) } }

    /// True while a write is under way.
    var isWriting: Bool { writingSince != nil }

    /// Whether the next write is the one that is tried again after a failure.
    var isRetrying: Bool { nextTrigger == "retry" && nextDeadline != nil }

    /// Flushes that failed.
    var failures: UInt64 { failuresByError.values.reduce(0, +) + refusals }

    /// Writes by what caused them, most first.
    var causes: [(name: String, count: UInt64)] { Self.mostFirst(writesByTrigger.map { ($0, $1) }) }

    /// Failures by their code, most first.
    var failureCodes: [(name: String, count: UInt64)] {
        Self.mostFirst(failuresByError.map { ($0, $1) } + [("REFUSED", refusals)])
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
    /// Whom it concerns, if one endpoint, and what happened.
    var line: String { endpoint.map { "\($0)  \(text)" } ?? text }

    /// When it happened first.
    var since: Double { firstTime ?? time }
}
