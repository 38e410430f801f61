internal import Configuration
internal import PodiumModel
internal import PureSupport
internal import Ranking

/// What a command did in memory.
struct AppliedCommand {
    /// In words; empty where there is nothing to say.
    var change = ""
    /// What undo would take back of it; nil where it made nothing to undo.
    var undo: String?
    var effects = EngineEffects()
    /// What it made of the settings; nil where Podium is alone.
    var step: (before: PersistedState, after: PersistedState)?
}

/// What an operator's command does to the state; saving is the caller's business.
extension EngineState {
    /// Carries the command out in memory, lets requests follow it at once, and notes whose it was.
    ///
    /// - Throws: `CommandRefusal`; then nothing was changed.
    mutating func perform(
        _ command: Command, by author: CommandAuthor, ifRevision: UInt64?, now: ContinuousClock.Instant,
        wallTime: Double
    ) throws(CommandRefusal) -> AppliedCommand {
        try check(command, ifRevision)
        let before = ConfigurationSnapshot(self)
        let made = actions.made
        let clients = configuration.clients
        var applied = AppliedCommand()
        applied.change = try apply(command, now: now)
        noteChanges(since: before, by: author.name, applied.change, time: wallTime)
        publishRoutes(now: now, &applied.effects)
        if configuration.clients != clients {
            countClients()
            applied.effects.tasks.insert(.followSettings)
        }
        // The command's own line tells more than the rank changes it brought.
        skipRankChanges(now: now)
        setTimer(&applied.effects)
        if let deed = command.deed(applied.change) {
            log(
                .info, source: author.source.rawValue, "\(author.name) \(deed)", wallTime: wallTime, &applied.effects)
        }
        if actions.made != made { applied.undo = actions.undoable.last?.label }
        return applied
    }

    /// What can be said against a command before anything is tried: a new endpoint without a name, or with that of another one, and a
    /// configuration that others have changed.
    func check(_ command: Command, _ ifRevision: UInt64?) throws(CommandRefusal) {
        if case .add(let patch) = command {
            guard let name = patch.name else { throw .nameIsMissing }
            guard record(named: name) == nil else { throw .nameTaken(name) }
        }
        guard let ifRevision, ifRevision != revisions.revision else { return }
        throw .revisionConflict(
            of: nil, now: revisions.revision,
            revisions.changes(after: ifRevision).map { RevisionChange($0, ofEndpoint: false) })
    }

    /// Carries the command out in memory.
    ///
    /// - Returns: what was done, in words, such as `moved openai-team to rank 3 and pinned it`.
    /// - Throws: `CommandRefusal`; then nothing was changed.
    mutating func apply(_ command: Command, now: ContinuousClock.Instant) throws(CommandRefusal) -> String {
        switch command {
        case .undo:
            let action = try nextUndo(now: now)
            try restore(action, now: now)
            actions.undid(action.number)
            return "undid: \(action.label)"
        case .redo:
            let action = try nextRedo(now: now)
            try restore(action.inverse, now: now)
            actions.redid(action.number)
            return "did again: \(action.label)"
        default:
            let before = orderSnapshot()
            let made = actions.made
            let change = try carryOut(command, now: now)
            if actions.made != made {
                actions.completeLast(OperatorAction.Orders(before: before, after: orderSnapshot(sharing: before)))
            }
            return change
        }
    }

    private mutating func carryOut(
        _ command: Command, now: ContinuousClock.Instant
    ) throws(CommandRefusal) -> String {
        switch command {
        case .move(let reference, let rank):
            return try move(find(reference).id, to: rank, now: now)
        case .setEnabled(let reference, let enabled):
            let id = try find(reference).id
            return change(id, label: enabled ? "enabled" : "disabled", now: now) { $0.enabled = enabled }
        case .setPinned(let reference, let pinned):
            let id = try find(reference).id
            return change(id, label: pinned ? "pinned" : "unpinned", now: now) { $0.pinned = pinned }
        case .sortNow:
            let before = ranking.order
            _ = ranking.sortNow(now: now)
            guard ranking.order != before else {
                return "sorted: the order was right already"
            }
            actions.did(OperatorAction(label: "sort", effect: .order(before: before, after: ranking.order)))
            return "sorted"
        case .setAutoSort(let on):
            guard configuration.server.autoSortEndpoints != on else {
                return "left auto-sort \(on ? "on" : "off"), as it was"
            }
            setAutoSort(on, now: now)
            actions.did(OperatorAction(label: on ? "auto-sort on" : "auto-sort off", effect: .autoSort(before: !on)))
            return on ? "auto-sort is on" : "auto-sort is off: ranks change by hand only"
        case .update(let target, let patch):
            return try update(target, patch, now: now)
        case .replace(let target, let patch):
            _ = try find(CommandTarget(name: target.name))
            guard patch.name != nil else { throw .nameIsMissing }
            return try update(target, patch.asWhole, now: now)
        case .add(let edit):
            return try add(edit, now: now)
        case .remove(let reference):
            return remove(try find(reference), now: now)
        case .clear(let reference):
            let record = try find(CommandTarget(name: reference.name))
            let isCleared = ranking.clear(record.id, now: now).isCleared
            return isCleared
                ? "cleared \(record.settings.name): the next request tries it"
                : "\(record.settings.name) was in no time out"
        case .addClient(let patch): return try addClient(patch)
        case .changeClient(let name, let patch): return try changeClient(name, patch)
        case .removeClient(let name): return try removeClient(name)
        case .clone(let reference, let name):
            return try clone(find(CommandTarget(name: reference.name)), named: name, now: now)
        case .changeAll(let targets, let change):
            return try changeAll(targets, change, now: now)
        case .undo, .redo, .flush, .reload, .test, .testDraft, .preview, .explain, .usage, .openRequests,
            .loggedRequests, .pastEvents, .cancel:
            return ""
        }
    }

    private mutating func update(
        _ target: CommandTarget, _ patch: EndpointPatch, now: ContinuousClock.Instant
    ) throws(CommandRefusal) -> String {
        // An edit that is invalid is so at every revision: the revision counts only for one that is valid.
        let record = try find(CommandTarget(name: target.name))
        if let name = patch.name { try requireFree(name, except: record.id) }
        let settings = try patch.made(on: record.settings)
        try validate(settings, replacing: record.id, rank: patch.rank, count: ranking.count)
        return try update(find(target), to: settings, patch, now: now)
    }

    private func requireFree(_ name: String, except id: EndpointID?) throws(CommandRefusal) {
        if let other = record(named: name), other.id != id { throw .nameTaken(name) }
    }

    func find(_ reference: CommandTarget) throws(CommandRefusal) -> EndpointRecord {
        guard let record = record(named: reference.name) else {
            throw .noSuchEndpoint(reference.name)
        }
        if let revision = reference.revision, revision != record.revision {
            throw .revisionConflict(
                of: reference.name, now: record.revision,
                revisions.changes(of: reference.name, after: revision).map { RevisionChange($0, ofEndpoint: true) })
        }
        return record
    }

    func snapshot(_ id: EndpointID) -> EndpointSnapshot? {
        guard let record = record(id), let rank = ranking.rank(of: id), let fileIndex = fileOrder.firstIndex(of: id)
        else {
            return nil
        }
        return EndpointSnapshot(settings: record.settings, rank: rank, fileIndex: fileIndex)
    }

    /// The numbers are settled at every action, so that each is undone to the numbers it found.
    mutating func orderSnapshot(sharing other: OrderSnapshot? = nil) -> OrderSnapshot {
        settlePriorities()
        var snapshot = OrderSnapshot(
            arrangement: ranking.arrangement, fileOrder: fileOrder,
            priorities: fileOrder.map { record($0)?.settings.priority })
        guard let other else { return snapshot }
        // Equal parts are held once: a hundred actions in a file of thousands would hold much.
        if snapshot.arrangement == other.arrangement { snapshot.arrangement = other.arrangement }
        if snapshot.fileOrder == other.fileOrder { snapshot.fileOrder = other.fileOrder }
        if snapshot.priorities == other.priorities { snapshot.priorities = other.priorities }
        return snapshot
    }

    private mutating func noteChange(_ id: EndpointID, _ label: String, before: EndpointSnapshot?) {
        settlePriorities()
        let after = snapshot(id)
        if before != after {
            actions.did(OperatorAction(label: label, effect: .endpoint(id, before: before, after: after)))
        }
    }

    private mutating func move(_ id: EndpointID, to rank: Int, now: ContinuousClock.Instant) throws(CommandRefusal)
        -> String
    {
        guard let before = snapshot(id) else {
            throw .noSuchEndpoint("")
        }
        guard (1...ranking.count).contains(rank) else {
            throw .invalid(.priority, "rank \(rank) does not exist; there are ranks 1 to \(ranking.count)")
        }
        let settings = before.settings
        let allowed = ranking.allowedRanks(of: id) ?? 1...ranking.count
        let target = min(max(rank, allowed.lowerBound), allowed.upperBound)
        let limit = target == rank ? "" : ": endpoints that are off come last"
        // One that is off is not pinned: it stands where the disabled ones stand.
        guard target != before.rank || (settings.enabled && !settings.pinned) else {
            let pin = settings.enabled && target == rank ? ", where it was pinned already" : limit
            return "left \(settings.name) at rank \(target)\(pin)"
        }
        place(id, at: target, now: now)
        let landed = ranking.rank(of: id) ?? target
        let label = landed == before.rank ? "pin" : "move"
        noteChange(id, "\(label) \(settings.name) \(places(from: before.rank, to: landed))", before: before)
        guard landed != before.rank else {
            return "pinned \(settings.name) at rank \(landed)\(limit)"
        }
        return "moved \(settings.name) to rank \(landed)\(settings.enabled ? " and pinned it" : "")\(limit)"
    }

    private func places(from before: Int, to after: Int) -> String {
        before == after ? "at \(after)" : "\(before)→\(after)"
    }

    /// An operator's rank is a pin: automatic sorting must not undo it.
    private mutating func place(_ id: EndpointID, at rank: Int, now: ContinuousClock.Instant) {
        _ = ranking.move(id, toRank: rank, now: now)
        withRecord(id) { record in
            if record.settings.enabled { record.settings.pinned = true }
            record.revision += 1
        }
    }

    private mutating func change(
        _ id: EndpointID, label: String, now: ContinuousClock.Instant, _ body: (inout EndpointSettings) -> Void
    ) -> String {
        guard let before = snapshot(id) else {
            return ""
        }
        var settings = before.settings
        body(&settings)
        guard settings != before.settings else {
            return "left \(settings.name) \(label), as it was"
        }
        replaceSettings(of: id, with: settings, now: now)
        noteChange(id, "\(label) \(settings.name)", before: before)
        return "\(label) \(settings.name)"
    }

    mutating func setAutoSort(_ on: Bool, now: ContinuousClock.Instant) {
        configuration.server.autoSortEndpoints = on
        _ = ranking.setAutoSort(on, now: now)
    }

    private mutating func update(
        _ record: EndpointRecord, to settings: EndpointSettings, _ edit: EndpointPatch, now: ContinuousClock.Instant
    ) -> String {
        let before = snapshot(record.id)
        replaceSettings(of: record.id, with: settings, now: now)
        renameForClients(record.settings.name, to: settings.name)
        if let rank = edit.rank, rank != before?.rank {
            place(record.id, at: rank, now: now)
            // A rank asked for in the form holds only if it is pinned, unless the form itself took the pin away.
            if edit[.pinned] == .boolean(false), record.settings.pinned {
                _ = ranking.setPinned(false, for: record.id, now: now)
                withRecord(record.id) { $0.settings.pinned = false }
            }
        }
        guard before != snapshot(record.id) else {
            return "left \(settings.name) as it was"
        }
        noteChange(record.id, "edit \(record.settings.name)", before: before)
        return "changed \(settings.name)"
    }

    private mutating func add(_ edit: EndpointPatch, now: ContinuousClock.Instant) throws(CommandRefusal) -> String {
        let settings = try edit.made(on: EndpointSettings(name: edit.name ?? ""))
        try validate(settings, replacing: nil, rank: edit.rank, count: ranking.count + 1)
        let id = insert(settings, now: now)
        if let rank = edit.rank {
            place(id, at: rank, now: now)
        }
        noteChange(id, "add \(settings.name)", before: nil)
        return "added \(settings.name) at rank \(ranking.rank(of: id) ?? ranking.count)"
    }

    /// Out of service at first: it has the credential of another one, and mostly wants something changed.
    private mutating func clone(
        _ record: EndpointRecord, named name: String, now: ContinuousClock.Instant
    ) throws(CommandRefusal) -> String {
        var settings = record.settings
        (settings.name, settings.enabled, settings.pinned, settings.priority) = (name, false, false, nil)
        try validate(settings, replacing: nil, rank: nil, count: ranking.count + 1)
        let id = insert(settings, now: now)
        noteChange(id, "clone \(record.settings.name)", before: nil)
        return "cloned \(record.settings.name) as \(name), which is off"
    }

    /// All of it or nothing, and one action for all.
    private mutating func changeAll(
        _ targets: [CommandTarget], _ change: BatchChange, now: ContinuousClock.Instant
    ) throws(CommandRefusal) -> String {
        guard !targets.isEmpty else { throw .invalid(key: "names", "no endpoint is named") }
        var copy = self
        var effects: [OperatorAction.Effect] = []
        for target in targets {
            let id = try copy.find(target).id
            let before = copy.snapshot(id)
            switch change {
            case .clear: _ = copy.ranking.clear(id, now: now)
            case .setEnabled(let isOn): copy.replace(id, now: now) { $0.enabled = isOn }
            case .addTag(let tag): copy.replace(id, now: now) { if !$0.tags.contains(tag) { $0.tags.append(tag) } }
            case .removeTag(let tag): copy.replace(id, now: now) { $0.tags.removeAll { $0 == tag } }
            }
            if let settings = copy.record(id)?.settings, let found = settings.fatalProblem {
                throw CommandRefusal(found)
            }
            copy.settlePriorities()
            let after = copy.snapshot(id)
            if before != after, change != .clear { effects.append(.endpoint(id, before: before, after: after)) }
        }
        self = copy
        let what = "\(targets.count.counted("endpoint")) \(change.words)"
        guard !effects.isEmpty else { return change == .clear ? what : "left \(what), as they were" }
        actions.did(OperatorAction(label: what, effect: .several(effects)))
        return what
    }

    private mutating func replace(
        _ id: EndpointID, now: ContinuousClock.Instant, _ body: (inout EndpointSettings) -> Void
    ) {
        guard var settings = record(id)?.settings else { return }
        body(&settings)
        if settings != record(id)?.settings { replaceSettings(of: id, with: settings, now: now) }
    }

    private mutating func remove(_ record: EndpointRecord, now: ContinuousClock.Instant) -> String {
        let before = snapshot(record.id)
        remove(record.id, now: now)
        noteChange(record.id, "delete \(record.settings.name)", before: before)
        return "deleted \(record.settings.name)"
    }

    private func validate(
        _ settings: EndpointSettings, replacing id: EndpointID?, rank: Int?, count: Int
    ) throws(CommandRefusal) {
        try requireFree(settings.name, except: id)
        if let rank, !(1...count).contains(rank) {
            throw .invalid(.priority, "rank \(rank) does not exist; there are ranks 1 to \(count)")
        }
        if let found = settings.fatalProblem { throw CommandRefusal(found) }
    }
}

extension EndpointPatch {
    /// - Throws: `CommandRefusal` for what is wrong with a field.
    func made(on settings: EndpointSettings) throws(CommandRefusal) -> EndpointSettings {
        do throws(EndpointProblem) {
            return try applied(to: settings)
        } catch {
            throw CommandRefusal(error)
        }
    }
}

extension Command {
    /// What the event log says was done, behind the author's name.
    fileprivate func deed(_ change: String) -> String? {
        switch self {
        case .flush: "asked for a flush"
        case .reload: "asked to read the file again"
        default: change.isEmpty ? nil : change
        }
    }
}
