import Foundation
import TestSupport
import Testing

@testable import Coding

struct ContentDecoderTests {
    // Made by other programs: Python's gzip and zlib, brotli 1.0.9 and zstd 1.5.4 on the command line.
    private static let sample = String(repeating: #"{"model":"claude-sonnet-4-5","text":"wörld – 你好"}"#, count: 3)

    @Test(arguments: [
        (
            "gzip",
            "H4sIAAAAAAACA6tWys1PSc1RslJKzkksTUnVLc7Py0st0TXRNVXSUSpJrSgBSpUf3laUk6LwqGGywpO9C54u3atUW01nfQCuEGFpqAAAAA=="
        ),
        ("deflate", "eJyrVsrNT0nNUbJSSs5JLE1J1S3Oz8tLLdE10TVV0lEqSa0oAUqVH95WlJOi8KhhssKTvQueLt2rVFtNZ30AVkNDJw=="),
        ("deflate", "q1bKzU9JzVGyUkrOSSxNSdUtzs/LSy3RNdE1VdJRKkmtKAFKlR/eVpSTovCoYbLCk70Lni7dq1RbTWd9AA=="),
        (
            "br",
            "H6cAQKwS6I2VOeUGjgKCM75Zyu2VQ80tVXaZbxiDEypFnckEnOxt0FLbXqkjTp5sb8M5iUQRRkZUBcu8Wdp111Fo4MBU4B1pyZ6dnw=="
        ),
        (
            "zstd",
            "KLUv/QRYBQIAhAN7Im1vZGVsIjoiY2xhdWRlLXNvbm5ldC00LTUiLCJ0ZXh0Ijoid8O2cmxkIOKAkyDkvaDlpb0ifQEA2HaqoOkLDhU="
        ),
    ])
    func whatOtherProgramsEncodedComesOutByteForByteHoweverItIsCut(name: String, text: String) throws {
        let encoded = try [UInt8](#require(Data(base64Encoded: text)))
        let codings = try ContentCodings(Array(name.utf8))
        for cut in 0...encoded.count {
            #expect(
                try Self.decode([Array(encoded[..<cut]), Array(encoded[cut...])], codings) == Array(Self.sample.utf8))
        }
        #expect(try Self.decode(encoded.map { [$0] }, codings) == Array(Self.sample.utf8))
    }

    @Test(arguments: ContentEncoder.allCases)
    func seededInputsComeOutByteForByteHoweverTheyAreCut(encoder: ContentEncoder) throws {
        var random = SeededRandom(seed: 17)
        let codings = try ContentCodings(Array(encoder.name.utf8))
        // Around the size of the buffer, and far above it.
        let small = [0, 1, 2, 100, 5000]
        let sizes =
            small + [ContentDecoder.largestPiece - 1, ContentDecoder.largestPiece]
            + [ContentDecoder.largestPiece + 1, 3 * ContentDecoder.largestPiece, 1_000_000]
        for size in sizes {
            let plain = Self.text(size, &random)
            let encoded = encoder.encode(plain)
            #expect(try Self.decode([encoded], codings) == plain)
            if small.contains(size) {
                for cut in 0...encoded.count {
                    #expect(try Self.decode([Array(encoded[..<cut]), Array(encoded[cut...])], codings) == plain)
                }
                #expect(try Self.decode(encoded.map { [$0] }, codings) == plain)
            }
            for _ in 0..<10 {
                #expect(try Self.decode(Self.pieces(of: encoded, &random), codings) == plain)
            }
        }
    }

    @Test(arguments: ContentEncoder.allCases)
    func aBodyThatEndsEarlyIsKnownAtItsEndAtEveryLength(encoder: ContentEncoder) throws {
        var random = SeededRandom(seed: 18)
        let encoded = encoder.encode(Self.text(300, &random))
        let codings = try ContentCodings(Array(encoder.name.utf8))
        let coding = try #require(codings.codings.first)
        for length in 1..<encoded.count {
            #expect(throws: DecodingError.truncated(coding)) {
                try Self.decode([Array(encoded[..<length])], codings)
            }
        }
        #expect(try Self.decode([], codings) == [])
    }

    @Test(arguments: ContentEncoder.allCases)
    func oneByteMoreThanTheBudgetIsTooLarge(encoder: ContentEncoder) throws {
        let plain = [UInt8](repeating: 0x61, count: 100_000)
        let encoded = encoder.encode(plain)
        let codings = try ContentCodings(Array(encoder.name.utf8))
        #expect(try Self.decode([encoded], codings, budget: plain.count) == plain)
        #expect(throws: DecodingError.tooLarge) { try Self.decode([encoded], codings, budget: plain.count - 1) }
        #expect(throws: DecodingError.tooLarge) {
            try Self.decode(encoded.map { [$0] }, codings, budget: plain.count - 1)
        }
    }

    @Test func aBombEndsAtItsBudgetInSmallPieces() throws {
        // 64 MiB of one byte, twice encoded: some hundred bytes.
        let inner = ContentEncoder.gzip.encode([UInt8](repeating: 0, count: 64 << 20))
        let bomb = ContentEncoder.brotli.encode(inner)
        #expect(bomb.count < 2000)
        let codings = try ContentCodings(Array("gzip, br".utf8))
        let decoder = try ContentDecoder(codings, budget: 1 << 20)
        var largest = 0
        var sum = 0
        #expect(throws: DecodingError.tooLarge) {
            try bomb.withUnsafeBytes { bytes in
                try decoder.decode(bytes) { output in
                    largest = max(largest, output.count)
                    sum += output.count
                }
            }
        }
        #expect(largest <= ContentDecoder.largestPiece)
        #expect(sum <= 1 << 20)
        #expect(throws: DecodingError.tooLarge) { try decoder.finish() }
    }

    @Test func onePieceStandsForSoMuchAndNoMore() throws {
        let half = ContentEncoder.brotli.encode([UInt8](repeating: 0, count: 512 << 10))
        let decoder = try ContentDecoder(ContentCodings(.brotli), budget: .max, perPiece: 512 << 10)
        var sum = 0
        try half.withUnsafeBytes { bytes in try decoder.decode(bytes) { sum += $0.count } }
        #expect(sum == 512 << 10)
        let more = ContentEncoder.zstd.encode([UInt8](repeating: 0, count: (512 << 10) + 1))
        let other = try ContentDecoder(ContentCodings(.zstd), budget: .max, perPiece: 512 << 10)
        #expect(throws: DecodingError.tooLarge) {
            try more.withUnsafeBytes { bytes in try other.decode(bytes) { _ in } }
        }
    }

    @Test func aBombOfWhichNothingComesOutEndsAsWell() throws {
        // Empty members of gzip without end: the last stage has no output that could be counted.
        let member = ContentEncoder.gzip.encode([])
        let outer = ContentEncoder.zstd.encode((0..<100_000).flatMap { _ in member })
        let codings = try ContentCodings(Array("gzip, zstd".utf8))
        #expect(throws: DecodingError.tooLarge) { try Self.decode([outer], codings, budget: 1 << 20) }
        #expect(try Self.decode([outer], codings, budget: 4 << 20) == [])
    }

    @Test func aWindowThatNoSenderMayUseIsRefusedBeforeItIsAllocated() throws {
        // The head of a zstd frame that says: a window of 2 GiB (RFC 8878, 3.1.1.1.2), then an empty last block.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x01, 0x00, 0x00]
        #expect(throws: DecodingError.tooLarge) { try Self.decode([frame], ContentCodings(.zstd)) }
        let usual: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 13 << 3, 0x01, 0x00, 0x00]
        #expect(try Self.decode([usual], ContentCodings(.zstd)) == [])
    }

    @Test func severalMembersAndFramesAreOneBody() throws {
        for encoder in [ContentEncoder.gzip, .zstd] {
            let codings = try ContentCodings(Array(encoder.name.utf8))
            let encoded = ["one ", "", "two"].flatMap { encoder.encode(Array($0.utf8)) }
            for cut in 0...encoded.count {
                let pieces = [Array(encoded[..<cut]), Array(encoded[cut...])]
                #expect(try Self.decode(pieces, codings) == Array("one two".utf8))
            }
        }
    }

    @Test(arguments: ContentEncoder.allCases)
    func whatFollowsTheEndIsAnErrorWhereverItIsCut(encoder: ContentEncoder) throws {
        let codings = try ContentCodings(Array(encoder.name.utf8))
        let coding = try #require(codings.codings.first)
        let encoded = encoder.encode(Array("text".utf8)) + Array("tail".utf8)
        for cut in 0...encoded.count {
            #expect(throws: DecodingError.corrupt(coding)) {
                try Self.decode([Array(encoded[..<cut]), Array(encoded[cut...])], codings)
            }
        }
    }

    @Test func whatIsNotEncodedIsCorruptAndStaysSo() throws {
        for encoder in ContentEncoder.allCases {
            let codings = try ContentCodings(Array(encoder.name.utf8))
            let coding = try #require(codings.codings.first)
            let decoder = try ContentDecoder(codings, budget: 1 << 20)
            for _ in 0..<2 {
                #expect(throws: DecodingError.corrupt(coding)) {
                    try Array(#"{"model":"claude-sonnet-4-5","max_tokens":100}"#.utf8).withUnsafeBytes { bytes in
                        try decoder.decode(bytes) { _ in }
                    }
                    try decoder.finish()
                }
            }
        }
    }

    @Test func damageAnywhereIsAnErrorOrOtherTextButNeverMoreThanTheBudget() throws {
        var random = SeededRandom(seed: 19)
        for encoder in ContentEncoder.allCases {
            let codings = try ContentCodings(Array(encoder.name.utf8))
            let plain = Self.text(2000, &random)
            for _ in 0..<300 {
                var encoded = encoder.encode(plain)
                encoded[Int.random(in: 0..<encoded.count, using: &random)] ^=
                    1 << UInt8.random(in: 0..<8, using: &random)
                let output = try? Self.decode(Self.pieces(of: encoded, &random), codings, budget: 10_000)
                #expect((output?.count ?? 0) <= 10_000)
                // gzip and zlib have sums that show it.
                if encoder == .deflate, let output { #expect(output == plain) }
            }
        }
    }

    @Test func severalCodingsAreUndoneFromTheLastOneOn() throws {
        let plain = Array(Self.sample.utf8)
        let encoded = ContentEncoder.zstd.encode(ContentEncoder.brotli.encode(ContentEncoder.gzip.encode(plain)))
        let codings = try ContentCodings(Array("gzip, br, zstd".utf8))
        #expect(try Self.decode(encoded.map { [$0] }, codings) == plain)
        #expect(throws: DecodingError.truncated(.zstd)) {
            try Self.decode([Array(encoded.dropLast())], codings)
        }
    }

    @Test func identityGoesThroughAsItIs() throws {
        #expect(try Self.decode([[1, 2], [3]], .identity, budget: 0) == [1, 2, 3])
    }

    private static func decode(
        _ pieces: [[UInt8]], _ codings: ContentCodings, budget: Int = 4 << 20
    ) throws -> [UInt8] {
        let decoder = try ContentDecoder(codings, budget: budget)
        var output: [UInt8] = []
        for piece in pieces {
            try piece.withUnsafeBytes { bytes in
                try decoder.decode(bytes) { output.append(contentsOf: $0) }
            }
        }
        try decoder.finish()
        return output
    }

    /// Words with repetitions, as text has them, and bytes that no coding makes shorter.
    private static func text(_ size: Int, _ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < size {
            if random.chance(30) {
                bytes += (0..<Int.random(in: 1...40, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
            } else {
                bytes +=
                    random.pick(["{\"role\":\"user\",", "\"content\":", "hello ", "wörld ", "你好", "aaaaaaaaaa"]).utf8
            }
        }
        return Array(bytes.prefix(size))
    }

    private static func pieces(of bytes: [UInt8], _ random: inout SeededRandom) -> [[UInt8]] {
        var rest = bytes[...]
        var pieces: [[UInt8]] = []
        while !rest.isEmpty {
            let limit = random.chance(50) ? 3 : 70_000
            let count = Int.random(in: 0...limit, using: &random)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}

struct ContentCodingsTests {
    @Test(
        arguments: [
            ("", []), ("identity", []), ("Identity , ,", []), ("gzip", [.gzip]), ("X-GZip", [.gzip]),
            (" br\t", [.brotli]),
            ("gzip,,br", [.gzip, .brotli]), ("zstd, identity, deflate", [.zstd, .deflate]),
        ] as [(String, [ContentCoding])])
    func theFieldNamesThemInOrder(field: String, codings: [ContentCoding]) throws {
        #expect(try ContentCodings(Array(field.utf8)).codings == codings)
    }

    @Test func whatIsNotKnownIsNamed() {
        #expect(throws: ContentCodings.Unknown(name: "x-snappy")) { try ContentCodings(Array("gzip, x-snappy".utf8)) }
        #expect(throws: ContentCodings.Unknown(name: String(repeating: "é", count: 16))) {
            try ContentCodings(Array(String(repeating: "é", count: 100).utf8))
        }
        #expect(throws: ContentCodings.Unknown(name: "gzip")) {
            try ContentCodings(Array("gzip, gzip, gzip, gzip".utf8))
        }
    }
}
