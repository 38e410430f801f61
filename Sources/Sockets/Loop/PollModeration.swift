/// When a busy loop polls the kernel for what has become ready: not at once after each message, but at most so many times a
/// second.
///
/// Sleeping and being woken costs a loop as much as a quarter of a small request, and so does waking the other side for one
/// message. With thousands of requests a second it pays to let a few messages come together, as a network card does that
/// moderates its interrupts. What is slower, streams among it, is not held up.
package struct PollModeration: Sendable, Equatable {
    /// Nanoseconds from the beginning of one tick to that of the next.
    static let interval = 150_000
    /// Nanoseconds after which it is decided anew whether there is enough to do.
    static let period = 2_000_000
    /// With this many requests in a period polling is moderated. That is two requests in a tick, and each request makes two
    /// descriptors ready.
    static let leastStarted = 32
    /// With fewer requests under way no other one would become ready while the first waits.
    static let leastRunning = 8

    private var running = 0
    private var started = 0
    private var periodBegan = 0
    private var isModerated = false

    package init() {}

    package mutating func requestStarted() {
        running += 1
        started += 1
    }

    package mutating func requestEnded() { running -= 1 }

    /// Whether `pause` may ask for a sleep. Only then the loop has to read the clock.
    var isBusy: Bool { running >= Self.leastRunning }

    /// A tick has ended with nothing left to do.
    ///
    /// - Parameters:
    ///   - began: when it began, in nanoseconds of a clock that never goes back
    ///   - now: on the same clock
    /// - Returns: nanoseconds to sleep before the next, at most `interval`.
    mutating func pause(tickBegan began: Int, now: Int) -> Int {
        let elapsed = now - periodBegan
        if elapsed >= Self.period {
            // A period that ended late says nothing about when its requests came, so it does not count.
            isModerated = started >= Self.leastStarted && elapsed < 2 * Self.period
            started = 0
            periodBegan = now
        }
        guard isModerated, isBusy else { return 0 }
        return min(Self.interval, max(0, Self.interval - (now - began)))
    }
}
