import Foundation
import LLMWire
import Ranking
import TestSupport
import Testing
import Verdicts

@testable import Proxy

/// A request that an endpoint cannot read goes to the same one again, without what another endpoint has signed or encrypted.
@Suite(.timeLimit(.minutes(15)))
struct RepairTests {
    private static let refusal =
        #"{"type":"error","error":{"type":"invalid_request_error","message":"messages.1.content.0: Invalid `signature` in `thinking` block"}}"#
    private static let thinking = #"{"type":"thinking","thinking":"…","signature":"abc"},"#
    private static let answer = #"{"type":"message","model":"m","content":[{"type":"text","text":"hi"}]}"#

    private static func body(_ blocks: String, model: String = "m", size: Int = 0) -> String {
        let pad = String(repeating: "x", count: size)
        return #"{ "model" : "\#(model)","messages":[{"role":"user","content":"é\u00e9 \#(pad)"},"#
            + #"{"role":"assistant","content":[\#(blocks){"type":"text","text":"1.0e0"}]}], "x":1.50}"#
    }

    /// Refuses what has thinking in it.
    private static func serve(_ others: Int = 200) async throws -> ScriptedUpstream {
        try await ScriptedUpstream.start { request in
            let isSigned = request.body.contains("signature") || request.header("Content-Encoding") != nil
            let json = "Content-Type: application/json\r\n"
            return [
                .send(isSigned ? Wire.status(400, refusal, headers: json) : Wire.status(others, answer, headers: json))
            ]
        }
    }

    private func options(repairs: Bool = true) -> ProxyOptions {
        var options = ProxyOptions()
        options.rules.repairs = repairs
        return options
    }

    @Test(arguments: [0, 20_000, 1_000_000])
    func theSameEndpointIsAskedAgainWithoutTheBlocks(size: Int) async throws {
        let first = try await Self.serve()
        let second = try await Self.serve()
        let proxy = try await ProxyHarness.start([.local(1, first), .local(2, second)], options: options())
        let got = try await proxy.exchange(Wire.post(body: Self.body(Self.thinking, size: size)))
        #expect(got.hasPrefix("HTTP/1.1 200 "))
        #expect(got.hasSuffix(Self.answer))
        #expect(first.requests.map(\.body) == [Self.body(Self.thinking, size: size), Self.body("", size: size)])
        #expect(first.requests.last?.header("Content-Length") == "\(Self.body("", size: size).utf8.count)")
        #expect(second.requests.isEmpty)
        await proxy.stop()
        let report = try #require(proxy.events.requests.first)
        #expect(report.repaired == "thinking signature")
        #expect(report.attempts.map(\.endpoint) == [EndpointID(1), EndpointID(1)])
        // Neither a failure nor a wait.
        #expect(report.attempts.first?.outcome == .declined(status: 400))
        #expect(report.accessLogLine(unixTime: 0, names: ["a", "a"]).contains(#""repaired":"thinking signature""#))
        #expect(proxy.server.load.repaired == 1)
        #expect(proxy.server.load.replayBytes == 0)
        #expect(proxy.runningAttempts == 0)
    }

    @Test func withoutTheSettingTheClientGetsTheRefusal() async throws {
        let upstream = try await Self.serve()
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options(repairs: false))
        let got = try await proxy.exchange(Wire.post(body: Self.body(Self.thinking)))
        #expect(got.hasPrefix("HTTP/1.1 400 "))
        #expect(got.hasSuffix(Self.refusal))
        #expect(upstream.requests.count == 1)
        await proxy.stop()
        #expect(proxy.events.requests.first?.repaired == nil)
    }

    @Test func aRequestIsRepairedOnceAtMost() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.status(400, Self.refusal))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options())
        let got = try await proxy.exchange(Wire.post(body: Self.body(Self.thinking)))
        #expect(got.hasPrefix("HTTP/1.1 400 "))
        #expect(upstream.requests.map(\.body) == [Self.body(Self.thinking), Self.body("")])
        // Where there is nothing to be taken out it stays with one attempt.
        #expect(try await proxy.exchange(Wire.post(body: Self.body(""))).hasPrefix("HTTP/1.1 400 "))
        #expect(upstream.requests.count == 3)
        await proxy.stop()
        #expect(proxy.server.load.repaired == 1)
        #expect(proxy.runningAttempts == 0)
    }

    /// The first endpoint is down, the second one cannot read the conversation and is overloaded then: the third gets what was repaired.
    @Test func whatFollowsGetsTheRepairedRequestByItsOwnName() async throws {
        let down = try await ScriptedUpstream.start { _ in [.close] }
        let second = try await Self.serve(529)
        let third = try await Self.serve()
        let mapped = try Upstream(
            id: EndpointID(3), name: "third", anyURL: UpstreamURL("http://127.0.0.1:\(third.port)"),
            timeouts: .patient, modelRules: ModelRules(models: [], map: [("m", "longer-name")]))
        let proxy = try await ProxyHarness.start([.local(1, down), .local(2, second), mapped], options: options())
        let got = try await proxy.exchange(Wire.post(body: Self.body(Self.thinking, size: 30_000)))
        #expect(got.hasPrefix("HTTP/1.1 200 "))
        #expect(down.requests.map(\.body) == [Self.body(Self.thinking, size: 30_000)])
        #expect(
            second.requests.map(\.body) == [Self.body(Self.thinking, size: 30_000), Self.body("", size: 30_000)])
        #expect(third.requests.map(\.body) == [Self.body("", model: "longer-name", size: 30_000)])
        await proxy.stop()
        #expect(proxy.server.load.replayBytes == 0)
    }

    /// While the repaired request looks for a place again, the one that waited has it.
    @Test(arguments: [true, false])
    func whereAnotherRequestHasTakenItsPlaceItWaits(hasOthers: Bool) async throws {
        let upstream = try await ScriptedUpstream.start { request in
            let isSigned = request.body.contains("signature")
            return isSigned
                ? [.hold("refuse"), .send(Wire.status(400, Self.refusal))]
                : [.hold("go"), .send(Wire.ok(request.body))]
        }
        let endpoint = try Upstream(
            id: EndpointID(2), name: "b", anyURL: UpstreamURL("http://127.0.0.1:\(upstream.port)"), timeouts: .patient,
            maxInFlight: 1)
        let down = try await ScriptedUpstream.start { _ in [.send(Wire.status(502, "{}"))] }
        let options = options()
        let others = hasOthers ? try [Upstream.local(1, down)] : []
        let proxy = try await ProxyHarness.start(others + [endpoint], options: options)
        let signed = try await RawClient.connect(port: proxy.port)
        try await signed.send(Wire.post(body: Self.body(Self.thinking)))
        try await eventually { endpoint.load.requests == 1 }
        let waiting = try await RawClient.connect(port: proxy.port)
        try await waiting.send(Wire.post(body: #"{"model":"m","waited":1}"#))
        try await eventually { endpoint.load.waiting == 1 }
        upstream.release("refuse")
        // The one that waited is at the endpoint, and the repaired one in line behind it.
        try await eventually { upstream.requests.count == 2 && endpoint.load.waiting == 1 }
        upstream.release("go")
        #expect(await waiting.untilClosed().hasSuffix(#"{"model":"m","waited":1}"#))
        #expect(await signed.untilClosed().hasSuffix(Self.body("")))
        await proxy.stop()
        #expect(proxy.runningAttempts == 0)
        #expect(endpoint.load.requests == 0 && endpoint.load.waiting == 0)
    }

    @Test func anEncodedBodyIsRepairedAndGoesWithoutItsCoding() async throws {
        let upstream = try await Self.serve()
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options())
        let sent = ContentEncoder.zstd.encode(Array(Self.body(Self.thinking, size: 50_000).utf8))
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(
            Array(
                ("POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Encoding: zstd\r\nContent-Length: \(sent.count)\r\n"
                    + "Connection: close\r\n\r\n").utf8) + sent)
        #expect(await client.untilClosed().hasPrefix("HTTP/1.1 200 "))
        #expect(upstream.requests.first?.bodyBytes == sent)
        #expect(upstream.requests.last?.body == Self.body("", size: 50_000))
        #expect(upstream.requests.last?.header("Content-Encoding") == nil)
        await proxy.stop()
        #expect(proxy.server.load.replayBytes == 0)
    }

    /// Endpoints answer in the coding that the client takes, refusals too.
    @Test func anEncodedRefusalIsRead() async throws {
        let packed = ContentEncoder.gzip.encode(Array(Self.refusal.utf8))
        let head =
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
            + "Content-Length: \(packed.count)\r\n\r\n"
        let upstream = try await ScriptedUpstream.start { request in
            request.body.contains("signature")
                ? [.sendBytes(Array(head.utf8) + packed)] : [.send(Wire.ok(Self.answer))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options())
        let got = try await proxy.exchange(
            Wire.post(body: Self.body(Self.thinking), headers: "Accept-Encoding: gzip\r\n"))
        #expect(got.hasPrefix("HTTP/1.1 200 "))
        #expect(upstream.requests.map(\.body) == [Self.body(Self.thinking), Self.body("")])
        await proxy.stop()
    }

    @Test func requestsOfOneConnectionAreRepairedEachByItself() async throws {
        let upstream = try await Self.serve()
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options())
        let bodies = [Self.body(Self.thinking), Self.body(""), Self.body(Self.thinking + Self.thinking)]
        let got = try await proxy.exchange(
            bodies.enumerated().map { Wire.post(body: $1, closes: $0 == 2) }.joined())
        #expect(got.ranges(of: "HTTP/1.1 200 ").count == 3)
        #expect(upstream.requests.map { $0.body == Self.body("") } == [false, true, true, false, true])
        await proxy.stop()
        #expect(proxy.events.requests.map { $0.repaired != nil } == [true, false, true])
    }

    @Test func theOperatorsOwnRuleGoesBefore() async throws {
        let first = try await Self.serve()
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok(Self.answer))] }
        let rule = try FailoverRule(
            name: "rule", statuses: [400...400], match: TextPattern("thinking"), then: .next, timeOut: nil)
        let proxy = try await ProxyHarness.start(
            [.local(1, first, rules: [rule]), .local(2, second)], options: options())
        #expect(try await proxy.exchange(Wire.post(body: Self.body(Self.thinking))).hasPrefix("HTTP/1.1 200 "))
        #expect(second.requests.map(\.body) == [Self.body(Self.thinking)])
        await proxy.stop()
    }

    @Test func encryptedReasoningOfTheResponsesAPIGoes() async throws {
        let refusal = #"{"error":{"message":"The encrypted content gAAA could not be verified.","code":null}}"#
        let upstream = try await ScriptedUpstream.start { request in
            [.send(request.body.contains("gAAA") ? Wire.status(400, refusal) : Wire.ok("{}"))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options())
        let text =
            #"{"model":"gpt-5","input":[{"role":"user","content":"a"},{"type":"reasoning","encrypted_content":"gAAA"}],"store":false}"#
        #expect(try await proxy.exchange(Wire.post("/v1/responses", body: text)).hasPrefix("HTTP/1.1 200 "))
        #expect(
            upstream.requests.last?.body
                == #"{"model":"gpt-5","input":[{"role":"user","content":"a"}],"store":false}"#)
        await proxy.stop()
        #expect(proxy.events.requests.first?.repaired == "encrypted reasoning")
    }
}
