import Configuration
import PodiumModel
import Foundation
import Synchronization
import Testing

@testable import Persistence

/// A whole persister on a real directory.
struct PersisterUnderTest {
    let directory: ConfigurationDirectory
    let interference = Interference()
    let memory: Memory
    let persister: Persister
    let events = EventLog()

    /// - Parameter path: another way to the directory's file.
    init(
        _ directory: ConfigurationDirectory? = nil, path: String? = nil, strategy: PersistStrategy = .throttled,
        flushInterval: Duration = .seconds(3_600), maxDirtyTime: Duration = .seconds(7_200)
    ) throws {
        let directory = try directory ?? ConfigurationDirectory()
        self.directory = directory
        let base = try LoadedBase.read(directory)
        let memory = Memory(base.state)
        self.memory = memory
        persister = try Persister(
            options: PersisterOptions(
                path: path ?? directory.file, strategy: strategy, flushInterval: flushInterval,
                maxDirtyTime: maxDirtyTime),
            base: base, fileSystem: interference.fileSystem)
        persister.start(
            PersisterOwner(
                snapshot: { memory.state }, adopt: { memory.adopt($0) }, onEvent: { [events] in events.append($0) }))
        interference.reset()
    }
}

final class EventLog: Sendable {
    private struct State {
        var events: [PersisterEvent] = []
        var waiting: [(matches: @Sendable (PersisterEvent) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
            []
    }

    private let state = Mutex(State())

    var all: [PersisterEvent] { state.withLock(\.events) }

    func append(_ event: PersisterEvent) {
        let ready = state.withLock { state in
            state.events.append(event)
            let ready = state.waiting.filter { $0.matches(event) }
            state.waiting.removeAll { $0.matches(event) }
            return ready
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// Returns once an event has come, or at once if it came before.
    func first(where matches: @escaping @Sendable (PersisterEvent) -> Bool) async {
        await withCheckedContinuation { continuation in
            let came = state.withLock { state in
                if state.events.contains(where: matches) { return true }
                state.waiting.append((matches, continuation))
                return false
            }
            if came { continuation.resume() }
        }
    }
}

/// Lets a test hold the disk and let it go.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let reached = DispatchSemaphore(value: 0)

    func hold() {
        reached.signal()
        semaphore.wait()
    }

    func open() {
        semaphore.signal()
    }

    func waitUntilReached() async {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                self.reached.wait()
                continuation.resume()
            }
        }
    }
}

@Suite struct PersisterTests {
    /// `PODIUM_SYNC_HANG=5` makes the hanging sync take that many seconds instead of an instant.
    private static let hang = Duration.seconds(
        ProcessInfo.processInfo.environment["PODIUM_SYNC_HANG"].flatMap(Double.init) ?? 0)

    @Test func anOperatorsFlushReturnsWhenTheFileHoldsTheChange() async throws {
        let world = try PersisterUnderTest()
        world.memory.setPriority("alpha", 4)
        let receipt = try await world.persister.flush(trigger: .operator)
        #expect(receipt.outcome == .written)
        #expect(world.directory.text()?.contains("priority: 4") == true)
        #expect(world.persister.history() == [receipt.record])
        let statistics = world.persister.statistics(now: .now)
        #expect(statistics.writes == [.operator: 1])
        #expect(statistics.dirtySince == nil)
        #expect(statistics.bytesWritten == UInt64(ConfigurationDirectory.text.utf8.count))
        _ = await world.persister.shutdown()
    }

    @Test func marksAreWrittenByTheTimerAlone() async throws {
        let world = try PersisterUnderTest(flushInterval: .milliseconds(30), maxDirtyTime: .seconds(60))
        world.memory.setPriority("alpha", 4)
        for _ in 0..<100 { world.persister.mark(now: .now) }
        await world.events.first {
            if case .flushed(let record) = $0 {
                record.result == .written && record.trigger == .interval
            } else {
                false
            }
        }
        let statistics = world.persister.statistics(now: .now)
        #expect(statistics.marks == 100)
        #expect(statistics.coalesced == 99)
        #expect(statistics.writes == [.interval: 1])
        #expect(world.directory.text()?.contains("priority: 4") == true)
        _ = await world.persister.shutdown()
    }

    @Test func aFlushOfNothingSaysSo() async throws {
        let world = try PersisterUnderTest()
        #expect(try await world.persister.flush(trigger: .operator).outcome == .unchanged)
        #expect(world.persister.statistics(now: .now).unchanged == 1)
        _ = await world.persister.shutdown()
    }

    @Test func marksAndCallersNeverWaitForAHangingDisk() async throws {
        let world = try PersisterUnderTest()
        let gate = Gate()
        world.interference.before(.sync) { gate.hold() }
        world.memory.setPriority("alpha", 4)
        async let first = world.persister.flush(trigger: .operator)
        await gate.waitUntilReached()
        // The disk hangs: had one of these to wait for it, the test would never end.
        var slowest = Duration.zero
        for _ in 0..<10_000 {
            let before = ContinuousClock.now
            world.persister.mark(now: before)
            slowest = max(slowest, ContinuousClock.now - before)
            // The measurement of docs/performance.md spreads them over the seconds for which the sync hangs.
            if Self.hang > .zero { try await Task.sleep(for: Self.hang / 10_000) }
        }
        print("slowest of 10,000 marks while the sync hangs: \(slowest)")
        let statistics = world.persister.statistics(now: .now)
        #expect(statistics.marks == 10_000)
        #expect(statistics.writingSince != nil)
        world.memory.setPriority("alpha", 5)
        async let second = world.persister.flush(trigger: .operator)
        async let third = world.persister.flush(trigger: .operator)
        gate.open()
        #expect(try await first.outcome == .written)
        let (left, right) = try await (second, third)
        #expect(left.outcome == .written)
        #expect(left.record.number == right.record.number || left.outcome == .unchanged || right.outcome == .unchanged)
        #expect(world.directory.text()?.contains("priority: 5") == true)
        _ = await world.persister.shutdown()
    }

    @Test func aFailureReachesTheCallerStaysDirtyAndIsRetried() async throws {
        let world = try PersisterUnderTest()
        world.interference.always(.sync, .fail(EIO))
        world.memory.setPriority("alpha", 4)
        await #expect(throws: PersistenceError.system(operation: "fsync", path: "config.yaml", errno: EIO)) {
            do {
                _ = try await world.persister.flush(trigger: .operator)
            } catch PersistenceError.system(let operation, _, let errno) {
                throw PersistenceError.system(operation: operation, path: "config.yaml", errno: errno)
            }
        }
        let statistics = world.persister.statistics(now: .now)
        #expect(statistics.failuresByErrno.keys.sorted() == [EIO])
        #expect(statistics.dirtySince != nil)
        #expect(statistics.nextTrigger == .retry || statistics.writingSince != nil)
        #expect(world.directory.text() == ConfigurationDirectory.text)
        world.interference.reset()
        await world.events.first {
            if case .flushed(let record) = $0 { record.trigger == .retry && record.result == .written } else { false }
        }
        #expect(world.directory.text()?.contains("priority: 4") == true)
        #expect(world.persister.statistics(now: .now).consecutiveFailures == 0)
        _ = await world.persister.shutdown()
    }

    @Test func theAlarmRingsWhileTheDiskHangs() async throws {
        let world = try PersisterUnderTest(flushInterval: .milliseconds(5), maxDirtyTime: .milliseconds(10))
        let gate = Gate()
        world.interference.before(.sync) { gate.hold() }
        world.memory.setPriority("alpha", 4)
        world.persister.mark(now: .now)
        await world.events.first { if case .overdue = $0 { true } else { false } }
        #expect(world.persister.statistics(now: .now).isOverdue)
        gate.open()
        await world.events.first { $0 == .overdueEnded }
        #expect(!world.persister.statistics(now: .now).isOverdue)
        _ = await world.persister.shutdown()
    }

    @Test func shutdownSavesAndLetsTheNextProcessIn() async throws {
        let world = try PersisterUnderTest()
        world.memory.setPriority("alpha", 4)
        world.persister.mark(now: .now)
        let result = await world.persister.shutdown()
        #expect(try result.get().outcome == .written)
        #expect(try result.get().record.trigger == .shutdown)
        #expect(world.directory.text()?.contains("priority: 4") == true)
        _ = try WriterUnderTest(world.directory)
        await #expect(throws: PersistenceError.closed) { try await world.persister.flush(trigger: .operator) }
    }

    @Test func shutdownTriesAgainAndThenSaysWhatIsWrong() async throws {
        let world = try PersisterUnderTest()
        world.interference.always(.write, .fail(ENOSPC))
        world.memory.setPriority("alpha", 4)
        let result = await world.persister.shutdown()
        guard case .failure(.system(operation: "write", _, errno: ENOSPC)) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(world.persister.history().filter { $0.trigger == .shutdown }.count == 3)
        #expect(world.directory.text() == ConfigurationDirectory.text)
    }
}
