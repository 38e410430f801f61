import Coding
import HTTPWire
import LLMWire
import Ranking
import TestSupport
import Testing
import Verdicts

@testable import Proxy

/// Answers under a content coding: the client gets their bytes, and what they say counts all the same.
@Suite(.timeLimit(.minutes(15)))
struct EncodedAnswerTests {
    private static let start =
        #"data: {"type":"message_start","message":{"model":"claude-x","usage":{"input_tokens":100,"output_tokens":1}}}"#
        + "\n\n"
    private static let text =
        #"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}"# + "\n\n"
    private static let end =
        #"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":40}}"#
        + "\n\n" + #"data: {"type":"message_stop"}"# + "\n\n"
    private static let overloaded =
        #"data: {"type":"error","error":{"type":"overloaded_error","message":"busy"}}"# + "\n\n"

    private func head(_ coding: String, type: String = "text/event-stream", status: Int = 200) -> [UInt8] {
        Array(
            "HTTP/1.1 \(status) X\r\nContent-Type: \(type)\r\nContent-Encoding: \(coding)\r\nConnection: close\r\n\r\n"
                .utf8
        )
    }

    private func serve(_ steps: [ScriptedUpstream.Step]) async throws -> ScriptedUpstream {
        try await ScriptedUpstream.start { _ in steps }
    }

    private func exchange(_ proxy: ProxyHarness, _ request: String = Wire.post()) async throws -> [UInt8] {
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(request)
        return await client.bytesUntilClosed()
    }

    @Test(arguments: ContentEncoder.allCases)
    func whatItSaysIsCountedAndItsBytesStayWhatTheyAre(encoder: ContentEncoder) async throws {
        let wire = encoder.encode(Array((Self.start + Self.text + Self.end).utf8))
        let upstream = try await serve([.sendBytes(head(encoder.name)), .sendBytes(wire), .close])
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        #expect(Wire.chunkedBody(of: try await exchange(proxy)) == wire)
        await proxy.stop()
        let report = try #require(proxy.events.requests.first)
        #expect(report.usage?.extent == .whole && report.usage?.figures.input == 100)
        #expect(report.usage?.figures.output == 40 && report.usage?.model == "claude-x")
        #expect(report.figures.timeToFirstContent != nil)
        #expect(proxy.server.decodingMemoryInUse == 0)
    }

    @Test(arguments: ContentEncoder.allCases)
    func anErrorBeforeTheFirstContentMovesOn(encoder: ContentEncoder) async throws {
        let wire = encoder.encode(Array((Self.start + Self.overloaded).utf8))
        let bad = try await serve([.sendBytes(head(encoder.name)), .sendBytes(wire), .close])
        let good = try await serve([.send(Wire.ok("good"))])
        let proxy = try await ProxyHarness.start([.local(1, bad), .local(2, good)])
        #expect(String(decoding: try await exchange(proxy), as: UTF8.self).hasSuffix("good"))
        await proxy.stop()
        #expect(proxy.events.attempts.count == 2 && proxy.server.decodingMemoryInUse == 0)
    }

    @Test func itIsHeldUntilItHasContentAndThenPassesAtOnce() async throws {
        let members = [Self.start, Self.text, Self.end].map { ContentEncoder.gzip.encode(Array($0.utf8)) }
        let upstream = try await serve([
            .sendBytes(head("gzip")), .sendBytes(members[0]), .hold("text"), .sendBytes(members[1]), .hold("end"),
            .sendBytes(members[2]), .close,
        ])
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        // It has come, and says nothing yet: its window is there and the client has nothing.
        try await eventually { proxy.server.decodingMemoryInUse > 0 }
        #expect(client.text.isEmpty)
        upstream.release("text")
        try await eventually { !proxy.events.answered.isEmpty }
        #expect(proxy.events.answered.first?.beginning.sample?.kind == .stream)
        upstream.release("end")
        #expect(Wire.chunkedBody(of: await client.bytesUntilClosed()) == members.flatMap(\.self))
        await proxy.stop()
        #expect(proxy.events.requests.first?.usage?.figures.output == 40)
    }

    @Test func aStreamThatBreaksOffIsNotPassedOffAsWhole() async throws {
        let wire = ContentEncoder.zstd.encode(Array((Self.start + Self.text).utf8))
        let upstream = try await serve([.sendBytes(head("zstd")), .sendBytes(wire), .close])
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await exchange(proxy)
        #expect(!answer.reversed().starts(with: Array("0\r\n\r\n".utf8).reversed()))
        await proxy.stop()
        let report = try #require(proxy.events.requests.first)
        #expect(
            report.ending == .brokenStream && report.usage?.extent == .partial && report.usage?.figures.input == 100)
    }

    @Test(arguments: [
        ("gzip", Array("no gzip at all".utf8)), ("x-snappy", Array("anything".utf8)),
        ("br", ContentEncoder.zstd.encode(Array("{}".utf8))),
    ])
    func whatCannotBeReadPassesAsItIs(coding: String, wire: [UInt8]) async throws {
        for type in ["text/event-stream", "application/json", "image/png"] {
            let upstream = try await serve([.sendBytes(head(coding, type: type)), .sendBytes(wire), .close])
            let proxy = try await ProxyHarness.start([.local(1, upstream)])
            #expect(Wire.chunkedBody(of: try await exchange(proxy)) == wire, "\(coding) \(type)")
            await proxy.stop()
            let report = try #require(proxy.events.requests.first)
            #expect(report.ending == .completed && report.usage?.extent == .unread)
            #expect(proxy.server.decodingMemoryInUse == 0)
        }
    }

    @Test func aRefusalIsReadUnderItsCoding() async throws {
        let words =
            #"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low, key-4711"}}"#
        let wire = ContentEncoder.gzip.encode(Array(words.utf8))
        let refusing = try await serve([
            .sendBytes(head("gzip", type: "application/json", status: 400)), .sendBytes(wire), .close,
        ])
        let good = try await serve([.send(Wire.ok("good"))])
        let proxy = try await ProxyHarness.start([.local(1, refusing), .local(2, good)])
        #expect(String(decoding: try await exchange(proxy), as: UTF8.self).hasSuffix("good"))
        await proxy.stop()
        #expect(proxy.events.requests.first?.verdictRows.first == "no money")
        // Alone it is the client's answer, as it came, unless it repeats the endpoint's key.
        for (secret, isShown) in [("key-4712", true), ("key-4711", false)] {
            let proxy = try await ProxyHarness.start([.local(1, refusing, credential: .apiKey(secret))])
            let answer = try await exchange(proxy)
            let text = String(decoding: answer, as: UTF8.self)
            #expect(text.contains("Content-Encoding: gzip") == isShown)
            #expect(
                isShown
                    ? Array(answer.suffix(wire.count)) == wire
                    : text.contains("credit balance") && !text.contains("key-4711"))
            await proxy.stop()
        }
    }

    @Test func theMemoryOfAllDecodersTogetherIsBounded() {
        let memory = DecodingMemory(limit: 100)
        #expect(memory.take(60) && memory.take(40) && !memory.take(1) && memory.take(-1))
        memory.give(back: 100)
        #expect(memory.inUse == 0)
        // An answer for which there is no room any more passes, and is not read.
        let small = DecodingMemory(limit: 1_000)
        let gate = AnswerGate()
        let coding = AnswerGate.Coding(codings: ContentCodings(.gzip), memory: small)
        gate.open(.eventStream, status: 200, hasBody: true, coding: coding, to: .inference(.messages), commit: .content)
        let wire = ContentEncoder.gzip.encode(Array(Self.start.utf8))
        wire.withUnsafeBytes { gate.look($0) }
        #expect(gate.hasOutput && gate.isGood && small.inUse == 0)
        #expect(gate.account()?.extent == .unread)
    }

    /// A client gets no comment within what is encoded: so what has come of it is its sign of life.
    @Test func aStreamThatIsSilentAfterItsBeginningPassesAfterAWhile() async throws {
        let member = ContentEncoder.gzip.encode(Array(Self.start.utf8))
        let upstream = try await serve([.sendBytes(head("gzip")), .sendBytes(member), .hold("end"), .close])
        var options = ProxyOptions()
        options.rules.keepalive = .milliseconds(1)
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        _ = await client.until("\r\n\r\n")
        upstream.release("end")
        #expect(Wire.chunkedBody(of: await client.bytesUntilClosed()) == member)
        await proxy.stop()
    }
}
