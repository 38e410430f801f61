internal import Engine
internal import Persistence
internal import Support

extension MetricsText {
    mutating func addPersister(_ metrics: EngineMetrics) {
        let statistics = metrics.persister
        addCounters(statistics)
        begin("podium_persist_dirty", .gauge, "Whether anything accepted is not on disk.")
        sample(statistics.dirtySince != nil)
        begin("podium_persist_overdue", .gauge, "Whether changes are unsaved for longer than the maximum dirty time.")
        sample(statistics.isOverdue)
        begin("podium_persist_memory_only", .gauge, "Whether nothing is written into the file, on purpose.")
        sample(statistics.memoryOnly != nil)
        begin(
            "podium_persist_oldest_unsaved_age_seconds", .gauge,
            "Age of the oldest unsaved change; 0 when all is saved.")
        sample(statistics.oldestUnsavedAge?.inSeconds ?? 0)
        let instants: [(String, String, ContinuousClock.Instant?)] = [
            (
                "podium_persist_dirty_since_timestamp_seconds",
                "Time of the oldest unsaved change; absent when all is saved.",
                statistics.dirtySince
            ),
            (
                "podium_persist_next_deadline_timestamp_seconds",
                "When the next automatic flush or retry starts; absent without one.",
                statistics.nextDeadline
            ),
            (
                "podium_persist_max_dirty_timestamp_seconds",
                "When unsaved changes become overdue; absent when all is saved.",
                statistics.maxDirtyDeadline
            ),
        ]
        for (name, help, instant) in instants {
            begin(name, .gauge, help)
            if let instant {
                sample(metrics.seconds(instant))
            }
        }
        begin("podium_persist_writing", .gauge, "Whether a flush runs now.")
        sample(statistics.writingSince != nil)
        begin("podium_persist_consecutive_failures", .gauge, "Failed flushes since the last success.")
        sample(statistics.consecutiveFailures)
        begin("podium_persist_generation", .gauge, "Raised by each accepted change.")
        sample(statistics.generation)
        begin("podium_persist_saved_generation", .gauge, "The newest generation that is on disk.")
        sample(statistics.savedGeneration)
        begin(
            "podium_persist_last_flush_timestamp_seconds", .gauge, "Start of the last flush; absent before the first.")
        if let flush = metrics.lastFlush {
            sample(flush.startedAt.inSeconds)
        }
        begin(
            "podium_persist_last_flush_duration_seconds", .gauge,
            "Duration of the last flush by step; absent before the first.")
        if let durations = metrics.lastFlush?.durations {
            for (step, duration) in [
                ("encode", durations.encode), ("write", durations.write), ("fsync", durations.fsync),
                ("rename", durations.rename), ("total", durations.total),
            ] {
                sample(duration.inSeconds, [("step", step)])
            }
        }
    }

    private mutating func addCounters(_ statistics: PersisterStatistics) {
        begin("podium_persist_marks_total", .counter, "Accepted automatic changes.")
        sample(statistics.marks)
        begin(
            "podium_persist_coalesced_total", .counter,
            "Marks that joined an already dirty state: writes that throttling saved.")
        sample(statistics.coalesced)
        begin("podium_persist_writes_total", .counter, "Writes that reached the disk, by what made them due.")
        for trigger in FlushTrigger.allCases {
            sample(statistics.writes[trigger] ?? 0, [("trigger", trigger.rawValue)])
        }
        begin("podium_persist_failures_total", .counter, "Failed flushes by error.")
        for (code, count) in statistics.failuresByErrno.sorted(by: { $0.key < $1.key }) {
            sample(count, [("error", PersistenceError.symbol(ofErrno: code))])
        }
        let counters: [(String, String, UInt64)] = [
            ("podium_persist_unchanged_total", "Flushes that found nothing to write.", statistics.unchanged),
            ("podium_persist_refusals_total", "Flushes that were refused.", statistics.refusals),
            (
                "podium_persist_written_bytes_total", "Bytes written to temporaries, journals and backups.",
                statistics.bytesWritten
            ),
            (
                "podium_persist_external_edits_merged_total", "Edits of the file by others that were taken in.",
                statistics.externalEditsMerged
            ),
            (
                "podium_persist_conflicts_total", "Fields changed on both sides, where the file won.",
                statistics.conflicts
            ),
            (
                "podium_persist_backups_failed_total", "Displaced files that could not be kept as the backup.",
                statistics.backupsFailed
            ),
            (
                "podium_persist_durability_unknown_total", "Writes whose directory did not sync.",
                statistics.durabilityUnknown
            ),
        ]
        for (name, help, value) in counters {
            begin(name, .counter, help)
            sample(value)
        }
    }
}
