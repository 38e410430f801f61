import Ranking
import TestSupport
import Testing

@testable import Proxy

/// What happens in the middle of a callback must not be overwritten by the rest of that callback.
///
/// A resting connection is taken without waiting, so the next attempt (or the next request) runs before the code that
/// brought it about has returned.
@Suite(.timeLimit(.minutes(15)))
struct ReentrancyTests {
    /// Bodies that would do harm if they were read as the head of an answer.
    @Test(arguments: ["no", Wire.ok("smuggled"), "HTTP/1.1 503 Again\r\nContent-Length: 0\r\n\r\n"])
    func aRefusalsBodyIsNotTheNextEndpointsHead(body: String) async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.status(503, body))] }
        let second = try await ScriptedUpstream.start { request in [.send(Wire.ok("second \(request.connection)"))] }
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)])
        let client = try await RawClient.connect(port: proxy.port)
        // The first request leaves a connection to the second endpoint resting.
        for _ in 0..<3 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            let answer = await client.response()
            #expect(answer.hasPrefix("HTTP/1.1 200 Whatever\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nsecond 0"))
        }
        #expect(proxy.events.attempts.map(\.status) == [503, 200, 503, 200, 503, 200])
        try await client.close()
        await proxy.stop()
    }

    /// Connecting to the broadcast address fails within the call.
    @Test func anImmediateRefusalDoesNotReplaceTheConnectionTakenAfterIt() async throws {
        let first = try Upstream(
            id: EndpointID(1), name: "nowhere", anyURL: UpstreamURL("http://255.255.255.255:9"), timeouts: .patient)
        let second = try await ScriptedUpstream.start { request in [.send(Wire.ok("second \(request.connection)"))] }
        let proxy = try await ProxyHarness.start([first, .local(2, second)])
        let client = try await RawClient.connect(port: proxy.port)
        for _ in 0..<3 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            #expect(await client.response().hasSuffix("\r\n\r\nsecond 0"))
        }
        #expect(proxy.events.attempts.first?.outcome == .failure(.connect))
        try await client.close()
        await proxy.stop()
    }

    @Test func aLongRankingWithoutANetworkIsWalkedToItsEnd() async throws {
        let endpoints = try (1...500).map { index in
            try Upstream(
                id: EndpointID(UInt32(index)), name: "e\(index)", anyURL: UpstreamURL("http://255.255.255.255:9"),
                timeouts: .patient)
        }
        let proxy = try await ProxyHarness.start(endpoints)
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasPrefix("HTTP/1.1 503 "))
        #expect(answer.contains("e8: connection refused or unreachable; and 492 more)"))
        #expect(proxy.events.attempts.count == 500)
        await proxy.stop()
    }

    @Test func aClientThatFinishesDuringAnAnswerIsNotKept() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(StreamingTests.eventStream + "b\r\ndata: one\n\n\r\n"), .hold("end"), .send("0\r\n\r\n")]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        _ = await client.until("one")
        try await client.finish()
        upstream.release("end")
        #expect(await client.untilClosed().hasSuffix("0\r\n\r\n"))
        await proxy.stop()
    }

    /// The first endpoint accepts and never shakes hands, so the body waits here until it is given up.
    @Test(arguments: [300, 1_000, 300_000])
    func aBodyThatWaitedForAConnectionGoesToTheNextEndpointWhole(size: Int) async throws {
        let mute = try await ScriptedUpstream.start { _ in [] }
        var timeouts = UpstreamTimeouts()
        timeouts.tlsHandshake = .milliseconds(50)
        let first = try Upstream(
            id: EndpointID(1), name: "mute", anyURL: UpstreamURL("https://127.0.0.1:\(mute.port)"), timeouts: timeouts)
        let second = try await ScriptedUpstream.start { request in
            [.send(Wire.ok("\(request.connection): \(request.body.utf8.count) bytes"))]
        }
        var options = ProxyOptions()
        options.replayLimit = 1_000
        let proxy = try await ProxyHarness.start([first, .local(2, second)], options: options)
        let client = try await RawClient.connect(port: proxy.port)
        for round in 0..<2 {
            client.clear()
            try await client.send(Wire.post(body: String(repeating: "b", count: size), closes: false))
            // What is longer than is kept of it goes on a connection of its own.
            let connection = size > options.replayLimit ? round : 0
            #expect(await client.response().hasSuffix("\r\n\r\n\(connection): \(size) bytes"))
        }
        try await client.close()
        await proxy.stop()
    }

    @Test func requestsSentBeforeAFINAreAllAnswered() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            (request.index == 0 ? [.hold("answers")] : []) + [.send(Wire.ok("<\(request.body)>"))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send((1...5).map { Wire.post(body: "\($0)", closes: false) }.joined())
        try await client.finish()
        try await eventually { !upstream.requests.isEmpty }
        upstream.release("answers")
        let bodies = await client.untilClosed().split(separator: "<").dropFirst().map { $0.prefix { $0 != ">" } }
        #expect(bodies.map { Int($0) } == [1, 2, 3, 4, 5])
        await proxy.stop()
    }
}
