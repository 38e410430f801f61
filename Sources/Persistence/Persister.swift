internal import CSystemShim
public import Configuration
@preconcurrency internal import Dispatch
internal import PodiumModel
internal import Support
internal import Synchronization

/// Saves ranking and edits into the operator's file: automatic changes at most once per interval, an operator's at once.
///
/// Made, it holds the lock of the configuration; from ``start(_:)`` to ``shutdown()`` it watches the file and calls its owner.
/// Change the state first, then call ``mark(now:)`` or ``flush(trigger:)``: a flush takes its generation before its
/// snapshot, so a change is never counted as saved before it was seen. Everything here may be called from any thread.
public final class Persister: Sendable {
    private let state: Mutex<PersisterState>
    private let records = Mutex(RingBuffer<FlushRecord>(capacity: 512))
    /// Taken on `disk` alone, so never contended, however long the disk takes.
    private let writer: Mutex<ConfigurationWriter>
    /// The file as it was last seen, for callers that must not wait for a disk that hangs.
    private let lastSeen: Mutex<ConfigurationWriter.Base>
    private let owner: OwnerPlace
    /// All file operations. The clock has a queue of its own: a disk that hangs must not keep the alarm from ringing.
    private let disk = DispatchQueue(label: "podium.persist.disk")
    private let clock = DispatchQueue(label: "podium.persist.clock")
    private let timer = Mutex<DeadlineTimer?>(nil)
    private let watch = Mutex<DirectoryWatch?>(nil)
    private let patrol = Mutex<RepeatingTimer?>(nil)
    private let finalFlushAttempts: Int

    /// Takes the lock of the configuration.
    ///
    /// - Parameter base: the file as the program loaded it.
    /// - Throws: ``PersistenceError/locked(path:holder:)`` if another process has this configuration.
    public convenience init(options: PersisterOptions, base: LoadedBase) throws(PersistenceError) {
        try self.init(options: options, base: base, fileSystem: FileSystem())
    }

    init(options: PersisterOptions, base: LoadedBase, fileSystem: FileSystem) throws(PersistenceError) {
        podium_ignore_file_size_signal()
        let settings = FlushSchedule.Settings(
            strategy: options.strategy, flushInterval: options.flushInterval, maxDirtyTime: options.maxDirtyTime)
        let owner = OwnerPlace(base)
        let writer = try ConfigurationWriter(
            options: options, base: base, fileSystem: fileSystem, snapshot: { owner.present.snapshot() },
            adopt: { owner.present.adopt($0) }, follow: { owner.present.follow($0) })
        state = Mutex(PersisterState(schedule: FlushSchedule(settings: settings), memoryOnly: writer.memoryOnly))
        lastSeen = Mutex(writer.base)
        self.writer = Mutex(writer)
        finalFlushAttempts = max(options.finalFlushAttempts, 1)
        self.owner = owner
        timer.withLock { timer in
            timer = DeadlineTimer(queue: clock) { [weak self] in self?.timerFired() }
        }
    }

    /// Settles what a crash may have left beside the file, and watches the file, also for what was saved into it since it was
    /// loaded. Call it once.
    ///
    /// - Parameter owner: is called until ``shutdown()`` has returned, and let go of then: it may hold on to this persister.
    public func start(_ owner: PersisterOwner) {
        self.owner.present = owner
        disk.async { self.sweepOrphans() }
        startWatching()
        startPatrol()
    }

    private var onEvent: @Sendable (PersisterEvent) -> Void { owner.present.onEvent }

    /// Notes one automatic change, made before this call. Never waits for the disk.
    public func mark(now: ContinuousClock.Instant) {
        let actions = state.withLock { $0.schedule.join(now: now) ? nil : $0.schedule.firstMark(now: now) }
        if let actions { perform(actions) }
    }

    /// Saves everything and returns when it is durable. A flush in flight is waited for; callers that arrive
    /// meanwhile share the next one.
    ///
    /// - Throws: what kept the state from the disk. It stays dirty and is tried again by itself.
    public func flush(trigger: FlushTrigger) async throws(PersistenceError) -> FlushReceipt {
        let result = await withCheckedContinuation { continuation in
            let now = ContinuousClock.now
            let actions: [FlushSchedule.Action]? = state.withLock { state in
                guard !state.isClosed else { return nil }
                let (write, actions) = state.schedule.request(trigger, now: now)
                state.waiters[write, default: []].append(continuation)
                return actions
            }
            if let actions { perform(actions) } else { continuation.resume(returning: .failure(.closed)) }
        }
        return try result.get()
    }

    /// What saving `state` would do to the file; nothing is written, and nothing waits for it but the caller.
    ///
    /// - Throws: what saving it would throw before the disk is touched.
    public func preview(_ state: PersistedState) async throws(PersistenceError) -> FlushPreview {
        let result: Result<FlushPreview, PersistenceError> = await withCheckedContinuation { continuation in
            disk.async {
                let result: Result<FlushPreview, PersistenceError> = self.writer.withLock { writer in
                    do throws(PersistenceError) {
                        return .success(try writer.preview(state))
                    } catch {
                        return .failure(error)
                    }
                }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    /// What of `state` the file, as it was last seen, has no place for. Waits for nothing.
    public func unwritable(_ state: PersistedState) -> [UnwrittenChange] {
        // Nothing is written, so no change needs a place in the file.
        if self.state.withLock({ $0.isMemoryOnly }) { return [] }
        return lastSeen.withLock { $0 }.unwritable(state)
    }

    private func noteLastSeen() {
        let base = writer.withLock { $0.base }
        lastSeen.withLock { $0 = base }
    }

    /// Takes new settings of the schedule after a reload.
    public func update(
        persist: PersistMode, strategy: PersistStrategy, flushInterval: Duration, maxDirtyTime: Duration,
        allowInPlace: Bool
    ) {
        disk.async {
            let isOther = self.writer.withLock { writer in
                defer { (writer.allowInPlace, writer.persist) = (allowInPlace, persist) }
                return writer.persist != persist
            }
            if isOther { self.inspect() }
        }
        let settings = FlushSchedule.Settings(
            strategy: strategy, flushInterval: flushInterval, maxDirtyTime: maxDirtyTime)
        perform(state.withLock { $0.schedule.update(settings, now: .now) })
    }

    /// All counters and gauges.
    public func statistics(now: ContinuousClock.Instant) -> PersisterStatistics {
        state.withLock { $0.statistics(now: now) }
    }

    /// The last 512 flushes, newest last.
    public func history() -> [FlushRecord] {
        records.withLock { $0 }.elements
    }

    /// Saves what is unsaved, with a few retries, stops, and releases the lock. Further calls throw ``PersistenceError/closed``.
    public func shutdown() async -> Result<FlushReceipt, PersistenceError> {
        var result = await finalFlush()
        for attempt in 1..<finalFlushAttempts {
            guard case .failure(let error) = result, error.mayPass else { break }
            try? await Task.sleep(for: .milliseconds(200) * attempt)
            result = await finalFlush()
        }
        state.withLock { $0.isClosed = true }
        timer.withLock { $0 = nil }
        watch.withLock { $0 = nil }
        patrol.withLock { $0 = nil }
        await withCheckedContinuation { continuation in
            disk.async {
                self.writer.withLock { $0.releaseLock() }
                continuation.resume()
            }
        }
        owner.leave()
        return result
    }

    private func finalFlush() async -> Result<FlushReceipt, PersistenceError> {
        do throws(PersistenceError) {
            return .success(try await flush(trigger: .shutdown))
        } catch {
            return .failure(error)
        }
    }

    // MARK: Performing what the schedule decides

    private func perform(_ actions: [FlushSchedule.Action]) {
        for action in actions {
            switch action {
            case .start(let write): disk.async { self.run(write) }
            // The deadline is read when the timer is set. So the last setting of the timer is right, in whatever
            // order the calls come.
            case .rearm: clock.async { [weak self] in self?.setTimer() }
            case .raiseAlarm(let since): clock.async { self.onEvent(.overdue(since: since)) }
            case .endAlarm: clock.async { self.onEvent(.overdueEnded) }
            }
        }
    }

    private func setTimer() {
        let deadline = state.withLock { $0.isClosed ? nil : $0.schedule.timerDeadline }
        timer.withLock { $0?.set(deadline) }
    }

    private func timerFired() {
        perform(state.withLock { $0.isClosed ? [] : $0.schedule.timerFired(now: .now) })
    }

    private func run(_ write: FlushSchedule.Write) {
        let startedAt = WallClock.now
        let run = writer.withLock { $0.flush() }
        noteLastSeen()
        let record = FlushRecord(write, startedAt: startedAt, run)
        records.withLock { $0.append(record) }
        let random = Double.random(in: 0..<1)
        let storage = state.withLock { $0.noteStorage(run) }
        let (actions, waiters, news) = state.withLock { $0.finished(write, run, now: .now, random: random) }
        let unwritten = state.withLock { $0.noteUnwritten(run) }
        report(run, news)
        if let unwritten { onEvent(unwritten) }
        if let storage { onEvent(storage) }
        onEvent(.flushed(record))
        let result = FlushReceipt.result(record)
        for waiter in waiters { waiter.resume(returning: result) }
        perform(actions)
        watchPlaces()
    }

    private func report(_ run: FlushRun, _ news: PersisterEvent?) {
        if news == .externalEditRefusalEnded { onEvent(.externalEditRefusalEnded) }
        if let doubt = run.doubt { onEvent(.externalEditDoubted(doubt)) }
        for edit in run.edits { onEvent(edit) }
        for copy in run.exposedCopies { onEvent(.copyExposed(name: copy.name, errno: copy.errno)) }
        if let flags = state.withLock({ $0.noteLostFlags(run) }) { onEvent(flags) }
        if let errno = run.backupFailure { onEvent(.backupFailed(errno: errno)) }
        if let news, news != .externalEditRefusalEnded { onEvent(news) }
    }

    private func sweepOrphans() {
        for outcome in writer.withLock({ $0.sweepOrphans() }) { onEvent(.orphan(outcome)) }
    }

    // MARK: Edits by others

    private func startWatching() {
        do throws(FileError) {
            let watch = try DirectoryWatch(queue: clock) { [weak self] in self?.fileChanged() }
            self.watch.withLock { $0 = watch }
        } catch {
            let errno = error.errno
            clock.async { self.onEvent(.watchUnavailable(errno: errno)) }
        }
        // Also finds what was saved between the program's reading of the file and now.
        fileChanged()
    }

    /// The watch follows the links: they may lead elsewhere since the last look.
    private func watchPlaces() {
        let places = writer.withLock { $0.places }
        do throws(FileError) {
            try watch.withLock { $0 }?.watch(places)
        } catch {
            onEvent(.watchUnavailable(errno: error.errno))
        }
    }

    private func fileChanged() {
        let isNews = state.withLock { state in
            guard !state.isClosed, !state.inspectionIsPending else { return false }
            state.inspectionIsPending = true
            return true
        }
        if isNews { disk.async { [weak self] in self?.inspect() } }
    }

    /// Looks every half second whether the path leads to something else by now, because there are changes that no watch reports.
    private func startPatrol() {
        let timer = RepeatingTimer(every: Self.patrolInterval, on: disk) { [weak self] in self?.lookAround() }
        patrol.withLock { $0 = timer }
    }

    private static let patrolInterval = DispatchTimeInterval.milliseconds(500)

    private func lookAround() {
        let isAwaited = state.withLock { $0.isClosed || $0.inspectionIsPending }
        guard !isAwaited, writer.withLock({ $0.mayHaveChanged() }) else { return }
        // A look has waited for a writing program in vain. This one does not wait again, since the next one is soon.
        inspect(patience: writer.withLock { $0.isUnsettled } ? .zero : SettledFile.patience)
    }

    private func inspect(patience: Duration = SettledFile.patience) {
        state.withLock { $0.inspectionIsPending = false }
        watchPlaces()
        let run = writer.withLock { $0.inspect(patience: patience) }
        noteLastSeen()
        watchPlaces()
        let (news, storage, actions) = state.withLock { $0.inspected(run, now: .now) }
        report(run, news)
        if let storage { onEvent(storage) }
        perform(actions)
        // An operator's changes may be among what lived in memory: they are due at once. A failure is tried again by itself.
        if storage == .memoryOnlyEnded, run.unsaved {
            perform(state.withLock { $0.isClosed ? [] : $0.schedule.request(.reload, now: .now).actions })
        }
    }
}

/// One one-shot timer on the monotonic clock. Setting it replaces what was set before.
private final class DeadlineTimer: Sendable {
    private let source: any DispatchSourceTimer

    init(queue: DispatchQueue, fire: @escaping @Sendable () -> Void) {
        source = DispatchSource.makeTimerSource(queue: queue)
        source.setEventHandler(handler: fire)
        source.schedule(deadline: .distantFuture)
        source.activate()
    }

    deinit {
        source.cancel()
    }

    func set(_ deadline: ContinuousClock.Instant?) {
        guard let deadline else {
            source.schedule(deadline: .distantFuture)
            return
        }
        // A day is longer than any deadline that is not recomputed before.
        let wait = min(max(deadline - ContinuousClock.now, .zero), .seconds(86_400))
        source.schedule(deadline: .now() + .nanoseconds(Int(wait.wholeNanoseconds)), leeway: .milliseconds(1))
    }

    func cancel() {
        source.cancel()
    }
}

/// Calls at regular intervals until it is released. Calls that the queue was too busy for are not repeated later.
private final class RepeatingTimer: Sendable {
    private let source: any DispatchSourceTimer

    init(every interval: DispatchTimeInterval, on queue: DispatchQueue, _ fired: @escaping @Sendable () -> Void) {
        source = DispatchSource.makeTimerSource(queue: queue)
        source.schedule(deadline: .now() + interval, repeating: interval, leeway: .milliseconds(100))
        source.setEventHandler(handler: fired)
        source.activate()
    }

    deinit {
        source.cancel()
    }
}
