internal import Cluster
internal import ClusterStore
internal import Configuration
internal import Dispatch
internal import Persistence
public import PodiumModel
internal import Support
internal import Synchronization

/// This Podium as one of a cluster: what was shared, and what is to be.
///
/// Commands and the persister hand over here what happened, under a lock that is never held over I/O but for the host record, which the
/// persister's thread writes. A thread of its own, `ClusterSession`, carries it to the store and brings back what others did. Nothing
/// of it lies in the way of a request, and while the store is away everything else goes on.
final class ClusterMember: Sendable {
    /// Who this is, and where the store is.
    struct Place: Sendable {
        /// The connection string, with `${NAME}` replaced.
        var target: String
        var cluster: String
        var instance: String
        /// What the others show; nil: where it listens.
        var address: String?
        var version: String
        /// Where the host record is kept; nil: nowhere.
        var record: String?
    }

    /// What became of a change that was made here.
    enum Outcome: Sendable {
        /// The log has it, or will have it when the store can be reached.
        case shared, pending
        /// Another host was first; it is taken back here.
        case refused(String)
    }

    /// What is known here, by every thread.
    struct Known: Sendable {
        /// nil before the store was joined for the first time.
        var replica: IntentReplica?
        /// Which founding of the cluster that is of.
        var incarnation = ""
        var clears: [TimeOutBook.Key: Set<String>] = [:]
        /// What the file held when it was written last.
        var file: IntentState?
        /// What it is to hold by the write that was announced last.
        var announced: IntentState?
        var isJoined = false
        /// Edits whose authors wait for what becomes of them.
        var waiting: [String: CheckedContinuation<Outcome, Never>] = [:]
        var report = ClusterReport()
        /// When the store was lost; nil while it is there.
        var lostAt: ContinuousClock.Instant?
        /// Clears that the session's book does not have yet.
        var newClears: [(key: TimeOutBook.Key, edit: String)] = []
        /// Clears of before the first join, which the log is told of then: a clear that it lacks would never be known to others.
        var untold: [(name: String, author: String)] = []
        var isStopped = false
        var written: ClusterRecord?
    }

    let place: Place
    /// The host's identity in the cluster, which outlives a restart.
    let identity: String
    let known: Mutex<Known>
    /// What the last process has left; nil where there is nothing, or nothing of use.
    let left: ClusterRecord?
    private let wakeUp: (read: Int32, write: Int32)
    private let ended = DispatchSemaphore(value: 0)
    private let isRunning = Mutex(false)

    /// nil where the configuration names no store.
    init?(_ settings: ClusterSettings, path: String, context: ConfigurationContext, options: EngineOptions) {
        guard let written = settings.store, let target = try? context.expanded(written) else { return nil }
        place = Place(
            target: target, cluster: settings.name, instance: settings.instance ?? Self.hostName,
            address: settings.address, version: options.version,
            record: TimeOutFile.place(path, options.environment, suffix: "podium-cluster"))
        let record = place.record.flatMap { ClusterRecord.read(at: $0) }
        left = record?.cluster == settings.name ? record : nil
        identity = record?.instance ?? ClusterIdentity.random()
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) == 0 {
            for end in ends {
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            }
        }
        wakeUp = (ends[0], ends[1])
        var known = Known()
        known.report = ClusterReport(name: settings.name)
        if let left {
            known.replica = left.host.replica
            known.incarnation = left.incarnation
            for clear in left.clears { known.clears[clear.key] = Set(clear.edits) }
        }
        self.known = Mutex(known)
    }

    deinit {
        close(wakeUp.read)
        close(wakeUp.write)
    }

    private static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "podium" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    // MARK: The thread

    /// Begins to share; once.
    func start(_ engine: Engine) {
        isRunning.withLock { $0 = true }
        DispatchQueue(label: "podium.cluster").async { [self] in
            ClusterSession(self, engine).run()
            ended.signal()
        }
    }

    /// Lets the others know that this one ends, and what is still to be told, unless the store stands still for longer than that.
    func stop(within patience: Duration) {
        known.withLock { $0.isStopped = true }
        wake()
        guard isRunning.withLock({ $0 }) else { return }
        _ = ended.wait(timeout: .now() + patience.inSeconds)
    }

    /// Makes the thread look.
    func wake() {
        var byte: UInt8 = 1
        _ = write(wakeUp.write, &byte, 1)
    }

    /// Waits until there is something to do.
    func wait(beside descriptor: Int32?, until deadline: ContinuousClock.Instant) {
        let left = max(.zero, deadline - ContinuousClock.now)
        var states = [pollfd(fd: wakeUp.read, events: Int16(POLLIN), revents: 0)]
        if let descriptor { states.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        _ = poll(&states, UInt(states.count), Int32(clamping: left.wholeMicroseconds / 1_000 + 1))
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(wakeUp.read, &bytes, bytes.count) > 0 {}
    }

    // MARK: What happened here

    /// An operator's change, or one of the file by hand, was carried out here; it holds at once, and others are told.
    ///
    /// - Parameter waits: for the store's word, where it can be reached
    func share(
        from before: PersistedState, to after: PersistedState, by author: String, waits: Bool
    ) async -> Outcome {
        await withCheckedContinuation { continuation in
            let answer: Outcome? = known.withLock { known in
                guard let edit = add(from: before, to: after, by: author, &known) else { return .shared }
                guard waits, known.isJoined, !known.isStopped else { return .pending }
                known.waiting[edit] = continuation
                return nil
            }
            wake()
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// The same for an edit by hand, whose author waits for nothing.
    func shareFile(from before: PersistedState, to after: PersistedState) {
        known.withLock { known in
            _ = add(from: before, to: after, by: "the file", &known)
        }
        wake()
    }

    /// - Returns: the edit's id; nil where nothing is to be told
    private func add(
        from before: PersistedState, to after: PersistedState, by author: String, _ known: inout Known
    ) -> String? {
        // What is done before the first join is told with the rest of the file.
        guard let replica = known.replica, before != after else { return nil }
        let visible = replica.visible
        let first = SharedIntent.identities(before, known: visible)
        let all = SharedIntent.identities(after, known: visible, given: first)
        let new = SharedIntent.state(after, identities: all, known: visible)
        let changes = SharedIntent.grounded(
            SharedIntent.state(before, identities: first, known: visible).changes(to: new), after: new, known: visible)
        guard !changes.isEmpty else { return nil }
        let edit = IntentEdit(id: ClusterIdentity.random(), actor: author, instance: place.instance, changes: changes)
        known.replica?.add(edit)
        return edit.id
    }

    /// An operator has cleared an endpoint here.
    func cleared(_ endpoint: String, by author: String) {
        known.withLock { known in
            guard let visible = known.replica?.visible else {
                known.untold.append((endpoint, author))
                return
            }
            let identity = visible.owner(ofName: endpoint) ?? ClusterIdentity.derived(from: endpoint)
            let edit = IntentEdit(
                id: ClusterIdentity.random(), actor: author, instance: place.instance,
                changes: [.clear(endpoint: identity, model: "")])
            known.replica?.add(edit)
            known.newClears.append((TimeOutBook.Key(identity, ""), edit.id))
        }
        wake()
    }

    /// The persister is about to write this; what it means is kept first, so that a crash between the two can be told from an edit.
    func willWrite(_ state: PersistedState) {
        keepRecord { known in
            guard let replica = known.replica else { return nil }
            let identities = SharedIntent.identities(state, known: replica.visible)
            let after = SharedIntent.state(state, identities: identities, known: replica.visible)
            known.announced = after
            return record(known, before: known.file ?? after, after: after)
        }
    }

    /// What was announced last is on the disk, or was there already.
    func noteWritten(_ event: PersisterEvent) {
        guard case .flushed(let record) = event, record.result == .written || record.result == .unchanged else {
            return
        }
        known.withLock { known in
            guard let announced = known.announced else { return }
            known.file = SharedIntent.written(announced, without: record.unwritten, before: known.file ?? announced)
        }
        // The next start is to see that nothing of this was taken out by hand.
        if !record.unwritten.isEmpty { saveRecord() }
    }

    /// What has been learned of the store is kept, where it is new.
    func saveRecord() {
        keepRecord { known in
            guard let file = known.file else { return nil }
            return record(known, before: file, after: known.announced ?? file)
        }
    }

    private func record(_ known: Known, before: IntentState, after: IntentState) -> ClusterRecord? {
        guard let replica = known.replica, place.record != nil else { return nil }
        let record = ClusterRecord(
            cluster: place.cluster, incarnation: known.incarnation, instance: identity,
            host: HostRecord(replica: replica, before: before, after: after),
            clears: known.clears.map { ClusterRecord.Clears(key: $0.key, edits: $0.value.sorted()) }
                .sorted { ($0.key.endpoint, $0.key.model) < ($1.key.endpoint, $1.key.model) })
        return record == known.written ? nil : record
    }

    /// Writes a record, unless the last one said the same.
    private func keepRecord(_ make: (inout Known) -> ClusterRecord?) {
        recordLock.withLock { _ in
            // One that could not be written is written with the next attempt.
            guard let record = known.withLock({ make(&$0) }), let path = place.record, record.write(at: path) == nil
            else { return }
            known.withLock { $0.written = record }
        }
    }

    /// Two threads write the record; the lock is taken before that of `known`, so that an older record never replaces a newer one.
    private let recordLock = Mutex(())

    /// How the cluster looks from here.
    func report() -> ClusterReport {
        known.withLock { known in
            var report = known.report
            report.isConnected = known.isJoined
            report.lostSeconds = known.lostAt.map { (ContinuousClock.now - $0).inSeconds }
            report.revision = known.replica?.head.revision ?? 0
            report.pending = known.replica?.pending.count ?? 0
            return report
        }
    }
}

extension Engine {
    /// The cluster as it looks from here; nil where Podium is alone.
    public func clusterReport() -> ClusterReport? { cluster?.report() }

    func sharedTimeOuts() -> [SharedTimeOut] {
        withState { $0.sharedTimeOuts(now: .now) }
    }

    func takeIn(_ timeOut: SharedTimeOut, seenBy host: String) {
        perform(withState { $0.takeIn(timeOut, seenBy: host, now: .now, wallTime: Self.wallTime()) })
    }

    /// Another host's operator has cleared it.
    func followClear(of endpoint: String, by author: String) {
        let effects: EngineEffects? = withState { state in
            let command = Command.clear(CommandTarget(name: endpoint))
            return try? state.perform(
                command, by: CommandAuthor(name: author, source: .cluster), ifRevision: nil, now: .now,
                wallTime: Self.wallTime()
            ).effects
        }
        if let effects { perform(effects) }
    }

    /// Makes this host follow changes of others, and saves them.
    func follow(_ changes: [IntentChange], names: [String: String], by author: String) {
        guard !changes.isEmpty else { return }
        let (effects, problems) = withState {
            $0.follow(
                changes, names: names, by: CommandAuthor(name: author, source: .cluster), now: .now,
                wallTime: Self.wallTime())
        }
        for effect in effects { perform(effect) }
        for problem in problems { log(.warning, source: "cluster", "not followed here: \(problem)") }
        persister.mark(now: .now)
        Task { [persister] in _ = try? await persister.flush(trigger: .operator) }
    }

    var persisted: PersistedState { withState { $0.persistedState() } }
}
