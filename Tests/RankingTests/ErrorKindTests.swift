import Ranking
import Testing

@Suite struct ErrorKindTests {
    @Test(
        arguments: [
            (AttemptOutcome.success(timeToFirstByte: .zero), 200, ErrorKind?.none), (.neutral, nil, nil),
            (.failure(.nameResolution), nil, .name), (.failure(.connect), nil, .connect),
            (.failure(.proxy(.closed)), nil, .proxy), (.failure(.tls(.unspecified)), nil, .tls),
            (.failure(.timeout), nil, .timeout),
            (.failure(.closed), nil, .closed), (.failure(.badResponse), nil, .malformed),
            (.failure(.brokenStream), 200, .broken), (.failure(.status(502)), 502, .serverError),
            (.failure(.status(503)), 503, .serverError), (.failure(.status(429)), 429, .rateLimited),
            (.failure(.status(408)), 408, .requestTimeout), (.rateLimited(retryAfter: .seconds(1)), 429, .rateLimited),
            (.rateLimited(retryAfter: .seconds(1)), 529, .overloaded), (.misconfigured(status: 403), 403, .credential),
            (.failure(.page), 200, .malformed), (.failure(.emptyAnswer), 200, .malformed),
            (.failure(.errorInAnswer(status: 529)), 200, .serverError),
            (.failure(.errorInAnswer(status: 429)), 200, .rateLimited),
            (.failure(.errorInAnswer(status: 408)), 200, .requestTimeout),
            (.timedOut(TimeOutRequest(cause: .quota, status: 402, .zero)), 402, .quota),
            (.timedOut(TimeOutRequest(cause: .rateLimited, status: 429, .zero)), 200, .rateLimited),
            (.timedOut(TimeOutRequest(cause: .overloaded, status: 529, .zero)), 529, .overloaded),
            (.timedOut(TimeOutRequest(cause: .model, status: 404, .zero)), 404, .model),
            (.timedOut(TimeOutRequest(cause: .rule, status: 500, .zero)), 500, .rule),
        ] as [(AttemptOutcome, Int?, ErrorKind?)])
    func outcomesAreSorted(outcome: AttemptOutcome, status: Int?, kind: ErrorKind?) {
        #expect(ErrorKind(outcome, status: status) == kind)
    }
}
