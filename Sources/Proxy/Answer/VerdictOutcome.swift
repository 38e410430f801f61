internal import Ranking
internal import Verdicts

extension Verdict {
    /// What the ranking learns.
    ///
    /// - Parameters:
    ///   - sample: what the endpoint is measured by
    ///   - isWithin: the answer's own status was that of a success
    ///   - model: that was asked for
    ///   - failure: how the attempt failed, where there was no answer
    func outcome(
        _ sample: ResponseSample?, isWithin: Bool = false, model: @autoclosure () -> String? = nil,
        failure: FailureKind? = nil
    ) -> AttemptOutcome {
        switch endpoint {
        case .goodSample: .success(sample)
        case .failure: .failure(failure ?? failureKind(isWithin: isWithin))
        case .credentialRefused: .misconfigured(status: status)
        case .timeOut(let timeOut): outcome(timeOut, model: model())
        case .pathUnknown: .declined(status: status)
        case .nothing where reason == .answered: .success(nil)
        case .nothing: failure.map { .failure($0) } ?? .declined(status: status)
        }
    }

    private func outcome(_ timeOut: TimeOut, model: String?) -> AttemptOutcome {
        let cause: TimeOutCause =
            switch reason {
            case .quota: .quota
            case .model: .model
            case .overloaded: .overloaded
            case .rule: .rule
            default: .rateLimited
            }
        let rule = cause == .rule ? RuleReference(row) : .none
        guard timeOut.scope == .model else {
            if cause == .rateLimited { return .rateLimited(retryAfter: timeOut.first) }
            return .timedOut(
                TimeOutRequest(
                    cause: cause, status: status, first: timeOut.first, limit: timeOut.limit, rule: rule))
        }
        if let model {
            return .timedOut(
                TimeOutRequest(
                    cause: cause, status: status, first: timeOut.first, limit: timeOut.limit,
                    model: ModelReference(model), rule: rule))
        }
        // Where the request does not say its model, a limit may be the endpoint's; that a model is not there is not.
        return cause == .model ? .declined(status: status) : .rateLimited(retryAfter: timeOut.first)
    }

    private func failureKind(isWithin: Bool) -> FailureKind {
        switch reason {
        case .malformed: .badResponse
        case .page: .page
        case .empty: .emptyAnswer
        case .unanswered: .closed
        case .brokenOff: .brokenStream
        default: isWithin ? .errorInAnswer(status: status) : .status(status)
        }
    }

    /// Whether its words say more to a client than that no endpoint has answered.
    var isTelling: Bool {
        switch reason {
        case .rule, .request, .question, .clientsCredential, .tooLarge, .model, .rateLimited, .overloaded, .quota,
            .pathUnknown, .serverError, .requestTimeout, .credential, .odd:
            true
        case .page, .redirected, .empty, .brokenOff, .malformed, .unanswered, .unreachable, .answered: false
        }
    }

    /// Whether it is the request that is refused, and not by this endpoint alone.
    var isAboutRequest: Bool {
        switch reason {
        case .rule, .request, .question, .clientsCredential: true
        default: false
        }
    }

    /// Whether the endpoint that failed so may be asked again after a pause.
    ///
    /// - Parameter isAlone: no other endpoint was asked, so that nothing speaks for an outage that changes sides
    func isWorthAnotherTry(isAlone: Bool) -> Bool {
        if isRetriedAlone { return true }
        switch reason {
        case .unreachable, .unanswered, .malformed, .brokenOff, .empty, .page, .serverError, .overloaded:
            return !isAlone
        default: return false
        }
    }

    /// Whether a client may well ask again.
    var isForNow: Bool {
        switch reason {
        case .rateLimited, .overloaded, .quota, .serverError, .requestTimeout, .odd: true
        default: false
        }
    }
}

extension FailureKind {
    /// What was seen of an attempt that failed so.
    ///
    /// - Parameter hasHead: the head of an answer had come
    func sign(hasHead: Bool) -> Finding.Sign {
        if isUnreachable { return .unreachable }
        return switch self {
        case .badResponse where !hasHead: .malformed
        case _ where hasHead: .brokenOff
        default: .unanswered
        }
    }
}
