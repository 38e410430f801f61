internal import History

/// What becomes of writes of the history that fail: when they are tried again, and whether the operator is told. One rule for the file of the
/// sums and for the log of requests. Pure.
struct WriteTrouble: Sendable {
    /// So often in a row another program has to hold a file before that is told: mostly it is for a moment.
    private static let lastingFailures = 6

    private var failures = 0
    /// What the operator was told of last; nil while all is well.
    private(set) var told: HistoryProblem?

    /// What is to be done after a failure.
    struct Reaction: Equatable {
        /// The operator is told, once for each problem.
        var isTold = false
        /// Nothing is tried for so long; nil: it is tried the next time.
        var rest: Duration?
        /// The file is opened anew the next time, and not as it is where it is `isDistrusted`.
        var isClosed = false
        var isDistrusted = false
        /// It is never written.
        var isRefused = false
    }

    /// A write has failed.
    mutating func failed(_ problem: HistoryProblem) -> Reaction {
        failures += 1
        var reaction = Reaction()
        if problem != .busy || failures >= Self.lastingFailures {
            reaction.isTold = told != problem
            told = problem
        }
        switch problem {
        case .refused: (reaction.isRefused, reaction.isClosed) = (true, true)
        case .busy, .held: break
        case .full: reaction.rest = .seconds(60)
        case .damaged:
            (reaction.isDistrusted, reaction.isClosed) = (true, true)
            reaction.rest = pause
        case .failed, .empty:
            reaction.isClosed = true
            reaction.rest = pause
        }
        return reaction
    }

    private var pause: Duration { .seconds(min(60, 1 << min(failures, 6))) }

    /// A write has gone well.
    ///
    /// - Returns: whether the operator was told of a problem, and now is told that it is over
    mutating func succeeded() -> Bool {
        defer { (failures, told) = (0, nil) }
        return told != nil
    }
}
