import HTTPWire
import NIOCore
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// The parts that decide, with time as an argument.
@Suite struct PurePartsTests {
    private final class Connection {}

    private func at(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }

    @Test func thePoolHandsOutTheFreshestAndDropsTheOldest() {
        var pool = UpstreamPool<Connection>(maximumIdle: 2)
        let connections = (0..<3).map { _ in Connection() }
        let result1 = pool.keep(connections[0], until: at(10), tick: 1)
        #expect(result1)
        let result2 = pool.keep(connections[1], until: at(20), tick: 1)
        #expect(result2)
        let result3 = pool.keep(connections[2], until: at(30), tick: 1)
        #expect(!result3)
        let result4 = pool.expire(now: at(9))
        #expect(result4.isEmpty)
        let result5 = pool.expire(now: at(10))
        #expect(result5.map(ObjectIdentifier.init) == [ObjectIdentifier(connections[0])])
        let stale = pool.take(now: at(20), tick: 2)?.connection
        #expect(stale == nil)
        let result6 = pool.keep(connections[2], until: at(30), tick: 1)
        #expect(result6)
        let fresh = pool.take(now: at(21), tick: 2)?.connection
        #expect(fresh === connections[2])
        pool.remove(connections[1])
        #expect(pool.count == 0)
    }

    /// What came behind an answer in the same tick has not been noticed yet.
    @Test func whatCameToRestInThisTurnIsTakenLast() {
        var pool = UpstreamPool<Connection>()
        let connections = (0..<4).map { _ in Connection() }
        func take(_ tick: UInt64) -> (number: Int?, isSettled: Bool)? {
            guard let (taken, isSettled) = pool.take(now: at(1), tick: tick) else { return nil }
            return (connections.firstIndex { $0 === taken }, isSettled)
        }
        for number in 0..<4 {
            let isKept = pool.keep(connections[number], until: at(10), tick: number < 2 ? 1 : 2)
            #expect(isKept)
        }
        let order = (0..<4).compactMap { _ in take(2) }
        #expect(order.map(\.number) == [1, 0, 3, 2])
        #expect(order.map(\.isSettled) == [true, true, false, false])
        #expect(take(2) == nil)

        // A tick later it has been looked at; one that is gone meanwhile is not counted.
        for number in 0..<3 { _ = pool.keep(connections[number], until: at(10), tick: 3) }
        let first = take(4)
        #expect(first?.number == 2 && first?.isSettled == true)
        pool.remove(connections[0])
        _ = pool.keep(connections[3], until: at(10), tick: 4)
        let second = take(4)
        #expect(second?.number == 1 && second?.isSettled == true)
        let third = take(4)
        #expect(third?.number == 3 && third?.isSettled == false)
    }

    /// With TLS what came behind an answer may be half a record: nobody can look at it.
    @Test func whereNobodyCanLookOnlyWhatHasSettledIsTaken() {
        var pool = UpstreamPool<Connection>()
        let connections = (0..<2).map { _ in Connection() }
        for (number, connection) in connections.enumerated() {
            let isKept = pool.keep(connection, until: at(10), tick: UInt64(number))
            #expect(isKept)
        }
        let first = pool.take(now: at(1), tick: 1, settledOnly: true)
        #expect(first?.connection === connections[0])
        #expect(pool.take(now: at(1), tick: 1, settledOnly: true) == nil)
        #expect(pool.count == 1)
        let second = pool.take(now: at(1), tick: 2, settledOnly: true)
        #expect(second?.connection === connections[1])
    }

    @Test func theLongestAtRestMakesRoomFirst() {
        var pool = UpstreamPool<Connection>()
        let connections = (0..<3).map { _ in Connection() }
        for (number, connection) in connections.enumerated() {
            _ = pool.keep(connection, until: at(10), tick: number < 2 ? 1 : 2)
        }
        #expect(pool.removeOldest() === connections[0])
        // What is left is in order: one that has settled, one that has not.
        let settled = pool.take(now: at(1), tick: 2)
        #expect(settled?.connection === connections[1] && settled?.isSettled == true)
        let other = pool.take(now: at(1), tick: 2)
        #expect(other?.connection === connections[2] && other?.isSettled == false)
        #expect(pool.removeOldest() == nil)
    }

    /// Half-empty receive buffers that wait for a failover would cost many times the limit.
    @Test(arguments: [500, 8_192, 16_384, 24_576, 32_768])
    func replayedPiecesPinLittleMoreThanThemselves(size: Int) {
        var replay = ReplayBuffer()
        for _ in 0..<32 {
            var buffer = ByteBufferAllocator().buffer(capacity: 32 * 1024)
            buffer.writeRepeatingByte(7, count: size)
            replay.append(buffer)
        }
        var held = 0
        replay.forEachSegment { held += $0.storageCapacity }
        #expect(replay.count == 32 * size)
        // Storage grows by doubling.
        #expect(held <= 2 * replay.count)
    }

    @Test func whatWasNotUsedIsReadAgainInOrder() {
        var unread = UnreadBytes()
        unread.keep(ByteBuffer(string: "usedrest"), behind: 4)
        unread.append(ByteBuffer(string: "more"))
        #expect(unread.count == 8)
        let taken = unread.take()
        #expect(String(buffer: taken) == "restmore" && unread.count == 0)
        // What came meanwhile stays behind what was taken out before it.
        unread.append(ByteBuffer(string: "late"))
        unread.putBack(taken, behind: 4)
        #expect(String(buffer: unread.take()) == "morelate")
        unread.putBack(ByteBuffer(string: "all"), behind: 3)
        #expect(unread.count == 0)
    }

    @Test func aDeadlineExpiresOnce() {
        var table = DeadlineTable()
        let (first, second) = (table.allocate(), table.allocate())
        table.arm(first, at: at(5))
        table.arm(second, at: at(6))
        let result7 = table.expire(now: at(4))
        #expect(result7.isEmpty)
        let result8 = table.expire(now: at(5))
        #expect(result8 == [first])
        let result9 = table.expire(now: at(5))
        #expect(result9.isEmpty)
        let result10 = table.expire(now: at(100))
        #expect(result10 == [second])
        table.release(first)
        let result11 = table.allocate()
        #expect(result11 == first)
        let result12 = table.expire(now: at(1000))
        #expect(result12.isEmpty)
    }

    @Test(arguments: [
        ("", "/v1/messages", 0), ("/v1", "/v1/messages", 3), ("/api/v1", "/v1/messages", 3),
        ("/v1/messages", "/v1/messages", 3),
        ("/a/v1/messages", "/v1/messages/count_tokens", 3), ("/v", "/v1/messages", 0), ("/av1", "/v1/messages", 0),
        ("/v1/v1", "/v1/messages", 3), ("/api", "/v1/messages", 0), ("/v1/messages/x", "/v1/messages", 0),
        ("/a/b", "/b/c", 2), ("/v2", "/v2/rerank", 3),
    ])
    func pathsShareNoSegmentTwice(base: String, path: String, overlap: Int) {
        #expect(Array(path.utf8).withUnsafeBytes { BasePath(Substring(base)).overlap(with: $0) } == overlap)
    }

    /// Base URLs as people write them, and what each is asked for.
    @Test(arguments: [
        ("https://api.openai.com", "/v1/responses", "https://api.openai.com/v1/responses"),
        ("https://api.openai.com/v1/", "/v1/responses", "https://api.openai.com/v1/responses"),
        ("https://a.example/api/paas/v4", "/v1/chat/completions", "https://a.example/api/paas/v4/chat/completions"),
        ("https://a.example/api/paas/v4/", "/v1/models", "https://a.example/api/paas/v4/models"),
        (
            "https://g.example/v1beta/openai/", "/v1/chat/completions",
            "https://g.example/v1beta/openai/chat/completions"
        ),
        ("https://d.example/v1/openai", "/v1/models", "https://d.example/v1/openai/models"),
        ("https://a.example/openai", "/v1/models", "https://a.example/openai/v1/models"),
        ("https://a.example/v1/responses", "/v1/responses", "https://a.example/v1/responses"),
        ("https://a.example/v1/responses/", "/v1/responses/resp_1", "https://a.example/v1/responses/resp_1"),
        ("https://a.example/v1/responses", "/v1/chat/completions", "https://a.example/v1/chat/completions"),
        ("https://a.example/v1/chat/completions", "/v1/models", "https://a.example/v1/models"),
        ("https://a.example/v1/messages", "/v1/messages/count_tokens", "https://a.example/v1/messages/count_tokens"),
        (
            "https://a.example/inference/chat/completions", "/v1/chat/completions",
            "https://a.example/inference/chat/completions"
        ),
        ("https://a.example/v1/models", "/v1/embeddings", "https://a.example/v1/embeddings"),
        ("https://a.example/models", "/v1/models", "https://a.example/models/v1/models"),
        (
            "https://g.example/v1/ACCOUNT/gateway/anthropic", "/v1/messages",
            "https://g.example/v1/ACCOUNT/gateway/anthropic/v1/messages"
        ),
        ("http://[::1]:8080/anthropic", "/v1/messages", "http://[::1]:8080/anthropic/v1/messages"),
        ("https://a.example/v1", "/elsewhere", "https://a.example/v1/elsewhere"),
        ("https://a.example/voice", "/v1/models", "https://a.example/voice/v1/models"),
    ])
    func whatABaseURLIsAskedFor(base: String, path: String, asked: String) throws {
        #expect(try UpstreamURL(base).asked(for: path) == asked)
    }

    @Test(arguments: [
        ("a", false), ("..", true), ("/a/..b/c..", false), ("/a/...", false), ("/a/.b", false), ("/a/%2f", false),
        ("/%", false), ("/%2", false), ("/%25", false), ("/..%", false), ("/%2e", true), ("/%u002e%u002e", true),
        ("/;..", false),
        ("/a;/../b", true), ("/.%2525252e", true), ("/%c1%9c..%c1%9cx", true), ("", false), ("/v1/gpt-4.1", false),
    ])
    func dotSegments(path: String, isThere: Bool) {
        #expect(Array(path.utf8).withUnsafeBytes { RequestPath.holdsDotSegment($0) } == isThere)
    }

    /// A name for each field that is known, and one that is not.
    private static let fieldNames = [
        "X-Else", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
        "Upgrade", "Sec-WebSocket-Key", "Origin", "Referer", "Expect", "Via", "X-Forwarded-For", "X-Forwarded-Proto",
        "X-Forwarded-Host", "X-Hops", "X-Request-ID", "X-Real-IP", "Authorization", "X-API-Key", "Cookie",
        "Set-Cookie", "X-Auth-Token", "X-HTTP-Method-Override", "Access-Control-Allow-Origin", "Location",
        "Content-Location", "Content-Type", "Content-Encoding", "Date", "Retry-After", "Retry-After-Ms",
        "Anthropic-RateLimit-Requests-Reset", "Anthropic-RateLimit-Requests-Remaining", "RateLimit",
        "Anthropic-Version", "X-Podium-Endpoint", "X-Podium-Tag", "X-Claude-Code-Session-Id", "Session_id",
        "session-id",
        "X-Session-ID",
    ]

    private static func forwarded(_ text: String, to upstream: Upstream, _ url: UpstreamURL) throws -> String {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var head = RequestHead()
            let length = try head.parse(bytes, limits: HTTPLimits())
            #expect(length == bytes.count)
            var output = [UInt8](repeating: 0, count: 4096)
            let forwarded = ForwardedRequestHead(framing: .length(2), requestID: .generated(7), hops: 0, tokens: nil)
            let count = output.withUnsafeMutableBytes { target in
                var writer = WireWriter(target)
                forwarded.write(
                    &head, bytes, path: head.pathAndQuery, for: upstream, url, clientAddress: [], to: &writer)
                return writer.count
            }
            return String(decoding: output.prefix(count), as: UTF8.self)
        }
    }

    private static func passedBack(_ text: String, from upstream: Upstream, _ url: UpstreamURL) throws -> String {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var head = ResponseHead()
            let length = try head.parse(bytes, toHEAD: false, limits: HTTPLimits())
            #expect(length == bytes.count)
            var output = [UInt8](repeating: 0, count: 4096)
            let forwarded = ForwardedResponseHead(
                framing: .length(2), requestID: nil, closes: false, clientMinorVersion: 1, path: 0..<0, origin: nil)
            let count = output.withUnsafeMutableBytes { target in
                var writer = WireWriter(target)
                forwarded.write(
                    &head, bytes, from: upstream, url, date: [], request: UnsafeRawBufferPointer(start: nil, count: 0),
                    to: &writer)
                return writer.count
            }
            return String(decoding: output.prefix(count), as: UTF8.self)
        }
    }

    /// Most heads are decided by a look at one bit for each field. Where the Connection field names any other field, each one is
    /// asked about in full: the outcome has to be the same, for every field and every kind of endpoint.
    @Test func theQuickLookAtFieldsPassesWhatTheSlowOneDoes() throws {
        let url = try UpstreamURL("http://127.0.0.1:1")
        var known: Set<KnownField> = []
        for (credential, isOpen) in [(UpstreamCredential.apiKey("key-of-it"), false), (.passthrough, true)] {
            let upstream = try Upstream(
                id: .init(1), name: "one", anyURL: url, credential: credential, passesCookies: isOpen,
                namesClients: isOpen)
            for name in Self.fieldNames {
                let value = name == "Expect" ? "100-continue" : name == "Location" ? "http://127.0.0.1:1/x" : "3"
                let field = "\(name): \(value)\r\n"
                for more in ["", "Accept: */*\r\n"] {
                    let start = "POST /v1/messages HTTP/1.1\r\nHost: a\r\n\(more)\(field)Content-Length: 2\r\n"
                    let quick = try Self.forwarded(start + "\r\n", to: upstream, url)
                    let slow = try Self.forwarded(start + "Connection: zzz\r\n\r\n", to: upstream, url)
                    #expect(quick == slow, "\(name)")
                    let answer = "HTTP/1.1 200 OK\r\n\(more)\(field)Content-Length: 2\r\n"
                    let quickBack = try Self.passedBack(answer + "\r\n", from: upstream, url)
                    let slowBack = try Self.passedBack(answer + "Connection: zzz\r\n\r\n", from: upstream, url)
                    #expect(quickBack == slowBack, "\(name)")
                }
                Array("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n".utf8).withUnsafeBytes { bytes in
                    var head = RequestHead()
                    _ = try? head.parse(bytes, limits: HTTPLimits())
                    known.formUnion(head.fields.lines.map(\.known))
                }
            }
        }
        #expect(Set(KnownField.allCases).subtracting(known) == [.connection, .contentLength, .transferEncoding])
    }

    /// Held against a plain reading of the rule, byte by byte, over paths of every length around a register's.
    @Test func theQuickLookAtAPathSeesWhatASlowOneDoes() {
        var random = SeededRandom(seed: 11)
        let bytes = Array("//..??%%\\\\abcdefgz09AZ-_:;~*\u{e9}\u{1}".utf8)
        let ordinary = Array("/abcdefghijklmnop1".utf8)
        for round in 0..<20_000 {
            let length = Int.random(in: 0...21, using: &random)
            let source = round % 3 == 0 ? bytes : ordinary + [bytes[round % bytes.count]]
            let target = (0..<length).compactMap { _ in source.randomElement(using: &random) }
            let end = target.firstIndex(of: UInt8(ascii: "?")) ?? length
            let path = target[..<end]
            let isEncoded = path.contains { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "\\") }
            let follows = zip(path, path.dropFirst()).contains {
                $0 == UInt8(ascii: "/") && ($1 == UInt8(ascii: "/") || $1 == UInt8(ascii: "."))
            }
            let isPlain = !isEncoded && !follows && path.first != UInt8(ascii: ".")
            let found = target.withUnsafeBytes { RequestPath.scan($0) }
            #expect(found.end == end && found.isPlain == isPlain, "\(String(decoding: target, as: UTF8.self))")
        }
    }

    @Test(
        arguments: [
            ("/v1/messages", nil), ("//v1/messages", "/v1/messages"), ("/v1/v1/messages", "/v1/messages"),
            ("/v1/v1", "/v1"),
            ("//v1//v1/v1/messages//", "/v1/messages/"), ("/v1/v1beta", nil), ("/", nil), ("", nil), ("//", "/"),
        ] as [(String, String?)])
    func pathsAreFolded(path: String, folded: String?) {
        let found = Array(path.utf8).withUnsafeBytes { RequestPath.folded($0) }
        #expect(found.map { String(decoding: $0, as: UTF8.self) } == folded)
    }

    @Test(
        arguments: [
            ("key=1", nil, ""), ("a=1&key=2&b=3", nil, "?a=1&b=3"), ("API_KEY=1&x", nil, "?x"), ("%6bey=1", nil, ""),
            ("api-key=1;b", nil, "?b"), ("access_token=1", nil, ""), ("key", nil, ""), ("keys=1", nil, "?keys=1"),
            ("page_token=1&after=2", nil, "?page_token=1&after=2"), ("apiKey=1&limit=2", nil, "?limit=2"),
            ("a=1&&b=2", nil, "?a=1&b=2"),
            ("x=tok-1&key=2", "tok-1", "?key=2"), ("x=tok%2D1", "tok-1", ""),
        ] as [(String, String?, String)])
    func queriesLoseCredentials(query: String, token: String?, written: String) {
        var output = [UInt8](repeating: 0, count: 64)
        let count = Array(query.utf8).withUnsafeBytes { query in
            output.withUnsafeMutableBytes { output in
                var writer = WireWriter(output)
                QueryFilter.write(query, tokens: token.map { ClientTokens([$0]) }, first: "?", to: &writer)
                return writer.count
            }
        }
        #expect(String(decoding: output[..<count], as: UTF8.self) == written)
    }

    @Test func secretsAreFound() throws {
        #expect(SecretPattern("short") == nil)
        let pattern = try #require(SecretPattern("sk-abcabc"))
        for (text, place) in [
            ("sk-abcabc", 0), ("xsk-abcabc", 1), ("sk-abcabd", nil), ("", nil), ("sk-abcsk-abcabcabc", 6),
            ("sk-abcab", nil),
        ] as [(String, Int?)] {
            #expect(Array(text.utf8).withUnsafeBytes { pattern.first(in: $0) } == place, "\(text)")
        }
        let long = String(repeating: "ab", count: 300) + "c"
        let found = Array(("x" + long).utf8).withUnsafeBytes { text in SecretPattern(long)?.first(in: text) }
        #expect(found == 1)
    }

    @Test(
        arguments: [
            // Only a limit that is used up counts.
            (
                "x-ratelimit-remaining-requests: 9\r\nx-ratelimit-reset-requests: 1s\r\n"
                    + "x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 30s\r\n", Duration.seconds(30)
            ),
            ("retry-after-ms: 1500\r\nRetry-After: 9\r\n", .milliseconds(1500)),
            // What says nothing leaves the word to what says something.
            ("retry-after-ms: 0\r\nRetry-After: 9\r\n", .seconds(9)),
            ("Retry-After: 0\r\nx-ratelimit-reset-requests: 3s\r\n", .seconds(3)),
            ("retry-after-ms: 0\r\n", nil), ("retry-after-ms: 1e400\r\n", nil), ("Retry-After: 0\r\n", nil),
            ("x-ratelimit-reset-requests: 0s\r\n", nil), ("", nil),
        ] as [(String, Duration?)])
    func theWaitOfARefusal(fields: String, expected: Duration?) throws {
        let wait = try Array("HTTP/1.1 429 No\r\n\(fields)\r\n".utf8).withUnsafeBytes { bytes in
            var head = ResponseHead()
            _ = try head.parse(bytes, toHEAD: false, limits: .init())
            return RateLimitHint.wait(head, bytes, unixTime: 0)
        }
        #expect(wait == expected)
    }

    @Test(arguments: [
        ("", EventStreamPosition.Place.betweenEvents), ("data: a\n\n", .betweenEvents),
        ("data: a\r\n\r\n", .betweenEvents),
        ("data: a\r\r", .betweenEvents), ("data: a\n\r", .betweenEvents), ("data: a\n\r\n", .betweenEvents),
        ("data: a\r\r\n", .betweenEvents), (": c\n\n", .betweenEvents), ("data: a\n", .betweenLines),
        ("data: a\r\n", .betweenLines), ("data: a\r", .betweenLines), ("data: a\n\ndata: b\n", .betweenLines),
        ("data: a", .inLine), ("data: a\n\nd", .inLine), ("d", .inLine), ("\n", .betweenEvents),
    ])
    func aBrokenStreamLeftOffSomewhere(text: String, place: EventStreamPosition.Place) {
        let bytes = Array(text.utf8)
        var whole = EventStreamPosition()
        bytes.withUnsafeBytes { whole.pass($0) }
        var inPieces = EventStreamPosition()
        for index in bytes.indices { bytes[index...index].withUnsafeBytes { inPieces.pass($0) } }
        #expect(whole.place == place)
        #expect(inPieces.place == place)
    }

    @Test(arguments: [
        ("1.1 podium", 1), ("1.0 Podium", 1), ("HTTP/1.1 podium", 1), ("1.1 podium, 1.1 podium,1.1\tpodium", 3),
        ("1.1 podium (of ours)", 1), ("1.1 podium(x)", 1), ("1.1 edge (podium)", 0), ("1.1 podium2, 1.1 xpodium", 0),
        ("1.1 podium:8081", 0), ("", 0), (",,", 0), ("(", 0),
    ])
    func visitsAreCounted(via: String, count: Int) {
        #expect(Array(via.utf8).withUnsafeBytes { ViaHops.ofOurs($0) } == count)
    }

    @Test(arguments: [
        ("POST /v1/messages HTTP/1.1\r\nHost : a\r\n\r\n", RequestAPI.anthropic),
        ("POST /v1/messages HTTP/1.1\r\nHo", .anthropic), ("POST /v1/responses HTTP/1.1\r\n\r\n", .openAI),
        ("POST http://a/v1/messages HTTP/1.1\r\n\r\n", .anthropic), ("POST /v1/messages", .other), ("", .other),
        ("POST /v1/messages HTTP/9\r\n\r\n", .other),
    ])
    func theAPIOfABrokenHead(text: String, api: RequestAPI) {
        #expect(Array(text.utf8).withUnsafeBytes { RequestAPI(ofBrokenHead: $0) } == api)
    }

    @Test(arguments: [
        ("/v1/messages", false, RequestAPI.anthropic), ("/v1/messages/count_tokens?x", false, .anthropic),
        ("/v1/messagesx", false, .openAI),
        ("/v1/models", false, .openAI), ("/v1/models", true, .anthropic), ("/chat/completions", false, .openAI),
        ("/", false, .other),
        ("/v11/messages", false, .other), ("/v1", false, .openAI),
    ])
    func theAPIFollowsFromThePath(path: String, anthropicVersion: Bool, api: RequestAPI) {
        let found = Array(path.utf8).withUnsafeBytes { RequestAPI(path: $0, namesAnthropicVersion: anthropicVersion) }
        #expect(found == api)
    }

    @Test(arguments: [
        "ftp://a", "http://", "http://a:0", "http://a:99999", "http://a:x", "http://u:p@a/", "http://a/#f",
        "http://a/?key=1",
        "http://a b/", "a.example", "http://[::1",
    ])
    func badBaseURLs(text: String) {
        #expect(throws: UpstreamURL.ParseError.self) { try UpstreamURL(text) }
    }

    @Test func baseURLs() throws {
        let url = try UpstreamURL("HTTPS://api.example:8443/v1/")
        #expect(
            (url.host, url.port, url.authority, url.basePath) == ("api.example", 8443, "api.example:8443", "/v1"))
        let address = try UpstreamURL("http://[::1]")
        #expect((address.host, address.port, address.authority, address.basePath) == ("::1", 80, "[::1]", ""))
    }

    @Test func headersCannotSplitARequest() {
        func make(_ name: String, _ value: String) throws -> Upstream {
            try Upstream(id: .init(1), name: "e", headers: [(name, value)], timeouts: .patient)
        }
        #expect(throws: UpstreamError.invalidHeaderValue(name: "X")) { try make("X", "a\r\nY: b") }
        #expect(throws: UpstreamError.invalidHeaderName("X:")) { try make("X:", "a") }
        #expect(throws: UpstreamError.reservedHeader("Transfer-Encoding")) { try make("Transfer-Encoding", "chunked") }
        #expect(throws: UpstreamError.invalidCredential) {
            try Upstream(id: .init(1), name: "e", credential: .bearer("a\nb"), timeouts: .patient)
        }
    }
}
