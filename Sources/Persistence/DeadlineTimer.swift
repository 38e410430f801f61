@preconcurrency import Dispatch
import Synchronization

/// One one-shot timer on the monotonic clock. Setting it replaces what was set before.
final class DeadlineTimer: Sendable {
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
        let wait = min(max(deadline - ContinuousClock.now, .zero), .seconds(86_400)).components
        let nanoseconds = wait.seconds * 1_000_000_000 + wait.attoseconds / 1_000_000_000
        source.schedule(deadline: .now() + .nanoseconds(Int(nanoseconds)), leeway: .milliseconds(1))
    }

    func cancel() {
        source.cancel()
    }
}

/// Calls again and again until it is let go; calls that the queue was too busy for are not made up for.
final class RepeatingTimer: Sendable {
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
