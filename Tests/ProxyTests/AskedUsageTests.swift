import Foundation
import LLMWire
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// `usage.ask_for_usage` and `usage.read` over sockets.
@Suite(.timeLimit(.minutes(15)))
struct AskedUsageTests {
    private static let chunk =
        #"data: {"id":"1","model":"gpt-x","choices":[{"index":0,"delta":{"content":"hi"}}],"usage":null}"# + "\n\n"
    private static let last =
        #"data: {"id":"1","model":"gpt-x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n"
    private static let usage =
        #"data: {"id":"1","model":"gpt-x","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#
        + "\n\n"
    private static let done = "data: [DONE]\n\n"
    private static let whole = chunk + last + usage + done

    private func options(_ usage: UsageRules) -> ProxyOptions {
        var options = ProxyOptions()
        options.rules.usage = usage
        return options
    }

    private func serve(_ body: String = whole, headers: String = "Content-Type: text/event-stream\r\n", cut: Int? = nil)
        async throws -> ScriptedUpstream
    {
        let text = Wire.ok(body, headers: headers)
        let bytes = Array(text.utf8)
        let place = bytes.count - (cut ?? 0)
        return try await ScriptedUpstream.start { _ in
            [
                .send(String(decoding: bytes[..<place], as: UTF8.self)),
                .send(String(decoding: bytes[place...], as: UTF8.self)),
            ]
        }
    }

    @Test func theUsageIsAskedForCountedAndTakenOutAgain() async throws {
        for cut in [0, 14, 60, 130, 200] {
            let upstream = try await serve(cut: cut)
            let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options(.asked))
            let sent = #"{"model":"gpt-x","stream":true,"messages":[]}"#
            let got = try await proxy.exchange(
                Wire.post("/v1/chat/completions", body: sent, headers: "Accept-Encoding: gzip\r\n"))
            let request = try #require(upstream.requests.first)
            let expected = #"{"stream_options":{"include_usage":true},"model":"gpt-x","stream":true,"messages":[]}"#
            #expect(request.body == expected)
            #expect(request.header("Content-Length") == "\(expected.utf8.count)")
            // What cannot be read cannot be taken out.
            #expect(request.header("Accept-Encoding") == "identity")
            #expect(
                String(decoding: Wire.chunkedBody(of: got.utf8), as: UTF8.self) == Self.chunk + Self.last + Self.done,
                "\(cut)")
            #expect(got.hasSuffix("\r\n0\r\n\r\n"))
            await proxy.stop()
            let usage = try #require(proxy.events.requests.first?.usage)
            #expect(usage.extent == .whole && usage.figures.input == 7 && usage.figures.output == 3)
        }
    }

    @Test func aClientThatAsksGetsIt() async throws {
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options(.asked))
        let sent = #"{"stream":true,"stream_options":{"include_usage":true}}"#
        let got = try await proxy.exchange(Wire.post("/v1/chat/completions", body: sent))
        #expect(upstream.requests.first?.body == sent)
        #expect(got.hasSuffix(Self.whole))
        await proxy.stop()
        #expect(proxy.events.requests.first?.usage?.figures.output == 3)
    }

    @Test func nothingElseIsChanged() async throws {
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options(.asked))
        let bodies = [
            ("/v1/chat/completions", #"{"stream":false}"#), ("/v1/responses", #"{"stream":true}"#),
            ("/v1/messages", #"{"stream":true}"#),
        ]
        for (path, body) in bodies {
            let got = try await proxy.exchange(Wire.post(path, body: body, headers: "Accept-Encoding: gzip\r\n"))
            #expect(got.hasSuffix(Self.whole), "\(path)")
        }
        await proxy.stop()
        #expect(upstream.requests.map(\.body) == bodies.map(\.1))
        #expect(upstream.requests.allSatisfy { $0.header("Accept-Encoding") == "gzip" })
    }

    @Test func withAnotherNameOfTheModelAsWell() async throws {
        let upstream = try await serve(cut: 100)
        let target = try Upstream(
            id: EndpointID(1), name: "one", anyURL: UpstreamURL("http://127.0.0.1:\(upstream.port)"),
            timeouts: .patient,
            modelRules: ModelRules(models: [], map: [("mine", "gpt-x")]))
        let proxy = try await ProxyHarness.start([target], options: options(.asked))
        // In chunks, and the client waits between them: nothing is sent before all of it has come.
        let client = try await RawClient.connect(port: proxy.port)
        let parts = [#"{"model":"mine","mess"#, #"ages":[],"stream_options":{"#, #"},"stream":true}"#]
        try await client.send(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        for part in parts { try await client.send("\(String(part.utf8.count, radix: 16))\r\n\(part)\r\n") }
        #expect(upstream.requests.isEmpty)
        try await client.send("0\r\n\r\n")
        let got = await client.untilClosed()
        #expect(
            upstream.requests.first?.body
                == #"{"model":"gpt-x","messages":[],"stream_options":{"include_usage":true},"stream":true}"#)
        #expect(
            String(decoding: Wire.chunkedBody(of: got.utf8), as: UTF8.self)
                == (Self.chunk + Self.last + Self.done).replacing("gpt-x", with: "mine"))
        await proxy.stop()
        #expect(proxy.events.requests.first?.usage?.figures.input == 7)
    }

    @Test func whereItIsOffNothingIsAskedAndNothingIsCounted() async throws {
        let upstream = try await serve()
        for rules in [UsageRules.read, .ignored] {
            let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options(rules))
            let got = try await proxy.exchange(Wire.post("/v1/chat/completions", body: #"{"stream":true}"#))
            #expect(got.hasSuffix(Self.whole))
            await proxy.stop()
            let usage = proxy.events.requests.first?.usage
            #expect(rules == .read ? usage?.figures.output == 3 : usage == nil)
        }
        #expect(upstream.requests.allSatisfy { $0.body == #"{"stream":true}"# })
    }

    @Test func anAnswerThatEndsWithItsConnectionKeepsItsLastBytes() async throws {
        let rest = #"data: {"id":"2""#
        let text = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + Self.whole + rest
        let upstream = try await ScriptedUpstream.start { _ in [.send(text), .close] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options(.asked))
        let got = try await proxy.exchange(Wire.post("/v1/chat/completions", body: #"{"stream":true}"#))
        #expect(
            String(decoding: Wire.chunkedBody(of: got.utf8), as: UTF8.self) == Self.chunk + Self.last + Self.done + rest
        )
        await proxy.stop()
    }
}
