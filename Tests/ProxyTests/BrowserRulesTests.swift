import TestSupport
import Testing

@testable import Proxy

/// Web pages that are open in a browser of this machine, and what they may not have: the operator's keys.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct BrowserRulesTests {
    private static let rules = BrowserRules(
        hosts: ["Proxy.Example"], origins: ["https://App.example:443", "http://nas.lan:3000", "app://obsidian.md"],
        admitsPlainNames: true)

    private static func admits(host: String, _ rules: BrowserRules = rules) -> Bool {
        Array(host.utf8).withUnsafeBytes { rules.admits(host: $0) }
    }

    private static func admits(origin: String, _ rules: BrowserRules = rules) -> Bool {
        Array(origin.utf8).withUnsafeBytes { rules.admits(origin: $0) }
    }

    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:8081", "localhost", "localhost:8081", "LOCALHOST:1", "a.localhost", "localhost.",
        "192.0.2.7:8081", "255.255.255.255", "[::1]:8081", "[fe80::1]", "[::ffff:127.0.0.1]", "here", "here:80",
        "proxy.example", "PROXY.example:8081", "proxy.example.", "app.example", "nas.lan:8081", "obsidian.md",
    ])
    func hostsThatLeadHereByRight(host: String) {
        #expect(Self.admits(host: host))
    }

    @Test(arguments: [
        "evil.example", "evil.example:8081", "127.0.0.1.evil.example", "127.0.0.1evil.example",
        "localhost.evil.example",
        "localhostevil.example", "evillocalhost.example", "notproxy.example", "1.2.3", "1.2.3.4.5", "1.2.3.256",
        "1.2.3.", "1..2.3", "0x7f.0.0.1", "[evil.example]", "[]", "[::1", "127.0.0.1x:80", "nas.lan:80:80", "here:x",
        "",
        ":80",
    ])
    func hostsThatSomebodyElseMayHaveLedHere(host: String) {
        #expect(!Self.admits(host: host))
    }

    @Test(arguments: [
        "http://localhost", "https://localhost:3000", "http://127.0.0.1:8080", "http://127.9.8.7", "http://[::1]:5173",
        "http://ui.localhost", "HTTP://LOCALHOST", "https://app.example", "http://nas.lan:3000", "app://obsidian.md",
    ])
    func pagesOfThisMachineAndAllowedOnes(origin: String) {
        #expect(Self.admits(origin: origin))
    }

    @Test(arguments: [
        "null", "", "http://evil.example", "http://app.example", "https://app.example:8443", "http://nas.lan",
        "http://proxy.example", "http://here", "http://192.0.2.7", "http://localhost.evil.example",
        "http://127.0.0.1.evil.example", "http://localhost:1@evil.example", "http://localhost, http://evil.example",
        "http://", "http://[::2]", "chrome-extension://localhost", "file://", "ws://localhost", "httpx://localhost",
        "http:/localhost", "*",
    ])
    func otherPages(origin: String) {
        #expect(!Self.admits(origin: origin))
    }

    @Test func aStarAdmitsAll() {
        let rules = BrowserRules(hosts: [], origins: ["*"])
        #expect(Self.admits(origin: "http://evil.example", rules) && Self.admits(origin: "null", rules))
        #expect(Self.admits(host: "evil.example", rules))
        // The control API takes no name for granted that has no dot.
        #expect(!Self.admits(host: "here", BrowserRules(hosts: [])))
    }

    @Test(arguments: [
        ("Host: 127.0.0.1:8081\r\n", 200), ("Host: here\r\n", 200), ("Host: evil.example\r\n", 403),
        ("Host: here\r\nOrigin: http://evil.example\r\n", 403), ("Host: here\r\nOrigin: null\r\n", 403),
        ("Host: here\r\norigin: http://localhost:3000\r\n", 200),
        ("Origin: http://localhost\r\nHost: here\r\nOrigin: http://evil.example\r\n", 403),
        ("Host: here\r\nOrigin: https://app.example\r\n", 200), ("Host: app.example\r\n", 200),
    ])
    func aPageCannotSpendTheKey(fields: String, status: Int) async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("paid"))] }
        var options = ProxyOptions()
        options.rules.allowedOrigins = ["https://app.example"]
        let proxy = try await ProxyHarness.start([.local(1, upstream)], options: options)
        let request = "POST /v1/messages HTTP/1.1\r\n\(fields)Content-Length: 2\r\nConnection: close\r\n\r\n{}"
        let answer = try await proxy.exchange(request)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "))
        #expect(upstream.requests.count == (status == 200 ? 1 : 0))
        #expect(proxy.events.requests.map(\.status) == [status])
        if status == 403 {
            #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
            #expect(answer.contains("\"type\":\"permission_error\""))
            #expect(answer.contains("server.allowed_origins"))
            #expect(!answer.contains("evil"))
        }
        await proxy.stop()
    }

    /// Whoever knows a token is no page of a stranger's; a listener that others reach is asked for a token, or is open.
    @Test func aTokenIsEnough() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("paid"))] }
        let request =
            "POST / HTTP/1.1\r\nHost: evil.example\r\nOrigin: null\r\nx-api-key: t-1\r\nContent-Length: 0\r\n"
            + "Connection: close\r\n\r\n"
        var options = ProxyOptions()
        options.rules.clientTokens = ["t-1"]
        let guarded = try await ProxyHarness.start([.local(1, upstream)], options: options)
        #expect(try await guarded.exchange(request).hasSuffix("paid"))
        var rules = ClientRules()
        guarded.server.update(rules)
        #expect(try await guarded.exchange(request).hasPrefix("HTTP/1.1 403 "))
        rules.allowedOrigins = ["*"]
        guarded.server.update(rules)
        #expect(try await guarded.exchange(request).hasSuffix("paid"))
        await guarded.stop()
        options.rules.clientTokens = []
        options.host = "0.0.0.0"
        let open = try await ProxyHarness.start([.local(1, upstream)], options: options)
        #expect(try await open.exchange(request).hasSuffix("paid"))
        await open.stop()
    }
}
