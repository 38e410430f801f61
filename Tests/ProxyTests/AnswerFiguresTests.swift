import HTTPWire
import LLMWire
import Ranking
import TestSupport
import Testing
import Verdicts

@testable import Proxy

/// What an endpoint is measured by: the first content of a stream, the end of an answer that comes whole, and nothing else.
@Suite(.timeLimit(.minutes(15)))
struct AnswerFiguresTests {
    private static let message = #"{"model":"claude-opus-4-5-20251101","content":[{"type":"text","text":"hello"}]}"#

    private func sample(_ report: AttemptReport?) throws -> ResponseSample? {
        guard case .success(let sample) = try #require(report).outcome else {
            Issue.record("no success")
            return nil
        }
        return sample
    }

    private static func json(_ body: String, _ headers: String = "") -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n"
    }

    /// The head comes at once and the model thinks then: the end counts.
    @Test(arguments: ["", "Content-Encoding: gzip\r\n"])
    func anAnswerThatComesWholeIsMeasuredByItsEnd(coding: String) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(Self.json(Self.message, coding)), .hold("body"), .send(String(Self.message.prefix(20))),
                .hold("rest"), .send(String(Self.message.dropFirst(20))),
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { upstream.requests.count == 1 }
        upstream.release("body")
        if !coding.isEmpty {
            _ = await client.until("claude")
            // It has begun well, and what it is measured by is not known yet.
            #expect(proxy.events.answered.map(\.beginning.sample) == [nil])
        }
        upstream.release("rest")
        _ = await client.untilClosed()
        let report = try #require(proxy.events.attempts.first)
        let sample = try #require(try sample(report))
        #expect(sample.kind == .whole)
        #expect(!report.wasMeasured)
        #expect(try #require(report.timeToFirstByte) <= sample.time)
        #expect(sample.time <= report.duration)
        #expect((sample.model == 0) == !coding.isEmpty)
        await proxy.stop()
    }

    /// A stream that cannot be looked into says when its server begins to speak, and not how fast it is.
    @Test func anEncodedStreamMeasuresNothing() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxx"
                ), .hold("end"), .send("xx"),
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post())
        try await eventually { proxy.events.answered.count == 1 }
        upstream.release("end")
        _ = await client.untilClosed()
        #expect(proxy.events.answered.map(\.beginning.sample) == [nil])
        #expect(try sample(proxy.events.attempts.first) == nil)
        await proxy.stop()
    }

    /// They are no measure of a model, but they cost.
    @Test func whatEmbeddingsHaveUsedIsCounted() async throws {
        let body =
            #"{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"e-3","usage":{"prompt_tokens":8,"total_tokens":8}}"#
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Self.json(body) + String(body.prefix(30))), .hold("rest"), .send(String(body.dropFirst(30)))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post("/v1/embeddings", body: #"{"model":"e-3","input":"a"}"#))
        // It is not held until it says anything.
        _ = await client.until("object")
        upstream.release("rest")
        _ = await client.untilClosed()
        let report = try #require(proxy.events.requests.first)
        #expect(report.usage?.figures.input == 8 && report.usage?.extent == .whole && report.usage?.model == "e-3")
        #expect(try sample(proxy.events.attempts.first) == nil)
        await proxy.stop()
    }

    @Test func whatIsNoInferenceHasNoFigure() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Self.json("{}") + "{}")] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        for path in ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/files"] {
            _ = try await proxy.exchange(Wire.post(path))
        }
        for attempt in proxy.events.attempts { #expect(try sample(attempt) == nil) }
        #expect(proxy.events.attempts.count == 3)
        await proxy.stop()
    }

    /// Relays have names of their own for one model; another model is another one.
    @Test func theModelThatAnsweredIsKnownByAnyOfItsNames() async throws {
        let names = ["claude-opus-4-5-20251101", "anthropic/claude-opus-4.5", "claude-haiku-4-5-20251001"]
        let upstreams = try await names.asyncMap { name in
            try await ScriptedUpstream.start { _ in
                let body = #"{"model":"\#(name)","content":[{"type":"text","text":"hello"}]}"#
                return [.send(Self.json(body) + body)]
            }
        }
        var models: [UInt32] = []
        for upstream in upstreams {
            let proxy = try await ProxyHarness.start([.local(1, upstream)])
            _ = try await proxy.exchange(Wire.post())
            models.append(try sample(proxy.events.attempts.first)?.model ?? 0)
            await proxy.stop()
        }
        #expect(models[0] != 0)
        #expect(models[0] == models[1])
        #expect(models[0] != models[2])
    }

    // MARK: Speed

    private func gate(_ text: String, isClean: Bool = true) -> AnswerGate {
        let gate = AnswerGate()
        gate.open(.eventStream, status: 200, hasBody: true, to: .inference(.messages), commit: .content)
        Array(text.utf8).withUnsafeBytes { gate.look($0) }
        gate.finish(isClean: isClean)
        return gate
    }

    private func stream(tokens: Int, ends: Bool = true) -> String {
        let delta = #"data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#
        let usage = #"data: {"type":"message_delta","delta":{},"usage":{"output_tokens":\#(tokens)}}"#
        return [delta, usage, ends ? #"data: {"type":"message_stop"}"# : ""].joined(separator: "\n\n") + "\n\n"
    }

    /// All tokens but the first are written between the first content and the last: 100 in 2 s.
    @Test func theSpeedOfAStreamIsThatOfItsWriting() {
        #expect(gate(stream(tokens: 101)).tokensPerSecond(over: 2) == 50)
        #expect(gate(stream(tokens: 20)).tokensPerSecond(over: 0.5) == 38)
    }

    @Test func whatIsTooShortOrNotWholeHasNoSpeed() {
        #expect(gate(stream(tokens: 19)).tokensPerSecond(over: 2) == nil)
        #expect(gate(stream(tokens: 101)).tokensPerSecond(over: 0.49) == nil)
        #expect(gate(stream(tokens: 101, ends: false), isClean: false).tokensPerSecond(over: 2) == nil)
        let failed =
            stream(tokens: 101, ends: false) + "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n"
        #expect(gate(failed).tokensPerSecond(over: 2) == nil)
    }

    /// Tokens that were thought in silence before the first content would make the rest look fast.
    @Test func hiddenReasoningHasNoSpeed() {
        let gate = AnswerGate()
        gate.open(.eventStream, status: 200, hasBody: true, to: .inference(.responses), commit: .content)
        let text = """
            data: {"type":"response.output_text.delta","delta":"a"}

            data: {"type":"response.completed","response":{"usage":{"input_tokens":1,"output_tokens":900,\
            "output_tokens_details":{"reasoning_tokens":800}}}}


            """
        Array(text.utf8).withUnsafeBytes { gate.look($0) }
        gate.finish(isClean: true)
        #expect(gate.tokensPerSecond(over: 2) == nil)
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
