import Testing

@testable import HTTPWire

/// The same bytes in pieces have to mean the same.
@Suite struct SplitTests {
    static let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "\r\nPOST /v1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX:\r\n\r\n",
        "PUT http://a/b HTTP/1.0\r\n\r\n",
    ]

    @Test(arguments: heads)
    func aHeadIsNotReadBeforeItsEnd(text: String) throws {
        let bytes = Array(text.utf8)
        for count in bytes.indices {
            var head = RequestHead()
            let length = try bytes[..<count].withUnsafeBytes { try head.parse($0, limits: .init()) }
            #expect(length == nil, "after \(count) bytes")
        }
        #expect(try ParsedRequest(text).length == bytes.count)
    }

    @Test(arguments: heads)
    func theScannerFindsTheSameEnd(text: String) {
        let bytes = Array((text + "body").utf8)
        for split in bytes.indices {
            var scanner = HeadEndScanner()
            let first = bytes[..<split].withUnsafeBytes { scanner.scan($0, limits: .init()) }
            let finding = first == .needsMore ? bytes.withUnsafeBytes { scanner.scan($0, limits: .init()) } : first
            #expect(finding == .end(text.utf8.count), "split at \(split)")
            #expect((first == .needsMore) == (split < text.utf8.count), "split at \(split)")
        }
    }

    @Test func refusedHeadsAreRefusedInPieces() {
        for (text, error) in RequestHeadTests.refused {
            let bytes = Array(text.utf8)
            for count in 1...bytes.count {
                var head = RequestHead()
                do {
                    let length = try bytes[..<count].withUnsafeBytes { try head.parse($0, limits: .init()) }
                    #expect(length == nil, "\(text.debugDescription) accepted after \(count) bytes")
                } catch let early {
                    #expect(early as? RequestHeadError == error, "\(text.debugDescription) after \(count) bytes")
                    break
                }
            }
        }
    }

    @Test func aResponseHeadIsNotReadBeforeItsEnd() throws {
        let text =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
        let bytes = Array(text.utf8)
        for count in 0...bytes.count {
            var head = ResponseHead()
            let length = try bytes[..<count].withUnsafeBytes { try head.parse($0, toHEAD: false, limits: .init()) }
            #expect(length == (count == bytes.count ? count : nil))
            if length != nil {
                #expect(head.isEventStream)
                #expect(head.framing == .chunked)
            }
        }
    }

    @Test func chunksDecodeTheSameInTwoPieces() throws {
        let text = "4\r\nWiki\r\n5;name=\"v\"\r\npedia\r\nE\r\n in\r\n\r\nchunks.\r\n00\r\nTrailer: x\r\n\r\nNEXT"
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            var decoder = ChunkedDecoder()
            var data: [UInt8] = []
            var consumed = 0
            for piece in [bytes[..<split], bytes[split...]] {
                var offset = 0
                try Array(piece).withUnsafeBytes { piece in
                    reading: while true {
                        switch try decoder.next(piece, at: &offset, limits: .init()) {
                        case .data(let range): data += piece[range]
                        case .needsMore, .end: break reading
                        }
                    }
                }
                consumed += offset
            }
            #expect(String(decoding: data, as: UTF8.self) == "Wikipedia in\r\n\r\nchunks.", "split at \(split)")
            #expect(decoder.hasEnded)
            #expect(consumed == bytes.count - 4, "split at \(split)")
        }
    }

    /// RFC 9112 §7.1.1: blanks may stand before and behind the `;` and the `=`, not at the line's end.
    @Test(
        arguments: [
            ("3 ;a\r\n", nil), ("3\t ; \ta = b ;c\r\n", nil), ("3;a = \"q ;\" ; b\r\n", nil),
            ("3;a \r\n", .malformedChunkExtension),
            ("3;a=b \r\n", .malformedChunkExtension), ("3 ; \r\n", .malformedChunkExtension),
            ("3;a b\r\n", .malformedChunkExtension),
            ("3;a= \r\n", .malformedChunkExtension), ("3;a=\"b\" c\r\n", .malformedChunkExtension),
            ("3 =b\r\n", .malformedChunkExtension),
            ("3 a\r\n", .malformedChunkExtension), ("3;a = = b\r\n", .malformedChunkExtension),
        ] as [(String, BodyError?)])
    func blanksInExtensions(line: String, error: BodyError?) {
        let bytes = Array((line + "abc\r\n0\r\n\r\n").utf8)
        var found: BodyError?
        var data = 0
        bytes.withUnsafeBytes { bytes in
            var decoder = ChunkedDecoder()
            var offset = 0
            do throws(BodyError) {
                while case .data(let range) = try decoder.next(bytes, at: &offset, limits: .init()) {
                    data += range.count
                }
            } catch {
                found = error
            }
        }
        #expect(found == error)
        #expect(data == (error == nil ? 3 : 0))
    }

    @Test(arguments: [
        ("g\r\n", BodyError.malformedChunkSize), ("\r\n", .malformedChunkSize), ("-1\r\n", .malformedChunkSize),
        ("0x5\r\n", .malformedChunkSize), (" 5\r\n", .malformedChunkSize), ("5 \r\n", .malformedChunkExtension),
        ("5\n", .malformedChunkSize),
        ("5\rX", .malformedChunkSize), ("1000000000000000\r\n", .chunkTooLarge),
        ("FFFFFFFFFFFFFFFF\r\n", .chunkTooLarge),
        ("1\r\nab", .missingChunkEnd), ("1\r\na\n", .missingChunkEnd), ("1\r\na\rb", .missingChunkEnd),
        ("1;a\nb\r\n", .malformedChunkExtension), ("1;\u{0}\r\n", .malformedChunkExtension),
        ("0\r\nX\r\n\r\n", .malformedTrailer),
        ("0\r\n folded\r\n\r\n", .malformedTrailer), ("0\r\nX: a\n\r\n", .malformedTrailer),
        ("0\r\n\rX", .malformedTrailer),
        ("1;" + String(repeating: "x", count: 1100), .chunkLineTooLong),
        ("0\r\nX: " + String(repeating: "x", count: 17_000), .trailersTooLarge),
    ])
    func badChunksAreRefused(text: String, error: BodyError) {
        let bytes = Array(text.utf8)
        #expect(throws: error) {
            var decoder = ChunkedDecoder()
            var offset = 0
            try bytes.withUnsafeBytes { bytes in
                while case .data = try decoder.next(bytes, at: &offset, limits: .init()) {}
            }
        }
    }
}
