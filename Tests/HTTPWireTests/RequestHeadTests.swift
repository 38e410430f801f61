import Testing

@testable import HTTPWire

@Suite struct RequestHeadTests {
    @Test func aHeadIsTakenApart() throws {
        let text =
            "POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.example\r\nX-API-Key:  secret\t \r\nContent-Length: 12\r\n\r\nrest"
        let parsed = try ParsedRequest(text)
        #expect(parsed.length == text.utf8.count - 4)
        #expect(parsed.text(parsed.head.method) == "POST")
        #expect(parsed.text(parsed.head.pathAndQuery) == "/v1/messages?beta=true")
        #expect(parsed.head.framing == .length(12))
        #expect(parsed.head.minorVersion == 1)
        #expect(parsed.fields == ["Host=api.example", "X-API-Key=secret", "Content-Length=12"])
        #expect(parsed.head.fields.lines.map(\.known) == [.host, .xAPIKey, .contentLength])
    }

    @Test(arguments: [
        ("HTTP/1.1", "", true), ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: x, Close\r\n", false),
        ("HTTP/1.0", "", false), ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
    ])
    func persistence(version: String, connection: String, keepsAlive: Bool) throws {
        let parsed = try ParsedRequest("GET / \(version)\r\nHost: a\r\n\(connection)\r\n")
        #expect(parsed.head.keepsAlive == keepsAlive)
    }

    @Test(arguments: [
        ("GET http://other.example:81/a?b HTTP/1.1", RequestHead.TargetForm.absolute, "/a?b", "other.example:81"),
        ("GET HTTPS://other.example HTTP/1.1", .absolute, "", "other.example"),
        ("GET http://other.example?q HTTP/1.1", .absolute, "?q", "other.example"),
        ("CONNECT other.example:443 HTTP/1.1", .authority, "other.example:443", "other.example:443"),
        ("OPTIONS * HTTP/1.1", .asterisk, "*", ""), ("GET //x HTTP/1.1", .origin, "//x", ""),
    ])
    func targetForms(line: String, form: RequestHead.TargetForm, path: String, authority: String) throws {
        let parsed = try ParsedRequest(line + "\r\nHost: here\r\n\r\n")
        #expect(parsed.head.targetForm == form)
        #expect(parsed.text(parsed.head.pathAndQuery) == path)
        #expect(parsed.text(parsed.head.authority) == authority)
    }

    /// Everything two parsers could read differently, and everything without bounds.
    static let refused: [(String, RequestHeadError)] = [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", .lengthAndEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", .lengthAndEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", .repeatedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", .repeatedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", .malformedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", .malformedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", .malformedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", .malformedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n", .malformedContentLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", .malformedContentLength),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            .malformedTransferEncoding
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", .malformedTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", .malformedTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unknownTransferCoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", .unknownTransferCoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", .unknownTransferCoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", .malformedTransferEncoding),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .malformedTransferEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", .malformedFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\r\nHost: a\r\n\tX: y\r\n\r\n", .foldedField),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", .bareLineFeed), ("GET / HTTP/1.1\r\nHost: a\n\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nX\nHost: a\r\n\r\n", .bareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", .malformedFieldValue),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", .malformedFieldValue),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{7F}b\r\n\r\n", .malformedFieldValue),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\u{0}: b\r\n\r\n", .malformedFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", .malformedFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX y: b\r\n\r\n", .malformedFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", .malformedFieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\n\rX", .malformedFieldName), ("GET / HTTP/1.1\r\n\r\n", .missingHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", .malformedHost),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .malformedHost),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", .malformedRequestLine), ("GET /\r\n\r\n", .malformedRequestLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET relative HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine), ("\u{16}\u{3}\u{1}\u{2}", .malformedRequestLine),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("GET / HTTP/\r\n\r\n", .malformedRequestLine), ("GET / HTTP/1.\n", .bareLineFeed),
        ("CONNECT a/b HTTP/1.1\r\nHost: a\r\n\r\n", .malformedRequestLine),
        ("PUT / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\n\r\n", .unknownExpectation),
        ("PUT / HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nExpect: 100-continue\r\n\r\n", .unknownExpectation),
    ]

    @Test(arguments: [("HTTP/1.0", 0), ("HTTP/1.1", 1), ("HTTP/1.2", 1), ("HTTP/1.9", 1)])
    func minorVersions(version: String, minor: Int) throws {
        #expect(try ParsedRequest("GET / \(version)\r\nHost: a\r\n\r\n").head.minorVersion == minor)
    }

    @Test(arguments: [
        ("Expect:", false), ("Expect: ,", false), ("Expect: 100-continue", true), ("Expect: , 100-Continue,", true),
    ])
    func expectations(field: String, expectsContinue: Bool) throws {
        let parsed = try ParsedRequest("PUT / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n")
        #expect(parsed.head.expectsContinue == expectsContinue)
    }

    @Test(arguments: [
        ("HTTP/1.1", "Upgrade: websocket\r\nConnection: Upgrade", true),
        ("HTTP/1.1", "Upgrade: h2c, WebSocket\r\nConnection: keep-alive, upgrade", true),
        ("HTTP/1.1", "Upgrade: websocket", false), ("HTTP/1.0", "Upgrade: websocket\r\nConnection: Upgrade", false),
        ("HTTP/1.1", "Upgrade: h2c\r\nConnection: Upgrade", false),
    ])
    func upgrades(version: String, fields: String, isAsked: Bool) throws {
        #expect(try ParsedRequest("GET / \(version)\r\nHost: a\r\n\(fields)\r\n\r\n").head.asksForWebSocket == isAsked)
    }

    /// Whatever the letter case, and whatever stands between the words.
    @Test(arguments: [
        ("Authorization", KnownField.authorization), ("X-API-Key", .xAPIKey), ("x_api_key", .credential),
        ("api-key", .credential),
        ("API_KEY", .credential), ("x.api.key", .credential), ("apikey", .credential), ("X-Goog-Api-Key", .credential),
        ("x_goog_api_key", .credential), ("Ocp-Apim-Subscription-Key", .credential), ("X-Auth-Token", .credential),
        ("anthropic-auth-token", .credential), ("X-Amz-Security-Token", .credential), ("key", .credential),
        ("token", .credential),
        ("Helicone-Auth", .credential), ("cf-aig-authorization", .credential), ("CF-Access-Client-Secret", .credential),
        ("Proxy-Authorization", .proxyAuthorization), ("Proxy_Authorization", .proxyAuthorization), ("cookie", .cookie),
        ("Cookie2", .cookie), ("Set-Cookie", .setCookie), ("Idempotency-Key", .other), ("openai-organization", .other),
        ("openai-project", .other), ("anthropic-version", .anthropicVersion), ("anthropic-beta", .other),
        ("monkey", .other),
        ("x-stainless-package-version", .other), ("chatgpt-account-id", .other), ("accept-encoding", .other),
        ("Sec-WebSocket-Protocol", .webSocket), ("Forwarded", .forwarding), ("X-Forwarded-User", .forwarding),
        ("x_forwarded_for", .forwarding), ("X-Real-IP", .forwarding), ("CF-Connecting-IP", .forwarding),
        ("True-Client-IP", .forwarding),
        ("From", .forwarding), ("X-Forwarded-Access-Token", .credential), ("X-HTTP-Method-Override", .methodOverride),
        ("Access-Control-Allow-Origin", .accessControl), ("x-ratelimit-reset-tokens", .rateLimitReset),
        ("X-Hops", .xHops), ("x-Podium-endpoint", .podiumEndpoint),
        ("Tailscale-User-Login", .forwarding), ("X-Original-Forwarded-For", .forwarding),
        ("Remote-Groups", .forwarding),
        ("x-amzn-oidc-identity", .forwarding), ("x-amzn-oidc-accesstoken", .credential),
        ("X-Envoy-External-Address", .forwarding),
        ("X-Auth-Request-User", .forwarding), ("X-MS-Client-Principal-Name", .forwarding),
        ("x-remote-addr", .forwarding),
        ("pageToken", .other), ("Next-Page-Token", .other), ("apitoken", .credential), ("X-Request-Id", .xRequestID),
        ("x-amz-date", .other), ("x-ms-client-request-id", .other), ("x-reasoning", .other),
    ])
    func kindsOfFields(name: String, known: KnownField) throws {
        let parsed = try ParsedRequest("GET / HTTP/1.1\r\nHost: a\r\n\(name): x\r\n\r\n")
        #expect(parsed.head.fields.lines.last?.known == known)
    }

    @Test(arguments: refused)
    func ambiguityIsRefused(text: String, error: RequestHeadError) {
        #expect(throws: error) { try ParsedRequest(text) }
    }

    @Test func limits() throws {
        var limits = HTTPLimits()
        limits.startLine = 40
        limits.fieldLine = 30
        limits.fieldCount = 3
        limits.head = 120
        func outcome(_ text: String) -> RequestHeadError? {
            do {
                _ = try ParsedRequest(text, limits: limits)
                return nil
            } catch {
                return error as? RequestHeadError
            }
        }
        // "GET " + target + " HTTP/1.1" are 13 bytes and the target: 27 pass, 28 do not.
        #expect(outcome("GET /\(String(repeating: "a", count: 26)) HTTP/1.1\r\nHost: a\r\n\r\n") == nil)
        #expect(outcome("GET /\(String(repeating: "a", count: 27)) HTTP/1.1\r\nHost: a\r\n\r\n") == .requestLineTooLong)
        #expect(outcome("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "b", count: 27))\r\n\r\n") == nil)
        #expect(
            outcome("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "b", count: 28))\r\n\r\n") == .headTooLarge)
        #expect(outcome("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n") == nil)
        #expect(outcome("GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nX: 3\r\n\r\n") == .tooManyFields)
        let wide = String(repeating: "c", count: 25)
        // 16 + 2 + 3 * (25 + 5) = 108 bytes, and with one more line over 120.
        #expect(outcome("GET / HTTP/1.0\r\nX: \(wide)\r\nX: \(wide)\r\nX: \(wide)\r\n\r\n") == nil)
        limits.fieldCount = 10
        #expect(
            outcome("GET / HTTP/1.0\r\nX: \(wide)\r\nX: \(wide)\r\nX: \(wide)\r\nX: \(wide)\r\n\r\n") == .headTooLarge)
    }
}

/// A head that was parsed from exactly the bytes given.
struct ParsedRequest {
    var head = RequestHead()
    let bytes: [UInt8]
    let length: Int

    init(_ text: String, limits: HTTPLimits = .init()) throws {
        bytes = Array(text.utf8)
        var head = RequestHead()
        let length = try bytes.withUnsafeBytes { try head.parse($0, limits: limits) }
        self.head = head
        self.length = length ?? -1
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
    var fields: [String] { head.fields.lines.map { "\(text($0.name))=\(text($0.value))" } }
}
