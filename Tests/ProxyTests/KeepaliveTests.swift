import Foundation
import HTTPWire
import Ranking
import TestSupport
import Testing
import Verdicts

@testable import Proxy

/// Comments for the client of a stream that says nothing yet (`failover.keepalive`), and what can still follow them.
@Suite(.timeLimit(.minutes(15)))
struct KeepaliveTests {
    private static let start = "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
    private static let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n"
    private static let text =
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"hello\"}}\n\n"
    private static let end = "data: {\"type\":\"message_stop\"}\n\n"
    private static let overloaded = "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n"
    private static let comment = chunk(":\n\n")

    private static func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }
    private static func stream(_ events: String...) -> String {
        StreamingTests.eventStream + events.map(chunk).joined()
    }

    private func start(
        _ upstreams: [Upstream], every keepalive: Duration = .milliseconds(1)
    ) async throws -> ProxyHarness {
        var options = ProxyOptions()
        options.rules.keepalive = keepalive
        options.deadlineSweepInterval = .milliseconds(5)
        return try await ProxyHarness.start(upstreams, options: options)
    }

    /// What follows the head, without framing and without comments; the last chunk stands as `END`.
    private func events(_ answer: String) -> String {
        let bytes = Array(answer.utf8)
        func end(of mark: String, from start: Int) -> Int? {
            bytes[start...].firstRange(of: Array(mark.utf8))?.upperBound
        }
        var text = ""
        guard var offset = end(of: "\r\n\r\n", from: 0) else { return text }
        while offset < bytes.count, let data = end(of: "\r\n", from: offset),
            let length = Int(String(decoding: bytes[offset..<data - 2], as: UTF8.self), radix: 16)
        {
            if length == 0 { return text + "END" }
            let piece = String(decoding: bytes[data..<min(data + length, bytes.count)], as: UTF8.self)
            if piece != ":\n\n" { text += piece }
            offset = data + length + 2
        }
        return text
    }

    /// An upstream whose stream announces an answer, and says the rest when `release("rest")` is called.
    private func slow(_ rest: String..., announces: String = start) async throws -> ScriptedUpstream {
        let rest = rest.map(Self.chunk).joined()
        return try await ScriptedUpstream.start { _ in
            [.send(Self.stream(announces)), .hold("rest"), .send(rest)]
        }
    }

    private func client(of proxy: ProxyHarness, request: String = Wire.post(closes: false)) async throws -> RawClient {
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(request)
        return client
    }

    @Test func theClientOfAHeldStreamHearsThatSomethingGoesOn() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(Self.stream(Self.start, Self.ping)), .hold("rest"),
                .send(Self.chunk(Self.text + Self.end) + "0\r\n\r\n"),
            ]
        }
        let proxy = try await start([.local(1, upstream)])
        let client = try await client(of: proxy)
        // More than one, and nothing of what is held.
        #expect(await client.until(Self.comment + Self.comment).contains("text/event-stream"))
        #expect(events(client.text).isEmpty)
        upstream.release("rest")
        let answer = await client.until("\r\n0\r\n\r\n")
        #expect(events(answer) == Self.start + Self.ping + Self.text + Self.end + "END")
        // The connection serves the next request as if nothing had been.
        client.clear()
        try await client.send(Wire.post(closes: false))
        let next = await client.until("\r\n0\r\n\r\n")
        #expect(next.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(events(next) == Self.start + Self.ping + Self.text + Self.end + "END")
        try await client.close()
        await proxy.stop()
    }

    @Test func anotherEndpointsStreamFollowsTheComments() async throws {
        let first = try await slow(Self.overloaded)
        let second = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 103 Early Hints\r\n\r\n" + Self.stream(Self.start, Self.text, Self.end) + "0\r\n\r\n")]
        }
        let proxy = try await start([.local(1, first), .local(2, second)])
        let client = try await client(of: proxy)
        _ = await client.until(Self.comment)
        first.release("rest")
        let answer = await client.until("\r\n0\r\n\r\n")
        #expect(events(answer) == Self.start + Self.text + Self.end + "END")
        #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2)
        try await eventually { proxy.events.attempts.count == 2 }
        #expect(
            proxy.events.attempts.first { $0.endpoint == EndpointID(1) }?.outcome
                == .failure(.errorInAnswer(status: 529)))
        try await client.close()
        await proxy.stop()
    }

    /// The stream of the next endpoint has a length or ends with its connection: the client has been told chunks.
    @Test(arguments: ["Content-Length: \(text.utf8.count + end.utf8.count)\r\n", "Connection: close\r\n"])
    func aStreamOfAnotherFramingIsPutIntoChunks(line: String) async throws {
        let first = try await slow(Self.overloaded)
        let second = try await ScriptedUpstream.start { _ in
            [
                .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\(line)\r\n" + Self.text + Self.end),
                .close,
            ]
        }
        let proxy = try await start([.local(1, first), .local(2, second)])
        let client = try await client(of: proxy)
        _ = await client.until(Self.comment)
        first.release("rest")
        #expect(events(await client.until("\r\n0\r\n\r\n")) == Self.text + Self.end + "END")
        try await client.close()
        await proxy.stop()
    }

    /// What the others say cannot have a status any more: it is said in an event, and the stream ends without its end.
    @Test(arguments: [
        (
            "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 65\r\n\r\n"
                + "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"x\"}}",
            "{\"type\":\"rate_limit_error\",\"message\":\"x\"}", 429
        ),
        (
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 70\r\n\r\n"
                + "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"y\"}}",
            "{\"type\":\"invalid_request_error\",\"message\":\"y\"}", 400
        ),
    ])
    func aRefusalIsSaidInAnEvent(refusal: String, error: String, status: Int) async throws {
        let first = try await slow(Self.overloaded)
        let second = try await ScriptedUpstream.start { _ in [.send(refusal)] }
        let proxy = try await start([.local(1, first), .local(2, second)])
        let client = try await client(of: proxy)
        _ = await client.until(Self.comment)
        first.release("rest")
        let said = events(await client.untilClosed())
        #expect(said.hasPrefix("event: error\ndata: {\"type\":\"error\",\"error\":\(error)"))
        #expect(!said.contains("END"))
        #expect(proxy.events.requests.first?.status == status)
        await proxy.stop()
    }

    /// A good answer that is no stream: the client cannot have it, and the endpoint is not to blame.
    @Test func aWholeAnswerCannotFollow() async throws {
        let first = try await slow(Self.overloaded)
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("{}"))] }
        let proxy = try await start([.local(1, first), .local(2, second)])
        let client = try await client(of: proxy)
        _ = await client.until(Self.comment)
        first.release("rest")
        let said = events(await client.untilClosed())
        #expect(said.hasPrefix("event: error\ndata: ") && !said.contains("END"))
        try await eventually { proxy.events.attempts.count == 2 }
        #expect(proxy.events.attempts.first { $0.endpoint == EndpointID(2) }?.outcome == .neutral)
        await proxy.stop()
    }

    /// The endpoint dies, and there is no other.
    @Test func aBrokenConnectionIsSaidInAnEvent() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Self.stream(Self.start)), .hold("rest"), .close] }
        let proxy = try await start([.local(1, upstream)])
        let client = try await client(of: proxy)
        _ = await client.until(Self.comment)
        upstream.release("rest")
        let said = events(await client.untilClosed())
        #expect(said.hasPrefix("event: error\ndata: ") && !said.contains("END"))
        await proxy.stop()
    }

    /// A client that has closed its side is asked by a comment, not by an informational head within the body.
    @Test func aClientThatHasSaidFINIsAskedByAComment() async throws {
        let upstream = try await slow(Self.text + Self.end)
        let proxy = try await start([.local(1, upstream)])
        let client = try await client(of: proxy)
        _ = await client.until(Self.comment)
        try await client.finish()
        _ = await client.until(Self.comment + Self.comment)
        upstream.release("rest")
        let answer = await client.until(Self.end)
        #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2)
        #expect(events(answer) == Self.start + Self.text + Self.end)
        try await client.close()
        await proxy.stop()
    }

    /// What its head would fix for good stays held: JSON, what is encoded, a client of HTTP/1.0; and nothing is said where nothing is
    /// to be.
    @Test(arguments: [
        ("Content-Type: application/json\r\n", "HTTP/1.1", Duration.milliseconds(1)),
        ("Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n", "HTTP/1.1", .milliseconds(1)),
        ("Content-Type: text/event-stream\r\n", "HTTP/1.0", .milliseconds(1)),
        ("Content-Type: text/event-stream\r\n", "HTTP/1.1", .zero),
    ])
    func nothingIsCommittedThatCannotBeTakenBack(lines: String, version: String, keepalive: Duration) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send("HTTP/1.1 200 OK\r\n\(lines)Transfer-Encoding: chunked\r\n\r\n"), .hold("rest"), .close]
        }
        let other = try await ScriptedUpstream.start { _ in [.send(Wire.ok("other"))] }
        let proxy = try await start([.local(1, upstream), .local(2, other)], every: keepalive)
        let client = try await client(
            of: proxy, request: Wire.post().replacing("HTTP/1.1", with: version))
        try await eventually { upstream.requests.count == 1 }
        // Several sweeps: another connection's held stream has had its comments meanwhile.
        let witness = try await slow()
        let heard = try await start([.local(1, witness)])
        let listener = try await self.client(of: heard)
        _ = await listener.until(Self.comment + Self.comment + Self.comment)
        #expect(client.text.isEmpty)
        upstream.release("rest")
        #expect(await client.untilClosed().hasSuffix("other"))
        try await listener.close()
        await heard.stop()
        await proxy.stop()
    }

    /// A thousand pings say no more than one, and are no reason to hold them for ever.
    @Test func soManyEventsAreHeldAndNoMore() async throws {
        let pings = String(repeating: Self.ping, count: AnswerState.eventLimit)
        let upstream = try await slow(Self.ping, announces: pings)
        let proxy = try await start([.local(1, upstream)], every: .zero)
        let client = try await client(of: proxy)
        try await eventually { upstream.requests.count == 1 }
        #expect(client.text.isEmpty)
        upstream.release("rest")
        // At least so much with the framing; the pieces are as the network made them.
        _ = await client.until(count: pings.utf8.count + Self.ping.utf8.count)
        try await eventually { events(client.text) == pings + Self.ping }
        try await client.close()
        await proxy.stop()
    }

    @Test func whatWasHeldLongEnoughIsPassedOn() {
        var machine = ExchangeStateMachine(replayLimit: 1000)
        machine.requestBegan(keepsAlive: true, isHTTP11: true, isHEAD: false)
        _ = machine.bodyCompleted()
        machine.choosingBegan()
        machine.attemptBegan(.none, kept: 0)
        _ = machine.connectionBegan()
        _ = machine.requestSent(kept: 0)
        // Nothing is held yet that could be passed on.
        let early = machine.keepaliveIsDue(isReadableStream: true, isOverdue: true)
        #expect(early == .nothing)
        _ = machine.answerRead()
        let use = machine.answered(200, isPage: false, isStream: true, isUploadAwaited: false)
        #expect(use == .forward)
        let head = AnswerState.Head(
            status: 200, framing: .chunked, announcedLength: nil, keepsAlive: true, isJudged: true)
        _ = machine.answerHeld(head, inputIsEmpty: true, isStopping: false)
        let turns = [false, false, true].map { machine.keepaliveIsDue(isReadableStream: true, isOverdue: $0) }
        #expect(turns == [.headAndComment, .comment, .everything])
        machine.committed()
        let late = machine.keepaliveIsDue(isReadableStream: true, isOverdue: true)
        #expect(late == .nothing)
    }
}
