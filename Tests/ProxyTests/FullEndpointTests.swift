import Ranking
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// Endpoints with `max_in_flight`, over sockets.
@Suite(.timeLimit(.minutes(15)))
struct FullEndpointTests {
    /// An endpoint that counts what runs at it and holds each answer until it is told to go on.
    private final class Counting: Sendable {
        let running = Mutex<(now: Int, most: Int, order: [String])>((0, 0, []))

        func began(_ request: String) {
            running.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
                state.order.append(request)
            }
        }

        func ended() { running.withLock { $0.now -= 1 } }
        var most: Int { running.withLock { $0.most } }
        var now: Int { running.withLock { $0.now } }
        var order: [String] { running.withLock { $0.order } }
    }

    private static func endpoint(
        _ id: UInt32, _ upstream: ScriptedUpstream, limit: Int, load: EndpointLoad = EndpointLoad()
    ) throws -> Upstream {
        try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: UpstreamURL("http://127.0.0.1:\(upstream.port)"),
            timeouts: .patient, maxInFlight: limit, load: load)
    }

    private static func start(
        _ upstreams: [Upstream], length: Int = 16, wait: Duration = .seconds(500), maxWait: Duration = .zero,
        sticky: Duration? = nil
    ) async throws -> ProxyHarness {
        var options = ProxyOptions()
        options.rules.queue = QueueRules(length: length, wait: wait)
        options.rules.maxWait = maxWait
        options.rules.stickySessions = sticky
        return try await ProxyHarness.start(upstreams, options: options)
    }

    private static func holding(_ name: String, _ answer: String = "ok") async throws -> ScriptedUpstream {
        try await ScriptedUpstream.start { _ in [.hold(name), .send(Wire.ok(answer))] }
    }

    /// - Returns: a client whose request runs at the endpoint by now
    private static func occupy(_ proxy: ProxyHarness, _ endpoint: Upstream, headers: String = "") async throws
        -> RawClient
    {
        let before = endpoint.load.requests
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(headers: headers))
        try await eventually { endpoint.load.requests == before + 1 }
        return client
    }

    @Test func whatComesBeyondTheLimitGoesToTheNextEndpoint() async throws {
        let first = try await Self.holding("go", "first")
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let endpoint = try Self.endpoint(1, first, limit: 1)
        let proxy = try await Self.start([endpoint, .local(2, second)])
        let holder = try await Self.occupy(proxy, endpoint)
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("second"))
        let report = try #require(proxy.events.requests.last)
        #expect(report.passes == [PassedOver(EndpointID(1), .full(limit: 1))])
        // It is neither an attempt nor a failure, and the ranking learns nothing.
        #expect(report.attempts.map(\.endpoint) == [EndpointID(2)] && report.queueTime == nil)
        #expect(endpoint.load.overflows == 1)
        first.release("go")
        #expect(await holder.untilClosed().hasSuffix("first"))
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("first"))
        await proxy.stop()
    }

    @Test func aRequestWaitsForTheEndOfAnAnswersBody() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            request.index == 0 && request.connection == 0
                ? [.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"), .hold("body"), .send("cd")]
                : [.send(Wire.ok("second"))]
        }
        let endpoint = try Self.endpoint(1, upstream, limit: 1)
        let proxy = try await Self.start([endpoint])
        let holder = try await Self.occupy(proxy, endpoint)
        let waiting = try await RawClient.connect(port: proxy.port)
        try await waiting.send(Wire.post())
        try await eventually { endpoint.load.waiting == 1 }
        #expect(proxy.server.load.queue.waiting == 1 && waiting.text.isEmpty)
        upstream.release("body")
        #expect(await holder.untilClosed().hasSuffix("abcd"))
        #expect(await waiting.untilClosed().hasSuffix("second"))
        #expect(proxy.events.requests.last?.queueTime != nil)
        #expect(endpoint.load.requests == 0 && endpoint.load.waiting == 0)
        await proxy.stop()
    }

    /// It was out when the request looked, came back while another endpoint failed, and had its places taken by then.
    @Test func whatHasComeBackMeanwhileIsWaitedFor() async throws {
        let failing = try await ScriptedUpstream.start { _ in [.hold("fail"), .close] }
        let back = try await Self.holding("go", "back")
        let (first, second) = (try Self.endpoint(1, failing, limit: 1), try Self.endpoint(2, back, limit: 1))
        var options = ProxyOptions()
        options.rules.queue = QueueRules(length: 16, wait: .seconds(500))
        let proxy = try await ProxyHarness.start(
            [first], options: options, absent: [second], availability: .halfOpen)
        let client = try await Self.occupy(proxy, first)
        proxy.server.update(
            routes: RoutingTable(
                candidates: [Candidate(upstream: second), Candidate(upstream: first)], version: 1))
        let holder = try await Self.occupy(proxy, second)
        failing.release("fail")
        try await eventually { second.load.waiting == 1 }
        back.release("go")
        #expect(await holder.untilClosed().hasSuffix("back"))
        #expect(await client.untilClosed().hasSuffix("back"))
        await proxy.stop()
        #expect(proxy.runningAttempts == 0)
    }

    /// A client that leaves gives its place back, and its place in the line.
    @Test func aPlaceIsFreeWhenTheClientLeaves() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            request.connection == 0 ? [.hold("never")] : [.send(Wire.ok("served"))]
        }
        let endpoint = try Self.endpoint(1, upstream, limit: 1)
        let proxy = try await Self.start([endpoint])
        let holder = try await Self.occupy(proxy, endpoint)
        let impatient = try await RawClient.connect(port: proxy.port)
        try await impatient.send(Wire.post())
        try await eventually { endpoint.load.waiting == 1 }
        let waiting = try await RawClient.connect(port: proxy.port)
        try await waiting.send(Wire.post())
        try await eventually { endpoint.load.waiting == 2 }
        try await impatient.close()
        try await eventually { endpoint.load.waiting == 1 }
        let left = ContinuousClock.now
        try await holder.close()
        #expect(await waiting.untilClosed().hasSuffix("served"))
        // No timer is involved: the loop that sees the client leave wakes the one that waits.
        #expect(ContinuousClock.now - left < .seconds(5))
        #expect(
            endpoint.load.requests == 0
                && proxy.server.load.queue
                    == {
                        var counts = QueueCounts()
                        counts.queued = 2
                        return counts
                    }()
        )
        await proxy.stop()
    }

    @Test func withTheQueueFullTheClientIsTold() async throws {
        let upstream = try await Self.holding("go")
        let endpoint = try Self.endpoint(1, upstream, limit: 1)
        let proxy = try await Self.start([endpoint], length: 1)
        let holder = try await Self.occupy(proxy, endpoint)
        let waiting = try await RawClient.connect(port: proxy.port)
        try await waiting.send(Wire.post())
        try await eventually { endpoint.load.waiting == 1 }
        let refusal = try await proxy.exchange(Wire.post())
        #expect(refusal.hasPrefix("HTTP/1.1 503 "))
        #expect(refusal.contains("\r\nRetry-After: 1\r\n") && refusal.contains("overloaded_error"))
        #expect(refusal.contains("endpoint-1: full: 1 of 1 requests in flight"))
        #expect(proxy.server.load.queue.turnedAway == 1)
        upstream.release("go")
        #expect(await holder.untilClosed().hasSuffix("ok"))
        #expect(await waiting.untilClosed().hasSuffix("ok"))
        await proxy.stop()
    }

    @Test func whenTheWaitIsOverTheClientIsTold() async throws {
        let upstream = try await Self.holding("go")
        let endpoint = try Self.endpoint(1, upstream, limit: 1)
        let proxy = try await Self.start([endpoint], wait: .milliseconds(50))
        let holder = try await Self.occupy(proxy, endpoint)
        let refusal = try await proxy.exchange(Wire.post("/v1/chat/completions"))
        #expect(refusal.hasPrefix("HTTP/1.1 503 ") && refusal.contains("server_error"))
        #expect(refusal.contains("no place became free in time"))
        #expect(proxy.server.load.queue.expired == 1 && endpoint.load.waiting == 0)
        upstream.release("go")
        _ = await holder.untilClosed()
        await proxy.stop()
    }

    @Test func anEndpointThatComesBackTakesThoseThatWait() async throws {
        let upstream = try await Self.holding("go")
        let other = try await ScriptedUpstream.start { _ in [.send(Wire.ok("other"))] }
        let endpoint = try Self.endpoint(1, upstream, limit: 1)
        let proxy = try await Self.start([endpoint])
        let holder = try await Self.occupy(proxy, endpoint)
        let waiting = try await RawClient.connect(port: proxy.port)
        try await waiting.send(Wire.post())
        try await eventually { endpoint.load.waiting == 1 }
        let back = try Upstream.local(2, other)
        proxy.server.update(
            routes: RoutingTable(candidates: [Candidate(upstream: endpoint), Candidate(upstream: back)], version: 1))
        #expect(await waiting.untilClosed().hasSuffix("other"))
        #expect(endpoint.load.waiting == 0)
        upstream.release("go")
        _ = await holder.untilClosed()
        await proxy.stop()
    }

    @Test func aLimitThatIsRaisedLetsThoseThatWaitThrough() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            request.connection == 0 ? [.hold("go"), .send(Wire.ok("first"))] : [.send(Wire.ok("second"))]
        }
        let endpoint = try Self.endpoint(1, upstream, limit: 1)
        let proxy = try await Self.start([endpoint])
        let holder = try await Self.occupy(proxy, endpoint)
        let waiting = try await RawClient.connect(port: proxy.port)
        try await waiting.send(Wire.post())
        try await eventually { endpoint.load.waiting == 1 }
        let raised = try Self.endpoint(1, upstream, limit: 2, load: endpoint.load)
        proxy.server.update(routes: RoutingTable(candidates: [Candidate(upstream: raised)], version: 1))
        #expect(await waiting.untilClosed().hasSuffix("second"))
        upstream.release("go")
        #expect(await holder.untilClosed().hasSuffix("first"))
        await proxy.stop()
    }

    /// A refusal of one endpoint is not the last word while another one is only full.
    @Test func anEndpointThatIsFullIsWaitedForWhereTheOthersFail() async throws {
        let first = try await Self.holding("go", "served")
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.status(529, "no"))] }
        let endpoint = try Self.endpoint(1, first, limit: 1)
        let proxy = try await Self.start([endpoint, .local(2, second)])
        let holder = try await Self.occupy(proxy, endpoint)
        let waiting = try await RawClient.connect(port: proxy.port)
        try await waiting.send(Wire.post())
        try await eventually { endpoint.load.waiting == 1 }
        #expect(second.requests.count == 1)
        first.release("go")
        _ = await holder.untilClosed()
        #expect(await waiting.untilClosed().hasSuffix("served"))
        await proxy.stop()
    }

    @Test func aSessionWhoseEndpointIsFullComesBackToIt() async throws {
        let first = try await ScriptedUpstream.start { request in
            request.head.contains("hold") ? [.hold("go"), .send(Wire.ok("A"))] : [.send(Wire.ok("A"))]
        }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("B"))] }
        let endpoint = try Self.endpoint(1, first, limit: 1)
        let proxy = try await Self.start([endpoint, .local(2, second)], sticky: .seconds(300))
        let session = "X-Session-ID: s\r\n"
        #expect(try await proxy.exchange(Wire.post(headers: session)).hasSuffix("A"))
        let holder = try await Self.occupy(proxy, endpoint, headers: "X-Hold: hold\r\n")
        #expect(try await proxy.exchange(Wire.post(headers: session)).hasSuffix("B"))
        #expect(endpoint.load.sessions == 1)
        first.release("go")
        _ = await holder.untilClosed()
        #expect(try await proxy.exchange(Wire.post(headers: session)).hasSuffix("A"))
        await proxy.stop()
    }

    /// A request on trial that cannot have a place gives the trial to another one.
    @Test func aHalfOpenEndpointThatIsFullKeepsItsTrial() async throws {
        let upstream = try await Self.holding("go")
        let endpoint = try Self.endpoint(1, upstream, limit: 1)
        let admitted = Atomic<Int>(0)
        var options = ProxyOptions()
        options.rules.queue = QueueRules(length: 0)
        let proxy = try await ProxyHarness.start(
            [endpoint], options: options,
            admits: { _ in
                admitted.wrappingAdd(1, ordering: .relaxed)
                return true
            }, gate: .halfOpen)
        let holder = try await Self.occupy(proxy, endpoint)
        #expect(admitted.load(ordering: .relaxed) == 1)
        #expect(try await proxy.exchange(Wire.post()).hasPrefix("HTTP/1.1 503 "))
        #expect(admitted.load(ordering: .relaxed) == 1)
        upstream.release("go")
        _ = await holder.untilClosed()
        await proxy.stop()
    }

    /// A hundred clients on four places: never a fifth at the endpoint, none lost. They come one behind the other, so that the order is known.
    @Test func aHundredClientsOnFourPlaces() async throws {
        let counting = Counting()
        let upstream = try await ScriptedUpstream.start { request in
            counting.began(request.header("X-Number") ?? "")
            return [.hold(request.header("X-Number") ?? ""), .send(Wire.ok("served"))]
        }
        let endpoint = try Self.endpoint(1, upstream, limit: 4)
        let proxy = try await Self.start([endpoint], length: 100)
        var clients: [RawClient] = []
        for number in 0..<100 {
            let client = try await RawClient.connect(port: proxy.port)
            try await client.send(Wire.post(headers: "X-Number: \(number)\r\n"))
            try await eventually { endpoint.load.requests + endpoint.load.waiting == number + 1 }
            clients.append(client)
        }
        #expect(endpoint.load.requests == 4 && endpoint.load.waiting == 96)
        for number in 0..<100 {
            try await eventually { counting.order.count == min(100, number + 4) }
            // Counted as ended before the answer goes out: a fifth would be seen.
            counting.ended()
            upstream.release("\(number)")
            #expect(await clients[number].untilClosed().hasSuffix("served"))
        }
        #expect(counting.most <= 4)
        // Those that were given the first four places began in any order; from then on one place became free at a time.
        #expect(counting.order.dropFirst(4) == (4..<100).map { "\($0)" }[...])
        #expect(Set(counting.order.prefix(4)) == ["0", "1", "2", "3"])
        #expect(proxy.events.requests.count == 100 && proxy.events.requests.allSatisfy { $0.ending == .completed })
        await proxy.stop()
    }
}
