internal import NIOCore

/// Whether the client takes what it is sent, and since when it does not.
///
/// A part of `ExchangeStateMachine`, which says what follows.
struct ClientProgress {
    private static let never = NIODeadline.uptimeNanoseconds(0)

    /// The client takes what it is sent.
    private(set) var isWritable = true
    /// Since when it has kept an answer, or the next request, waiting.
    private var blockedSince = Self.never
    /// While it is behind: what it had not acknowledged when it was looked at last, and when it last took something.
    private var backlog = 0
    private var backlogSince = Self.never

    /// - Returns: how long it has kept the connection waiting
    mutating func caughtUp(now: NIODeadline) -> TimeAmount {
        isWritable = true
        let since = blockedSince
        blockedSince = Self.never
        return since > Self.never ? now - since : .zero
    }

    /// - Parameter now: nil where nothing waits for it
    mutating func fellBehind(now: NIODeadline?) {
        isWritable = false
        if let now { blockedSince = now }
    }

    /// The client is watched from now on.
    ///
    /// - Parameter unacknowledged: bytes of which the client's system has not said that it has them; nil where it is not behind
    mutating func watch(unacknowledged: Int?, now: NIODeadline) {
        backlog = unacknowledged ?? 0
        backlogSince = unacknowledged == nil ? Self.never : now
    }

    /// Whether the client still takes what it has been sent, however slowly. The kernel asks for more in large steps only, so what
    /// the client's system has acknowledged counts.
    ///
    /// - Returns: when to look again, nil where it stands still
    mutating func getsOn(unacknowledged: Int, patience: TimeAmount, now: NIODeadline) -> NIODeadline? {
        guard unacknowledged > 0 else { return nil }
        if backlogSince == Self.never || unacknowledged < backlog {
            backlog = unacknowledged
            backlogSince = now
        } else if now >= backlogSince + patience {
            return nil
        }
        return now + .nanoseconds(patience.nanoseconds / 8)
    }
}

/// How long a client that has been told everything may take until it closes.
struct Lingering {
    /// How long it may be silent.
    private static let silence = TimeAmount.seconds(5)
    /// How long it may go on sending what is thrown away.
    private static let total = TimeAmount.seconds(30)
    /// How long half a request, and a client that has its answer and does not close, hold up a stop. A head comes in one piece,
    /// and an answer that the kernel has taken is on its way.
    static let whileStopping = TimeAmount.milliseconds(300)

    private var end = NIODeadline.uptimeNanoseconds(0)

    /// - Returns: until when the client may be silent
    mutating func begin(isStopping: Bool, now: NIODeadline) -> NIODeadline {
        end = now + (isStopping ? Self.whileStopping : Self.total)
        return isStopping ? end : now + Self.silence
    }

    /// The client sends on.
    ///
    /// - Returns: until when it may be silent now
    func goesOn(now: NIODeadline) -> NIODeadline { min(now + Self.silence, end) }

    /// Podium stops.
    ///
    /// - Returns: until when the client may take its time
    mutating func stop(now: NIODeadline) -> NIODeadline {
        end = now + Self.whileStopping
        return end
    }
}
