import Ranking
import TestSupport
import Testing

@testable import Proxy

/// What a client sees, and what the ranking learns, when the first endpoint goes wrong before the commit point.
@Suite(.timeLimit(.minutes(15)))
struct FailoverTests {
    /// A way to go wrong and the lesson.
    struct Fault: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let steps: [ScriptedUpstream.Step]
        let outcome: AttemptOutcome
        let status: Int?
    }

    static let faults: [Fault] =
        [
            Fault(testDescription: "closed before the head", steps: [.close], outcome: .failure(.closed), status: nil),
            Fault(testDescription: "reset before the head", steps: [.reset], outcome: .failure(.closed), status: nil),
            Fault(
                testDescription: "closed within the head", steps: [.send("HTTP/1.1 200 OK\r\nContent-"), .close],
                outcome: .failure(.closed), status: nil),
            Fault(
                testDescription: "closed after the head",
                steps: [.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), .close],
                outcome: .failure(.closed), status: 200),
            Fault(
                testDescription: "garbage", steps: [.send("220 smtp.example ready\r\n")],
                outcome: .failure(.badResponse),
                status: nil),
            Fault(
                testDescription: "two lengths",
                steps: [.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")],
                outcome: .failure(.badResponse), status: nil),
            Fault(
                testDescription: "length and encoding",
                steps: [.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")],
                outcome: .failure(.badResponse), status: nil),
            Fault(
                testDescription: "bad first chunk",
                steps: [.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")],
                outcome: .failure(.badResponse), status: 200),
            Fault(
                testDescription: "switching protocols",
                steps: [.send("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n")],
                outcome: .failure(.badResponse), status: nil),
            Fault(
                testDescription: "event stream dies before its first event",
                steps: [
                    .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: wait\n\nevent: message_start\n"),
                    .close,
                ], outcome: .failure(.emptyAnswer), status: 200),
            Fault(
                testDescription: "429 with seconds",
                steps: [.send(Wire.status(429, "slow down", headers: "Retry-After: 7\r\n"))],
                outcome: .rateLimited(retryAfter: .seconds(7)), status: 429),
            Fault(
                testDescription: "429 beyond a day",
                steps: [.send(Wire.status(429, headers: "Retry-After: 999999\r\n"))],
                outcome: .rateLimited(retryAfter: .seconds(86400)), status: 429),
            Fault(
                testDescription: "429 in milliseconds",
                steps: [.send(Wire.status(429, headers: "retry-after-ms: 1500\r\n"))],
                outcome: .rateLimited(retryAfter: .milliseconds(1500)), status: 429),
            Fault(
                testDescription: "429 with a reset header",
                steps: [.send(Wire.status(429, headers: "x-ratelimit-reset-requests: 1m2s\r\n"))],
                outcome: .rateLimited(retryAfter: .seconds(62)), status: 429),
            Fault(
                testDescription: "529 with seconds", steps: [.send(Wire.status(529, headers: "Retry-After: 3\r\n"))],
                outcome: .timedOut(TimeOutRequest(cause: .overloaded, status: 529, .seconds(3))), status: 529),
        ]
        + [408, 429, 500, 502, 503, 504, 520, 529, 530].map {
            Fault(
                testDescription: "status \($0)", steps: [.send(Wire.status($0, "no"))], outcome: .failure(.status($0)),
                status: $0)
        }
        + [401, 403].map {
            Fault(
                testDescription: "status \($0)", steps: [.send(Wire.status($0, "no"))],
                outcome: .misconfigured(status: $0),
                status: $0)
        }

    @Test(arguments: faults)
    func theNextEndpointAnswers(fault: Fault) async throws {
        let steps = fault.steps
        let first = try await ScriptedUpstream.start { _ in steps }
        let second = try await ScriptedUpstream.start { request in [.send(Wire.ok("second:" + request.body))] }
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)])

        let answer = try await proxy.exchange(Wire.post(body: "question"))

        #expect(answer.hasPrefix("HTTP/1.1 200 Whatever\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nsecond:question"))
        let events = proxy.events
        #expect(proxy.runningAttempts == 0)
        #expect(events.attempts.map(\.endpoint) == [EndpointID(1), EndpointID(2)])
        #expect(events.attempts.first?.outcome == fault.outcome)
        #expect(events.attempts.first?.status == fault.status)
        guard case .success = events.attempts.last?.outcome else {
            Issue.record("the second attempt did not succeed: \(String(describing: events.attempts.last))")
            return
        }
        #expect(events.requests.count == 1)
        #expect(events.requests.first?.endpoint == EndpointID(2))
        #expect(events.requests.first?.ending == .completed)
        #expect(events.requests.first?.attempts == events.attempts)
        await proxy.stop()
    }

    /// One request that no endpoint's key covers is the client's affair: it gets the words of the first.
    @Test func whatEveryEndpointRefusesIsAnsweredInTheirWords() async throws {
        let first = try await ScriptedUpstream.start { _ in
            [.send(Wire.status(403, "not this plan", headers: "X-Reason: plan\r\n"))]
        }
        let last = try await ScriptedUpstream.start { _ in [.send(Wire.status(401, "last"))] }
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, last)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasPrefix("HTTP/1.1 403 ") && answer.hasSuffix("not this plan"))
        #expect(answer.contains("\r\nX-Reason: plan\r\n") && !answer.contains("Retry-After"))
        #expect(proxy.events.attempts.map(\.outcome) == [.misconfigured(status: 403), .misconfigured(status: 401)])
        #expect(proxy.events.requests.first?.endpoint == EndpointID(1))
        await proxy.stop()
    }

    /// The last in the order is on a trial of somebody else's, which shows only when its turn comes.
    @Test func aRefusalThatSeemedNotToBeTheLastIsToldAsOne() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.status(403, "first"))] }
        let proxy = try await ProxyHarness.start(
            [.local(1, first), .local(2, port: 1)], admits: { $0 == EndpointID(1) }, gate: .halfOpen)
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
        #expect(answer.contains("no endpoint could answer (endpoint-1: status 403)"))
        await proxy.stop()
    }

    @Test func aKeptConnectionThatDiesOfAgeInWordsIsNoFailure() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            request.index == 0
                ? [.send(Wire.ok("on \(request.connection)"))]
                : [.send("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nidle"), .close]
        }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream), .local(2, second)])
        let client = try await RawClient.connect(port: proxy.port)
        for connection in 0..<2 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            #expect(await client.response().hasSuffix("on \(connection)"))
        }
        #expect(second.requests.isEmpty)
        #expect(proxy.events.attempts.count == 2)
        #expect(proxy.events.attempts.allSatisfy { if case .success = $0.outcome { $0.status == 200 } else { false } })
        try await client.close()
        await proxy.stop()
    }

    @Test(arguments: [401, 403])
    func aRefusalOfTheClientsOwnCredentialIsTheClientsAnswer(status: Int) async throws {
        let first = try await ScriptedUpstream.start { request in
            [.send(request.header("authorization") == "Bearer good" ? Wire.ok("in") : Wire.status(status, "who"))]
        }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("ours"))] }
        let proxy = try await ProxyHarness.start([
            .local(1, first, credential: .passthrough), .local(2, second, credential: .apiKey("ours")),
        ])
        let bad = try await proxy.exchange(Wire.post(headers: "Authorization: Bearer bad\r\n"))
        #expect(bad.hasPrefix("HTTP/1.1 \(status) "))
        #expect(bad.hasSuffix("who"))
        // One client's mistake must not take the endpoint from all the others.
        #expect(try await proxy.exchange(Wire.post(headers: "Authorization: Bearer good\r\n")).hasSuffix("in"))
        #expect(second.requests.isEmpty)
        let bad1 = try #require(proxy.events.attempts.first)
        #expect(bad1.outcome == .declined(status: status) && !bad1.isEvidence)
        await proxy.stop()
    }

    /// What a client's own account lacks is served by an endpoint with another account; nobody is timed out for it.
    @Test(arguments: [402, 429], [true, false])
    func anEmptyAccountOfTheClientsIsNobodysFault(status: Int, hasAnother: Bool) async throws {
        let first = try await ScriptedUpstream.start { _ in
            [.send(Wire.status(status, "yours", headers: "Retry-After: 60\r\n"))]
        }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("ours"))] }
        let own = try Upstream.local(1, first, credential: .passthrough)
        let proxy = try await ProxyHarness.start(
            hasAnother ? [own, .local(2, second, credential: .apiKey("ours"))] : [own])
        let answer = try await proxy.exchange(Wire.post(headers: "Authorization: Bearer mine\r\n"))
        #expect(answer.hasSuffix(hasAnother ? "ours" : "yours"))
        #expect(hasAnother || answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains("\r\nRetry-After: 60\r\n"))
        let attempt = try #require(proxy.events.attempts.first)
        #expect(attempt.outcome == .declined(status: status))
        #expect(!attempt.isEvidence)
        await proxy.stop()
    }

    @Test func aRefusedConnectionFailsOver() async throws {
        let gone = try #require(RefusingPort())
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let proxy = try await ProxyHarness.start([.local(1, port: gone.port), .local(2, second)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasSuffix("second"))
        #expect(proxy.events.attempts.first?.outcome == .failure(.connect))
        await proxy.stop()
    }

    @Test func aSilentEndpointTimesOut() async throws {
        let first = try await ScriptedUpstream.start { _ in [] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        var timeouts = UpstreamTimeouts()
        timeouts.response = .milliseconds(30)
        let proxy = try await ProxyHarness.start([.local(1, first, timeouts: timeouts), .local(2, second)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasSuffix("second"))
        #expect(proxy.events.attempts.first?.outcome == .failure(.timeout))
        await proxy.stop()
    }

    @Test(arguments: [200, 201, 204, 301, 304, 400, 404, 409, 422, 505])
    func otherStatusesAreTheClientsAnswer(status: Int) async throws {
        let head =
            "HTTP/1.1 \(status) Whatever\r\n"
            + (status == 204 || status == 304 ? "\r\n" : "Content-Length: 2\r\n\r\nno")
        let first = try await ScriptedUpstream.start { _ in [.send(head)] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasPrefix("HTTP/1.1 \(status) Whatever\r\n"))
        #expect(second.requests.isEmpty)
        await proxy.stop()
    }

    @Test func whenAllAreOutTheAnswerSaysWhenToComeBack() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.status(429, headers: "Retry-After: 40\r\n"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.status(529, headers: "Retry-After: 20\r\n"))] }
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)])
        let answer = try await proxy.exchange(Wire.post())
        // The most telling answer, and the earliest time of all.
        #expect(answer.hasPrefix("HTTP/1.1 429 Whatever\r\n"))
        #expect(!answer.contains("Retry-After: 40"))
        #expect(answer.contains("\r\nRetry-After: 20\r\n"))
        #expect(proxy.events.requests.first?.endpoint == EndpointID(1))
        #expect(proxy.events.requests.first?.ending == .completed)
        await proxy.stop()
    }

    @Test func theErrorHasTheShapeOfTheAPI() async throws {
        let proxy = try await ProxyHarness.start([])
        let openAI = try await proxy.exchange(Wire.post("/v1/chat/completions"))
        #expect(openAI.contains("{\"error\":{\"message\":\"no endpoint is available\",\"type\":\"server_error\""))
        let anthropic = try await proxy.exchange(Wire.post("/v1/messages"))
        #expect(anthropic.contains("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\""))
        await proxy.stop()
    }

    @Test func aHalfOpenEndpointIsTriedOnlyWhenAdmitted() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.ok("first"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let proxy = try await ProxyHarness.start(
            [.local(1, first), .local(2, second)], admits: { $0 == EndpointID(2) }, gate: .halfOpen)
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasSuffix("second"))
        #expect(first.requests.isEmpty)
        await proxy.stop()
    }

    @Test func aStaleConnectionIsReplacedWithoutAWord() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            request.connection == 0 && request.index == 1 ? [.close] : [.send(Wire.ok("on \(request.connection)"))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        #expect(await client.until("on 0").hasSuffix("on 0"))
        client.clear()
        try await client.send(Wire.post(closes: false))
        #expect(await client.until("on 1").hasSuffix("on 1"))
        let outcomes = proxy.events.attempts
        #expect(outcomes.count == 2)
        for attempt in outcomes {
            guard case .success = attempt.outcome else {
                Issue.record("\(attempt)")
                continue
            }
        }
        try await client.close()
        await proxy.stop()
    }
}
