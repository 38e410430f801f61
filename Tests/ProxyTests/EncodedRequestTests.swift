import Foundation
import LLMWire
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Bodies of requests under a content coding: read where they have to be, and sent as they came where nothing changes in them.
@Suite(.timeLimit(.minutes(15)))
struct EncodedRequestTests {
    private func endpoint(
        _ id: UInt32, _ upstream: ScriptedUpstream, models: [String] = [], map: [(String, String)] = []
    ) throws -> Upstream {
        try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: UpstreamURL("http://127.0.0.1:\(upstream.port)"),
            timeouts: .patient, modelRules: ModelRules(models: models, map: map.map { ($0.0, $0.1) }))
    }

    private func serve(_ status: Int = 200) async throws -> ScriptedUpstream {
        let text = Wire.status(status, "{\"ok\":true}", headers: "Content-Type: application/json\r\n")
        return try await ScriptedUpstream.start { _ in [.send(text)] }
    }

    private func body(_ model: String, size: Int = 100) -> [UInt8] {
        Array(#"{"input":"\#(String(repeating: "héllo ", count: size / 6))","model":"\#(model)","stream":false}"#.utf8)
    }

    private func post(_ body: [UInt8], coding: String, headers: String = "") -> [UInt8] {
        Array(
            ("POST /v1/responses HTTP/1.1\r\nHost: here\r\nContent-Length: \(body.count)\r\nConnection: close\r\n"
                + "Content-Encoding: \(coding)\r\n\(headers)\r\n").utf8) + body
    }

    private func exchange(_ proxy: ProxyHarness, _ request: [UInt8]) async throws -> String {
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(request)
        return await client.untilClosed()
    }

    @Test(arguments: ContentEncoder.allCases, [100, 20_000, 3_500_000])
    func theModelIsFoundAndABodyThatDoesNotChangeGoesAsItCame(encoder: ContentEncoder, size: Int) async throws {
        let other = try await serve()
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([
            endpoint(1, other, models: ["claude-*"]), endpoint(2, upstream, models: ["gpt-*"], map: [("o3", "x")]),
        ])
        let sent = encoder.encode(body("gpt-5", size: size))
        let got = try await exchange(proxy, post(sent, coding: encoder.name))
        #expect(got.hasPrefix("HTTP/1.1 200 "))
        #expect(other.requests.isEmpty)
        let request = try #require(upstream.requests.first)
        #expect(request.bodyBytes == sent)
        #expect(request.header("Content-Encoding") == encoder.name)
        #expect(request.header("Content-Length") == "\(sent.count)")
        await proxy.stop()
        #expect(proxy.events.requests.map(\.modelAsked) == ["gpt-5"])
        #expect(proxy.server.load.replayBytes == 0)
    }

    @Test(arguments: ContentEncoder.allCases, [100, 20_000, 3_500_000])
    func aBodyInWhichTheModelsNameChangesGoesWithoutItsCoding(encoder: ContentEncoder, size: Int) async throws {
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("gpt-5", "relay/gpt-5-high")])])
        let sent = encoder.encode(body("gpt-5", size: size))
        let got = try await exchange(proxy, post(sent, coding: encoder.name, headers: "X-Other: kept\r\n"))
        #expect(got.hasPrefix("HTTP/1.1 200 "))
        let request = try #require(upstream.requests.first)
        let wanted = body("relay/gpt-5-high", size: size)
        #expect(request.bodyBytes == wanted)
        #expect(request.header("Content-Encoding") == nil)
        #expect(request.header("Content-Length") == "\(wanted.count)")
        #expect(request.header("X-Other") == "kept")
        await proxy.stop()
        let report = try #require(proxy.events.requests.first)
        #expect(report.sentModels == ["relay/gpt-5-high"])
        // As the client sent it.
        #expect(report.bytesUp == sent.count)
        #expect(proxy.server.load.replayBytes == 0)
    }

    @Test func theNextEndpointGetsTheClientsOwnBytesWhereItIsAskedByTheClientsName() async throws {
        let first = try await serve(500)
        let second = try await serve(500)
        let third = try await serve()
        let proxy = try await ProxyHarness.start([
            endpoint(1, first, map: [("*", "one")]), endpoint(2, second), endpoint(3, third, map: [("gpt-5", "three")]),
        ])
        let sent = ContentEncoder.zstd.encode(body("gpt-5", size: 50_000))
        _ = try await exchange(proxy, post(sent, coding: "zstd"))
        #expect(first.requests.first?.bodyBytes == body("one", size: 50_000))
        #expect(second.requests.first?.bodyBytes == sent)
        #expect(second.requests.first?.header("Content-Encoding") == "zstd")
        #expect(third.requests.first?.bodyBytes == body("three", size: 50_000))
        #expect(third.requests.first?.header("Content-Encoding") == nil)
        await proxy.stop()
        #expect(proxy.server.load.replayBytes == 0)
    }

    /// Requests of one connection, whole and in chunks: what was found out of one must not stay for the next.
    @Test func eachRequestOfAConnectionIsReadByItself() async throws {
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("a", "b")])])
        var requests: [UInt8] = []
        let packed = ContentEncoder.brotli.encode(body("a"))
        let head = "POST /v1/responses HTTP/1.1\r\nHost: a\r\n"
        requests += Array("\(head)Content-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n".utf8)
        for byte in packed { requests += Array("1\r\n".utf8) + [byte] + Array("\r\n".utf8) }
        requests += Array("0\r\n\r\n".utf8)
        requests += Array("\(head)Content-Length: \(body("a").count)\r\n\r\n".utf8) + body("a")
        let twice = ContentEncoder.gzip.encode(ContentEncoder.zstd.encode(body("c")))
        requests += Array("\(head)Content-Encoding: zstd\r\nContent-Encoding: identity, gzip\r\n".utf8)
        requests += Array("Content-Length: \(twice.count)\r\nConnection: close\r\n\r\n".utf8) + twice
        _ = try await exchange(proxy, requests)
        #expect(upstream.requests.map(\.bodyBytes) == [body("b"), body("b"), twice])
        #expect(upstream.requests.map { $0.header("Transfer-Encoding") } == [nil, nil, nil])
        await proxy.stop()
        #expect(proxy.events.requests.map(\.modelAsked) == ["a", "a", "c"])
    }

    @Test func whatCannotBeDecodedIsToldToTheClientWhereItHasToBeRead() async throws {
        let upstream = try await serve()
        var options = ProxyOptions()
        options.replayLimit = 1 << 20
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("a", "b")])], options: options)
        let whole = ContentEncoder.zstd.encode(body("a"))
        let unknown = try await exchange(proxy, post(whole, coding: "x-snappy"))
        #expect(unknown.hasPrefix("HTTP/1.1 415 "))
        #expect(unknown.contains("\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"))
        #expect(unknown.contains("'x-snappy'"))
        for broken in [Array(whole.dropLast()), Array(whole.prefix(5))] {
            let got = try await exchange(proxy, post(broken, coding: "zstd"))
            #expect(got.hasPrefix("HTTP/1.1 400 "))
            #expect(got.contains("ends before"))
        }
        for (bytes, coding) in [(whole, "gzip"), (body("a"), "br"), (body("a"), "zstd"), (whole + [1], "zstd")] {
            let got = try await exchange(proxy, post(bytes, coding: coding))
            #expect(got.hasPrefix("HTTP/1.1 400 "), "\(coding)")
        }
        for encoder in ContentEncoder.allCases {
            let bomb = encoder.encode(body("a", size: 30 << 20))
            let got = try await exchange(proxy, post(bomb, coding: encoder.name))
            #expect(got.hasPrefix("HTTP/1.1 413 "), "\(encoder)")
        }
        #expect(upstream.requests.isEmpty)
        #expect(try await exchange(proxy, post(whole, coding: "zstd")).hasPrefix("HTTP/1.1 200 "))
        await proxy.stop()
        #expect(proxy.server.load.replayBytes == 0)
    }

    @Test func whatNothingHasToBeKnownOfIsNotDecoded() async throws {
        let ruled = try await serve()
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([endpoint(1, ruled, map: [("a", "b")]), endpoint(2, upstream)])
        let alone = try await ProxyHarness.start([endpoint(2, upstream)])
        for coding in ["zstd", "x-snappy", "gzip, gzip, gzip, gzip"] {
            for harness in [proxy, alone] {
                #expect(try await exchange(harness, post([1, 2, 3], coding: coding)).hasPrefix("HTTP/1.1 200 "))
            }
        }
        #expect(ruled.requests.isEmpty)
        #expect(upstream.requests.map(\.bodyBytes) == Array(repeating: [1, 2, 3], count: 6))
        await proxy.stop()
        await alone.stop()
    }

    @Test func whereNoMemoryIsLeftToDecodeIntoTheClientIsToldToComeAgain() async throws {
        let upstream = try await serve()
        var options = ProxyOptions()
        options.replayMemory = 0
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, map: [("a", "b")])], options: options)
        let got = try await exchange(proxy, post(ContentEncoder.gzip.encode(body("a")), coding: "gzip"))
        #expect(got.hasPrefix("HTTP/1.1 503 "))
        #expect(got.contains("Retry-After: 1\r\n"))
        #expect(upstream.requests.isEmpty)
        // Nothing changes in it.
        #expect(
            try await exchange(proxy, post(ContentEncoder.gzip.encode(body("c")), coding: "gzip"))
                .hasPrefix("HTTP/1.1 200 "))
        await proxy.stop()
        #expect(proxy.runningAttempts == 0)
    }
}
