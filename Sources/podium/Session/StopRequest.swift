import Engine
import Service
import Synchronization

/// The first request begins the graceful stop, a second one skips the drain. Before the engine serves there is nothing to
/// be graceful about: then the signal does what it does to every program.
final class StopRequest: Sendable {
    private struct State {
        var engine: Engine?
        var isRequested = false
        var isDraining = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// The engine serves from now on.
    func started(_ engine: Engine) {
        state.withLock { $0.engine = engine }
    }

    func signalled(_ number: Int32) {
        guard state.withLock({ $0.engine != nil }) else {
            SignalWatch.die(of: number)
            return
        }
        request()
    }

    func request() {
        let (waiter, hurried) = state.withLock { state in
            defer {
                state.isRequested = true
                state.waiter = nil
            }
            return (state.waiter, state.isDraining ? state.engine : nil)
        }
        waiter?.resume()
        if let hurried {
            Task { await hurried.hurry() }
        }
    }

    func beginDraining() {
        state.withLock { $0.isDraining = true }
    }

    func requested() async {
        await withCheckedContinuation { continuation in
            let already = state.withLock { state in
                if !state.isRequested {
                    state.waiter = continuation
                }
                return state.isRequested
            }
            if already {
                continuation.resume()
            }
        }
    }
}
