import Foundation
import LLMWire
import Ranking
import Support
import Synchronization
import TestSupport
import Testing

@testable import Proxy

/// `GET /v1/models`, answered from what is known.
@Suite(.timeLimit(.minutes(15)))
struct ModelListTests {
    private func endpoint(
        _ id: UInt32, _ upstream: ScriptedUpstream, models: [String] = [], map: [(String, String)] = [],
        listing: [String]? = nil, age: Int = 10, tags: [String] = [], openAI: Bool = false
    ) throws -> Upstream {
        let url = try UpstreamURL("http://127.0.0.1:\(upstream.port)")
        let made = try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: openAI ? nil : url, openAIURL: openAI ? url : nil,
            timeouts: .patient, tags: tags, modelRules: ModelRules(models: models, map: map.map { ($0.0, $0.1) }))
        if let listing {
            var list = listing.map { ListedModel(id: $0) }
            for index in list.indices { list[index].created = 1_754_073_600 + index }
            made.load.keep(ModelCatalogue(models: list, fetched: WallClock.wholeSeconds - age, reach: 0))
        }
        return made
    }

    private func serve() async throws -> ScriptedUpstream {
        try await ScriptedUpstream.start { _ in [.send(Wire.ok(#"{"its":"own"}"#))] }
    }

    private func get(_ path: String = "/v1/models", _ headers: String = "", closes: Bool = true) -> String {
        "GET \(path) HTTP/1.1\r\nHost: a\r\n\(headers)\(closes ? "Connection: close\r\n" : "")\r\n"
    }

    private static let anthropic = "anthropic-version: 2023-06-01\r\n"

    private func body(_ answer: String) throws -> [String: Any] {
        let end = try #require(answer.range(of: "\r\n\r\n"))
        let json = try JSONSerialization.jsonObject(with: Data(answer[end.upperBound...].utf8))
        return try #require(json as? [String: Any])
    }

    private func ids(_ answer: String) throws -> [String] {
        let data = try #require(body(answer)["data"] as? [[String: Any]])
        return data.compactMap { $0["id"] as? String }
    }

    @Test func theListIsTheUnionInTheShapeThatIsAsked() async throws {
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([
            endpoint(
                1, upstream, models: ["claude-*", "fast"], map: [("fast", "claude-b")], listing: ["claude-b", "gpt-4"]),
            endpoint(2, upstream, listing: ["gpt-5", "claude-b"], age: 500),
        ])
        let openAI = try await proxy.exchange(get())
        #expect(openAI.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"))
        #expect(try ids(openAI) == ["claude-b", "fast", "gpt-5"])
        #expect(try body(openAI)["object"] as? String == "list")
        let first = try #require((body(openAI)["data"] as? [[String: Any]])?.first)
        #expect(first["object"] as? String == "model")
        #expect(first["created"] as? Int == 1_754_073_600)
        #expect(first["owned_by"] is String)
        let age = try #require(openAI.split(separator: "\r\n").first { $0.hasPrefix("Age: ") })
        #expect((500...600).contains(Int(age.dropFirst(5)) ?? 0))
        let other = try await proxy.exchange(get("/v1/models?limit=1000", Self.anthropic))
        #expect(try ids(other) == ["claude-b", "fast", "gpt-5"])
        #expect(try body(other)["has_more"] as? Bool == false)
        #expect(try body(other)["first_id"] as? String == "claude-b")
        #expect(try body(other)["last_id"] as? String == "gpt-5")
        let model = try #require((body(other)["data"] as? [[String: Any]])?.first)
        #expect(model["type"] as? String == "model")
        #expect(model["display_name"] as? String == "claude-b")
        #expect(model["created_at"] as? String == "2025-08-01T18:40:00.000Z")
        #expect(upstream.requests.isEmpty)
        await proxy.stop()
        #expect(proxy.events.attempts.isEmpty)
    }

    @Test func oneModelIsNamedOrMissing() async throws {
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([
            endpoint(1, upstream, models: ["anthropic/claude", "a b"]), endpoint(2, upstream, listing: ["gpt-5"]),
        ])
        #expect(try body(await proxy.exchange(get("/v1/models/gpt-5")))["id"] as? String == "gpt-5")
        let encoded = try await proxy.exchange(get("/v1/models/anthropic%2Fclaude", Self.anthropic))
        #expect(try body(encoded)["id"] as? String == "anthropic/claude")
        #expect(try body(await proxy.exchange(get("/v1/models/a%20b")))["id"] as? String == "a b")
        let missing = try await proxy.exchange(get("/v1/models/gpt-4"))
        #expect(missing.hasPrefix("HTTP/1.1 404 "))
        #expect(missing.contains(#""code":"model_not_found""#))
        #expect(try await proxy.exchange(get("/v1/models/x", Self.anthropic)).contains("not_found_error"))
        #expect(upstream.requests.isEmpty)
        await proxy.stop()
    }

    @Test func theConnectionServesFurtherRequests() async throws {
        let upstream = try await serve()
        let proxy = try await ProxyHarness.start([endpoint(1, upstream, models: ["a"])])
        let got = try await proxy.exchange(get(closes: false) + get("/v1/models/a", closes: false) + get("/v1/x"))
        #expect(got.ranges(of: "HTTP/1.1 200 ").count == 3)
        #expect(got.hasSuffix(#"{"its":"own"}"#))
        await proxy.stop()
        #expect(proxy.events.requests.map(\.ending) == [.answeredLocally, .answeredLocally, .completed])
        #expect(!proxy.events.requests.contains { $0.isRefusal })
    }

    @Test func whereNothingIsKnownTheFirstEndpointIsAsked() async throws {
        let first = try await serve()
        let second = try await serve()
        let one = try await ProxyHarness.start([endpoint(1, first, listing: ["a"])])
        #expect(try await one.exchange(get()).hasSuffix(#"{"its":"own"}"#))
        let both = try await ProxyHarness.start([endpoint(1, first), endpoint(2, second)])
        #expect(try await both.exchange(get()).hasSuffix(#"{"its":"own"}"#))
        #expect(try await both.exchange(get("/v1/models/x")).hasSuffix(#"{"its":"own"}"#))
        let half = try await ProxyHarness.start([endpoint(1, first), endpoint(2, second, listing: ["b"])])
        #expect(try ids(await half.exchange(get())) == ["b"])
        // It may be the first one's.
        #expect(try await half.exchange(get("/v1/models/x")).hasSuffix(#"{"its":"own"}"#))
        let ruled = try await ProxyHarness.start([endpoint(1, first, models: ["a-*"])])
        #expect(try await ruled.exchange(get()).hasSuffix(#"{"its":"own"}"#))
        // Codex' list has a shape of its own.
        let codex = try await ProxyHarness.start([endpoint(1, first, models: ["a"])])
        #expect(try await codex.exchange(get("/v1/models?client_version=0.153.4")).hasSuffix(#"{"its":"own"}"#))
        #expect(first.requests.count == 6)
        #expect(second.requests.isEmpty)
        for proxy in [one, both, half, ruled, codex] { await proxy.stop() }
    }

    @Test func tagsAndAPIsChooseAmongTheEndpoints() async throws {
        let upstream = try await serve()
        let out = try endpoint(4, upstream, listing: ["out"])
        let proxy = try await ProxyHarness.start(
            [
                endpoint(1, upstream, listing: ["cheap"], tags: ["cheap"]), endpoint(2, upstream, listing: ["dear"]),
                endpoint(3, upstream, listing: ["open"], openAI: true),
            ], absent: [out])
        #expect(try ids(await proxy.exchange(get())) == ["cheap", "dear", "open", "out"])
        #expect(try ids(await proxy.exchange(get("/v1/models", Self.anthropic))) == ["cheap", "dear", "out"])
        // One endpoint alone, of which nothing is ruled, speaks for itself.
        #expect(try await proxy.exchange(get("/v1/models", "X-Podium-Tag: cheap\r\n")).hasSuffix(#"{"its":"own"}"#))
        await proxy.stop()
    }

    @Test func aClientIsShownWhatItMayUse() async throws {
        let upstream = try await serve()
        var options = ProxyOptions()
        options.rules.named = [
            NamedClient(name: "bob", token: "token-of-bob", models: ["claude-*"], endpoints: ["endpoint-1"]),
            NamedClient(name: "eve", token: "token-of-eve", models: ["x"]),
        ]
        func list(_ upstreams: [Upstream], _ token: String, _ path: String = "/v1/models") async throws -> String {
            let proxy = try await ProxyHarness.start(upstreams, options: options)
            let got = try await proxy.exchange(get(path, "x-api-key: \(token)\r\n"))
            await proxy.stop()
            return got
        }
        let both = [
            try endpoint(1, upstream, listing: ["claude-a", "gpt-5"]),
            try endpoint(2, upstream, listing: ["claude-b", "x"]),
        ]
        #expect(try await ids(list(both, "token-of-bob")) == ["claude-a"])
        #expect(try await list(both, "token-of-bob", "/v1/models/gpt-5").hasPrefix("HTTP/1.1 404 "))
        #expect(try await list(both, "token-of-bob", "/v1/models/claude-b").hasPrefix("HTTP/1.1 404 "))
        #expect(try await ids(list(both, "token-of-eve")) == ["x"])
        // Also where nothing is known: the endpoint's own list says more than the client may use.
        let unknown = [try endpoint(1, upstream)]
        #expect(try await ids(list(unknown, "token-of-bob")) == [])
        #expect(try await list(unknown, "token-of-bob", "/v1/models/gpt-5").hasPrefix("HTTP/1.1 404 "))
        #expect(upstream.requests.isEmpty)
        #expect(try await list(unknown, "token-of-bob", "/v1/models/claude-x").hasSuffix(#"{"its":"own"}"#))
    }

    @Test func aListIsFetchedWithTheEndpointsOwnCredential() async throws {
        let text = #"{"object":"list","data":[{"id":"m1"},{"id":"m2"}]}"#
        for framing in ["length", "chunked", "close"] {
            let upstream = try await ScriptedUpstream.start { _ in
                switch framing {
                case "length": [.send(Wire.ok(text))]
                case "chunked":
                    [
                        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n\(text.prefix(16))\r\n"),
                        .send("\(String(text.utf8.count - 16, radix: 16))\r\n\(text.dropFirst(16))\r\n0\r\n\r\n"),
                    ]
                default: [.send("HTTP/1.1 200 OK\r\n\r\n\(text)"), .close]
                }
            }
            let target = try Upstream.local(1, upstream, credential: .apiKey("secret-key"))
            let proxy = try await ProxyHarness.start([target])
            #expect(await proxy.server.models(of: target)?.map(\.id) == ["m1", "m2"])
            let request = try #require(upstream.requests.first)
            #expect(request.head.hasPrefix("GET /v1/models?limit=1000 HTTP/1.1\r\n"))
            #expect(request.header("x-api-key") == "secret-key")
            #expect(request.header("anthropic-version") == "2023-06-01")
            await proxy.stop()
        }
    }

    @Test func whatGivesNoListHasNone() async throws {
        for answer in [
            Wire.status(404, "{}"), Wire.ok("{}"), Wire.ok("x", headers: "Content-Encoding: gzip\r\n"),
            "nonsense\r\n\r\n",
        ] {
            let upstream = try await ScriptedUpstream.start { _ in [.send(answer), .close] }
            let target = try Upstream.local(1, upstream)
            let proxy = try await ProxyHarness.start([target])
            #expect(await proxy.server.models(of: target) == nil)
            await proxy.stop()
        }
        let upstream = try await serve()
        let passing = try Upstream.local(1, upstream, credential: .passthrough)
        let proxy = try await ProxyHarness.start([passing])
        #expect(await proxy.server.models(of: passing) == nil)
        #expect(upstream.requests.isEmpty)
        await proxy.stop()
    }

    @Test func anEndpointIsAskedOnceAnHourAndAfterAFailureOnceAMinute() {
        let load = EndpointLoad()
        #expect(load.takeTurnToFetch(at: 1_000_000, 3_600, pause: 60))
        #expect(!load.takeTurnToFetch(at: 1_000_059, 3_600, pause: 60))
        #expect(load.takeTurnToFetch(at: 1_000_060, 3_600, pause: 60))
        load.keep(ModelCatalogue(models: [], fetched: 1_000_061, reach: 0))
        #expect(!load.takeTurnToFetch(at: 1_003_660, 3_600, pause: 60))
        #expect(load.takeTurnToFetch(at: 1_003_661, 3_600, pause: 60))
        // A clock that was set back makes it no younger.
        load.keep(ModelCatalogue(models: [], fetched: 2_000_000, reach: 0))
        #expect(load.takeTurnToFetch(at: 1_000_000, 3_600, pause: 60))
    }
}
