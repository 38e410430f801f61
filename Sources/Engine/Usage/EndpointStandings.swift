internal import Dispatch
internal import History
internal import Support
internal import Synchronization
internal import Trends

/// How endpoints stand and stood: rank and availability, from the engine into the rows of the history.
///
/// The engine only says that something may have changed. What it is now is asked for on the account's own thread, so that no request waits for it.
final class EndpointStandings: Sendable {
    private let recorder = Mutex(StandingRecorder())
    private let source = Mutex<@Sendable () -> [String: Standing]?>({ nil })
    private let isAwaited = Atomic<Bool>(false)

    /// - Parameter source: how endpoints stand now; nil: that is not known any more
    func connect(_ source: @escaping @Sendable () -> [String: Standing]?) { self.source.withLock { $0 = source } }

    /// The order or an endpoint's state may have changed. Never waits: it is found out on `queue`.
    func changed(on queue: DispatchQueue) {
        guard !isAwaited.exchange(true, ordering: .relaxed) else { return }
        queue.async { self.look() }
    }

    private func look() {
        isAwaited.store(false, ordering: .relaxed)
        guard let standings = source.withLock({ $0 })() else { return }
        recorder.withLock { $0.note(standings, at: Self.moment(), offset: Self.offset) }
    }

    /// Writes what is known up to now. What cannot be written stays in memory.
    func write(to file: RollUpFile) throws(HistoryProblem) {
        guard let batch = recorder.withLock({ $0.take(at: Self.moment(), offset: Self.offset) }) else { return }
        do throws(HistoryProblem) { try file.write(batch) } catch {
            recorder.withLock { $0.giveBack(batch) }
            throw error
        }
    }

    /// What is not in the file, up to now.
    func waiting() -> StandingRecorder.Batch {
        recorder.withLock { recorder in
            recorder.settle(at: Self.moment(), Self.offset)
            return recorder.waiting
        }
    }

    /// Where there is no file, what is old is forgotten.
    func forget(hoursBefore hour: Int64, daysBefore day: Int64) {
        recorder.withLock { recorder in
            recorder.settle(at: Self.moment(), Self.offset)
            recorder.forget(hoursBefore: hour, daysBefore: day)
        }
    }

    // MARK: Time

    private static func moment() -> StandingRecorder.Moment {
        StandingRecorder.Moment(wall: Int64(WallClock.seconds * 1e6), steady: steadyMicroseconds())
    }

    private static let offset: @Sendable (Int64) -> Int64 = { Int64(WallClock.utcOffset(at: Double($0))) }

    /// Of a clock that goes on while the machine sleeps and that nobody sets.
    static func steadySeconds() -> Int64 { steadyMicroseconds() / 1_000_000 }

    private static func steadyMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
