import Ranking
import TestSupport
import Testing

@testable import Proxy

/// New sessions' requests look at endpoints that were not measured lately. With half of them looking, of each two requests on an event loop
/// one does, but for the first two.
@Suite(.timeLimit(.minutes(15)))
struct ExplorationTests {
    private static func start(
        _ answers: [String] = ["A", "B"], gate: Candidate.Gate = .open, sticky: Duration? = .seconds(300)
    ) async throws -> (proxy: ProxyHarness, endpoints: [Upstream]) {
        var endpoints: [Upstream] = []
        for (index, answer) in answers.enumerated() {
            let upstream = try await ScriptedUpstream.start { _ in [.send(answer.count == 1 ? Wire.ok(answer) : answer)]
            }
            endpoints.append(try Upstream.local(UInt32(index + 1), upstream))
        }
        var options = ProxyOptions()
        options.rules.stickySessions = sticky
        options.rules.explore = 0.5
        return (try await ProxyHarness.start(endpoints, options: options), endpoints)
    }

    /// All on one connection, and so on one event loop.
    private func ask(_ client: RawClient, session: String? = nil) async throws -> String {
        client.clear()
        try await client.send(Wire.post(headers: session.map { "X-Session-ID: \($0)\r\n" } ?? "", closes: false))
        return String(await client.response().suffix(1))
    }

    @Test func anEndpointThatWasNotMeasuredIsLookedAtOnce() async throws {
        let (proxy, _) = try await Self.start()
        let client = try await RawClient.connect(port: proxy.port)
        var answers = ""
        for _ in 0..<8 { answers += try await ask(client) }
        // One of the third and the fourth; after that both have been measured lately.
        #expect(answers == "AABAAAAA" || answers == "AAABAAAA")
        try await eventually { proxy.events.requests.count == 8 }
        #expect(proxy.events.requests.filter { $0.route == .explored }.count == 1)
        // The ranking knows it for what it is, and is told when the answer is complete.
        let looks = proxy.events.attempts.filter(\.isLook)
        #expect(looks.map(\.endpoint) == [EndpointID(2)] && !looks.contains(where: \.wasAnswered))
        try await client.close()
        await proxy.stop()
    }

    @Test func aSessionThatRunsIsLeftAlone() async throws {
        let (proxy, endpoints) = try await Self.start()
        let client = try await RawClient.connect(port: proxy.port)
        for _ in 0..<8 { #expect(try await ask(client, session: "s") == "A") }
        var answers = ""
        for number in 0..<4 { answers += try await ask(client, session: "new \(number)") }
        #expect(answers.filter { $0 == "B" }.count == 1)
        // The one that has looked goes on where the others are.
        #expect(endpoints.map(\.load.sessions) == [5, 0])
        for number in 0..<4 { #expect(try await ask(client, session: "new \(number)") == "A") }
        try await client.close()
        await proxy.stop()
    }

    /// Without stickiness sessions are told apart all the same.
    @Test func runningSessionsAreKnownAlsoWhereTheyAreNotSticky() async throws {
        let (proxy, _) = try await Self.start(sticky: nil)
        let client = try await RawClient.connect(port: proxy.port)
        for _ in 0..<8 { #expect(try await ask(client, session: "s") == "A") }
        try await client.close()
        await proxy.stop()
    }

    @Test func aLookThatFailsCostsTheClientNothing() async throws {
        let (proxy, _) = try await Self.start(["A", Wire.status(500, "no")])
        let client = try await RawClient.connect(port: proxy.port)
        for _ in 0..<6 { #expect(try await ask(client) == "A") }
        try await eventually { proxy.events.requests.count == 6 }
        #expect(proxy.events.attempts.filter { $0.endpoint == EndpointID(2) }.count == 1)
        try await client.close()
        await proxy.stop()
    }

    @Test func whatIsOnTrialOrBehindAPinIsNotLookedAt() async throws {
        let (proxy, endpoints) = try await Self.start()
        let client = try await RawClient.connect(port: proxy.port)
        for (gate, isPinned) in [(Candidate.Gate.halfOpen, false), (.open, true)] {
            proxy.server.update(
                routes: RoutingTable(candidates: [
                    Candidate(upstream: endpoints[0], isPinned: isPinned),
                    Candidate(upstream: endpoints[1], gate: gate),
                ]))
            for _ in 0..<8 { #expect(try await ask(client) == "A") }
        }
        try await client.close()
        await proxy.stop()
    }
}
