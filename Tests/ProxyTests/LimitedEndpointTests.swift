import Limits
import Ranking
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// Endpoints whose settings say how much of them may be used, and when, over sockets.
@Suite(.timeLimit(.minutes(15)))
struct LimitedEndpointTests {
    private static func endpoint(
        _ id: UInt32, _ upstream: ScriptedUpstream, limits: String? = nil, active: ActiveHours? = nil
    ) throws -> Upstream {
        let rules = try limits.map { try LimitRules($0) }
        return try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: UpstreamURL("http://127.0.0.1:\(upstream.port)"),
            timeouts: .patient, conditions: EndpointConditions(limits: rules.map { LimitsInForce($0) }, active: active))
    }

    /// The hour that does not hold now, by the clock of UTC.
    private static func otherHours() throws -> ActiveHours {
        let hour = LimitMoment.now.wall / 3_600 % 24
        func text(_ hour: Int64) -> String { "\(hour % 24 < 10 ? "0" : "")\(hour % 24):00" }
        // Far enough away that no test begins just before it.
        return try ActiveHours("\(text(hour + 6))-\(text(hour + 7)) UTC")
    }

    @Test func beyondTheLimitTheNextEndpointIsAsked() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.ok("first"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let endpoint = try Self.endpoint(1, first, limits: "requests_per_minute 2")
        let proxy = try await ProxyHarness.start([endpoint, .local(2, second)])
        var answers: [String] = []
        for _ in 0..<4 { answers.append(try await proxy.exchange(Wire.post())) }
        #expect(answers.map { $0.hasSuffix("first") } == [true, true, false, false])
        #expect(first.requests.count == 2 && second.requests.count == 2)
        let report = try #require(proxy.events.requests.last)
        guard case .limited(.requestsPerMinute, let until)? = report.passes.first?.reason else {
            Issue.record("\(report.passes)")
            return
        }
        let left = until - LimitMoment.now.wall
        #expect(1...61 ~= left)
        // The ranking has heard of two attempts there, and of nothing else.
        #expect(proxy.events.attempts.count { $0.endpoint == EndpointID(1) } == 2 && endpoint.load.requests == 0)
        await proxy.stop()
    }

    /// An idle connection that closes on a request may have brought it there: the endpoint gets it once more only where that is allowed.
    @Test func aRequestThatIsSentOnceMoreIsCountedOnceMore() async throws {
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        for (limit, answers) in [(3, ["first", "first"]), (2, ["first", "second"])] {
            let first = try await ScriptedUpstream.start { request in
                request.connection == 0 && request.index > 0 ? [.close] : [.send(Wire.ok("first"))]
            }
            let endpoint = try Self.endpoint(1, first, limits: "requests_per_minute \(limit)")
            let proxy = try await ProxyHarness.start([endpoint, .local(2, second)])
            let client = try await RawClient.connect(port: proxy.port)
            for (index, answer) in answers.enumerated() {
                try await client.send(Wire.post(closes: index == answers.count - 1))
                #expect(await client.until(answer).hasSuffix(answer))
                client.clear()
            }
            #expect(first.requests.count == limit)
            await proxy.stop()
            #expect(endpoint.load.requests == 0)
        }
    }

    @Test(arguments: [("/v1/messages", "rate_limit_error"), ("/v1/chat/completions", "rate_limit_error")])
    func whereAllIsUsedUpTheClientIsToldUntilWhen(path: String, type: String) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("served"))] }
        let endpoint = try Self.endpoint(1, upstream, limits: "tokens_per_day 10")
        let proxy = try await ProxyHarness.start([endpoint])
        #expect(try await proxy.exchange(Wire.post(path)).hasSuffix("served"))
        let now = LimitMoment.now
        let crossed = endpoint.conditions?.limits?.add(tokens: 10, cost: nil, endpoint.load.used, at: now) ?? []
        #expect(crossed.map(\.isReached) == [true])
        let refusal = try await proxy.exchange(Wire.post(path))
        #expect(refusal.hasPrefix("HTTP/1.1 429 ") && refusal.contains(type))
        #expect(refusal.contains("endpoint-1: tokens_per_day used up until"))
        let line = try #require(refusal.split(separator: "\r\n").first { $0.hasPrefix("Retry-After: ") })
        let wait = try #require(Int64(line.dropFirst("Retry-After: ".count)))
        // Until midnight of UTC, unless that was a moment ago.
        let expected = (now.wall / 86_400 + 1) * 86_400 - now.wall
        #expect((expected - 30...expected + 1).contains(wait))
        #expect(upstream.requests.count == 1)
        await proxy.stop()
    }

    /// What is only looked at is not used: the trial is another request's.
    @Test func whatIsNotAskedIsNotCounted() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("served"))] }
        let endpoint = try Self.endpoint(1, upstream, limits: "requests_per_minute 2")
        var options = ProxyOptions()
        options.rules.maxWait = .seconds(1)
        let looks = Atomic<Int>(0)
        let out = try await ProxyHarness.start(
            [], options: options, absent: [endpoint], availability: .disabled,
            tryEarly: { _ in
                looks.wrappingAdd(1, ordering: .relaxed)
                return .wait(until: .now + .milliseconds(5))
            })
        #expect(try await out.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        #expect(looks.load(ordering: .relaxed) > 2)
        await out.stop()
        let halfOpen = try await ProxyHarness.start([endpoint], admits: { _ in false }, gate: .halfOpen)
        for _ in 0..<4 { #expect(try await halfOpen.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 ")) }
        await halfOpen.stop()
        #expect(endpoint.conditions?.readings(endpoint.load, at: .now).map(\.used) == [0])
        #expect(endpoint.load.requests == 0 && upstream.requests.isEmpty)
    }

    @Test func outsideOfItsHoursAnEndpointIsPassedOver() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.ok("first"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let endpoint = try Self.endpoint(1, first, active: try Self.otherHours())
        let proxy = try await ProxyHarness.start([endpoint, .local(2, second)])
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("second"))
        // With no other one it is an outage with an end.
        proxy.server.update(routes: RoutingTable(candidates: [Candidate(upstream: endpoint)], version: 1))
        let refusal = try await proxy.exchange(Wire.post())
        #expect(refusal.hasPrefix("HTTP/1.1 503 ") && refusal.contains("not active until"))
        #expect(refusal.contains("\r\nRetry-After: "))
        #expect(first.requests.isEmpty && proxy.events.attempts.count == 1)
        await proxy.stop()
    }
}
