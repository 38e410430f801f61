internal import Configuration
internal import Persistence
internal import PodiumModel
internal import PureSupport

extension EngineState {
    /// What the persister tells, for the event log.
    mutating func persisterEvent(
        _ event: PersisterEvent, now: ContinuousClock.Instant, wallTime: Double
    ) -> EngineEffects {
        var effects = EngineEffects()
        for line in event.lines(now: now) {
            log(
                line.level, source: line.source, endpoint: line.endpoint, line.text, kind: line.kind,
                wallTime: wallTime, &effects)
        }
        return effects
    }
}

/// What the event log says of a persister's event.
private struct PersisterLine {
    var level: EventLevel
    var source: String
    var endpoint: String?
    var text: String
    var kind = EventKind.change

    init(_ level: EventLevel, source: String, endpoint: String? = nil, _ text: String, kind: EventKind = .change) {
        self.level = level
        self.source = source
        self.endpoint = endpoint
        self.text = text
        self.kind = kind
    }
}

extension PersisterEvent {
    fileprivate func lines(now: ContinuousClock.Instant) -> [PersisterLine] {
        switch self {
        case .flushed(let record):
            return [PersisterLine(record.level, source: "persist", record.text, kind: .traffic)]
        case .externalEditAdopted(let changes, let conflicts):
            let text = changes.isEmpty ? "no endpoint changed" : changes.joined(separator: ", ")
            return [PersisterLine(.info, source: "config", "the file was edited: \(text)")]
                + conflicts.map {
                    PersisterLine(.warning, source: "config", "edited in both places, the file wins: \($0)")
                }
        case .externalEditRefused(let refusal):
            return [
                PersisterLine(
                    .error, source: "config",
                    "the edited file is not used, the running configuration stays: \(refusal)")
            ]
        case .externalEditAwaited(let refusal):
            return [
                PersisterLine(.warning, source: "config", "the file was changed and is not taken in yet: \(refusal)")
            ]
        case .externalEditDoubted(let refusal):
            return [
                PersisterLine(
                    .warning, source: "config",
                    "the file is taken in as it is, because it has not changed for long; \(refusal)")
            ]
        case .externalEditRefusalEnded:
            return [PersisterLine(.info, source: "config", "the file is right again")]
        case .fileUnreachable(let error):
            return [
                PersisterLine(
                    .error, source: "config",
                    "the file cannot be looked at, the running configuration stays: \(error)")
            ]
        case .unwritten(let began, let ended):
            return began.map {
                PersisterLine(
                    .warning, source: "persist", endpoint: $0.name,
                    "in force, but not in the file: \($0); everything else is saved")
            }
                + ended.map {
                    PersisterLine(
                        .info, source: "persist", endpoint: $0.name, "no longer missing in the file: \($0.text)")
                }
        case .overdue(let since):
            return [
                PersisterLine(
                    .error, source: "persist",
                    "OVERDUE: unsaved for \((now - since).shortText), longer than config_max_dirty_time")
            ]
        case .overdueEnded:
            return [PersisterLine(.info, source: "persist", "no longer overdue: everything is saved")]
        case .memoryOnly(let reason):
            return [
                PersisterLine(
                    .warning, source: "persist",
                    "ranks and changes live in memory only and are gone after a restart: \(reason)\(reason.advice)")
            ]
        case .memoryOnlyEnded:
            return [PersisterLine(.info, source: "persist", "changes are saved into the file again")]
        case .backupFailed(let errno):
            return [
                PersisterLine(
                    .warning, source: "persist",
                    "saved, but the old version could not be kept as backup (errno \(errno))")
            ]
        case .flagsNotKept(let flags):
            return [
                PersisterLine(
                    .warning, source: "persist",
                    "saved, but the new file could not be made \(flags.joined(separator: ", ")), as the old one was")
            ]
        case .copyExposed(let name, let errno):
            return [
                PersisterLine(
                    .warning, source: "persist",
                    "\(name) can be read by more people than the configuration, and that cannot be changed "
                        + "(errno \(errno)): chmod or remove it")
            ]
        case .orphan(let outcome):
            return [PersisterLine(.info, source: "persist", outcome.text)]
        case .watchUnavailable(let errno):
            return [
                PersisterLine(
                    .warning, source: "config",
                    "the folder cannot be watched (errno \(errno)): hand edits are noticed within a second and not at once"
                )
            ]
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
    var text: String {
        switch result {
        case .written:
            "flushed \(changes.count.counted("change")) (\(trigger.rawValue)), "
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
    fileprivate var text: String {
        switch self {
        case .removed(let name): "removed \(name), left by a crash"
        case .keptAsBackup(let name): "kept \(name), left by a crash, as the backup: it was the only older version"
        case .keptForRestore(let name): "kept \(name), left by a crash: `podium restore` shows it"
        }
    }
}
