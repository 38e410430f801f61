/// Keeps frames from piling up on a slow link, where the kernel takes minutes of them without complaint.
///
/// Each frame ends in a question the terminal answers once it has drawn it. Frames that only renew the picture wait for
/// the answer; those after a key may run a few ahead, so that a long round trip is not felt in typing.
struct FramePacing {
    private var unanswered = 0
    private var lastSent: ContinuousClock.Instant?
    private var hasAnswered = false
    private(set) var asks: Bool

    private static let mostAhead = 4
    /// A terminal that never answered by then does not know the question.
    private static let patience = Duration.seconds(2)
    /// An answer that is lost, as when a multiplexer is detached, must not stop the picture for good.
    private static let longest = Duration.seconds(10)

    init(asks: Bool) {
        self.asks = asks
    }

    mutating func mayDraw(isUrgent: Bool, now: ContinuousClock.Instant) -> Bool {
        guard asks, unanswered > 0, let lastSent else { return true }
        let waited = now - lastSent
        if !hasAnswered, waited >= Self.patience {
            asks = false
            return true
        }
        if waited >= Self.longest {
            unanswered = 0
            return true
        }
        return isUrgent && unanswered < Self.mostAhead
    }

    mutating func sent(now: ContinuousClock.Instant) {
        guard asks else { return }
        unanswered += 1
        lastSent = now
    }

    mutating func answered() {
        hasAnswered = true
        unanswered = max(0, unanswered - 1)
    }

    /// The answers that are due went elsewhere.
    mutating func abandoned() {
        unanswered = 0
    }

    /// Whether an answer may still come, which must not reach the shell afterwards.
    var isWaiting: Bool { asks && unanswered > 0 }
}
