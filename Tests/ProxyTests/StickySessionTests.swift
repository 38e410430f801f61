import Ranking
import TestSupport
import Testing
import Verdicts

@testable import Proxy

/// Sessions stay at the endpoint that has their cache as long as only speed speaks for another one.
@Suite(.timeLimit(.minutes(15)))
struct StickySessionTests {
    /// Two endpoints that answer with their names, and what they are asked through.
    private struct World {
        let proxy: ProxyHarness
        let endpoints: [Upstream]

        func order(_ places: [Int], moves: UInt64 = 0, pinned: Int? = nil, limited: [Int: LimitedModel] = [:]) {
            let candidates = places.map { place in
                Candidate(
                    upstream: endpoints[place], limitedModels: limited[place].map { [$0] } ?? [],
                    isPinned: place == pinned)
            }
            let others = endpoints.indices.filter { !places.contains($0) }
            proxy.server.update(
                routes: RoutingTable(
                    candidates: candidates,
                    absent: others.map { AbsentEndpoint(upstream: endpoints[$0], availability: .halfOpen) },
                    operatorOrder: moves))
        }

        /// - Returns: who has answered
        func ask(
            session: String? = nil, path: String = "/v1/messages", body: String = "{}", header: String = "X-Session-ID"
        ) async throws -> String {
            let line = session.map { "\(header): \($0)\r\n" } ?? ""
            let answer = try await proxy.exchange(Wire.post(path, body: body, headers: line))
            return String(answer.suffix(1))
        }

        var sessions: [Int] { endpoints.map(\.load.sessions) }
        var route: RouteReason? { proxy.events.requests.last?.route }
    }

    private func start(sticky: Duration? = .seconds(300)) async throws -> World {
        let upstreams = try await ["A", "B"].asyncMap { name in
            try await ScriptedUpstream.start { _ in [.send(Wire.ok(name))] }
        }
        let endpoints = try upstreams.enumerated().map { try Upstream.local(UInt32($0 + 1), $1) }
        var options = ProxyOptions()
        options.rules.stickySessions = sticky
        return World(proxy: try await ProxyHarness.start(endpoints, options: options), endpoints: endpoints)
    }

    @Test func aSessionStaysWhereItIsAndOthersGoByTheOrder() async throws {
        let world = try await start()
        #expect(try await world.ask(session: "old") == "A")
        #expect(world.route == .order && world.sessions == [1, 0])
        world.order([1, 0])
        #expect(try await world.ask(session: "old") == "A")
        #expect(world.route == .session)
        #expect(try await world.ask(session: "new") == "B")
        #expect(try await world.ask() == "B")
        #expect(world.route == .order && world.sessions == [1, 1])
        world.order([0, 1])
        #expect(try await world.ask(session: "new") == "B")
        await world.proxy.stop()
    }

    @Test(arguments: [
        ("X-Claude-Code-Session-Id", "/v1/messages", "{}"), ("Session_id", "/v1/responses", "{}"),
        ("session-id", "/v1/responses", "{}"), ("X-Session-ID", "/v1/chat/completions", "{}"),
        (nil, "/v1/responses", #"{"input":"x","prompt_cache_key":"s"}"#),
        (nil, "/v1/messages", #"{"messages":[],"metadata":{"user_id":"user_1_session_s"}}"#),
    ])
    func aSessionIsNamedByAFieldOrByTheBody(field: String?, path: String, body: String) async throws {
        let world = try await start()
        #expect(
            try await world.ask(session: field.map { _ in "s" }, path: path, body: body, header: field ?? "") == "A")
        #expect(world.sessions == [1, 0])
        world.order([1, 0])
        #expect(
            try await world.ask(session: field.map { _ in "s" }, path: path, body: body, header: field ?? "") == "A")
        await world.proxy.stop()
    }

    /// The key stands at the end of the body, which has not come when an endpoint could be chosen already.
    @Test func aKeyInTheBodyIsWaitedForWhereItMatters() async throws {
        let world = try await start()
        let body = #"{"input":"\#(String(repeating: "x", count: 20_000))","prompt_cache_key":"s"}"#
        #expect(try await world.ask(path: "/v1/responses", body: body) == "A")
        world.order([1, 0])
        let request = Wire.post("/v1/responses", body: body)
        let client = try await RawClient.connect(port: world.proxy.port)
        try await client.send(String(request.dropLast(20)))
        try await eventually { world.proxy.events.requestsStarted == 2 }
        try await client.send(String(request.suffix(20)))
        #expect(await client.untilClosed().hasSuffix("A"))
        await world.proxy.stop()
    }

    @Test func anOperatorsChangeOfTheOrderWinsAtOnce() async throws {
        let world = try await start()
        #expect(try await world.ask(session: "s") == "A")
        world.order([1, 0], moves: 1)
        #expect(try await world.ask(session: "s") == "B")
        #expect(world.sessions == [0, 1])
        // It has its cache there now.
        world.order([0, 1], moves: 1)
        #expect(try await world.ask(session: "s") == "B")
        world.order([0, 1], moves: 1, pinned: 0)
        #expect(try await world.ask(session: "s") == "A")
        await world.proxy.stop()
    }

    @Test func anEndpointThatIsOutIsLeftForGood() async throws {
        let world = try await start()
        #expect(try await world.ask(session: "s") == "A")
        world.order([1])
        #expect(try await world.ask(session: "s") == "B")
        #expect(world.sessions == [0, 1])
        world.order([0, 1])
        #expect(try await world.ask(session: "s") == "B")
        await world.proxy.stop()
    }

    /// Its cache at the first endpoint is of another model.
    @Test func whatAnEndpointLacksForOneRequestDoesNotMoveTheSession() async throws {
        let world = try await start()
        #expect(try await world.ask(session: "s") == "A")
        let limit = LimitedModel(name: "small", until: .now + .seconds(1_000), reason: TimeOutReason(.rateLimited))
        world.order([0, 1], limited: [0: limit])
        #expect(try await world.ask(session: "s", body: #"{"model":"small"}"#) == "B")
        #expect(world.sessions == [1, 0])
        world.order([1, 0], limited: [0: limit])
        #expect(try await world.ask(session: "s", body: #"{"model":"small"}"#) == "B")
        #expect(try await world.ask(session: "s", body: #"{"model":"large"}"#) == "A")
        await world.proxy.stop()
    }

    @Test func switchedOffNothingIsKept() async throws {
        let world = try await start(sticky: nil)
        #expect(try await world.ask(session: "s") == "A")
        #expect(world.sessions == [0, 0])
        world.order([1, 0])
        #expect(try await world.ask(session: "s") == "B")
        var rules = ClientRules()
        rules.stickySessions = .seconds(300)
        world.proxy.server.update(rules)
        #expect(try await world.ask(session: "s") == "B")
        #expect(world.sessions == [0, 1])
        // Live, and what was known is forgotten.
        world.proxy.server.update(ClientRules())
        #expect(world.sessions == [0, 0])
        await world.proxy.stop()
    }

    @Test(arguments: [Duration.seconds(300), nil])
    func theRetryOfABrokenStreamGoesToAnotherEndpointFirst(sticky: Duration?) async throws {
        let breaking = try await ScriptedUpstream.start { request in
            guard request.body.contains("stream") else { return [.send(Wire.ok("A"))] }
            let event =
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"a\"}}\n\n"
            return [
                .send(StreamingTests.eventStream + String(event.utf8.count, radix: 16) + "\r\n" + event + "\r\n"),
                .close,
            ]
        }
        let other = try await ScriptedUpstream.start { _ in [.send(Wire.ok("B"))] }
        let endpoints = [try Upstream.local(1, breaking), try Upstream.local(2, other)]
        var options = ProxyOptions()
        options.rules.stickySessions = sticky
        let world = World(proxy: try await ProxyHarness.start(endpoints, options: options), endpoints: endpoints)
        let broken = try await world.proxy.exchange(
            Wire.post(body: #"{"stream":true}"#, headers: "X-Session-ID: s\r\n"))
        #expect(broken.contains("event: error"))
        // Another session's requests go by the order.
        #expect(try await world.ask(session: "t") == "A")
        #expect(try await world.ask(session: "s") == "B")
        #expect(world.route == .brokenStream)
        // Once: from then on it is where it was served.
        #expect(try await world.ask(session: "s") == (sticky == nil ? "A" : "B"))
        await world.proxy.stop()
    }

    @Test func theOnlyEndpointIsAskedAgainAfterABrokenStream() async throws {
        let world = try await start()
        world.order([0])
        #expect(try await world.ask(session: "s") == "A")
        #expect(try await world.ask(session: "s") == "A")
        #expect(world.route == .order)
        await world.proxy.stop()
    }
}

extension Sequence {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
