import Testing

@testable import HTTPWire

@Suite struct ResponseHeadTests {
    private func parse(_ text: String, toHEAD: Bool = false) throws -> ResponseHead {
        var head = ResponseHead()
        let bytes = Array(text.utf8)
        let length = try bytes.withUnsafeBytes { try head.parse($0, toHEAD: toHEAD, limits: .init()) }
        #expect(length == bytes.count)
        return head
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", BodyFraming.length(5), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", .chunked, true),
        ("HTTP/1.1 200 OK\r\n\r\n", .untilClose, false), ("HTTP/1.1 204 No Content\r\n\r\n", .none, true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", .none, true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", .length(5), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n", .length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", .length(5), false),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", .length(0), true),
    ])
    func framing(text: String, framing: BodyFraming, keepsAlive: Bool) throws {
        let head = try parse(text)
        #expect(head.framing == framing)
        #expect(head.keepsAlive == keepsAlive)
    }

    @Test func anAnswerToHEADHasNoBody() throws {
        let head = try parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", toHEAD: true)
        #expect(head.framing == .none)
        #expect(head.announcedLength == 5)
    }

    @Test func statusesAndVersionsBeyondTheKnownOnes() throws {
        #expect(try parse("HTTP/1.1 999 Odd\r\n\r\n").status == 999)
        #expect(try parse("HTTP/1.7 200 OK\r\n\r\n").minorVersion == 1)
        let many = String(repeating: "X-Limit: 1\r\n", count: 1000)
        #expect(try parse("HTTP/1.1 200 OK\r\n\(many)\r\n").fields.count == 1000)
        #expect(throws: ResponseHeadError.tooManyFields) { try parse("HTTP/1.1 200 OK\r\nX: y\r\n\(many)\r\n") }
    }

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", ResponseHeadError.ambiguousLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", .unknownTransferCoding),
        ("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", .malformedContentLength),
        ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", .foldedField), ("HTTP/1.1 200 OK\r\nX: a\n\r\n", .bareLineFeed),
        ("HTTP/1.1 200 OK\r\nX : a\r\n\r\n", .malformedField), ("HTTP/1.1 200 OK\nX: a\r\n\r\n", .bareLineFeed),
        ("HTTP/2 200 OK\r\nX: a\r\n\r\n", .malformedStatusLine),
        ("HTTP/1.1 20 OK\r\nX: a\r\n\r\n", .malformedStatusLine),
        ("HTTP/1.1 099 OK\r\nX: a\r\n\r\n", .malformedStatusLine),
        ("HTTP/1.1 2000 OK\r\nX: a\r\n\r\n", .malformedStatusLine),
        ("HTTP/1.1 200 O\u{0}K\r\n\r\n", .malformedStatusLine),
        ("220 smtp.example\r\n", .malformedStatusLine), ("\r\nHTTP/1.1 200 OK\r\n\r\n", .malformedStatusLine),
    ])
    func ambiguityIsRefused(text: String, error: ResponseHeadError) {
        #expect(throws: error) { try parse(text) }
    }
}
