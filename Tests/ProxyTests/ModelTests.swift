import Foundation
import LLMWire
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Endpoints that are asked for some models alone, and by names of their own.
@Suite(.timeLimit(.minutes(15)))
struct ModelTests {
    private func endpoint(
        _ id: UInt32, _ upstream: ScriptedUpstream, models: [String] = [], map: [(String, String)] = [],
        restores: Bool = true, headers: [(name: String, value: String)] = []
    ) throws -> Upstream {
        try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: UpstreamURL("http://127.0.0.1:\(upstream.port)"),
            headers: headers, timeouts: .patient,
            modelRules: ModelRules(models: models, map: map.map { ($0.0, $0.1) }, restores: restores))
    }

    private func body(_ model: String, more: String = "") -> String {
        #"{"model":"\#(model)","messages":[{"role":"user","content":"hi"}]\#(more)}"#
    }

    private func answer(_ model: String) -> String {
        #"{"id":"msg_1","type":"message","role":"assistant","model":"\#(model)","content":[{"type":"text","text":"hi"}],"#
            + #""stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":2}}"#
    }

    private func serve(_ answer: String) async throws -> ScriptedUpstream {
        let text = Wire.ok(answer, headers: "Content-Type: application/json\r\n")
        return try await ScriptedUpstream.start { _ in [.send(text)] }
    }

    @Test func anEndpointWithoutTheModelIsPassedOver() async throws {
        let first = try await serve(answer("gpt-5"))
        let second = try await serve(answer("claude-opus-4"))
        let proxy = try await ProxyHarness.start([
            endpoint(1, first, models: ["gpt-*", "!gpt-4*"]), endpoint(2, second, models: ["*"]),
        ])
        #expect(try await proxy.exchange(Wire.post(body: body("claude-opus-4"))).contains("claude-opus-4"))
        #expect(try await proxy.exchange(Wire.post(body: body("gpt-4o"))).contains("claude-opus-4"))
        #expect(first.requests.isEmpty)
        #expect(try await proxy.exchange(Wire.post(body: body("gpt-5"))).contains("gpt-5"))
        await proxy.stop()
        #expect(first.requests.count == 1)
        #expect(second.requests.count == 2)
        #expect(proxy.events.attempts.count == 3)
        let passed = PassedOver(EndpointID(1), .modelNotServed)
        #expect(proxy.events.requests.map(\.passes) == [[passed], [passed], []])
        #expect(proxy.events.requests.map(\.modelAsked) == ["claude-opus-4", "gpt-4o", "gpt-5"])
    }

    @Test func whereNoneHasItTheClientIsToldSoInItsAPIsShape() async throws {
        let upstream = try await serve("{}")
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, models: ["gpt-*"])])
        let messages = try await proxy.exchange(Wire.post(body: body("claude-x")))
        #expect(messages.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
        #expect(messages.contains(#"{"type":"error","error":{"type":"not_found_error","message":"#))
        #expect(messages.contains("no endpoint here serves the model 'claude-x'"))
        #expect(!messages.contains("Retry-After"))
        let chat = try await proxy.exchange(Wire.post("/v1/chat/completions", body: body("claude-x")))
        #expect(chat.hasPrefix("HTTP/1.1 404 "))
        #expect(chat.contains(#""type":"invalid_request_error","param":null,"code":"model_not_found""#))
        #expect(
            try await proxy.exchange(Wire.post("/v1/messages/count_tokens", body: body("x"))).hasPrefix("HTTP/1.1 404 ")
        )
        #expect(upstream.requests.isEmpty)
        await proxy.stop()
    }

    /// One that is out may have the model: that is an outage, and no unknown name.
    @Test func anEndpointThatIsOutCounts() async throws {
        let upstream = try await serve("{}")
        let proxy = try await ProxyHarness.start(
            [endpoint(1, upstream, models: ["gpt-*"])], absent: [endpoint(2, upstream)], availability: .disabled)
        #expect(try await proxy.exchange(Wire.post(body: body("claude-x"))).hasPrefix("HTTP/1.1 503 "))
        await proxy.stop()
    }

    @Test func whatNamesNoModelGoesToTheFirst() async throws {
        let upstream = try await serve("{}")
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, models: ["gpt-*"], map: [("*", "x")])])
        for text in ["{}", #"{"metadata":{"model":"claude"}}"#, #"{"model":null}"#, "no json"] {
            _ = try await proxy.exchange(Wire.post(body: text))
        }
        _ = try await proxy.exchange("GET /v1/other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await proxy.stop()
        #expect(
            upstream.requests.map(\.body) == [
                "{}", #"{"metadata":{"model":"claude"}}"#, #"{"model":null}"#, "no json", "",
            ])
    }

    @Test func theEndpointsNameTakesThePlaceOfTheClients() async throws {
        let upstream = try await serve(answer("gpt-5.6-sol-2026"))
        let proxy = try await ProxyHarness.start([
            endpoint(1, upstream, models: ["claude-*"], map: [("claude-*", "gpt-5.6-sol")])
        ])
        let sent = #" {"a":"\u0041","model" :"cl\u0061ude-x","é":[1.0,2], "metadata":{"model":"m"}}"#
        let got = try await proxy.exchange(Wire.post(body: sent, headers: "Accept-Encoding: gzip, br\r\n"))
        let request = try #require(upstream.requests.first)
        let expected = sent.replacing(#"cl\u0061ude-x"#, with: "gpt-5.6-sol")
        #expect(request.body == expected)
        #expect(request.header("Content-Length") == "\(expected.utf8.count)")
        // What cannot be read cannot be mended.
        #expect(request.header("Accept-Encoding") == "identity")
        #expect(got.contains("Transfer-Encoding: chunked\r\n"))
        #expect(!got.lowercased().contains("content-length"))
        #expect(got.hasSuffix("\r\n0\r\n\r\n"))
        #expect(Self.joined(got).contains(answer("claude-x")))
        await proxy.stop()
        let report = try #require(proxy.events.requests.first)
        #expect(report.modelAsked == "claude-x")
        #expect(report.sentModels == ["gpt-5.6-sol"])
        #expect(report.usage?.model == "gpt-5.6-sol-2026")
        let line = report.accessLogLine(unixTime: 0, names: ["one"])
        #expect(line.contains(#""model_asked":"claude-x","model":"gpt-5.6-sol-2026""#))
        #expect(line.contains(#""outcome":"ok","model_sent":"gpt-5.6-sol""#))
    }

    @Test func nothingChangesWhereTheNameIsTheSame() async throws {
        let upstream = try await serve(answer("dated-name"))
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("other", "x")])])
        let got = try await proxy.exchange(Wire.post(body: body("same"), headers: "Accept-Encoding: gzip\r\n"))
        #expect(upstream.requests.first?.body == body("same"))
        #expect(upstream.requests.first?.header("Accept-Encoding") == "gzip")
        #expect(got.hasSuffix("\r\n\r\n" + answer("dated-name")))
        await proxy.stop()
        #expect(proxy.events.requests.first?.sentModels == [])
    }

    @Test func restoringCanBeSwitchedOff() async throws {
        let upstream = try await serve(answer("sent"))
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("*", "sent")], restores: false)])
        let got = try await proxy.exchange(Wire.post(body: body("asked"), headers: "Accept-Encoding: gzip\r\n"))
        #expect(got.hasSuffix("\r\n\r\n" + answer("sent")))
        #expect(upstream.requests.first?.header("Accept-Encoding") == "gzip")
        await proxy.stop()
    }

    /// The second endpoint's map is asked with the client's name, not with what the first one was sent.
    @Test func afterAFailureTheNextEndpointIsAskedAnew() async throws {
        let first = try await ScriptedUpstream.start { _ in [.send(Wire.status(500, "{}"))] }
        let second = try await serve(answer("two"))
        let proxy = try await ProxyHarness.start([
            endpoint(1, first, map: [("asked", "first-name-that-is-longer")]),
            endpoint(2, second, models: ["asked"], map: [("first*", "wrong"), ("asked", "2")]),
        ])
        let got = try await proxy.exchange(Wire.post(body: body("asked")))
        #expect(first.requests.first?.body == body("first-name-that-is-longer"))
        #expect(second.requests.first?.body == body("2"))
        #expect(second.requests.first?.header("Content-Length") == "\(body("2").utf8.count)")
        #expect(Self.joined(got).contains(answer("asked")))
        await proxy.stop()
        #expect(proxy.events.requests.first?.sentModels == ["first-name-that-is-longer", "2"])
    }

    @Test func aLongBodyWhoseModelComesLastIsReadBeforeAnEndpointIsChosen() async throws {
        let first = try await serve("{}")
        let second = try await serve(answer("b"))
        let proxy = try await ProxyHarness.start([
            endpoint(1, first, models: ["gpt"]), endpoint(2, second, map: [("claude", "mapped")]),
        ])
        let text = String(repeating: "long ", count: 700_000)
        func body(_ model: String) -> String {
            #"{"messages":[{"content":"\#(text)","model":"gpt"}],"model":"\#(model)"}"#
        }
        _ = try await proxy.exchange(Wire.post(body: body("claude")))
        // The same in chunks.
        let sent = body("claude")
        let chunked =
            "POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            + "\(String(sent.utf8.count - 5, radix: 16))\r\n\(sent.dropLast(5))\r\n5\r\n\(sent.suffix(5))\r\n0\r\n\r\n"
        _ = try await proxy.exchange(chunked)
        await proxy.stop()
        #expect(first.requests.isEmpty)
        #expect(second.requests.map { $0.body == body("mapped") } == [true, true])
    }

    @Test func aClientThatAsksBeforeItsBodyIsToldToGoOn() async throws {
        let upstream = try await serve(answer("sent"))
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("*", "sent")])])
        let text = body("asked")
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(
            "POST /v1/messages HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\n"
                + "Content-Length: \(text.utf8.count)\r\n\r\n")
        _ = await client.until("HTTP/1.1 100 Continue\r\n\r\n")
        #expect(upstream.requests.isEmpty)
        try await client.send(text)
        #expect(Self.joined(await client.untilClosed()).contains(answer("asked")))
        #expect(upstream.requests.map(\.body) == [body("sent")])
        await proxy.stop()
    }

    /// Several requests of one connection: what was found out of one must not stay for the next.
    @Test func eachRequestOfAConnectionIsMappedByItself() async throws {
        let upstream = try await ScriptedUpstream.start { [answer] request in
            let name = request.body.contains("\"plain\"") ? "plain" : "sent"
            return [.send(Wire.ok(answer(name), headers: "Content-Type: application/json\r\n"))]
        }
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("a*", "sent")])])
        let models = ["asked", "plain", "another", "plain"]
        let requests = models.enumerated().map { Wire.post(body: body($1), closes: $0 == models.count - 1) }
        let got = try await proxy.exchange(requests.joined())
        #expect(upstream.requests.map(\.body) == ["sent", "plain", "sent", "plain"].map { body($0) })
        for model in models { #expect(Self.joined(got).contains(answer(model)), "\(model)") }
        #expect(!Self.joined(got).contains(answer("sent")))
        await proxy.stop()
        #expect(proxy.events.requests.map(\.sentModels) == [["sent"], [], ["sent"], []])
    }

    /// The model may stand in what is not kept: an endpoint that differs by models could be the wrong one.
    @Test func aBodyThatIsLongerThanWhatIsKeptGoesToEndpointsWithoutRulesAlone() async throws {
        let first = try await serve("{}")
        let second = try await serve(answer("b"))
        var options = ProxyOptions()
        options.replayLimit = 20_000
        let text = body("gpt", more: #","pad":"\#(String(repeating: "x", count: 200_000))""#)
        let both = try await ProxyHarness.start(
            [endpoint(1, first, models: ["*"]), endpoint(2, second)], options: options)
        #expect(Self.joined(try await both.exchange(Wire.post(body: text))).contains(answer("b")))
        #expect(first.requests.isEmpty)
        #expect(second.requests.first?.body == text)
        await both.stop()
        let one = try await ProxyHarness.start([endpoint(1, first, models: ["*"])], options: options)
        #expect(try await one.exchange(Wire.post(body: text)).hasPrefix("HTTP/1.1 413 "))
        await one.stop()
        #expect(first.requests.isEmpty)
    }

    @Test func eachEventOfAStreamNamesTheModelThatWasAskedFor() async throws {
        let events = [
            #"{"id":"1","object":"chat.completion.chunk","model":"sent-1","choices":[{"index":0,"delta":{"content":"a"}}]}"#,
            #"{"id":"1","object":"chat.completion.chunk","model":"sent-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
            "[DONE]",
        ].map { "data: \($0)\n\n" }
        let stream = events.joined()
        // In the middle of a name, among others.
        let cuts = [70, 72, 130, 260]
        var pieces: [String] = []
        var rest = Substring(stream)
        for cut in cuts {
            let length = cut - (stream.count - rest.count)
            pieces.append(String(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        pieces.append(String(rest))
        let chunks = pieces.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(StreamingTests.eventStream)] + chunks.map { .send($0) } + [.send("0\r\n\r\n")]
        }
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("*", "sent-1")])])
        let request = body("wanted \\u00e9", more: #","stream":true"#)
        let got = try await proxy.exchange(Wire.post("/v1/chat/completions", body: request))
        #expect(
            String(decoding: Wire.chunkedBody(of: got.utf8), as: UTF8.self)
                == stream.replacing("sent-1", with: "wanted é"))
        await proxy.stop()
        #expect(proxy.events.requests.first?.usage?.model == "sent-1")
    }

    /// Answers as they came, but without what stands between two chunks: where they are cut is the kernel's business.
    private static func joined(_ text: String) -> String {
        text.replacingOccurrences(of: "\r\n[0-9a-f]+\r\n", with: "", options: .regularExpression)
    }

    @Test func aClientOfHTTP10GetsTheEndOfTheConnection() async throws {
        let upstream = try await serve(answer("sent"))
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("*", "sent")])])
        let text = body("asked")
        let got = try await proxy.exchange(
            "POST /v1/messages HTTP/1.0\r\nHost: a\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)")
        #expect(got.hasSuffix("\r\n\r\n" + answer("asked")))
        #expect(!got.contains("chunked"))
        await proxy.stop()
    }
}
