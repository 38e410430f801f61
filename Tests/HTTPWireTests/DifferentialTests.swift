import NIOCore
import NIOEmbedded
import NIOHTTP1
import TestSupport
import Testing

@testable import HTTPWire

/// Held against llhttp: what is accepted here has to mean the same there.
@Suite struct DifferentialTests {
    private struct Reading: Equatable {
        var method = ""
        var target = ""
        var fields: [String] = []
        var body = ""
        var isComplete = false
    }

    /// nil: refused.
    private static func byLLHTTP(_ text: [UInt8]) -> Reading? {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        var reading = Reading()
        var isRefused = false
        do {
            try channel.writeInbound(ByteBuffer(bytes: text))
        } catch {
            // Perhaps for what follows a complete message.
            isRefused = true
        }
        do {
            while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
                switch part {
                case .head(let head):
                    guard reading.method.isEmpty else { return reading }
                    reading.method = head.method.rawValue
                    reading.target = head.uri
                    // llhttp leaves some of the white space behind a value in place.
                    reading.fields = head.headers.map { "\($0.name)=\($0.value.trimmingBlanks)" }
                case .body(let bytes): reading.body += String(buffer: bytes)
                case .end:
                    reading.isComplete = true
                    return reading
                }
            }
        } catch {
            return nil
        }
        return isRefused ? nil : reading
    }

    private static func byHTTPWire(_ text: [UInt8]) -> Reading? {
        var head = RequestHead()
        var reading = Reading()
        return text.withUnsafeBytes { bytes -> Reading? in
            do {
                guard let length = try head.parse(bytes, limits: .init()) else { return reading }
                func string(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
                reading.method = string(head.method)
                let target = bytes.slice(head.method.upperBound + 1..<length)
                reading.target = String(decoding: target.prefix { $0 != 0x20 }, as: UTF8.self)
                reading.fields = head.fields.lines.map { "\(string($0.name))=\(string($0.value))" }
                var reader = BodyReader(head.framing)
                var offset = length
                while !reader.isComplete {
                    guard case .data(let range) = try reader.next(bytes, at: &offset, limits: .init()) else { break }
                    reading.body += string(range)
                }
                reading.isComplete = reader.isComplete
                return reading
            } catch {
                return nil
            }
        }
    }

    static let seeds = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /v1/messages?x=1 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\nX-A: b c\t d\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
        "PUT http://a.example/b HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\nContent-Length: 0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ]

    @Test func mutantsAcceptedHereMeanTheSameThere() {
        var random = SeededRandom(seed: 20_261_123)
        var accepted = 0
        var refused = 0
        for round in 0..<6000 {
            var bytes = Array(Self.seeds[round % Self.seeds.count].utf8)
            for _ in 0..<Int(random.next() % 3) { random.mutate(&bytes) }
            guard let ours = Self.byHTTPWire(bytes) else {
                refused += 1
                continue
            }
            accepted += 1
            // An unfinished message may still be refused by either side.
            guard ours.isComplete else { continue }
            // llhttp knows a list of methods; here any token is one.
            guard ["GET", "POST", "PUT", "OPTIONS"].contains(ours.method) else { continue }
            #expect(Self.byLLHTTP(bytes) == ours, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        #expect(accepted > 1000)
        #expect(refused > 1000)
    }
}

extension SeededRandom {
    /// Changes, removes, doubles or inserts a byte that matters to the grammar.
    mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let interesting = Array("\r\n\t :;,0159aAfF/\u{0}\u{7F}".utf8) + [0x80, 0xFF]
        let index = Int(next() % UInt64(bytes.count))
        let byte = interesting[Int(next() % UInt64(interesting.count))]
        switch next() % 4 {
        case 0: bytes[index] = byte
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(bytes[index], at: index)
        default: bytes.insert(byte, at: index)
        }
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        var text = Substring(self)
        while let last = text.utf8.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
        return String(text)
    }
}
