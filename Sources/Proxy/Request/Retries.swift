internal import NIOCore
internal import Ranking

/// Which endpoints have had their attempt at one request, and which of them may have another.
struct Retries {
    /// Attempts beyond one for each endpoint, at most.
    private static let extraLimit = 2

    /// The endpoints that have had their attempt, and are not asked again before a pause.
    var tried: [EndpointID] = []
    /// Those of them that are not asked again at all: another try would bring the same.
    private var settled: [EndpointID] = []
    /// When the first of the others may be asked again; nil where none is worth it.
    private var againFrom: NIODeadline?
    private var extraAttempts = 0

    /// When what has failed may have another attempt; nil where it is worth none.
    var next: NIODeadline? { extraAttempts < Self.extraLimit ? againFrom : nil }

    /// Another request begins. It may have waited without an attempt, and an attempt may have been forgotten for another one.
    mutating func begin() {
        if !tried.isEmpty { tried = [] }
        if !settled.isEmpty { settled = [] }
        againFrom = nil
        extraAttempts = 0
    }

    /// The request looks for an endpoint once more.
    mutating func renew(now: NIODeadline) {
        guard let next, next <= now, takeExtra() else { return }
        tried = settled
        againFrom = nil
    }

    /// An attempt beyond one for each endpoint is made.
    ///
    /// - Returns: whether there may be one more
    mutating func takeExtra() -> Bool {
        guard extraAttempts < Self.extraLimit else { return false }
        extraAttempts += 1
        return true
    }

    /// Notes whether an endpoint that had its attempt is worth another one.
    ///
    /// - Parameter pause: before it, unless it has named a time to wait
    mutating func note(
        _ attempt: CurrentAttempt, at upstream: Upstream, _ outcome: AttemptOutcome, pause: TimeAmount, now: NIODeadline
    ) {
        tried.append(upstream.id)
        var from: NIODeadline?
        switch outcome {
        case .rateLimited(let wait): from = now + TimeAmount(wait)
        case .timedOut(let timeOut) where timeOut.cause.isLoad: from = now + TimeAmount(timeOut.first)
        case .failure:
            let isAlone = tried.count < 2
            if attempt.verdict?.isWorthAnotherTry(isAlone: isAlone) == true { from = now + pause }
        default: break
        }
        guard let from else { return settled.append(upstream.id) }
        againFrom = againFrom.map { min($0, from) } ?? from
    }
}
