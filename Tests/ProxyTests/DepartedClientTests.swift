import Foundation
import NIOCore
import Ranking
import Support
import TestSupport
import Testing

@testable import Proxy

/// Clients that have gone, or have only said that they ask nothing more: a FIN does not tell the one from the other.
@Suite(.timeLimit(.minutes(15)))
struct DepartedClientTests {
    private func start(
        _ endpoints: [Upstream], _ policy: HalfClosePolicy = .probe
    ) async throws -> ProxyHarness {
        var options = ProxyOptions()
        options.rules.halfClose = policy
        return try await ProxyHarness.start(endpoints, options: options)
    }

    private func expectCancelled(_ proxy: ProxyHarness, _ upstream: ScriptedUpstream) async throws {
        try await eventually { upstream.closedConnections == 1 }
        try await eventually { proxy.events.requests.count == 1 }
        let request = try #require(proxy.events.requests.first)
        #expect(request.ending == .clientClosed)
        #expect(request.status == nil)
        #expect(request.attempts.map(\.outcome) == [.neutral])
        #expect(proxy.runningAttempts == 0)
    }

    /// Its system answers what it is sent with a reset.
    @Test(arguments: [HalfClosePolicy.probe, .cancel])
    func aClientThatHasClosedIsNotServedOn(policy: HalfClosePolicy) async throws {
        let first = try await ScriptedUpstream.start { _ in [.hold("never"), .close] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("billed"))] }
        let proxy = try await start([.local(1, first), .local(2, second)], policy)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        try await eventually { first.requests.count == 1 }
        try await client.close()
        try await expectCancelled(proxy, first)
        first.release("never")
        #expect(second.requests.isEmpty)
        await proxy.stop()
    }

    @Test func aClientOfHTTP10ThatSaysFINHasGone() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("never")] }
        let proxy = try await start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send("POST /v1/messages HTTP/1.0\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        try await eventually { upstream.requests.count == 1 }
        try await client.finish()
        try await expectCancelled(proxy, upstream)
        try await client.close()
        await proxy.stop()
    }

    @Test(arguments: [("1.1", HalfClosePolicy.probe), ("1.1", .serve), ("1.0", .serve)])
    func aClientThatListensGetsItsAnswer(version: String, policy: HalfClosePolicy) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("answer"), .send(Wire.ok("late"))] }
        let proxy = try await start([.local(1, upstream)], policy)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send("POST /v1/messages HTTP/\(version)\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        try await client.finish()
        try await eventually { upstream.requests.count == 1 }
        if policy == .probe { #expect(await client.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n") }
        upstream.release("answer")
        let answer = await client.untilClosed()
        #expect(answer.hasSuffix("late"))
        #expect(answer.contains("100 Continue") == (policy == .probe))
        #expect(proxy.events.requests.first?.ending == .completed)
        await proxy.stop()
    }

    /// It is asked again before another endpoint is, since it may have gone meanwhile.
    @Test func aClientThatListensIsServedByTheNextEndpoint() async throws {
        let first = try await ScriptedUpstream.start { _ in [.hold("fail"), .close] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let proxy = try await start([.local(1, first), .local(2, second)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await client.finish()
        _ = await client.until("100 Continue\r\n\r\n")
        first.release("fail")
        let answer = await client.untilClosed()
        #expect(answer.hasSuffix("second"))
        #expect(answer.components(separatedBy: "100 Continue").count == 3)
        await proxy.stop()
    }

    @Test func whoHasSentAheadAndSaidFINGetsAllAnswers() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            (request.index == 0 ? [.hold("first")] : []) + [.send(Wire.ok("<\(request.body)>"))]
        }
        let proxy = try await start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send((1...5).map { Wire.post(body: "\($0)", closes: false) }.joined())
        try await client.finish()
        _ = await client.until("100 Continue\r\n\r\n")
        upstream.release("first")
        let answer = await client.untilClosed()
        #expect((1...5).allSatisfy { answer.contains("<\($0)>") })
        await proxy.stop()
    }

    /// Within a silent stream a comment does what an interim answer does before it.
    @Test func aStreamIsNotReadOnForAClientThatHasGone() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(StreamingTests.eventStream + "b\r\ndata: one\n\n\r\n"), .hold("never")]
        }
        let proxy = try await start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        _ = await client.until("data: one\n\n")
        try await client.close()
        try await eventually { upstream.closedConnections == 1 }
        try await eventually { proxy.events.requests.count == 1 }
        #expect(proxy.events.requests.first?.ending == .clientClosed)
        await proxy.stop()
    }

    @Test func aStreamGoesOnForAClientThatListens() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(StreamingTests.eventStream + "b\r\ndata: one\n\n\r\n"), .hold("more"),
                .send("b\r\ndata: two\n\n\r\n0\r\n\r\n"),
            ]
        }
        let proxy = try await start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        _ = await client.until("data: one\n\n")
        try await client.finish()
        _ = await client.until("\r\n3\r\n:\n\n\r\n")
        upstream.release("more")
        #expect(await client.untilClosed().hasSuffix("3\r\n:\n\n\r\nb\r\ndata: two\n\n\r\n0\r\n\r\n"))
        #expect(proxy.events.requests.first?.ending == .completed)
        await proxy.stop()
    }

    @Test func theMeaningOfAFINIsTakenInLive() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("never")] }
        let proxy = try await start([.local(1, upstream)], .serve)
        var rules = ClientRules()
        rules.halfClose = .cancel
        proxy.server.update(rules)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        try await eventually { upstream.requests.count == 1 }
        try await client.finish()
        try await expectCancelled(proxy, upstream)
        try await client.close()
        await proxy.stop()
    }

    // MARK: Slow readers

    private static let size = 16 << 20

    private func download(_ options: ProxyOptions) async throws -> (ProxyHarness, RawClient) {
        let block = [UInt8](repeating: 0x61, count: Self.size)
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n"), .sendBytes(block)]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.setReading(false)
        try await client.send(Wire.post(closes: false))
        return (proxy, client)
    }

    /// The kernel takes more in steps of a megabyte; until then the client gets on all the same.
    @Test func aSteadySlowReaderIsNotCut() async throws {
        var options = ProxyOptions()
        // Long enough for a busy machine, on which the reader below may have to wait for its turn.
        options.clientProgressTimeout = .seconds(2)
        let block = [UInt8](repeating: 0x61, count: Self.size)
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n"), .sendBytes(block)]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let client = try #require(NarrowClient(port: proxy.port))
        client.send(Wire.post(closes: false))
        // Several times the limit, and far less than makes the kernel ask for more.
        let count = await client.read(upTo: 4096, every: 0.02, for: .seconds(5))
        #expect(count > 4096 && count < 1 << 20)
        #expect(proxy.events.requests.isEmpty)
        // It stands still from now on.
        try await eventually { proxy.events.requests.count == 1 }
        #expect(proxy.events.requests.first?.ending == .clientTimeout)
        client.close()
        await proxy.stop()
    }

    @Test func aReaderThatStandsStillIsCutAndTheLogSaysSo() async throws {
        var options = ProxyOptions()
        options.clientProgressTimeout = .milliseconds(100)
        let (proxy, client) = try await download(options)
        try await eventually { proxy.events.requests.count == 1 }
        let report = try #require(proxy.events.requests.first)
        #expect(report.ending == .clientTimeout)
        #expect(report.bytesDown < Self.size)
        #expect(report.attempts.map(\.outcome) == [.neutral])
        try await client.close()
        await proxy.stop()
    }

    /// The endpoint has been let go; what the kernel has not taken of its answer has not been delivered.
    @Test func anAnswerThatIsNotTakenToItsEndIsNotCompleted() async throws {
        var options = ProxyOptions()
        options.clientProgressTimeout = .milliseconds(100)
        let whole = ScriptedUpstream.Step.sendBytes([UInt8](repeating: 0x61, count: 1 << 16))
        let size = Self.size
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")]
                + Array(repeating: whole, count: size >> 16)
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.setReading(false)
        try await client.send(Wire.post(closes: false))
        try await eventually { proxy.events.requests.count == 1 }
        let report = try #require(proxy.events.requests.first)
        #expect(report.ending == .clientTimeout)
        // What was read and not taken by the kernel is not counted.
        #expect(report.bytesDown < size)
        try await client.close()
        await proxy.stop()
    }
}

/// A TCP client whose system takes a few kilobytes at a time.
private final class NarrowClient: Sendable {
    private let descriptor: CInt

    init?(port: Int) {
        descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var size: CInt = 4096
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        let status = try? SocketAddress(ipAddress: "127.0.0.1", port: port).withSockAddr { address, size in
            connect(descriptor, address, socklen_t(size))
        }
        guard status == 0 else { return nil }
    }

    func send(_ text: String) {
        _ = Glibc.send(descriptor, text, text.utf8.count, CInt(truncatingIfNeeded: MSG_NOSIGNAL))
    }

    func read(upTo limit: Int) -> Int {
        var bytes = [UInt8](repeating: 0, count: limit)
        return max(0, recv(descriptor, &bytes, limit, CInt(truncatingIfNeeded: MSG_DONTWAIT)))
    }

    /// Reads now and then, on a thread of its own: hundreds of tests that share a pool of two would make the steady reader a
    /// stalled one.
    ///
    /// - Returns: how many bytes came.
    func read(upTo limit: Int, every pause: TimeInterval, for time: Duration) async -> Int {
        await withCheckedContinuation { continuation in
            let thread = Thread {
                let began = ContinuousClock.now
                var count = 0
                while ContinuousClock.now - began < time {
                    count += self.read(upTo: limit)
                    Thread.sleep(forTimeInterval: pause)
                }
                continuation.resume(returning: count)
            }
            thread.start()
        }
    }

    func close() { _ = Glibc.close(descriptor) }
}
