internal import Persistence
internal import PodiumModel
internal import Support

extension Snapshot.Persister {
    init(_ statistics: PersisterStatistics, strategy: String, file: File?, clock: WallClockMapping) {
        self.init()
        self.strategy = strategy
        marks = statistics.marks
        coalesced = statistics.coalesced
        writes = statistics.totalWrites
        writesByTrigger = Dictionary(
            statistics.writes.map { ($0.key.rawValue, $0.value) }, uniquingKeysWith: +)
        unchanged = statistics.unchanged
        failuresByError = Dictionary(
            statistics.failuresByErrno.map { (PersistenceError.symbol(ofErrno: $0.key), $0.value) },
            uniquingKeysWith: +)
        refusals = statistics.refusals
        bytesWritten = statistics.bytesWritten
        externalEditsMerged = statistics.externalEditsMerged
        conflicts = statistics.conflicts
        backupsFailed = statistics.backupsFailed
        durabilityUnknown = statistics.durabilityUnknown
        isDirty = statistics.dirtySince != nil
        generation = statistics.generation
        savedGeneration = statistics.savedGeneration
        dirtySince = statistics.dirtySince.map(clock.seconds)
        oldestUnsavedSeconds = statistics.oldestUnsavedAge?.inSeconds
        nextDeadline = statistics.nextDeadline.map(clock.seconds)
        nextTrigger = statistics.nextTrigger?.rawValue
        maxDirtyDeadline = statistics.maxDirtyDeadline.map(clock.seconds)
        isOverdue = statistics.isOverdue
        writingSince = statistics.writingSince.map(clock.seconds)
        consecutiveFailures = statistics.consecutiveFailures
        lastError = statistics.lastError.map { "\($0)" }
        refusedFile = statistics.refusedFile.map { "\($0)" }
        memoryOnly = statistics.memoryOnly.map { "\($0)" }
        self.file = file
    }
}

extension Snapshot.Flush {
    init(_ record: FlushRecord) {
        self.init()
        number = record.number
        time = record.startedAt.inSeconds
        trigger = record.trigger.rawValue
        generation = record.generation
        changes = record.changes
        bytesChanged = record.bytesChanged
        fileSize = record.fileSize
        encodeSeconds = record.durations.encode.inSeconds
        writeSeconds = record.durations.write.inSeconds
        fsyncSeconds = record.durations.fsync.inSeconds
        renameSeconds = record.durations.rename.inSeconds
        totalSeconds = record.durations.total.inSeconds
        switch record.result {
        case .written: result = .written
        case .unchanged: result = .unchanged
        case .inMemory: result = .inMemory
        case .failed(let failure):
            if case .durabilityUnknown = failure {
                result = .durabilityUnknown
            } else {
                result = .failed
            }
            errorCode = failure.symbol
            error = "\(failure)"
        }
    }
}
