import Limits
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Clients with names, and tags that say which endpoints they may use.
@Suite(.timeLimit(.minutes(15)))
struct NamedClientTests {
    private static func start(_ clients: [NamedClient], flat: [String] = []) async throws -> (
        ProxyHarness, [ScriptedUpstream]
    ) {
        var options = ProxyOptions()
        options.rules.named = clients
        options.rules.clientTokens = flat
        var (servers, upstreams): ([ScriptedUpstream], [Upstream]) = ([], [])
        for (id, tags) in [(1, ["fast"]), (2, ["cheap"]), (3, ["cheap", "eu"])] {
            let server = try await ScriptedUpstream.start { _ in [.send(Wire.ok("answer \(id)"))] }
            servers.append(server)
            upstreams.append(
                try Upstream(
                    id: EndpointID(UInt32(id)), name: "endpoint-\(id)",
                    anyURL: UpstreamURL("http://127.0.0.1:\(server.port)"), credential: .passthrough,
                    timeouts: .patient,
                    tags: tags))
        }
        return (try await ProxyHarness.start(upstreams, options: options), servers)
    }

    private static func ask(_ proxy: ProxyHarness, token: String = "", tag: String = "") async throws -> String {
        let lines = (token.isEmpty ? "" : "x-api-key: \(token)\r\n") + (tag.isEmpty ? "" : "X-Podium-Tag: \(tag)\r\n")
        return try await proxy.exchange(Wire.post(headers: lines))
    }

    @Test func aClientIsNamedAndUsesWhatItsTagsSay() async throws {
        let (proxy, servers) = try await Self.start([
            NamedClient(name: "alice", token: "token-of-alice"),
            NamedClient(name: "bob", token: "token-of-bob", tags: ["cheap", "none"]),
        ])
        #expect(try await Self.ask(proxy, token: "token-of-alice").hasSuffix("answer 1"))
        #expect(proxy.events.requests.last?.clientName == "alice")
        #expect(try await Self.ask(proxy, token: "token-of-bob").hasSuffix("answer 2"))
        let report = try #require(proxy.events.requests.last)
        #expect(report.clientName == "bob" && report.passes == [PassedOver(EndpointID(1), .untagged)])
        #expect(report.accessLogLine(unixTime: 0, names: ["endpoint-2"]).contains(#""client_name":"bob""#))
        // Its token is for Podium alone, also where the client's own credential passes.
        for server in servers { #expect(server.requests.allSatisfy { !$0.head.contains("token-of") }) }
        #expect(try await Self.ask(proxy).hasPrefix("HTTP/1.1 401 "))
        #expect(try await Self.ask(proxy, token: "token-of-carol").hasPrefix("HTTP/1.1 401 "))
        await proxy.stop()
    }

    @Test func aRequestMayNameATag() async throws {
        let (proxy, servers) = try await Self.start(
            [NamedClient(name: "bob", token: "token-of-bob", tags: ["cheap"])], flat: ["flat-token"])
        #expect(try await Self.ask(proxy, token: "flat-token", tag: "eu").hasSuffix("answer 3"))
        #expect(proxy.events.requests.last?.clientName == nil)
        #expect(servers[2].requests.last?.header("X-Podium-Tag") == nil)
        // Both hold together.
        let refusal = try await Self.ask(proxy, token: "token-of-bob", tag: "fast")
        #expect(refusal.hasPrefix("HTTP/1.1 404 ") && refusal.contains("the tag 'fast'"))
        #expect(try await Self.ask(proxy, token: "flat-token", tag: "fast").hasSuffix("answer 1"))
        await proxy.stop()
    }

    @Test func aFailureStaysWithinTheTag() async throws {
        let (proxy, servers) = try await Self.start([NamedClient(name: "bob", token: "token-of-bob", tags: ["cheap"])])
        try await servers[1].stop()
        // Endpoint 2 takes no connection any more; 3 has the tag too, and 1 has not.
        #expect(try await Self.ask(proxy, token: "token-of-bob").hasSuffix("answer 3"))
        #expect(servers[0].requests.isEmpty)
        await proxy.stop()
    }

    @Test(arguments: ["/v1/messages", "/v1/chat/completions"])
    func aClientAsksForTheModelsThatItMay(path: String) async throws {
        let (proxy, servers) = try await Self.start([
            NamedClient(name: "bob", token: "token-of-bob", models: ["claude-*", "!claude-opus-*"]),
            NamedClient(name: "alice", token: "token-of-alice"),
        ])
        func ask(_ model: String, token: String = "token-of-bob") async throws -> String {
            try await proxy.exchange(
                Wire.post(path, body: #"{"model":"\#(model)","messages":[]}"#, headers: "x-api-key: \(token)\r\n"))
        }
        #expect(try await ask("claude-haiku-4-5").hasSuffix("answer 1"))
        let refusal = try await ask("claude-opus-4-1")
        #expect(
            refusal.hasPrefix("HTTP/1.1 404 ")
                && refusal.contains("client 'bob' may not use the model 'claude-opus-4-1'"))
        #expect(refusal.contains(path == "/v1/messages" ? "not_found_error" : "model_not_found"))
        let report = try #require(proxy.events.requests.last)
        #expect(report.passes == (1...3).map { PassedOver(EndpointID($0), .modelNotAllowed) })
        #expect(report.attempts.isEmpty && proxy.events.attempts.count <= 1)
        #expect(try await ask("gpt-5.4").hasPrefix("HTTP/1.1 404 "))
        #expect(try await ask("gpt-5.4", token: "token-of-alice").hasSuffix("answer 1"))
        // What names no model is the endpoint's to judge, and what cannot be read could be any.
        #expect(try await Self.ask(proxy, token: "token-of-bob").hasSuffix("answer 1"))
        let coded = "x-api-key: token-of-bob\r\nContent-Encoding: x-unknown\r\n"
        #expect(try await proxy.exchange(Wire.post(path, body: "abc", headers: coded)).hasPrefix("HTTP/1.1 415 "))
        #expect(servers[0].requests.count == 3 && servers[1].requests.isEmpty)
        await proxy.stop()
    }

    /// Servers undo escapes in paths, and take more for JSON than JSON is.
    @Test(arguments: [
        ("/v1/chat/completion%73", #"{"model":"claude-opus-4-1"}"#, 404),
        ("/V1/Messages", #"{"model":"claude-opus-4-1"}"#, 404),
        ("/v1/messages", #"{"temperature":NaN,"model":"claude-opus-4-1"}"#, 400),
        ("/v1/messages", #"{"model":"claude-haiku-4-5","a":NaN,"model":"claude-opus-4-1"}"#, 400),
        // The parsers of Go take each spelling for the same name, and of several the last one.
        ("/v1/messages", #"{"model":"claude-haiku-4-5","Model":"claude-opus-4-1"}"#, 400),
        ("/v1/messages", #"{"MODEL":"claude-opus-4-1"}"#, 400),
        ("/v1/messages", "{\u{0}\"\u{0}m\u{0}", 400), ("/v1/messages", #"{"model":"claude-haiku-4-5""#, 400),
        ("/v1/chat/completion%73", #"{"model":"claude-haiku-4-5"}"#, 200), ("/v1/messages", "{}", 200),
    ])
    func anotherSpellingOpensNoOtherModel(path: String, body: String, status: Int) async throws {
        let (proxy, servers) = try await Self.start([
            NamedClient(name: "bob", token: "token-of-bob", models: ["claude-*", "!claude-opus-*"])
        ])
        let answer = try await proxy.exchange(Wire.post(path, body: body, headers: "x-api-key: token-of-bob\r\n"))
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
        #expect(servers.reduce(0) { $0 + $1.requests.count } == (status == 200 ? 1 : 0))
        await proxy.stop()
    }

    @Test func aClientUsesTheEndpointsThatAreNamed() async throws {
        let (proxy, servers) = try await Self.start([
            NamedClient(name: "bob", token: "token-of-bob", endpoints: ["endpoint-3", "endpoint-2"]),
            NamedClient(name: "carol", token: "token-of-carol", endpoints: ["endpoint-2"], tags: ["fast"]),
            NamedClient(name: "dave", token: "token-of-dave", endpoints: ["endpoint-3"]),
        ])
        // The list chooses and does not order.
        #expect(try await Self.ask(proxy, token: "token-of-bob").hasSuffix("answer 2"))
        #expect(proxy.events.requests.last?.passes == [PassedOver(EndpointID(1), .notForClient)])
        #expect(try await Self.ask(proxy, token: "token-of-dave").hasSuffix("answer 3"))
        // Both hold together.
        let refusal = try await Self.ask(proxy, token: "token-of-carol")
        #expect(
            refusal.hasPrefix("HTTP/1.1 404 ") && refusal.contains("client 'carol' may use no endpoint that is here"))
        #expect(servers[0].requests.isEmpty)
        await proxy.stop()
    }

    @Test func aClientOverItsOwnLimitIsToldSoAndNoEndpointLearnsOfIt() async throws {
        let limits = LimitsInForce(try LimitRules("requests_per_minute 2"))
        let used = LimitCount()
        func bob() -> NamedClient { NamedClient(name: "bob", token: "token-of-bob", limits: limits, used: used) }
        let alice = NamedClient(name: "alice", token: "token-of-alice")
        let (proxy, servers) = try await Self.start([bob(), alice])
        for _ in 0..<2 { #expect(try await Self.ask(proxy, token: "token-of-bob").hasSuffix("answer 1")) }
        let refusal = try await Self.ask(proxy, token: "token-of-bob")
        #expect(refusal.hasPrefix("HTTP/1.1 429 ") && refusal.contains("rate_limit_error"))
        #expect(refusal.contains("client 'bob': requests_per_minute used up until "))
        let wait = refusal.split(separator: "\r\n").first { $0.hasPrefix("Retry-After: ") }?.dropFirst(13)
        #expect((1...61).contains(Int(wait ?? "") ?? 0))
        #expect(proxy.events.requests.last?.attempts.isEmpty == true)
        // Which an explanation says as well.
        #expect(proxy.events.requests.last?.refusal?.contains("client 'bob': requests_per_minute used up") == true)
        // Others go on, and so does the count where the settings change.
        #expect(try await Self.ask(proxy, token: "token-of-alice").hasSuffix("answer 1"))
        var rules = ClientRules()
        rules.named = [bob(), alice]
        proxy.server.update(rules)
        #expect(try await Self.ask(proxy, token: "token-of-bob").hasPrefix("HTTP/1.1 429 "))
        // What is refused before it comes to that is not counted.
        #expect(limits.readings(used, at: .now).map(\.used) == [2])
        #expect(servers.map(\.requests.count) == [3, 0, 0])
        await proxy.stop()
    }

    @Test func aClientWhoseLimitsCannotBeCountedIsNotServed() async throws {
        let (proxy, _) = try await Self.start([
            NamedClient(name: "bob", token: "token-of-bob", problem: "'Nowhere/Land' is no time zone")
        ])
        let refusal = try await Self.ask(proxy, token: "token-of-bob")
        #expect(refusal.hasPrefix("HTTP/1.1 403 ") && refusal.contains("client 'bob' is misconfigured: "))
        await proxy.stop()
    }

    /// One pure answer for whoever lists models and for whoever chooses an endpoint.
    @Test func aScopeSaysWhatAClientMay() {
        let all = ClientScope()
        #expect(all.allows(model: "any") && all.allows(endpoint: "any", tags: []))
        let some = ClientScope(models: ["gpt-*"], endpoints: ["relay"], tags: ["cheap"])
        #expect(some.allows(model: "gpt-5.4") && !some.allows(model: "GPT-5.4") && !some.allows(model: "claude"))
        #expect(some.allows(endpoint: "relay", tags: ["eu", "cheap"]))
        #expect(!some.allows(endpoint: "relay", tags: ["eu"]) && !some.allows(endpoint: "other", tags: ["cheap"]))
    }

    /// Two variables may come to hold the same token: a refusal goes first.
    @Test(arguments: [[0, 1], [1, 0]]) func ofTwoWithOneTokenTheRefusalCounts(order: [Int]) async throws {
        let clients = [
            NamedClient(name: "off", token: "token-1", isEnabled: false), NamedClient(name: "on", token: "token-1"),
        ]
        let (proxy, _) = try await Self.start(order.map { clients[$0] })
        #expect(try await Self.ask(proxy, token: "token-1").hasPrefix("HTTP/1.1 403 "))
        await proxy.stop()
    }

    /// The list may change while a request is on its way: what admitted it goes to no endpoint all the same.
    @Test func aTokenThatIsTakenOffTheListMeanwhileStaysHere() async throws {
        let first = try await ScriptedUpstream.start { _ in [.hold("go"), .send(Wire.status(500, "no"))] }
        let second = try await ScriptedUpstream.start { _ in [.send(Wire.ok("served"))] }
        var options = ProxyOptions()
        options.rules.named = [NamedClient(name: "alice", token: "token-of-alice")]
        let proxy = try await ProxyHarness.start(
            [.local(1, first, credential: .passthrough), .local(2, second, credential: .passthrough)], options: options)
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(Wire.post(headers: "x-api-key: token-of-alice\r\n"))
        try await eventually { first.requests.count == 1 }
        proxy.server.update(ClientRules())
        // Another request makes the loops learn of it.
        let others = try await ScriptedUpstream.start { _ in [.send(Wire.ok("other"))] }
        proxy.server.update(
            routes: RoutingTable(
                candidates: [
                    Candidate(upstream: try .local(1, first, credential: .passthrough)),
                    Candidate(upstream: try .local(2, second, credential: .passthrough)),
                    Candidate(upstream: try .local(3, others)),
                ], version: 1))
        for _ in 0..<4 { _ = try await proxy.exchange("TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") }
        first.release("go")
        #expect(await client.untilClosed().hasSuffix("served"))
        #expect(second.requests.allSatisfy { !$0.head.contains("token-of-alice") })
        await proxy.stop()
    }

    @Test func whoIsSwitchedOffOrExpiredIsToldSo() async throws {
        let (proxy, servers) = try await Self.start([
            NamedClient(name: "off", token: "token-1", isEnabled: false),
            NamedClient(name: "late", token: "token-2", expires: 1_000),
            NamedClient(name: "unset", token: ""),
        ])
        let off = try await Self.ask(proxy, token: "token-1")
        #expect(off.hasPrefix("HTTP/1.1 403 ") && off.contains("client 'off' is switched off"))
        #expect(try await Self.ask(proxy, token: "token-2").contains("the token of client 'late' has expired"))
        #expect(try await proxy.exchange(Wire.post(headers: "x-api-key: \r\n")).hasPrefix("HTTP/1.1 401 "))
        // Live.
        var rules = ClientRules()
        rules.named = [NamedClient(name: "off", token: "token-1")]
        proxy.server.update(rules)
        #expect(try await Self.ask(proxy, token: "token-1").hasSuffix("answer 1"))
        #expect(servers[0].requests.count == 1)
        await proxy.stop()
    }
}
