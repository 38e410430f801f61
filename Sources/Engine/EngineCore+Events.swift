internal import Configuration
internal import PodiumModel
internal import Persistence
internal import Proxy
internal import Ranking
internal import Support

extension EngineCore {
    /// What the data path calls.
    func proxyEvents(persister: Persister) -> ProxyEvents {
        ProxyEvents(
            attemptAnswered: { id, time, now in
                if self.attemptAnswered(id, after: time, now: now) {
                    persister.mark(now: now)
                }
            },
            attemptFinished: { report in
                Self.save(self.attemptFinished(report), at: report.at, persister)
            },
            requestStarted: requestStarted,
            requestFinished: { report in
                Self.save(self.requestFinished(report), at: report.at, persister)
            },
            admitProbation: { self.admitProbation($0) },
            clientRejected: { rejection in
                self.log(
                    .warning, source: "proxy",
                    "refused \(rejection.clientAddress): \(rejection.status) \(rejection.reason)",
                    kind: .traffic, fold: "refused \(rejection.status) \(rejection.reason)")
            })
    }

    private static func save(
        _ consequence: Consequence, at now: @autoclosure () -> ContinuousClock.Instant, _ persister: Persister
    ) {
        if consequence.orderChanged { persister.mark(now: now()) }
        // A failure is the persister's to report and to try again.
        if consequence.hasLearned { Task { _ = try? await persister.flush(trigger: .learned) } }
    }

    /// What the persister tells, for the event log.
    func persisterEvent(_ event: PersisterEvent) {
        switch event {
        case .flushed(let record):
            log(record.level, source: "persist", record.plainWords, kind: .traffic)
        case .externalEditAdopted(let changes, let conflicts):
            updateSchedule()
            let text = changes.isEmpty ? "no endpoint changed" : changes.joined(separator: ", ")
            log(.info, source: "config", "the file was edited: \(text)")
            for conflict in conflicts {
                log(.warning, source: "config", "edited in both places, the file wins: \(conflict)")
            }
        case .externalEditRefused(let refusal):
            log(
                .error, source: "config",
                "the edited file is not used, the running configuration stays: \(refusal)")
        case .externalEditAwaited(let refusal):
            log(.warning, source: "config", "the file was changed and is not taken in yet: \(refusal)")
        case .externalEditDoubted(let refusal):
            log(
                .warning, source: "config",
                "the file is taken in as it is, because it has not changed for long; \(refusal)")
        case .externalEditRefusalEnded:
            log(.info, source: "config", "the file is right again")
        case .fileUnreachable(let error):
            log(
                .error, source: "config",
                "the file cannot be looked at, the running configuration stays: \(error)")
        case .unwritten(let began, let ended):
            for change in began {
                log(
                    .warning, source: "persist", endpoint: change.name,
                    "in force, but not in the file: \(change); everything else is saved")
            }
            for change in ended {
                log(.info, source: "persist", endpoint: change.name, "no longer missing in the file: \(change.text)")
            }
        case .overdue(let since):
            log(
                .error, source: "persist",
                "OVERDUE: unsaved for \((ContinuousClock.now - since).shortText), longer than config_max_dirty_time")
        case .overdueEnded:
            log(.info, source: "persist", "no longer overdue: everything is saved")
        case .memoryOnly(let reason):
            log(
                .warning, source: "persist",
                "ranks and changes live in memory only and are gone after a restart: \(reason)\(reason.advice)")
        case .memoryOnlyEnded:
            log(.info, source: "persist", "changes are saved into the file again")
        case .backupFailed(let errno):
            log(.warning, source: "persist", "saved, but the old version could not be kept as backup (errno \(errno))")
        case .flagsNotKept(let flags):
            log(
                .warning, source: "persist",
                "saved, but the new file could not be made \(flags.joined(separator: ", ")), as the old one was")
        case .copyExposed(let name, let errno):
            log(
                .warning, source: "persist",
                "\(name) can be read by more people than the configuration, and that cannot be changed "
                    + "(errno \(errno)): chmod or remove it")
        case .orphan(let outcome):
            log(.info, source: "persist", outcome.plainWords)
        case .watchUnavailable(let errno):
            log(
                .warning, source: "config",
                "the folder cannot be watched (errno \(errno)): hand edits are noticed within a second and not at once")
        }
    }
}

extension FlushRecord {
    var level: EventLevel {
        switch result {
        case .written, .unchanged: .info
        // That nothing is written was said when it began.
        case .inMemory: .debug
        case .failed: .error
        }
    }

    /// Such as `flushed 4 changes (interval), 4.1 K, 3.2 ms`.
    var plainWords: String {
        switch result {
        case .written:
            "flushed \(changes.count) \(changes.count == 1 ? "change" : "changes") (\(trigger.rawValue)), "
                + "\(fileSize) bytes, \(durations.total.shortText)"
        case .unchanged:
            "nothing to write (\(trigger.rawValue))"
        case .inMemory(let reason):
            "not written (\(trigger.rawValue)): \(reason)"
        case .failed(let error):
            "write failed (\(trigger.rawValue)): \(error); everything is kept and tried again"
        }
    }
}

extension MemoryOnly {
    /// Where it was found out and not said.
    fileprivate var advice: String {
        switch self {
        case .asConfigured: ""
        case .readOnly: "; server.persist: off says that this is meant so, on makes it an error"
        }
    }
}

extension OrphanOutcome {
    fileprivate var plainWords: String {
        switch self {
        case .removed(let name): "removed \(name), left by a crash"
        case .keptAsBackup(let name): "kept \(name), left by a crash, as the backup: it was the only older version"
        case .keptForRestore(let name): "kept \(name), left by a crash: `podium restore` shows it"
        }
    }
}
