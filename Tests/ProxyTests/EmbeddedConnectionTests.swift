import NIOCore
import NIOEmbedded
import NIOSSL
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Moments that real sockets bring about only by luck: writes that the kernel does not take, and writes that fail within
/// the call.
struct EmbeddedConnectionTests {
    /// Keeps writes until it lets them go, or fails at a flush.
    private final class Outlet: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer

        var holds = false
        var failsAtFlush = Int.max
        private(set) var flushes = 0
        private(set) var closes: [CloseMode] = []
        private var held: [(NIOAny, EventLoopPromise<Void>?)] = []
        private var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) { self.context = context }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if holds { held.append((data, promise)) } else { context.write(data, promise: promise) }
        }

        func flush(context: ChannelHandlerContext) {
            flushes += 1
            if flushes == failsAtFlush {
                context.fireErrorCaught(NIOSSLError.noCertificateToValidate)
            } else {
                context.flush()
            }
        }

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            closes.append(mode)
            if mode == .all { context.close(mode: mode, promise: promise) } else { promise?.succeed() }
        }

        func letGo() {
            holds = false
            for (data, promise) in held { context?.write(data, promise: promise) }
            held = []
            context?.flush()
        }
    }

    private let eventLoop = EmbeddedEventLoop()

    private func loop(_ candidates: [Upstream]) -> LoopContext {
        let table = RoutingTable(candidates: candidates.map { Candidate(upstream: $0) })
        let shared = SharedState(options: ProxyOptions(), routes: table)
        return LoopContext(eventLoop: eventLoop, shared: shared, events: ProxyEvents(), seed: 1)
    }

    private func channel(_ handlers: [any ChannelHandler]) throws -> EmbeddedChannel {
        let channel = EmbeddedChannel(loop: eventLoop)
        try channel.pipeline.syncOperations.addHandlers(handlers)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return channel
    }

    @Test func aSlowReaderGetsTheWholeAnswerThoughItHasSaidFIN() throws {
        let loop = loop([])
        let outlet = Outlet()
        outlet.holds = true
        let client = try channel([outlet, ClientConnection(loop: loop, clientAddress: nil)])
        let asked = NIODeadline.now()
        try client.writeInbound(ByteBuffer(string: Wire.post()))
        client.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(outlet.closes.isEmpty)
        #expect(loop.deadlines.expire(now: asked + .seconds(60)).isEmpty)
        outlet.letGo()
        #expect(outlet.closes == [.all])
        #expect(
            try client.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }?.hasPrefix("HTTP/1.1 503 ") == true)
    }

    /// A client connection with an endpoint's kept connection for it, both in the test's hands.
    private func pair(
        _ endpoint: Upstream, _ loop: LoopContext, clientOutlet: Outlet = Outlet()
    ) throws -> (client: EmbeddedChannel, upstream: EmbeddedChannel, connection: ClientConnection) {
        let connection = ClientConnection(loop: loop, clientAddress: nil)
        let url = try #require(endpoint.anyURL)
        let resting = UpstreamConnection(url: url, loop: loop, client: connection, now: .now())
        resting.detach()
        let upstream = try channel([resting])
        loop.keepIdle(resting, until: .distantFuture)
        return (try channel([clientOutlet, connection]), upstream, connection)
    }

    /// The endpoint stands still, not the client: bytes that the client still gets rid of are no excuse.
    @Test func anEndpointThatTakesNoneOfARequestIsHeldToItsOwnTime() throws {
        var timeouts = UpstreamTimeouts()
        timeouts.streamIdle = .seconds(5)
        let endpoint = try Upstream.local(1, port: 9, timeouts: timeouts)
        let loop = loop([endpoint])
        let (client, upstream, connection) = try pair(endpoint, loop)
        try client.writeInbound(
            ByteBuffer(string: "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"))
        let asked = NIODeadline.now()
        #expect(loop.deadlines.expire(now: asked + .seconds(60)).isEmpty)
        upstream.isWritable = false
        upstream.pipeline.fireChannelWritabilityChanged()
        try client.writeInbound(ByteBuffer(string: "def"))
        #expect(!connection.takesMoreInput)
        #expect(loop.deadlines.expire(now: NIODeadline.now() + .seconds(6)).count == 1)
        connection.deadlineExpired(now: asked + .seconds(6))
        #expect(!upstream.isActive)
        let answer = try client.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
        #expect(answer?.contains("endpoint-1: timed out") == true)
    }

    /// The words in which a stream says that it broke off stand behind what the client has not taken yet.
    @Test(arguments: [true, false])
    func aSlowReaderLearnsThatTheStreamBrokeOff(isEventStream: Bool) throws {
        let endpoint = try Upstream.local(1, port: 9)
        let loop = loop([endpoint])
        let outlet = Outlet()
        let (client, upstream, _) = try pair(endpoint, loop, clientOutlet: outlet)
        try client.writeInbound(ByteBuffer(string: Wire.post(closes: false)))
        outlet.holds = true
        let type = isEventStream ? "Content-Type: text/event-stream\r\n" : ""
        try upstream.writeInbound(
            ByteBuffer(string: "HTTP/1.1 200 OK\r\n\(type)Transfer-Encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\n"))
        try upstream.close().wait()
        #expect(outlet.closes.isEmpty)
        outlet.letGo()
        #expect(outlet.closes == [.output])
        var text = ""
        while let bytes = try client.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        #expect(text.contains("data: one\n\n"))
        #expect(text.contains("event: error\n") == isEventStream)
        #expect(!text.hasSuffix("0\r\n\r\n"))
    }

    /// Closed while it still sends, it would be reset, and lose the answer that it has not read yet.
    @Test func aRefusedClientThatSendsOnIsWaitedFor() throws {
        let loop = loop([])
        let outlet = Outlet()
        let connection = ClientConnection(loop: loop, clientAddress: nil)
        let client = try channel([outlet, connection])
        try client.writeInbound(ByteBuffer(string: "nonsense\r\n\r\n"))
        #expect(outlet.closes == [.output])
        for _ in 0..<3 {
            try client.writeInbound(ByteBuffer(string: "more of it"))
            let sent = NIODeadline.now()
            #expect(loop.deadlines.expire(now: sent + .seconds(4)).isEmpty)
            #expect(loop.deadlines.expire(now: sent + .seconds(6)).count == 1)
        }
        connection.deadlineExpired(now: .now())
        #expect(!client.isActive)
    }

    /// Bytes that drip in do not prolong it.
    @Test func aSlowHeadTimesOut() throws {
        let loop = loop([])
        let connection = ClientConnection(loop: loop, clientAddress: nil)
        let client = try channel([connection])
        try client.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\nHost:"))
        let asked = NIODeadline.now()
        for second in 1...29 {
            try client.writeInbound(ByteBuffer(string: "a"))
            #expect(loop.deadlines.expire(now: asked + .seconds(Int64(second))).isEmpty)
        }
        #expect(loop.deadlines.expire(now: asked + .seconds(30)).count == 1)
        connection.deadlineExpired(now: asked + .seconds(30))
        let answer = try client.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
        #expect(answer?.hasPrefix("HTTP/1.1 408 Request Timeout\r\n") == true)
    }

    @Test func aClientThatSaysNothingIsClosed() throws {
        let loop = loop([])
        let connection = ClientConnection(loop: loop, clientAddress: nil)
        let client = try channel([connection])
        let connected = NIODeadline.now()
        #expect(loop.deadlines.expire(now: connected + .seconds(31)).count == 1)
        connection.deadlineExpired(now: connected + .seconds(31))
        #expect(!client.isActive)
        #expect(try client.readOutbound(as: ByteBuffer.self) == nil)
    }

    /// Answers that nobody reads must not pile up here, however many requests are sent ahead.
    @Test func aClientThatDoesNotReadGetsNoFurtherAnswers() throws {
        let loop = loop([])
        let connection = ClientConnection(loop: loop, clientAddress: nil)
        let client = try channel([connection])
        func answers() throws -> Int {
            var text = ""
            while let bytes = try client.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
            return text.split(separator: "HTTP/1.1 503 ").count
        }
        func setWritable(_ isWritable: Bool) {
            client.isWritable = isWritable
            client.pipeline.fireChannelWritabilityChanged()
        }
        setWritable(false)
        let asked = NIODeadline.now()
        try client.writeInbound(ByteBuffer(string: String(repeating: Wire.post(closes: false), count: 10)))
        #expect(try answers() == 0)
        #expect(!connection.takesMoreInput)
        // It may take its time, but not for ever.
        #expect(loop.deadlines.expire(now: asked + .seconds(100)).isEmpty)
        setWritable(true)
        #expect(try answers() == 10)
        setWritable(false)
        try client.writeInbound(ByteBuffer(string: Wire.post(closes: false)))
        client.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(client.isActive)
        setWritable(true)
        #expect(try answers() == 1)
        #expect(!client.isActive)
    }

    @Test func aClientThatTakesNoneOfAnAnswerIsCutOff() throws {
        let endpoint = try Upstream.local(1, port: 9)
        let loop = loop([endpoint])
        let (client, upstream, connection) = try pair(endpoint, loop)
        try client.writeInbound(ByteBuffer(string: Wire.post(closes: false)))
        try upstream.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
        client.isWritable = false
        client.pipeline.fireChannelWritabilityChanged()
        #expect(!connection.takesMoreResponse)
        let stalled = NIODeadline.now()
        #expect(loop.deadlines.expire(now: stalled + .seconds(119)).isEmpty)
        #expect(loop.deadlines.expire(now: stalled + .seconds(121)).count == 1)
        connection.deadlineExpired(now: stalled + .seconds(121))
        #expect(!client.isActive)
        #expect(!upstream.isActive)
    }

    /// A thousand event streams must not hold a thousand long prompts.
    @Test func nothingOfARequestIsKeptOnceItsAnswerHasBegun() throws {
        let endpoint = try Upstream.local(1, port: 9)
        let loop = loop([endpoint])
        let (client, upstream, connection) = try pair(endpoint, loop)
        let head = "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n"
        try client.writeInbound(ByteBuffer(string: head + String(repeating: "x", count: 400_000)))
        #expect(connection.keptBody == 400_000)
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        try upstream.writeInbound(ByteBuffer(string: answer + "9\r\ndata: a\n\n\r\n"))
        #expect(connection.machine.isCommitted)
        #expect(connection.keptBody == 0)
        // The endpoint may answer before it has read everything.
        try client.writeInbound(ByteBuffer(string: String(repeating: "y", count: 100_000)))
        #expect(connection.keptBody == 0)
        var sent = 0
        while let bytes = try upstream.readOutbound(as: ByteBuffer.self) { sent += bytes.readableBytes }
        #expect(sent > 500_000)
    }

    @Test func aConnectionThatWasAnsweredAtOnceRestsAsLongAsAnyOther() throws {
        let loop = loop([])
        let client = try channel([ClientConnection(loop: loop, clientAddress: nil)])
        let asked = NIODeadline.now()
        try client.writeInbound(ByteBuffer(string: Wire.post(closes: false)))
        let options = ProxyOptions()
        #expect(options.clientHeaderTimeout < .seconds(200) && options.clientIdleTimeout == .seconds(300))
        #expect(loop.deadlines.expire(now: asked + .seconds(200)).isEmpty)
        #expect(loop.deadlines.expire(now: asked + .seconds(400)).count == 1)
    }

    /// The deadline has to be the second endpoint's: it is the one that is asked now.
    @Test func aWriteThatFailsWithinTheCallLeavesTheNextAttemptAlone() throws {
        let endpoints = try [(1, 5), (2, 500)].map { id, seconds in
            var timeouts = UpstreamTimeouts()
            timeouts.response = .seconds(seconds)
            timeouts.responseHeader = .seconds(seconds)
            return try Upstream.local(UInt32(id), port: 9, timeouts: timeouts)
        }
        let loop = loop(endpoints)
        let client = ClientConnection(loop: loop, clientAddress: nil)
        let outlets = [Outlet(), Outlet()]
        // The first flush sends the head and what there is of the body, the second the rest.
        outlets[0].failsAtFlush = 2
        var channels: [EmbeddedChannel] = []
        for (endpoint, outlet) in zip(endpoints, outlets) {
            let url = try #require(endpoint.anyURL)
            let connection = UpstreamConnection(url: url, loop: loop, client: client, now: .now())
            connection.detach()
            channels.append(try channel([outlet, connection]))
            loop.keepIdle(connection, until: .distantFuture)
        }
        let clientChannel = try channel([client])
        let asked = NIODeadline.now()
        try clientChannel.writeInbound(
            ByteBuffer(string: "POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc"))
        try clientChannel.writeInbound(ByteBuffer(string: "def"))
        #expect(outlets.map(\.flushes) == [2, 1])
        let sent = try channels[1].readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
        #expect(sent?.hasSuffix("\r\n\r\nabcdef") == true)
        // A kept connection is looked at after a second; nothing can be told of this one, which gets its own time.
        #expect(loop.deadlines.expire(now: asked + .milliseconds(900)).isEmpty)
        #expect(loop.deadlines.expire(now: asked + .seconds(60)).count == 1)
        client.deadlineExpired(now: asked + .seconds(2))
        #expect(loop.deadlines.expire(now: asked + .seconds(400)).isEmpty)
        #expect(loop.deadlines.expire(now: asked + .seconds(600)).count == 1)
        try channels[1].writeInbound(ByteBuffer(string: Wire.ok("second")))
        let answer = try clientChannel.readOutbound(as: ByteBuffer.self).map { String(buffer: $0) }
        #expect(answer?.hasSuffix("\r\n\r\nsecond") == true)
    }
}
