import Foundation
import Ranking
import TestSupport
import Testing
import Verdicts

@testable import Proxy

/// Event streams, long bodies, slow readers, and clients that leave.
@Suite(.timeLimit(.minutes(15)))
struct StreamingTests {
    static let eventStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    @Test func eventsArriveAsTheyAreSent() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(Self.eventStream + "10\r\ndata: one\n\ndata:\r\n"), .hold("second"), .send("7\r\n two\n\n\n\r\n"),
                .hold("end"), .send("0\r\n\r\n"),
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        #expect(await client.until("data:\r\n").hasSuffix("\r\n\r\n10\r\ndata: one\n\ndata:\r\n"))
        client.clear()
        upstream.release("second")
        #expect(await client.until("two\n\n\n\r\n") == "7\r\n two\n\n\n\r\n")
        client.clear()
        upstream.release("end")
        #expect(await client.until("0\r\n\r\n") == "0\r\n\r\n")
        #expect(proxy.events.requests.first?.bytesDown == 23)
        try await client.close()
        await proxy.stop()
    }

    @Test func theFirstEventIsReportedWhenItArrives() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(Self.eventStream + "8\r\ndata: on\r\n"), .hold("first"), .send("3\r\ne\n\n\r\n"), .hold("end"),
                .send("b\r\ndata: two\n\n\r\n0\r\n\r\n"),
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { upstream.requests.count == 1 }
        // Part of an event is no answer yet.
        #expect(proxy.events.answered.isEmpty)
        upstream.release("first")
        _ = await client.until("e\n\n")
        #expect(proxy.events.answered.map(\.endpoint) == [EndpointID(1)])
        #expect(proxy.events.attempts.isEmpty)
        upstream.release("end")
        _ = await client.untilClosed()
        #expect(proxy.events.answered.count == 1)
        let report = try #require(proxy.events.attempts.first)
        #expect(report.wasAnswered)
        // What the ranking learns is the time to what was said first; the first byte may have come before.
        let beginning = try #require(proxy.events.answered.first?.beginning)
        let sample = try #require(beginning.sample)
        #expect(sample.kind == .stream)
        #expect(report.outcome == .success(sample))
        #expect(report.wasMeasured)
        #expect(report.timeToFirstByte == beginning.timeToFirstByte)
        #expect(try #require(report.timeToFirstByte) <= sample.time)
        #expect(report.figures.timeToFirstContent == sample.time)
        await proxy.stop()
    }

    @Test func anAnswerThatCameWholeIsReportedOnce() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("whole"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        _ = try await proxy.exchange(Wire.post())
        #expect(proxy.events.answered.isEmpty)
        #expect(proxy.events.attempts.map(\.wasAnswered) == [false])
        await proxy.stop()
    }

    @Test func aLongRefusalIsNoGoodBeginning() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 505 No\r\nContent-Length: 10\r\n\r\nhello"), .hold("end"), .send("world")]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { upstream.requests.count == 1 }
        #expect(proxy.events.answered.isEmpty)
        upstream.release("end")
        _ = await client.untilClosed()
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.status(505))])
        await proxy.stop()
    }

    @Test(arguments: [
        ("/v1/messages", "\r\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\""),
        ("/v1/chat/completions", "\r\ndata: {\"error\":{\"message\":"),
        ("/v1/responses", "\r\nevent: error\ndata: {\"type\":\"error\",\"code\":\"server_error\""),
    ])
    func aBrokenStreamSaysSoInTheAPIsShape(path: String, event: String) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.eventStream + "b\r\ndata: one\n\n\r\n"), .hold("break"), .close]
        }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream), .local(2, second)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(path))
        _ = await client.until("one")
        upstream.release("break")
        let answer = await client.untilClosed()
        #expect(answer.contains(event))
        #expect(!answer.hasSuffix("0\r\n\r\n"))
        #expect(second.requests.isEmpty)
        #expect(proxy.events.attempts.first?.outcome == .failure(.brokenStream))
        #expect(proxy.events.requests.first?.ending == .brokenStream)
        await proxy.stop()
    }

    /// Whatever is said within an event becomes a part of it: it must not be dispatched as if it were whole.
    @Test(
        arguments: [
            ("/v1/messages", "event: delta\ndata: {\"half", "\nevent: error\ndata: {\"type\":\"error\""),
            ("/v1/messages", "event: delta\ndata: {}\n", "event: error\ndata: {\"type\":\"error\""),
            ("/v1/responses", "event: delta\ndata: {\"half", nil), ("/v1/chat/completions", "data: {\"half", nil),
            ("/v1/chat/completions", "data: {}\n", nil),
        ] as [(String, String, String?)])
    func aStreamThatBreaksWithinAnEvent(path: String, half: String, words: String?) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(Self.eventStream + "b\r\ndata: one\n\n\r\n"),
                .send("\(String(half.utf8.count, radix: 16))\r\n\(half)\r\n"), .hold("break"), .close,
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(path))
        _ = await client.until(half + "\r\n")
        client.clear()
        upstream.release("break")
        let rest = await client.untilClosed()
        if let words {
            let size = try #require(rest.range(of: "\r\n"))
            #expect(rest[size.upperBound...].hasPrefix(words), "\(rest)")
            #expect(rest.hasSuffix("\n\n\r\n"))
        } else {
            #expect(rest.isEmpty)
        }
        #expect(proxy.events.requests.first?.ending == .brokenStream)
        await proxy.stop()
    }

    /// Nothing was said in words, so HTTP/1.0, which knows no other end, has to see an error.
    @Test func aStreamThatBreaksWithoutAWordIsResetInHTTP10() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.eventStream + "11\r\ndata: one\n\ndata: \r\n"), .hold("break"), .close]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send("GET /v1/models HTTP/1.0\r\n\r\n")
        _ = await client.until("one")
        upstream.release("break")
        _ = await client.untilClosed()
        #expect(client.wasReset)
        await proxy.stop()
    }

    @Test func aBodyCutShortIsNotCompleted() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"), .close]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.hasSuffix("\r\n\r\nhello"))
        #expect(proxy.events.attempts.first?.outcome == .failure(.brokenStream))
        await proxy.stop()
    }

    @Test func aConnectionThatSaidTooMuchIsNotUsedAgain() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            [.send(Wire.ok("on \(request.connection)") + (request.connection == 0 ? Wire.ok("smuggled") : ""))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        for connection in 0...1 {
            client.clear()
            try await client.send(Wire.post(closes: false))
            #expect(await client.until("on \(connection)").hasSuffix("\r\n\r\non \(connection)"))
        }
        try await client.close()
        await proxy.stop()
    }

    /// A comment is no answer: where something goes wrong then, another endpoint is asked, or the client gets a status that says so.
    @Test(arguments: [true, false])
    func commentsWaitForTheFirstEvent(hasAnother: Bool) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(Self.eventStream + "8\r\n: wait\n\n\r\n" + "a\r\nretry: 3\n\n\r\n"), .hold("event"),
                .send("9\r\ndata: x\n\n\r\n0\r\n\r\n"),
            ]
        }
        let other = try await ScriptedUpstream.start { _ in [.send(Wire.ok("other"))] }
        let first = try Upstream.local(1, upstream)
        let proxy = try await ProxyHarness.start(hasAnother ? [first, .local(2, other)] : [first])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { upstream.requests.count == 1 }
        #expect(client.text.isEmpty)
        #expect(proxy.events.answered.isEmpty)
        upstream.release("event")
        let answer = await client.untilClosed()
        #expect(answer.contains(": wait\n\n") && answer.hasSuffix("0\r\n\r\n"))
        let attempt = try #require(proxy.events.attempts.first)
        guard case .success = attempt.outcome else {
            Issue.record("not a success: \(attempt.outcome)")
            return
        }
        await proxy.stop()
    }

    @Test func aSlowReaderHoldsTheEndpointBack() async throws {
        let size = 64 * 1024 * 1024
        let block = [UInt8](repeating: 0x61, count: 1 << 20)
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")]
                + Array(repeating: ScriptedUpstream.Step.sendBytes(block), count: size >> 20)
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.setReading(false)
        try await client.send(Wire.post())
        // Once the kernel's buffers are full nothing moves any more: the same figure three sweeps in a row.
        var last = -1
        var same = 0
        while same < 20 {
            let now = upstream.bytesWritten
            same = now == last && now > 0 ? same + 1 : 0
            last = now
            try await Task.sleep(for: .milliseconds(5))
        }
        // Two sockets' buffers (at most 6 MiB each here) and the proxy's own, far below the whole.
        #expect(last < 24 * 1024 * 1024)
        try await client.setReading(true)
        #expect(await client.until(count: size) >= size)
        await proxy.stop()
    }

    @Test func aClientThatLeavesEndsTheAttempt() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.eventStream + "b\r\ndata: one\n\n\r\n"), .hold("second")]
                + Array(repeating: .send("b\r\ndata: two\n\n\r\n"), count: 100)
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        _ = await client.until("one")
        try await client.close()
        // A FIN alone may come from a client that still listens: it takes a write to find out.
        upstream.release("second")
        try await eventually { upstream.closedConnections > 0 }
        #expect(proxy.events.attempts.first?.outcome == .neutral)
        #expect(proxy.events.requests.first?.ending == .clientClosed)
        await proxy.stop()
    }

    @Test func aClientMayFinishSpeakingBeforeTheAnswer() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("answer"), .send(Wire.ok("late"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(closes: false))
        try await client.finish()
        try await eventually { !upstream.requests.isEmpty }
        upstream.release("answer")
        #expect(await client.untilClosed().hasSuffix("late"))
        await proxy.stop()
    }

    @Test func requestsSentAheadAreAnsweredInOrder() async throws {
        let upstream = try await ScriptedUpstream.start { request in [.send(Wire.ok("<\(request.body)>"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send((1...20).map { Wire.post(body: "\($0)", closes: $0 == 20) }.joined())
        let answer = await client.untilClosed()
        let bodies = answer.split(separator: "<").dropFirst().map { $0.prefix { $0 != ">" } }
        #expect(bodies.map { Int($0) } == Array(1...20))
        // One after the other on one kept connection.
        #expect(upstream.connections == 1)
        await proxy.stop()
    }

    @Test func aBodyBeyondTheReplayLimitIsStreamed() async throws {
        let upstream = try await ScriptedUpstream.start { request in [.send(Wire.ok("\(request.body.utf8.count)"))] }
        var options = ProxyOptions()
        options.replayLimit = 1000
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let answer = try await proxy.exchange(Wire.post(body: String(repeating: "b", count: 300_000)))
        #expect(answer.hasSuffix("\r\n\r\n300000"))
        await proxy.stop()
    }

    @Test func whatCannotBeSentAgainIsAnsweredAsItIs() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.status(500, "mine"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("second"))] }
        var options = ProxyOptions()
        options.replayLimit = 1000
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)], options: options)
        let answer = try await proxy.exchange(Wire.post(body: String(repeating: "b", count: 300_000)))
        #expect(answer.hasPrefix("HTTP/1.1 500 "))
        #expect(answer.hasSuffix("mine"))
        #expect(proxy.events.attempts.map(\.outcome) == [.failure(.status(500))])
        await proxy.stop()
    }

    /// - Parameter commit: and what it makes of a stream that announces an answer and then says that it is overloaded
    @Test(arguments: [
        (CommitPoint.content, "other", 0), (.event, "overloaded_error", 0), (.shadow, "overloaded_error", 1),
    ])
    func theCommitPointIsTheOperatorsChoice(commit: CommitPoint, end: String, shadowed: Int) async throws {
        let start = "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
        let error = "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"
        let text = start + error
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.eventStream + "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n0\r\n\r\n")]
        }
        let other = try await ScriptedUpstream.start { _ in [.send(Wire.ok("other"))] }
        var options = ProxyOptions()
        options.rules.commit = commit
        let proxy = try await ProxyHarness.start([.local(1, upstream), .local(2, other)], options: options)
        #expect(try await proxy.exchange(Wire.post()).contains(end))
        #expect(proxy.server.load.shadowed == shadowed)
        // Whatever the client has of it, it is no success.
        try await eventually { !proxy.events.attempts.isEmpty }
        #expect(proxy.events.attempts.first?.outcome == .failure(.errorInAnswer(status: 529)))
        await proxy.stop()
    }
}
