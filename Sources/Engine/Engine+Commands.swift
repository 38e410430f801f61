internal import Configuration
public import Persistence
public import PodiumModel
internal import Proxy
internal import Ranking
internal import Support

/// Commands, and what can be asked of an edit before it is saved.
extension Engine {
    /// Carries out an operator's command; requests follow it at once.
    ///
    /// - Parameters:
    ///   - author: who asked, for the event log.
    ///   - ifRevision: the configuration's revision that the command is based on; nil accepts any.
    /// - Returns: when the change is on disk.
    /// - Throws: `CommandError`. After `.notSaved` and `.notWritable` the change holds in memory; after all others nothing has
    ///   changed.
    public func perform(
        _ command: EngineCommand, by author: CommandAuthor, ifRevision: UInt64? = nil
    ) async throws(CommandError) -> CommandReceipt {
        prepare(for: command)
        if command.isEdit { try requireWritable(command, ifRevision) }
        let known = persister.statistics(now: .now).unwritten
        let applied = try apply(command, by: author, ifRevision: ifRevision)
        let change = applied.change
        let receipt: FlushReceipt
        do {
            receipt = try await persister.flush(trigger: command == .reload ? .reload : .operator)
        } catch .refused(let refusal) where command == .reload && refusal.isAboutTheFile && !hasUnsavedChanges {
            throw .fileNotUsed(reason: "\(refusal)")
        } catch {
            throw .notSaved(change: change.isEmpty ? "nothing else changed" : change, reason: error.description)
        }
        let message = Self.message(command, change: change, receipt: receipt)
        let fresh = receipt.unwritten.filter { !known.contains($0) }
        guard !fresh.isEmpty else { return CommandReceipt(message: message, undo: applied.undo) }
        // What the command was about is in force and not in the file. A neighbour's rank that follows from it is by the way.
        let own = fresh.filter { command.concerns($0) }
        guard own.isEmpty else {
            throw .notWritable(change: change, reason: own.map(\.description).joined(separator: "; "))
        }
        let rest = fresh.map { "\($0)" }.joined(separator: "; ")
        return CommandReceipt(message: "\(message); not in the file: \(rest)", undo: applied.undo)
    }

    /// Refuses an edit of settings that the file has no place for, before anything is changed. Rank and switches are another
    /// matter: they are in force whatever the file says.
    private func requireWritable(_ command: EngineCommand, _ ifRevision: UInt64?) throws(CommandError) {
        let made: Result<(before: PersistedState, after: PersistedState), CommandError> = withState { state in
            var copy = state
            do throws(CommandError) {
                if let ifRevision, ifRevision != state.revisions.revision { throw .staleRevision }
                let before = copy.persistedState()
                _ = try copy.apply(command, now: .now)
                return .success((before, copy.persistedState()))
            } catch {
                return .failure(error)
            }
        }
        let (before, after) = try made.get()
        try Self.require(persister.unwritable(after), from: before, to: after, path: path)
    }

    /// - Throws: what of a command's own changes is among those that cannot be written.
    static func require(
        _ unwritten: [UnwrittenChange], from before: PersistedState, to after: PersistedState, path: String
    ) throws(CommandError) {
        for change in unwritten where !change.fields.contains(where: { $0.traits.contains(.rankOrSwitch) }) {
            guard let id = change.endpoint else { continue }
            let old = before.endpoints.first { $0.id == id }?.settings
            let new = after.endpoints.first { $0.id == id }?.settings
            let isOwn =
                change.fields.isEmpty
                ? (old == nil) != (new == nil)
                : change.fields.contains { old?.value(of: $0) != new?.value(of: $0) }
            guard isOwn else { continue }
            let refusal = Refusal.cannotEdit(path: path, reason: change.reason)
            throw .invalid(field: change.fields.first ?? .name, reason: "not accepted: \(refusal)")
        }
    }

    /// Makes the TLS context that an edit needs, before the lock is taken. Whatever an undo brings back was prepared before.
    private func prepare(for command: EngineCommand) {
        switch command {
        case .add(let edit):
            guard let settings = try? edit.applied(to: EndpointSettings(name: "")) else { return }
            authorities.prepare([settings], context)
        case .update(let target, let edit):
            let present = withState { $0.record(named: target.name)?.settings }
            guard let present, let settings = try? edit.applied(to: present) else { return }
            authorities.prepare([settings], context)
        case .remove, .move, .setEnabled, .setPinned, .sortNow, .setAutoSort, .flush, .reload, .undo, .redo: break
        }
    }

    private static func counted(_ changes: Int) -> String { changes == 1 ? "1 change" : "\(changes) changes" }

    private static func message(_ command: EngineCommand, change: String, receipt: FlushReceipt) -> String {
        if command == .reload, receipt.outcome == .unchanged {
            return "the file was read again; file and memory agree"
        }
        return switch (receipt.outcome, change.isEmpty) {
        case (.written, false): "\(change); saved in \(receipt.record.durations.total.shortText)"
        case (.unchanged, false): change
        case (.written, true):
            "saved \(Self.counted(receipt.record.changes.count)) in \(receipt.record.durations.total.shortText)"
        case (.unchanged, true): "nothing to save: the file is up to date"
        case (.inMemory(let reason), false): "\(change); in memory only, not saved: \(reason)"
        case (.inMemory(let reason), true): "nothing is saved, changes live in memory only: \(reason)"
        }
    }

    /// Carries out a command in memory and lets requests follow it at once.
    private func apply(
        _ command: EngineCommand, by author: CommandAuthor, ifRevision: UInt64?
    ) throws(CommandError) -> AppliedCommand {
        let result: Result<AppliedCommand, CommandError> = withState { state in
            do throws(CommandError) {
                return .success(
                    try state.perform(
                        command, by: author, ifRevision: ifRevision, now: .now, wallTime: Self.wallTime()))
            } catch {
                return .failure(error)
            }
        }
        let applied = try result.get()
        perform(applied.effects)
        return applied
    }

    /// Goes all the way to an answer of the endpoint: name, connection, TLS, and `GET /v1/models`, which costs nothing.
    ///
    /// - Returns: the times of the steps, in words.
    /// - Throws: `CommandError.noSuchEndpoint`, or `.unreachable` with how far it came and the reason.
    public func test(_ target: CommandTarget) async throws(CommandError) -> CommandReceipt {
        let record = try find(CommandTarget(name: target.name))
        guard let upstream = record.upstream else {
            throw .unreachable(name: target.name, reason: record.misconfiguration ?? "misconfigured")
        }
        return try await trial(upstream)
    }

    /// The same for an edit that is not saved.
    ///
    /// - Parameter target: the endpoint that is edited, nil for a new one.
    public func test(_ edit: EndpointPatch, of target: CommandTarget?) async throws(CommandError) -> CommandReceipt {
        let assembly = withState { state in
            UpstreamAssembly(context: state.context, timeouts: state.configuration.timeouts)
        }
        let present: EndpointSettings
        if let target {
            present = try find(CommandTarget(name: target.name)).settings
        } else {
            present = EndpointSettings(name: edit.name ?? "")
        }
        let settings = try edit.made(on: present)
        switch assembly.assemble(id: EndpointID(.max), settings: settings, previous: nil) {
        case .ready(let upstream): return try await trial(upstream)
        case .misconfigured(let reason): throw .unreachable(name: settings.name, reason: reason)
        }
    }

    /// What saving the edit would do to the file, line by line, with what is unsaved besides; nothing is changed.
    ///
    /// - Parameter target: the endpoint that is edited, nil for a new one.
    /// - Throws: what saving would throw.
    public func preview(
        _ edit: EndpointPatch, of target: CommandTarget?
    ) async throws(CommandError) -> LineDifference {
        if let refused = persister.statistics(now: .now).refusedFile {
            throw .notSaved(change: "nothing changed", reason: refused.description)
        }
        var copy = withState { $0 }
        let before = copy.persistedState()
        _ = try copy.apply(target.map { .update($0, edit) } ?? .add(edit), now: .now)
        let after = copy.persistedState()
        let preview: FlushPreview
        do throws(PersistenceError) {
            preview = try await persister.preview(after)
        } catch {
            throw .invalid(field: .name, reason: "not accepted: \(error)")
        }
        try Self.require(preview.unwritten, from: before, to: after, path: path)
        return preview.difference
    }

    private func find(_ target: CommandTarget) throws(CommandError) -> EndpointRecord {
        let found: Result<EndpointRecord, CommandError> = withState { state in
            do throws(CommandError) {
                return .success(try state.find(target))
            } catch {
                return .failure(error)
            }
        }
        return try found.get()
    }

    private func trial(_ upstream: Upstream) async throws(CommandError) -> CommandReceipt {
        let results = await proxy.trial(upstream)
        let words = results.map { results.count == 1 ? $0.plainWords : "\($0.authority): \($0.plainWords)" }
        let text = words.joined(separator: "; ")
        guard results.allSatisfy(\.isGood) else { throw .unreachable(name: upstream.name, reason: text) }
        return CommandReceipt(message: "\(upstream.name): \(text)")
    }
}

extension TrialResult {
    /// An answer to `GET /v1/models` that says the credential is wrong is no success; that the path is unknown says nothing.
    var isGood: Bool { failure == nil && status != 401 && status != 403 }

    /// `answered 200 (DNS 12 ms, connect 30 ms, TLS 45 ms, first byte 120 ms)`
    var plainWords: String {
        var steps: [String] = []
        if let lookup { steps.append("DNS \(lookup.shortText)") }
        if let connect { steps.append("connect \(connect.shortText)") }
        if let tlsHandshake { steps.append("TLS \(tlsHandshake.shortText)") }
        if let firstByte { steps.append("first byte \(firstByte.shortText)") }
        let verdict =
            switch (failure, status) {
            case (let failure?, _): failure.text
            case (nil, .some(let status)): isGood ? "answered \(status)" : "credential refused, status \(status)"
            case (nil, nil): "no answer"
            }
        return steps.isEmpty ? verdict : "\(verdict) (\(steps.joined(separator: ", ")))"
    }
}

extension EngineCommand {
    fileprivate var isEdit: Bool {
        switch self {
        case .update, .add, .remove: true
        case .move, .setEnabled, .setPinned, .sortNow, .setAutoSort, .flush, .reload, .undo, .redo: false
        }
    }

    /// Whether the change is what this command was to make.
    fileprivate func concerns(_ change: UnwrittenChange) -> Bool {
        switch self {
        case .move(let target, _), .setEnabled(let target, _), .setPinned(let target, _), .update(let target, _),
            .remove(let target):
            change.name == target.name
        case .add(let edit): change.name == edit.name
        case .setAutoSort: change.name == nil
        case .sortNow, .flush, .reload, .undo, .redo: false
        }
    }
}

extension Refusal {
    /// Whether what somebody wrote into the file is the reason.
    fileprivate var isAboutTheFile: Bool {
        switch self {
        case .invalidFile, .missing, .empty, .unfinishedEdit: true
        default: false
        }
    }
}
