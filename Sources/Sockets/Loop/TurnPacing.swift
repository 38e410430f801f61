/// When a busy loop looks for what has become ready: not at once after each message, but at most so many times a second.
///
/// Sleeping and being woken costs a loop as much as a quarter of a small request, and so does waking the other side for one
/// message. With thousands of requests a second it pays to let a few messages come together, as a network card does that
/// moderates its interrupts. What is slower, streams among it, is not held up.
package struct TurnPacing: Sendable, Equatable {
    /// Nanoseconds from the beginning of one turn to that of the next.
    static let interval = 150_000
    /// Nanoseconds after which it is decided anew whether there is enough to do.
    static let period = 2_000_000
    /// Requests of a period from which on turns are paced: two a turn, each of which is heard of twice.
    static let leastStarted = 32
    /// With fewer requests under way nobody would come to join the one that waits.
    static let leastRunning = 8

    private var running = 0
    private var started = 0
    private var periodBegan = 0
    private var isPaced = false

    package init() {}

    package mutating func requestStarted() {
        running += 1
        started += 1
    }

    package mutating func requestEnded() { running -= 1 }

    /// Whether `rest` may have something to say, for which it needs to know the time.
    var isBusy: Bool { running >= Self.leastRunning }

    /// A turn has ended with nothing left to do.
    ///
    /// - Parameters:
    ///   - began: when it began, in nanoseconds of a clock that never goes back
    ///   - now: on the same clock
    /// - Returns: nanoseconds to sleep before the next, at most `interval`.
    mutating func rest(turnBegan began: Int, now: Int) -> Int {
        let elapsed = now - periodBegan
        if elapsed >= Self.period {
            // Of a period that nobody closed in time it is not known when its requests came.
            isPaced = started >= Self.leastStarted && elapsed < 2 * Self.period
            started = 0
            periodBegan = now
        }
        guard isPaced, isBusy else { return 0 }
        return min(Self.interval, max(0, Self.interval - (now - began)))
    }
}
