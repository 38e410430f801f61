import LLMWire
import Ranking
import Synchronization
import TestSupport
import Testing
import Verdicts

@testable import Proxy

/// Requests for which there is no endpoint at the moment: they wait, try one before its time, or ask again what has just failed.
@Suite(.timeLimit(.minutes(15)))
struct PatienceTests {
    private final class Trials: Sendable {
        let answers: Mutex<[EarlyTrial]>
        let asked = Mutex<[[EndpointID]]>([])

        init(_ answers: [EarlyTrial]) { self.answers = Mutex(answers) }

        func next(_ ids: [EndpointID]) -> EarlyTrial {
            asked.withLock { $0.append(ids) }
            return answers.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? .nothing }
        }
    }

    private func start(
        _ upstreams: [Upstream], absent: [Upstream] = [], trials: Trials = Trials([]), maxWait: Duration = .seconds(50),
        pause: Duration = .milliseconds(1), cause: TimeOutReason? = nil
    ) async throws -> ProxyHarness {
        var options = ProxyOptions()
        options.rules.maxWait = maxWait
        options.rules.retryPause = pause...pause
        return try await ProxyHarness.start(
            upstreams, options: options, absent: absent,
            availability: cause.map { .timedOut(until: .now + .seconds(4000), $0) }
                ?? .open(until: .now + .seconds(4000), cause: .failuresInARow(3, last: .connect)),
            tryEarly: { trials.next($0) })
    }

    @Test func anEndpointThatIsOutIsTriedEarly() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("early"))] }
        let trials = Trials([.ask(EndpointID(1))])
        let proxy = try await start([], absent: [.local(1, upstream)], trials: trials)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("early"))
        #expect(trials.asked.withLock { $0 } == [[EndpointID(1)]])
        await proxy.stop()
    }

    @Test func whatIsTriedEarlyComesAfterTheOthers() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.status(500, "no"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("early"))] }
        let proxy = try await start(
            [.local(1, first)], absent: [.local(2, second)], trials: Trials([.ask(EndpointID(2))]))
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("early"))
        #expect(proxy.events.attempts.map(\.endpoint) == [EndpointID(1), EndpointID(2)])
        await proxy.stop()
    }

    @Test func aRequestFollowsTheOutcomeOfAnothersTrial() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("back"))] }
        let endpoint = try Upstream.local(1, upstream)
        let trials = Trials([.wait(until: .now + .seconds(40))])
        let proxy = try await start([], absent: [endpoint], trials: trials)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { trials.asked.withLock { !$0.isEmpty } }
        #expect(client.text.isEmpty)
        // It is back: the table says so.
        proxy.server.update(routes: RoutingTable(candidates: [Candidate(upstream: endpoint)], version: 1))
        #expect(await client.untilClosed().hasSuffix("back"))
        await proxy.stop()
    }

    /// The first request has waited without an attempt of its own that failed: that must not shorten the patience of the second.
    @Test func eachRequestOfAConnectionHasItsOwnPatience() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("after"))] }
        let trials = Trials([
            .wait(until: .now + .milliseconds(30)), .ask(EndpointID(1)),
            .wait(until: .now + .milliseconds(200)), .ask(EndpointID(1)),
        ])
        let proxy = try await start([], absent: [.local(1, upstream)], trials: trials, maxWait: .milliseconds(100))
        let client = try await RawClient.connect(port: proxy.port)
        for _ in 0..<2 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            #expect(await client.response().hasSuffix("after"))
            // The patience of this request is over when the next one comes.
            let over = ContinuousClock.now + .milliseconds(100)
            try await eventually { ContinuousClock.now > over }
        }
        try await client.close()
        await proxy.stop()
    }

    @Test func aWaitThatIsNamedIsWaitedFor() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("after"))] }
        let trials = Trials([.wait(until: .now + .milliseconds(30)), .ask(EndpointID(1))])
        let proxy = try await start([], absent: [.local(1, upstream)], trials: trials)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("after"))
        await proxy.stop()
    }

    @Test(arguments: [Duration.zero, .seconds(20)])
    func whatTakesLongerIsRefusedAtOnceWithItsReason(maxWait: Duration) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [] }
        let trials = Trials([.wait(until: .now + .seconds(4000))])
        let proxy = try await start([], absent: [.local(1, upstream)], trials: trials, maxWait: maxWait)
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasPrefix("HTTP/1.1 503 "))
        #expect(answer.contains("endpoint-1: out after failures (connection refused or unreachable)"))
        #expect(trials.asked.withLock { $0.count } == (maxWait == .zero ? 0 : 1))
        await proxy.stop()
    }

    @Test func whereAllAreRateLimitedTheClientIsToldSo() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [] }
        let proxy = try await start(
            [], absent: [.local(1, upstream)], trials: Trials([.wait(until: .now + .seconds(4000))]),
            cause: TimeOutReason(.rateLimited, status: 429))
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasPrefix("HTTP/1.1 429 Too Many Requests\r\n"))
        #expect(answer.contains("\"type\":\"rate_limit_error\"") && answer.contains("endpoint-1: rate limited (429)"))
        await proxy.stop()
    }

    /// - Parameter answers: of the only endpoint, one after the other
    @Test(arguments: [
        ([529, 200], 200, 2), ([503, 529, 200], 200, 3), ([529, 529, 529], 529, 3), ([500], 500, 1), ([429], 429, 1),
        ([0, 200], 200, 2), ([402], 402, 1), ([400], 400, 1),
    ])
    func oneEndpointAloneIsAskedAgain(answers: [Int], status: Int, attempts: Int) async throws {
        let count = Mutex(0)
        let upstream = try await ScriptedUpstream.start { _ in
            let index = count.withLock { count in
                defer { count += 1 }
                return min(count, answers.count - 1)
            }
            return answers[index] == 0 ? [.close] : [.send(Wire.status(answers[index], "{}"))]
        }
        let proxy = try await start([.local(1, upstream)])
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 \(status) "))
        #expect(proxy.events.requests.first?.attempts.count == attempts)
        await proxy.stop()
    }

    /// An outage that changes sides while the request is on its way: each endpoint has its turn, and two more attempts are made.
    @Test func whatFailsEverywhereIsAskedAgainTwice() async throws {
        let first = try await ScriptedUpstream.start { request in
            [.send(request.connection + request.index < 2 ? Wire.status(500, "no") : Wire.ok("there"))]
        }
        let second = try await ScriptedUpstream.start { _ in [.close] }
        let proxy = try await start([.local(1, first), .local(2, second)])
        _ = try await proxy.exchange(Wire.post())
        #expect(proxy.events.attempts.count <= 4)
        await proxy.stop()
    }

    /// A rule of the operator's: `then: retry`.
    @Test func aRuleAsksTheSameEndpointAgain() async throws {
        let first = try await ScriptedUpstream.start { request in
            [.send(request.index + request.connection == 0 ? Wire.status(422, "flaky") : Wire.ok("second try"))]
        }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("other"))] }
        let rule = FailoverRule(name: "failover.rules 1", statuses: [422...422], then: .retry)
        let proxy = try await start([.local(1, first, rules: [rule]), .local(2, second)])
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("second try"))
        #expect(second.requests.isEmpty)
        await proxy.stop()
    }

    /// A slow client must not hold the only place of an endpoint that is tried.
    @Test func anEarlyTrialWaitsForTheWholeRequest() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("early"))] }
        let trials = Trials([.ask(EndpointID(1))])
        let proxy = try await start([], absent: [.local(1, upstream)], trials: trials)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(
            "POST /v1/messages HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab")
        try await eventually { proxy.events.requestsStarted == 1 }
        #expect(trials.asked.withLock { $0.isEmpty })
        try await client.send("cd")
        #expect(await client.untilClosed().hasSuffix("early"))
        #expect(upstream.requests.map(\.body) == ["abcd"])
        await proxy.stop()
    }

    @Test func aClientThatGoesIsForgotten() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("late"))] }
        let endpoint = try Upstream.local(1, upstream)
        let trials = Trials([.wait(until: .now + .seconds(40))])
        let proxy = try await start([], absent: [endpoint], trials: trials)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { trials.asked.withLock { !$0.isEmpty } }
        try await client.close()
        try await eventually { proxy.events.requests.first?.ending == .clientClosed }
        proxy.server.update(routes: RoutingTable(candidates: [Candidate(upstream: endpoint)], version: 1))
        await proxy.stop()
        #expect(upstream.requests.isEmpty)
    }

    /// A model that is not to stream says nothing before it has finished.
    @Test(arguments: [(#"{"model":"m","messages":[]}"#, true), (#"{"messages":[],"stream":true}"#, false)])
    func whatIsNoStreamMayTakeLonger(body: String, isAnswered: Bool) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.hold("thought"), .send(Wire.ok("{\"type\":\"message\"}"))]
        }
        var timeouts = UpstreamTimeouts.patient
        timeouts.responseHeader = .milliseconds(20)
        timeouts.response = .seconds(50)
        let proxy = try await start([.local(1, upstream, timeouts: timeouts)], maxWait: .zero)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(body: body))
        try await eventually { upstream.requests.count == 1 }
        if isAnswered {
            // Others have run out of the shorter time meanwhile.
            _ = try await proxy.exchange(Wire.post(body: #"{"stream":true}"#))
            upstream.release("thought")
        }
        let answer = await client.untilClosed()
        #expect(answer.hasPrefix(isAnswered ? "HTTP/1.1 200 " : "HTTP/1.1 503 "))
        upstream.release("thought")
        await proxy.stop()
    }

    /// What all requests together may keep is used up by one: the next passes without being kept.
    @Test func replayMemoryIsShared() async throws {
        let first = try await ScriptedUpstream.start { request in
            request.body.hasPrefix("a") ? [.hold("first"), .send(Wire.ok("done"))] : [.close]
        }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("other"))] }
        var options = ProxyOptions()
        options.replayMemory = 200_000
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)], options: options)
        let long = try await RawClient.connect(port: proxy.port)
        try await long.send(Wire.post(body: String(repeating: "a", count: 180_000)))
        try await eventually { first.requests.count == 1 }
        try await eventually { proxy.server.load.replayBytes >= 100_000 }
        let answer = try await proxy.exchange(Wire.post(body: String(repeating: "b", count: 300_000)))
        #expect(answer.hasPrefix("HTTP/1.1 502 "))
        #expect(proxy.server.load.unreplayable == 1)
        first.release("first")
        #expect(await long.untilClosed().hasSuffix("done"))
        try await eventually { proxy.server.load.replayBytes == 0 }
        // There is room again.
        #expect(try await proxy.exchange(Wire.post(body: String(repeating: "b", count: 150_000))).hasSuffix("other"))
        await proxy.stop()
    }

    /// The earliest wait of all takes the place of a refusal's own; whatever else it says stays byte for byte, UTF-8 or not.
    @Test func aRefusalNamesTheEarliestWait() throws {
        let endpoint = try Upstream.local(1, port: 1)
        let url = try #require(endpoint.anyURL)
        let rest = Array("X-Note: caf".utf8) + [0xE9] + Array("\r\n".utf8)
        let head =
            Array("HTTP/1.1 429 Slow\r\nRetry-After: 40\r\n".utf8) + rest
            + Array("retry-after-ms: 40000\r\nContent-Length: 0\r\n\r\n".utf8)
        let refusal = head.withUnsafeBytes { Refusal(of: endpoint, url, status: 429, head: $0) }
        refusal.judged(VerdictTable.verdict(on: refusal.finding(of: .inference(.messages), unixTime: 0)), error: nil)
        guard case .received(let named, _) = refusal.answer(retryAfter: 7) else {
            Issue.record("it is not passed on")
            return
        }
        let expected =
            Array("HTTP/1.1 429 Slow\r\n".utf8) + rest
            + Array("Content-Length: 0\r\nRetry-After: 7\r\n\r\n".utf8)
        #expect(named == expected)
    }
}
