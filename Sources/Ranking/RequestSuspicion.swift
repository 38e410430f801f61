/// Tells a request that no endpoint can serve from an outage of all endpoints.
///
/// Both look the same at first: every endpoint that is asked fails in the same way. A request that makes servers fail is sent
/// again by its client, while the requests of others are answered; in an outage nobody is answered. So what failed everywhere
/// is held against the endpoints only where no request was answered well lately, or where a third request has failed
/// everywhere in the seconds since one was. Then it counts once within a while, however often the same request is sent.
struct RequestSuspicion: Sendable {
    /// A good answer is evidence against an outage for so long.
    static let evidence = Duration.seconds(60)
    /// The same request counts against the same endpoint once within this time.
    static let repetition = Duration.seconds(10)

    /// So long after it at least: three requests that fail everywhere may well come one after the other where many come.
    static let silence = Duration.seconds(2)

    private var lastAnswer: RankingTime?
    /// Two requests that failed everywhere since the last good answer.
    private var first: UInt64?
    private var second: UInt64?

    /// Some endpoint has answered some request well.
    mutating func answered(at now: RankingTime) {
        lastAnswer = now
        if first != nil {
            first = nil
            second = nil
        }
    }

    /// - Returns: whether it is the request that is to blame. It is the same for every endpoint that the request was sent to.
    mutating func suspects(_ request: UInt64, at now: RankingTime) -> Bool {
        guard let lastAnswer, now < lastAnswer + Self.evidence else { return false }
        if request == first || request == second { return true }
        if first == nil {
            first = request
        } else if second == nil {
            second = request
        } else {
            return now < lastAnswer + Self.silence
        }
        return true
    }
}
