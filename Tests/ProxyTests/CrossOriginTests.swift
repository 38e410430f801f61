import TestSupport
import Testing

@testable import Proxy

/// Pages of other origins: those that may ask here can read what they are answered, and no others.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct CrossOriginTests {
    private static let permissive =
        "Access-Control-Allow-Origin: *\r\naccess-control-allow-credentials: true\r\nAccess-Control-Expose-Headers: x\r\n"

    private func start(
        _ upstream: ScriptedUpstream, tokens: [String] = [], origins: [String] = ["https://app.example"]
    ) async throws -> ProxyHarness {
        var options = ProxyOptions()
        options.rules.clientTokens = tokens
        options.rules.allowedOrigins = origins
        return try await ProxyHarness.start([.local(1, upstream)], options: options)
    }

    private func preflight(_ origin: String, _ fields: String = "") -> String {
        "OPTIONS /v1/messages HTTP/1.1\r\nHost: here\r\nOrigin: \(origin)\r\nAccess-Control-Request-Method: POST\r\n\(fields)"
            + "Connection: close\r\n\r\n"
    }

    private func values(_ name: String, _ answer: String) -> [String] {
        answer.split(separator: "\r\n").filter { $0.lowercased().hasPrefix(name.lowercased() + ": ") }
            .map { String($0.dropFirst(name.count + 2)) }
    }

    /// A browser's question carries no token, and no endpoint hears of it.
    @Test(arguments: [[], ["tok-1"]])
    func aPreflightIsAnswered(tokens: [String]) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("paid"))] }
        let proxy = try await start(upstream, tokens: tokens)
        let answer = try await proxy.exchange(
            preflight(
                "https://app.example",
                "Access-Control-Request-Headers: authorization,content-type\r\nAccess-Control-Request-Private-Network: true\r\n"
            ))
        #expect(answer.hasPrefix("HTTP/1.1 204 No Content\r\n"))
        #expect(answer.hasSuffix("\r\n\r\n"))
        #expect(values("Access-Control-Allow-Origin", answer) == ["https://app.example"])
        #expect(values("Access-Control-Allow-Methods", answer).first?.contains("POST") == true)
        #expect(values("Access-Control-Allow-Headers", answer) == ["authorization,content-type"])
        #expect(values("Access-Control-Allow-Private-Network", answer) == ["true"])
        #expect(values("Vary", answer).joined(separator: ", ").contains("Origin"))
        #expect(values("Content-Length", answer).isEmpty)
        #expect(upstream.connections == 0)
        await proxy.stop()
    }

    @Test(arguments: [([], "403"), (["tok-1"], "401")])
    func othersAreToldNothing(tokens: [String], status: String) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("paid", headers: Self.permissive))] }
        let proxy = try await start(upstream, tokens: tokens)
        for origin in ["https://evil.example", "null", "https://app.example.evil.example", "https://app.example:444"] {
            let answer = try await proxy.exchange(preflight(origin))
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
            #expect(!answer.lowercased().contains("access-control"))
        }
        #expect(upstream.connections == 0)
        // With a token a program may name any origin; a page could not read what it gets.
        if !tokens.isEmpty {
            let answer = try await proxy.exchange(
                Wire.post(headers: "x-api-key: tok-1\r\nOrigin: https://evil.example\r\n"))
            #expect(answer.hasSuffix("paid") && !answer.lowercased().contains("access-control"))
        }
        // Two origins are nobody's.
        let both = try await proxy.exchange(preflight("https://app.example", "Origin: https://evil.example\r\n"))
        #expect(tokens.isEmpty ? !both.contains("Access-Control") : !both.contains("evil.example"))
        await proxy.stop()
    }

    /// The endpoint's word on the matter is replaced, and Podium's own errors can be read as well.
    @Test func answersAndErrorsCanBeRead() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            request.head.contains("/v1/messages") ? [.send(Wire.ok("paid", headers: Self.permissive))] : [.close]
        }
        let proxy = try await start(upstream, tokens: ["tok-1"])
        let origin = "Origin: https://app.example\r\n"
        let answers = [
            try await proxy.exchange(Wire.post(headers: origin + "x-api-key: tok-1\r\n")),
            try await proxy.exchange(Wire.post(headers: origin)),
            try await proxy.exchange(Wire.post("/v1/responses", headers: origin + "x-api-key: tok-1\r\n")),
            try await proxy.exchange(Wire.post("/v1/../x", headers: origin + "x-api-key: tok-1\r\n")),
        ]
        #expect(answers.map { $0.dropFirst(9).prefix(3) } == ["200", "401", "503", "400"])
        for answer in answers {
            #expect(values("Access-Control-Allow-Origin", answer) == ["https://app.example"])
            #expect(values("Access-Control-Expose-Headers", answer).first?.contains("X-Request-ID") == true)
            #expect(values("Vary", answer) == ["Origin"])
            #expect(!answer.contains("llow-credentials"))
        }
        await proxy.stop()
    }

    @Test func pagesOfThisMachineReadThemToo() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("paid"))] }
        let proxy = try await start(upstream, origins: [])
        let answer = try await proxy.exchange(Wire.post(headers: "Origin: http://localhost:3000\r\n"))
        #expect(values("Access-Control-Allow-Origin", answer) == ["http://localhost:3000"])
        // Programs get nothing of it.
        #expect(try await !proxy.exchange(Wire.post()).contains("Access-Control"))
        var rules = ClientRules()
        rules.allowedOrigins = ["*"]
        proxy.server.update(rules)
        #expect(try await proxy.exchange(preflight("https://any.example")).hasPrefix("HTTP/1.1 204 "))
        await proxy.stop()
    }
}
