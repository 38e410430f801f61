import NIOCore
import NIOPosix
import Ranking
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// Connections to endpoints that must not serve a second request.
@Suite(.timeLimit(.minutes(15)))
struct IdleConnectionTests {
    /// On its first connection it reads a few bytes only and answers when it is told to; on others at once.
    private final class Inattentive: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let isFirst: Bool
        private let mayAnswer: EventLoopFuture<Void>

        init(isFirst: Bool, mayAnswer: EventLoopFuture<Void>) {
            self.isFirst = isFirst
            self.mayAnswer = mayAnswer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let channel = context.channel
            guard isFirst else {
                channel.writeAndFlush(ByteBuffer(string: Wire.ok("second")), promise: nil)
                return
            }
            try? channel.syncOptions?.setOption(.autoRead, value: false)
            mayAnswer.whenSuccess {
                channel.writeAndFlush(
                    ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nearly"), promise: nil)
            }
        }
    }

    private final class Accepted: Sendable {
        let count = Atomic<Int>(0)
    }

    /// What is left of the first request would come before the second.
    @Test func anEndpointThatAnswersBeforeItHasReadEverythingIsNotAskedAgainOnThatConnection() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let answer = group.next().makePromise(of: Void.self)
        let accepted = Accepted()
        let server = try await ServerBootstrap(group: group)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 1024))
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.socketOption(.so_rcvbuf), value: 4096)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Inattentive(
                            isFirst: accepted.count.wrappingAdd(1, ordering: .relaxed).newValue == 1,
                            mayAnswer: answer.futureResult))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let proxy = try await ProxyHarness.start([.local(1, port: port)])
        let client = try await RawClient.connect(port: proxy.port)
        let body = String(repeating: "x", count: 400_000)
        try await client.send(Wire.post(body: body, closes: false))
        answer.succeed()
        #expect(await client.until("early").hasPrefix("HTTP/1.1 400 "))
        // Another client's: where the answer overtook the body, the first one's connection has ended with it.
        #expect(try await proxy.exchange(Wire.post()).hasSuffix("second"))
        #expect(accepted.count.load(ordering: .relaxed) == 2)
        await proxy.stop()
        try await server.close().get()
    }

    /// Behind TLS the surplus may be half a record when the next request is due in the same turn of the loop.
    @Test(.enabled(if: ProxyLoops.areOurs)) func whatATLSEndpointSaysTooMuchIsNobodysAnswer() async throws {
        let filler = String(repeating: "a", count: 20_000)
        let surplus = Wire.ok("stolen" + String(repeating: "b", count: 16_000))
        let upstream = try await SecureUpstream.start { request in
            request.index == 0 ? [.sendTogether([Wire.ok(filler), surplus])] : [.send(Wire.ok("right"))]
        }
        let authority = try SecureUpstream.authorityFile()
        for _ in 0..<10 {
            let proxy = try await ProxyHarness.start([
                try Upstream(
                    id: EndpointID(1), name: "secure", anyURL: UpstreamURL("https://localhost:\(upstream.port)"),
                    credential: .none, timeouts: .patient, tls: .init(caFile: authority))
            ])
            let client = try await RawClient.connect(port: proxy.port)
            try await client.send(Wire.post(closes: false) + Wire.post())
            #expect(!(await client.untilClosed().contains("stolen")))
            await proxy.stop()
        }
        try await upstream.stop()
    }

    // MARK: Connections that lead nowhere

    private func stale(
        secure: Bool, _ body: String, answer: @escaping @Sendable (ScriptedUpstream.Request) -> [ScriptedUpstream.Step]
    ) async throws -> (answer: String, server: ScriptedUpstream, proxy: ProxyHarness, time: Duration) {
        let script: ScriptedUpstream.Script = { request in
            request.connection == 0 && request.index == 0
                ? [.send(Wire.ok("first")), .vanish, .hold("vanished")] : answer(request)
        }
        let server = try await secure ? SecureUpstream.start(script: script) : ScriptedUpstream.start(script: script)
        var timeouts = UpstreamTimeouts.patient
        timeouts.response = .seconds(40)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "one",
            anyURL: UpstreamURL("\(secure ? "https" : "http")://localhost:\(server.port)"),
            timeouts: timeouts, tls: .init(caFile: SecureUpstream.authorityFile()))
        let proxy = try await ProxyHarness.start([endpoint])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        #expect(await client.until("first").hasSuffix("first"))
        try await eventually { server.isHolding("vanished") }
        client.clear()
        let began = ContinuousClock.now
        try await client.send(Wire.post(body: body))
        let answer = await client.untilClosed()
        return (answer, server, proxy, ContinuousClock.now - began)
    }

    /// A firewall has forgotten the connection: a second, not the whole time for a head, and the endpoint is not to blame.
    @Test(.enabled(if: ProxyLoops.areOurs), arguments: [(false, 2), (true, 2), (false, 400_000), (true, 400_000)])
    func aConnectionThatLeadsNowhereCostsASecond(secure: Bool, size: Int) async throws {
        let body = String(repeating: "b", count: size)
        let (answer, server, proxy, time) = try await stale(secure: secure, body) { request in
            [.send(Wire.ok("got \(request.body.utf8.count)"))]
        }
        #expect(answer.hasSuffix("\r\n\r\ngot \(size)"))
        #expect(time > .milliseconds(900) && time < .seconds(30))
        #expect(server.requests.map(\.connection) == [0, 1])
        let outcomes = proxy.events.attempts.map(\.outcome)
        #expect(outcomes.count == 2)
        #expect(!outcomes.contains { if case .success = $0 { false } else { true } })
        await proxy.stop()
        try await server.stop()
    }

    /// The endpoint has the request and thinks: it must not get it twice, however long that takes.
    @Test(.enabled(if: ProxyLoops.areOurs), arguments: [false, true])
    func whatWasConfirmedIsNeverSentTwice(secure: Bool) async throws {
        let script: ScriptedUpstream.Script = { request in
            request.index == 0 ? [.send(Wire.ok("first"))] : [.hold("think"), .send(Wire.ok("thought"))]
        }
        let server = try await secure ? SecureUpstream.start(script: script) : ScriptedUpstream.start(script: script)
        let endpoint = try Upstream(
            id: EndpointID(1), name: "one",
            anyURL: UpstreamURL("\(secure ? "https" : "http")://localhost:\(server.port)"),
            timeouts: .patient, tls: .init(caFile: SecureUpstream.authorityFile()))
        let proxy = try await ProxyHarness.start([endpoint])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        #expect(await client.until("first").hasSuffix("first"))
        try await client.send(Wire.post(closes: false))
        try await eventually { server.requests.count == 2 }
        let asked = ContinuousClock.now
        // Until long after the look.
        try await eventually { ContinuousClock.now - asked > .milliseconds(1_500) }
        server.release("think")
        #expect(await client.until("thought").hasSuffix("thought"))
        #expect(server.requests.map(\.connection) == [0, 0])
        try await client.close()
        await proxy.stop()
        try await server.stop()
    }
}
