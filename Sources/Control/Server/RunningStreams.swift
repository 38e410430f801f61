internal import Synchronization

/// The streams of events that run now, so that a server that stops can wait for them to let go of its event loops.
final class RunningStreams: Sendable {
    private struct State {
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var next: UInt64 = 0
        var isStopped = false
    }

    private let state = Mutex(State())

    /// - Returns: nil once `stop` was called; then nothing runs.
    func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.isStopped else {
                return nil
            }
            state.next += 1
            let key = state.next
            let task = Task {
                await body()
                self.ended(key)
            }
            state.tasks[key] = task
            return task
        }
    }

    /// Cancels what runs and returns when it has ended.
    func stop() async {
        let tasks = state.withLock { state in
            state.isStopped = true
            return Array(state.tasks.values)
        }
        for task in tasks {
            task.cancel()
            await task.value
        }
    }

    private func ended(_ key: UInt64) {
        state.withLock { state in
            state.tasks[key] = nil
        }
    }
}
