internal import HTTPWire
internal import NIOCore
internal import Ranking

/// The attempt at one endpoint: what is known of its connection and of the sides that hold it up, and what follows from that alone.
///
/// A part of `ExchangeStateMachine`, which says what follows for the request.
struct AttemptState {
    /// How long an idle connection may take to confirm that it leads anywhere.
    private static let confirmation = TimeAmount.seconds(1)
    private static let informationalLimit: UInt8 = 16
    private static let never = NIODeadline.uptimeNanoseconds(0)

    /// The connection has served a request before, so it may have died of age.
    private(set) var isReused = false
    private var retriedOnFreshConnection = false
    /// A new connection is made although one may be idle, as nothing could be sent again if the idle one were dead.
    private(set) var avoidsIdle = false
    /// The request goes up in chunks as it comes, so a last chunk is owed.
    private(set) var sendsChunks = false
    /// At least one byte of an answer has come on this connection.
    var sawAnswer = false
    /// What the endpoint says is about the client's slowness.
    var isClientsFault = false
    /// The client kept the answer waiting: what then goes wrong may be the endpoint's patience that has ended.
    var wasHeldUp = false
    private var informationalCount: UInt8 = 0
    /// When the endpoint's time is over, where the deadline is for a look at the idle connection that took the request.
    private var timeEnds = Self.never

    init() {}

    /// Where the body is longer than what is kept of it, or may become so, nothing could be sent again should an idle connection
    /// turn out to be dead.
    ///
    /// - Parameter kept: bytes of the body that are kept so far
    init(_ framing: BodyFraming, kept: Int, isComplete: Bool, replayLimit: Int) {
        switch framing {
        case .length(let length): avoidsIdle = length > replayLimit
        case .chunked: avoidsIdle = !isComplete || kept > replayLimit
        case .none, .untilClose: break
        }
    }

    mutating func idleConnectionTaken() { isReused = true }

    mutating func connectionBegan() {
        isReused = false
        sawAnswer = false
        informationalCount = 0
        timeEnds = Self.never
    }

    /// - Parameter whole: the length of the body, where all of it is kept here
    /// - Returns: how the request is framed for the endpoint
    mutating func frame(_ framing: BodyFraming, whole: Int?) -> BodyFraming {
        if framing == .chunked, let whole { return .length(whole) }
        sendsChunks = framing == .chunked
        return framing
    }

    // MARK: Idle connections that lead nowhere

    /// Whether the deadline is for a look at the idle connection.
    var awaitsLook: Bool { timeEnds > Self.never }

    /// The client is waited for.
    mutating func endpointTimeStops() { timeEnds = Self.never }

    /// When the endpoint's time is over. On an idle connection a look at its state comes first, by the same deadline: a firewall, a
    /// gateway or a machine that went away without a word would cost all of that time.
    mutating func endpointDeadline(_ patience: TimeAmount, from now: NIODeadline) -> NIODeadline {
        guard isReused, patience > Self.confirmation else {
            timeEnds = Self.never
            return now + patience
        }
        timeEnds = now + patience
        return now + Self.confirmation
    }

    /// The connection was looked at, and stays.
    ///
    /// - Returns: when the endpoint's time is over; nil if it is
    mutating func goesOn(now: NIODeadline) -> NIODeadline? {
        let end = timeEnds
        timeEnds = Self.never
        return end > now ? end : nil
    }

    // MARK: Failures

    /// The connection brought no answer, or the word in which an idle one dies.
    ///
    /// - Returns: whether the request goes to the same endpoint once more, on a new connection
    mutating func retries() -> Bool {
        guard !retriedOnFreshConnection else { return false }
        retriedOnFreshConnection = true
        return true
    }

    // MARK: Informational answers

    enum Informational: UInt8 {
        case pass
        case drop
        case fail
    }

    /// 100 was answered here already, 101 was never asked for, others are the client's.
    /// - Parameter isTaken: the client understands it, and has nothing of an answer yet
    mutating func informational(_ status: Int, isTaken: Bool) -> Informational {
        informationalCount += 1
        guard status != 101, informationalCount <= Self.informationalLimit else { return .fail }
        return status != 100 && isTaken ? .pass : .drop
    }
}
