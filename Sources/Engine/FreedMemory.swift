internal import CSystemShim
internal import Dispatch

/// What is done with memory that was freed.
///
/// The bodies of a burst come and go by the megabyte, and the memory of one is wanted for the next, so the allocator keeps it. It would keep
/// it for good: now and then several bursts fall together, and a process that runs for weeks would stay as large as its largest moment.
/// So what is free once a minute goes back to the system.
final class FreedMemory: Sendable {
    /// Bytes that each arena keeps between bursts.
    private static let kept = 16 << 20
    /// Bytes that are kept when the rest goes back.
    private static let rest = 1 << 20
    private static let interval = DispatchTimeInterval.seconds(60)

    private nonisolated(unsafe) let source: any DispatchSourceTimer

    /// Arenas for threads that are none of the event loops'. The C library makes eight for each processor: threads of queues come and go, each
    /// takes the arena that was used least, and so each of them grows to what the largest piece of work wants.
    private static let sharedArenas = 2

    /// From now on, until it is released.
    init() {
        podium_limit_arenas(ProcessorCount.usable + Self.sharedArenas)
        podium_keep_freed_memory(Self.kept)
        source = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "podium.memory", qos: .utility))
        source.schedule(deadline: .now() + Self.interval, repeating: Self.interval, leeway: .seconds(5))
        source.setEventHandler { podium_return_freed_memory(Self.rest) }
        source.resume()
    }

    deinit { source.cancel() }
}
