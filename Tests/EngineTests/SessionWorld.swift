import Configuration
@testable import Engine
import Foundation
@testable import Persistence
import PodiumModel
import Ranking
import Synchronization
import TestSupport

/// An engine's state, the writer and the schedule, put together as the engine does it, in virtual time and on a disk that
/// can be full, slow or unsure.
final class SessionWorld {
    /// What the disk does.
    enum Disk: CaseIterable, Sendable {
        case good
        /// Any call may fail.
        case failing
        /// Every write fails.
        case full
        /// Directories do not sync.
        case unsure
        /// While a file is written, somebody gives a command.
        case slow
    }

    let folder: String
    var file: String { folder + "/config.yaml" }
    var random: SeededRandom
    var now = ContinuousClock.now
    var disk = Disk.good
    private(set) var state: StateBox
    private(set) var persister: PersisterState
    private var writer: ConfigurationWriter
    private var pending: [FlushSchedule.Write] = []
    /// What went wrong with the session itself.
    private(set) var log: [String] = []
    private let hooks = Hooks()
    private(set) var writes = 0

    final class StateBox: Sendable {
        let contents: Mutex<EngineState>
        init(_ state: EngineState) { contents = Mutex(state) }

        /// - Returns: false where the command was refused.
        func apply(_ command: Command, _ now: ContinuousClock.Instant) -> Bool {
            contents.withLock { state in
                do {
                    _ = try state.apply(command, now: now)
                    return true
                } catch {
                    return false
                }
            }
        }
    }

    /// Asked by the file system, which may be called at any time.
    private final class Hooks: Sendable {
        struct State {
            var random: SeededRandom
            var disk = Disk.good
            var meanwhile: (@Sendable () -> Void)?
        }
        let state = Mutex(State(random: SeededRandom(seed: 0)))
    }

    init(_ text: String, seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        let base = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        folder = "\(base)/podium-session-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/config.yaml"))
        hooks.state.withLock { $0.random = SeededRandom(seed: seed &+ 1) }
        (state, persister, writer) = try Self.start(folder + "/config.yaml", hooks, now)
        startedMark()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func start(
        _ file: String, _ hooks: Hooks, _ now: ContinuousClock.Instant
    ) throws -> (StateBox, PersisterState, ConfigurationWriter) {
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
        guard let configuration = ConfigurationLoader.load(bytes: bytes, environment: [:]).configuration else {
            throw CocoaError(.fileReadCorruptFile)
        }
        let box = StateBox(EngineState(configuration: configuration, context: ConfigurationContext(), now: now))
        let settings = FlushSchedule.Settings(
            strategy: configuration.server.persistStrategy, flushInterval: configuration.server.configFlushInterval,
            maxDirtyTime: configuration.server.configMaxDirtyTime)
        let writer = try ConfigurationWriter(
            options: PersisterOptions(path: file),
            base: LoadedBase(bytes: bytes, state: PersistedState(configuration: configuration)),
            fileSystem: fileSystem(hooks), snapshot: { box.contents.withLock { $0.persistedState() } },
            adopt: { edit in box.contents.withLock { $0.adopt(edit, now: now).merged } },
            follow: { order in box.contents.withLock { $0.follow(fileOrder: order.map { EndpointID($0) }) } })
        return (box, PersisterState(schedule: FlushSchedule(settings: settings), memoryOnly: nil), writer)
    }

    private static func fileSystem(_ hooks: Hooks) -> FileSystem {
        FileSystem { call, _ in
            let (disk, hit, meanwhile) = hooks.state.withLock { state in
                let hit = Int.random(in: 0..<12, using: &state.random) == 0
                let meanwhile = state.disk == .slow && call == .sync ? state.meanwhile : nil
                if meanwhile != nil { state.meanwhile = nil }
                return (state.disk, hit, meanwhile)
            }
            meanwhile?()
            switch (disk, call) {
            case (.failing, .create), (.failing, .write), (.failing, .exchange), (.failing, .rename),
                (.failing, .status), (.failing, .read), (.failing, .open):
                if hit { return .fail(EIO) }
            case (.failing, .sync): return hit ? .fail(EIO) : .skip
            case (.full, .write), (.full, .allocate): return .fail(ENOSPC)
            case (.unsure, .syncDirectory): return .fail(EIO)
            default: break
            }
            // Time is virtual, and nobody cuts the power.
            return call == .pause || call == .sync || call == .syncDirectory ? .skip : nil
        }
    }

    // MARK: What somebody does

    var text: String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }

    func names() -> [String] {
        state.contents.withLock { state in state.ranking.order.compactMap { state.record($0)?.settings.name } }
    }

    /// A command as the engine performs it: carried out and saved.
    @discardableResult
    func perform(_ command: Command) -> Bool {
        guard state.apply(command, now) else { return false }
        _ = flush(.operator)
        return true
    }

    /// Counts what has become undoable.
    var actionsMade: UInt64 { state.contents.withLock { $0.actions.made } }

    @discardableResult
    func flush(_ trigger: FlushTrigger) -> FlushResult {
        let (_, actions) = persister.schedule.request(trigger, now: now)
        return perform(actions) ?? .unchanged
    }

    /// An outcome of a request, as the proxy reports it.
    func outcome(_ outcome: AttemptOutcome, of name: String) {
        let moved = state.contents.withLock { state -> Bool in
            guard let id = state.record(named: name)?.id else { return false }
            return state.ranking.record(outcome, for: id, now: now) { 7 }.orderChanged
        }
        if moved { _ = perform(persister.schedule.mark(now: now)) }
    }

    /// Time passes: timers fire when they are due.
    func advance(_ duration: Duration) {
        let target = now + duration
        var rounds = 0
        while rounds < 1_000 {
            rounds += 1
            let ranking = state.contents.withLock { $0.ranking.nextDeadline }
            let timer = persister.schedule.timerDeadline
            guard let next = [ranking, timer].compactMap({ $0 }).min(), next <= target else { break }
            now = max(now, next)
            if let ranking, ranking <= now {
                let moved = state.contents.withLock { $0.ranking.advance(now: now).orderChanged }
                if moved { _ = perform(persister.schedule.mark(now: now)) }
            }
            if let timer, timer <= now { _ = perform(persister.schedule.timerFired(now: now)) }
        }
        now = max(now, target)
    }

    /// Somebody saves the file; the watch notices.
    func save(_ text: String, noticed: Bool = true) {
        let edited = folder + "/edited"
        try? Data(text.utf8).write(to: URL(fileURLWithPath: edited))
        _ = rename(edited, file)
        if noticed { inspect() }
    }

    func inspect() {
        prepareDisk(meanwhile: nil)
        let run = writer.inspect()
        _ = perform(persister.inspected(run, now: now).actions)
    }

    func restart() throws {
        _ = flush(.shutdown)
        writer.releaseLock()
        hooks.state.withLock { $0.disk = .good }
        (state, persister, writer) = try Self.start(file, hooks, now)
        startedMark()
    }

    private func startedMark() {
        let (memory, bytes) = (state.contents.withLock { $0.persistedState() }, Array(text.utf8))
        guard let configuration = ConfigurationLoader.load(bytes: bytes, environment: [:]).configuration else { return }
        if memory != PersistedState(configuration: configuration) {
            _ = perform(persister.schedule.mark(now: now))
        }
    }

    // MARK: What follows

    private var meanwhile: Command?

    /// The next write finds somebody giving a command while it waits for the disk.
    func giveDuringNextWrite(_ command: Command) { meanwhile = command }

    private func prepareDisk(meanwhile: (@Sendable () -> Void)?) {
        hooks.state.withLock {
            $0.disk = disk
            $0.meanwhile = meanwhile
        }
    }

    private func perform(_ actions: [FlushSchedule.Action]) -> FlushResult? {
        var result: FlushResult?
        var queue = actions
        while !queue.isEmpty {
            guard case .start(let write) = queue.removeFirst() else { continue }
            let marker = Marker()
            var act: (@Sendable () -> Void)?
            if let command = meanwhile {
                let (box, moment) = (state, now)
                act = { marker.note(box.apply(command, moment)) }
            }
            meanwhile = nil
            prepareDisk(meanwhile: act)
            let run = writer.flush()
            if run.result == .written { writes += 1 }
            // Whoever gave a command meanwhile asks for a flush, which is the next one.
            if marker.isSet { queue += persister.schedule.request(.operator, now: now).actions }
            queue += persister.finished(write, run, now: now, random: 0.5).actions
            _ = persister.noteUnwritten(run)
            result = run.result
        }
        return result
    }

    private final class Marker: Sendable {
        private let flag = Mutex(false)
        var isSet: Bool { flag.withLock { $0 } }
        func note(_ happened: Bool) { flag.withLock { $0 = $0 || happened } }
    }

    // MARK: At rest

    /// Lets everything come to rest, and says how file and memory differ then.
    func differencesAtRest() -> [String] {
        disk = .good
        inspect()
        for _ in 0..<50 where persister.schedule.nextFlush != nil || persister.schedule.inFlight != nil {
            advance(.seconds(90))
        }
        var found: [String] = []
        if let since = persister.schedule.dirtySince { found.append("dirty since \(since)") }
        let bytes = Array(text.utf8)
        guard let configuration = ConfigurationLoader.load(bytes: bytes, environment: [:]).configuration else {
            return found + ["the file does not load"]
        }
        let memory = state.contents.withLock { $0.persistedState() }
        let fileState = PersistedState(configuration: configuration)
        if memory.autoSortEndpoints != fileState.autoSortEndpoints { found.append("auto-sort differs") }
        if memory.endpoints.map(\.settings) != fileState.endpoints.map(\.settings) {
            found.append("endpoints differ: \(memory.endpoints.map(\.settings.short)) in memory")
            found.append("                  \(fileState.endpoints.map(\.settings.short)) in the file")
        }
        let fresh = EngineState(configuration: configuration, context: ConfigurationContext(), now: now)
        let loaded = fresh.ranking.order.compactMap { fresh.record($0)?.settings.name }
        if loaded != names() { found.append("order \(names()) in memory, \(loaded) when loaded") }
        let byPriority = fresh.orderByPriority.compactMap { fresh.record($0)?.settings.name }
        if byPriority != names() { found.append("order \(names()) in memory, \(byPriority) in the file") }
        let settings = state.contents.withLock { ($0.configuration.ranking, $0.configuration.timeouts) }
        if settings.0 != configuration.ranking || settings.1 != configuration.timeouts {
            found.append("settings differ")
        }
        let before = writes
        if !persister.statistics(now: now).unwritten.isEmpty { found.append("something could not be written") }
        if flush(.operator) != .unchanged { found.append("a further flush was not 'unchanged'") }
        if writes != before || Array(text.utf8) != bytes { found.append("a further flush wrote") }
        return found
    }
}

extension EndpointSettings {
    fileprivate var short: String {
        "\(name)#\(priority.map(String.init) ?? "-")\(enabled ? "" : " off")\(pinned ? " pinned" : "")"
    }
}

extension EndpointPatch {
    /// The whole endpoint, as a form sends it: what is not given is taken away, but for the secret, the headers and the proxy.
    init(
        name: String, url: String? = nil, urlOpenAI: String? = nil, authType: AuthType = .none, secret: String? = nil,
        rank: Int? = nil, tags: [String] = [], enabled: Bool = true, pinned: Bool = false
    ) {
        self.init()
        self[.name] = .text(name)
        self[.url] = url.map(FieldValue.text)
        self[.urlOpenAI] = urlOpenAI.map(FieldValue.text)
        self[.authType] = .text(authType.rawValue)
        self[.authValue] = secret.map(FieldValue.text)
        self[.priority] = rank.map(FieldValue.integer)
        self[.tags] = .list(tags)
        self[.enabled] = .boolean(enabled)
        self[.pinned] = .boolean(pinned)
        self = asWhole
    }
}
