import Testing

@testable import Proxy

/// Something a client may send that must end here, and how it ends.
struct Attack: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: String
    let status: Int
    /// The message of the JSON error.
    let message: String
    /// The path was read, so that the error has the shape of its API.
    var isAnthropic = false

    var testDescription: String { name }

    /// The whole body of the answer.
    func body(requestID: String) -> String {
        if isAnthropic {
            // What was no request has no name.
            let id = requestID.isEmpty ? "" : ",\"request_id\":\"\(requestID)\""
            return "{\"type\":\"error\",\"error\":{\"type\":\"\(anthropicType)\",\"message\":\"\(message)\"}\(id)}"
        }
        let type = status >= 500 ? "server_error" : "invalid_request_error"
        return "{\"error\":{\"message\":\"\(message)\",\"type\":\"\(type)\",\"param\":null,\"code\":null}}"
    }

    private var anthropicType: String { status >= 500 ? "api_error" : "invalid_request_error" }
}

extension Attack {
    static let all = lengths + codings + lines + hosts + targets + oversized + chunks + refusedFeatures

    private static let smuggled = "GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"

    private static func post(
        _ name: String, _ headers: String, _ message: String, status: Int = 400
    ) -> Attack {
        Attack(
            name: name, bytes: "POST /v1/messages HTTP/1.1\r\nHost: a\r\n\(headers)\r\n0\r\n\r\n\(smuggled)",
            status: status,
            message: message, isAnthropic: true)
    }

    private static func get(_ name: String, _ head: String, _ message: String, status: Int = 400) -> Attack {
        Attack(name: name, bytes: head + "\r\n\r\n", status: status, message: message)
    }

    static let lengths: [Attack] = [
        post(
            "CL.TE", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "both Content-Length and Transfer-Encoding"),
        post(
            "TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "both Content-Length and Transfer-Encoding"),
        post("CL.CL, equal", "Content-Length: 5\r\nContent-Length: 5\r\n", "more than one Content-Length"),
        post("CL.CL, different", "Content-Length: 5\r\nContent-Length: 0\r\n", "more than one Content-Length"),
        post("CL.CL in other case", "Content-Length: 5\r\ncontent-length: 5\r\n", "more than one Content-Length"),
        post("length list", "Content-Length: 5, 5\r\n", "malformed Content-Length"),
        post("length with sign", "Content-Length: +5\r\n", "malformed Content-Length"),
        post("negative length", "Content-Length: -5\r\n", "malformed Content-Length"),
        post("hexadecimal length", "Content-Length: 0x5\r\n", "malformed Content-Length"),
        post("length in two parts", "Content-Length: 5 0\r\n", "malformed Content-Length"),
        post("empty length", "Content-Length:\r\n", "malformed Content-Length"),
        post("length beyond 64 bits", "Content-Length: 18446744073709551621\r\n", "malformed Content-Length"),
    ]

    static let codings: [Attack] = [
        post("TE.TE", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "malformed Transfer-Encoding"),
        post(
            "TE.TE, one unknown", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
            "malformed Transfer-Encoding"),
        post(
            "TE.TE, identity", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "malformed Transfer-Encoding"),
        post("chunked twice", "Transfer-Encoding: chunked, chunked\r\n", "malformed Transfer-Encoding"),
        post("chunked not last", "Transfer-Encoding: chunked, identity\r\n", "malformed Transfer-Encoding"),
        post("empty coding", "Transfer-Encoding:\r\n", "malformed Transfer-Encoding"),
        post(
            "coding nearly chunked", "Transfer-Encoding: xchunked\r\n", "transfer coding not implemented", status: 501),
        post("coding in quotes", "Transfer-Encoding: \"chunked\"\r\n", "transfer coding not implemented", status: 501),
        post(
            "coding with parameter", "Transfer-Encoding: chunked;q=1\r\n", "transfer coding not implemented",
            status: 501),
        post(
            "coding behind a vertical tab", "Transfer-Encoding: \u{B}chunked\r\n", "control character in a header field"
        ),
        post("coding with a space in the name", "Transfer-Encoding : chunked\r\n", "malformed header field name"),
        post("coding folded", "Transfer-Encoding:\r\n chunked\r\n", "folded header field"),
        post("coding behind a bare LF", "X: y\nTransfer-Encoding: chunked\r\n", "line ended without CR LF"),
        post("coding behind a bare CR", "X: y\rTransfer-Encoding: chunked\r\n", "control character in a header field"),
        Attack(
            name: "coding in HTTP/1.0",
            bytes: "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, status: 400,
            message: "malformed Transfer-Encoding"),
    ]

    static let lines: [Attack] = [
        get("folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z", "folded header field"),
        get("blank before the first field", "GET / HTTP/1.1\r\n Host: a", "folded header field"),
        get("bare LF in the head", "GET / HTTP/1.1\r\nHost: a\nX: y", "line ended without CR LF"),
        get("bare LF behind the request line", "GET / HTTP/1.1\nHost: a", "line ended without CR LF"),
        get("NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b", "control character in a header field"),
        get("escape in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1B}[2J", "control character in a header field"),
        get("NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nX\u{0}: b", "malformed header field name"),
        get("space before the colon", "GET / HTTP/1.1\r\nHost : a", "malformed header field name"),
        get("tab before the colon", "GET / HTTP/1.1\r\nHost\t: a", "malformed header field name"),
        get("no colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense", "malformed header field name"),
        get("no name", "GET / HTTP/1.1\r\nHost: a\r\n: b", "malformed header field name"),
        get("name beyond ASCII", "GET / HTTP/1.1\r\nHost: a\r\nXé: b", "malformed header field name"),
    ]

    static let hosts: [Attack] = [
        get("no Host", "GET / HTTP/1.1\r\nX: y", "Host header missing"),
        get("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b", "more than one Host header, or a malformed one"),
        get(
            "the same Host twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a",
            "more than one Host header, or a malformed one"),
        get("Host list", "GET / HTTP/1.1\r\nHost: a, b", "more than one Host header, or a malformed one"),
        get("Host with path", "GET / HTTP/1.1\r\nHost: a/b", "more than one Host header, or a malformed one"),
        get("Host with user", "GET / HTTP/1.1\r\nHost: u@a", "more than one Host header, or a malformed one"),
    ]

    static let targets: [Attack] = [
        get("two spaces", "GET  / HTTP/1.1\r\nHost: a", "malformed request line"),
        get("space in the target", "GET /a b HTTP/1.1\r\nHost: a", "malformed request line"),
        get("tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a", "malformed request line"),
        get("CR in the target", "GET /a\rb HTTP/1.1\r\nHost: a", "malformed request line"),
        get("beyond ASCII in the target", "GET /é HTTP/1.1\r\nHost: a", "malformed request line"),
        get("fragment", "GET /a#b HTTP/1.1\r\nHost: a", "malformed request line"),
        get("relative target", "GET a HTTP/1.1\r\nHost: a", "malformed request line"),
        get("absolute target with user", "GET http://u:p@a/ HTTP/1.1\r\nHost: a", "malformed request line"),
        get(
            "absolute target of another scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: a", "malformed request line"),
        get("absolute target without host", "GET http:///a HTTP/1.1\r\nHost: a", "malformed request line"),
        get("method of control characters", "G\u{1}T / HTTP/1.1\r\nHost: a", "malformed request line"),
        get("HTTP/0.9", "GET /", "malformed request line"),
        get("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "malformed request line"),
        get("two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a", "malformed request line"),
        get("HTTP/2", "PRI * HTTP/2.0", "only HTTP/1.0 and HTTP/1.1 are served here", status: 505),
    ]

    private static func long(_ count: Int) -> String { String(repeating: "x", count: count) }

    static let oversized: [Attack] = [
        get("target beyond 16 KiB", "GET /\(long(17_000)) HTTP/1.1\r\nHost: a", "request line too long", status: 414),
        Attack(
            name: "target without end", bytes: "GET /\(long(20_000))", status: 414, message: "request line too long"),
        get(
            "field beyond 32 KiB", "GET / HTTP/1.1\r\nHost: a\r\nX: \(long(33_000))", "request head too large",
            status: 431),
        Attack(
            name: "name without end", bytes: "GET / HTTP/1.1\r\nHost: a\r\n\(long(70_000))", status: 431,
            message: "request head too large"),
        get(
            "head beyond 64 KiB",
            "GET / HTTP/1.1\r\nHost: a\r\n" + (0..<70).map { "X\($0): \(long(1000))" }.joined(separator: "\r\n"),
            "request head too large", status: 431),
        get(
            "more than 128 fields",
            "GET / HTTP/1.1\r\nHost: a\r\n" + (0..<128).map { "X: \($0)" }.joined(separator: "\r\n"),
            "too many header fields", status: 431),
        get("method beyond 32 bytes", "\(long(33)) / HTTP/1.1\r\nHost: a", "malformed request line"),
    ]

    private static func chunk(_ name: String, _ body: String) -> Attack {
        Attack(
            name: name, bytes: "POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(body)",
            status: 400, message: "malformed chunked body", isAnthropic: true)
    }

    static let chunks: [Attack] = [
        chunk("chunk size of no digits", "xyz\r\n"), chunk("empty chunk size", "\r\n"),
        chunk("negative chunk size", "-1\r\nx\r\n0\r\n\r\n"), chunk("chunk size 0x1", "0x1\r\nx\r\n0\r\n\r\n"),
        chunk("space before the chunk size", " 1\r\nx\r\n0\r\n\r\n"),
        chunk("space behind the chunk size", "1 \r\nx\r\n0\r\n\r\n"),
        chunk("chunk size beyond 60 bits", "1000000000000000\r\n"),
        chunk("chunk longer than its size", "1\r\nxy\r\n0\r\n\r\n"),
        chunk("chunk line with a bare LF", "1\nx\r\n0\r\n\r\n"), chunk("chunk ended by a bare LF", "1\r\nx\n0\r\n\r\n"),
        chunk("extension with a bare LF", "1;a\nb\r\nx\r\n0\r\n\r\n"),
        chunk("extension beyond 1 KiB", "1;\(long(1100))\r\nx\r\n0\r\n\r\n"),
        chunk("extensions beyond 16 KiB", String(repeating: "1;\(long(1000))\r\nx\r\n", count: 17) + "0\r\n\r\n"),
        chunk("trailer without colon", "0\r\nX\r\n\r\n"), chunk("folded trailer", "0\r\nX: y\r\n z\r\n\r\n"),
        chunk("trailers beyond 16 KiB", "0\r\n" + String(repeating: "X: \(long(1000))\r\n", count: 17) + "\r\n"),
    ]

    private static let dotSegment = "the path holds a dot segment (. or ..), plain or encoded"

    /// Ways out of an endpoint's base path, as one server or another reads them.
    static let escapes: [Attack] = [
        "/v1/../admin", "/..", "/.", "/v1/./models", "/v1/%2e%2e/x", "/v1/.%2E/x", "/v1/%2e./x", "/v1/..;a=b/x",
        "/v1/..%2fx",
        "/v1/..%5Cx", "/v1\\..\\x", "/v1/%252e%252e/x", "/v1/%25252e%2525252e/x", "/v1/..%252fx", "/v1/%c0%ae%c0%ae/x",
        "/v1/..%c0%afx", "/v1/%u002e%u002e/x", "/v1/..%00/x", "/v1/..%20/x", "/v1/..?x", "http://a/v1/../x",
        "//v1//..//x", "/v1/v1/../x", "/v1/messages/%2e%2e/%2e%2e/account",
    ].map {
        let isAnthropic = $0.hasPrefix("/v1/messages")
        return Attack(
            name: "escape by \($0)", bytes: "GET \($0) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", status: 400,
            message: dotSegment, isAnthropic: isAnthropic)
    }

    static let echoes: [Attack] =
        ["TRACE", "trace", "Track", "TRACK", "tRaCe"].map {
            get($0, "\($0) / HTTP/1.1\r\nHost: a\r\nConnection: close", "this method is not served here", status: 405)
        }
        + ["X-HTTP-Method-Override", "x-method-override", "X-HTTP-Method", "X_HTTP_METHOD_OVERRIDE"].map {
            get(
                "TRACE by \($0)", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\($0): Trace",
                "this method is not served here", status: 405)
        }

    static let refusedFeatures: [Attack] =
        escapes + echoes + [
            get("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443", "CONNECT is not served here", status: 501),
            get("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a", "OPTIONS * is not served here", status: 501),
            get(
                "WebSocket", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: websocket",
                "WebSocket is not served here; use HTTP streaming", status: 501),
            get("expectation", "PUT / HTTP/1.1\r\nHost: a\r\nExpect: magic", "unknown expectation", status: 417),
        ]
}
