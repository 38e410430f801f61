import NIOCore
import TestSupport
import Testing

@testable import Proxy

struct ReservedPathTests {
    private func isReserved(_ target: String) -> Bool {
        var bytes = Array(target.utf8)
        return bytes.withUnsafeMutableBytes { ReservedPath.contains(UnsafeRawBufferPointer($0)) }
    }

    @Test(arguments: [
        "/admin", "/admin/", "/admin/api/snapshot", "/admin?x", "/admin/?x=/v1", "/metrics", "/metrics?a=b", "/healthz",
        "/readyz",
    ])
    func podiumsOwn(_ target: String) {
        #expect(isReserved(target))
    }

    @Test(arguments: [
        "", "/", "/v1/messages", "/a", "/adminx", "/admi", "/administrator/x", "/metrics/x", "/metricsx", "/healthz/",
        "/readyzz", "/v1/admin", "//admin", "/h", "/m", "/r", "/Admin",
    ])
    func theEndpoints(_ target: String) {
        #expect(!isReserved(target))
    }

    /// Whatever is asked, with or without somebody to answer it, an endpoint never hears of it.
    @Test(.timeLimit(.minutes(15))) func withoutAResponderItIsAnsweredHere() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("spent"))] }
        let proxy = try await ProxyHarness.start([try .local(0, upstream)])
        for target in ["/admin/api/snapshot", "http://here/metrics", "/healthz?x"] {
            let answer = try await proxy.exchange("GET \(target) HTTP/1.1\r\nHost: here\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 404 "))
        }
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasSuffix("spent"))
        #expect(upstream.requests.count == 1)
        await proxy.stop()
        try await upstream.stop()
    }

    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var received = ""

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += String(buffer: unwrapInboundIn(data))
            guard received.hasSuffix("END") else { return }
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "<\(received)>")))
                .whenComplete { _ in channel.close(promise: nil) }
        }
    }

    /// The responder reads the request from its first byte, in however many pieces it comes, also behind another one.
    @Test(.timeLimit(.minutes(15)), arguments: [1, 7, 1_000]) func theResponderGetsEveryByte(_ size: Int) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("first"))] }
        let proxy = try await ProxyHarness.start([try .local(0, upstream)])
        proxy.server.handOverAdministration { try $0.pipeline.syncOperations.addHandler(Echo()) }
        let own = "PUT /admin/x HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nEND"
        let client = try await RawClient.connect(port: proxy.port)
        let bytes = Array((Wire.post(closes: false) + own).utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            try await client.send(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(await client.untilClosed().hasSuffix("first<\(own)>"))
        #expect(upstream.requests.count == 1)
        #expect(proxy.server.load == ProxyLoad(connections: 0, requests: 0))
        await proxy.stop()
        try await upstream.stop()
    }
}
