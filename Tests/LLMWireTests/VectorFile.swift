import Foundation

@testable import LLMWire

/// Test vectors: answers and requests with what has to be read out of them, derived from the APIs' public documentation.
struct VectorFile: Decodable {
    struct Vector: Decodable {
        let id: String
        let api: String?
        let status: Int?
        let contentType: String?
        let contentEncoding: String?
        let body: [Piece]
        let encoded: String?
        let splits: [Split]?
        let end: String?
        let expect: Expectation

        enum CodingKeys: String, CodingKey {
            case id, api, status, body, encoded, splits, end, expect
            case contentType = "content_type"
            case contentEncoding = "content_encoding"
        }

        var bytes: [UInt8] { body.flatMap(\.bytes) }

        /// What is on the wire: under a content coding something else.
        var wire: [UInt8] { encoded.map { Array(Data(base64Encoded: $0) ?? Data()) } ?? bytes }

        var llmAPI: LLMAPI {
            switch api {
            case "anthropic": .messages
            case "responses": .responses
            default: .chatCompletions
            }
        }

        /// Whether the body has no coding, so that it can be read as it is.
        var isPlain: Bool { ["", "identity"].contains(contentEncoding ?? "") }

        /// All ways of cutting the body: as a whole, and as the vector says.
        var cuttings: [[Int]] {
            [[]]
                + (splits ?? []).map { split in
                    switch split {
                    case .offsets(let offsets): offsets
                    case .eachByte: Array(1..<max(1, wire.count))
                    }
                }
        }
    }

    /// A piece of a body.
    enum Piece: Decodable {
        case text(String)
        case repeated(String, Int)
        case base64(String)

        init(from decoder: any Decoder) throws {
            if let text = try? decoder.singleValueContainer().decode(String.self) {
                self = .text(text)
                return
            }
            let members = try decoder.container(keyedBy: CodingKeys.self)
            if let text = try members.decodeIfPresent(String.self, forKey: .base64) {
                self = .base64(text)
            } else {
                self = .repeated(
                    try members.decode(String.self, forKey: .repeat), try members.decode(Int.self, forKey: .times))
            }
        }

        private enum CodingKeys: String, CodingKey { case `repeat`, times, base64 }

        var bytes: [UInt8] {
            switch self {
            case .text(let text): Array(text.utf8)
            case .repeated(let text, let count): Array(String(repeating: text, count: count).utf8)
            case .base64(let text): Array(Data(base64Encoded: text) ?? Data())
            }
        }
    }

    enum Split: Decodable {
        case offsets([Int])
        case eachByte

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            self = (try? value.decode([Int].self)).map { .offsets($0) } ?? .eachByte
        }
    }

    struct Expectation: Decodable {
        let read: String?
        let ending: String?
        let usage: Figures?
        let modelAnswered: String?
        let firstTokenOffset: Int?
        // Of requests.
        let model: String?
        let stream: Bool?
        let includeUsage: Bool?

        enum CodingKeys: String, CodingKey {
            case read, ending, usage, model, stream
            case modelAnswered = "model_answered"
            case firstTokenOffset = "first_token_offset"
            case includeUsage = "include_usage"
        }
    }

    struct Figures: Decodable {
        let input, output, reasoning: Int64?
        let cacheRead, cacheWrite5m, cacheWrite1h: Int64?

        enum CodingKeys: String, CodingKey {
            case input, output, reasoning
            case cacheRead = "cache_read"
            case cacheWrite5m = "cache_write_5m"
            case cacheWrite1h = "cache_write_1h"
        }

        var usage: Usage {
            var usage = Usage()
            usage.input = input
            usage.output = output
            usage.reasoning = reasoning
            usage.cacheRead = cacheRead
            usage.cacheWrite5m = cacheWrite5m
            usage.cacheWrite1h = cacheWrite1h
            return usage
        }
    }

    let kind: String
    let vectors: [Vector]

    /// The vectors of this folder, and those of the one that `PODIUM_VECTORS` names.
    static func all(_ kind: String) throws -> [Vector] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors")
        let more = ProcessInfo.processInfo.environment["PODIUM_VECTORS"].map { [URL(filePath: $0)] } ?? []
        var files: [URL] = []
        for folder in [folder] + more {
            files += try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        }
        return try files.filter { $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
            .map { try JSONDecoder().decode(VectorFile.self, from: Data(contentsOf: $0)) }
            .filter { $0.kind == kind }
            .flatMap(\.vectors)
    }
}

extension Array where Element == UInt8 {
    /// The bytes in pieces that begin at these offsets.
    func pieces(_ offsets: [Int]) -> [ArraySlice<UInt8>] {
        var begin = 0
        var pieces: [ArraySlice<UInt8>] = []
        for offset in offsets.sorted() + [count] where offset > begin && offset <= count {
            pieces.append(self[begin..<offset])
            begin = offset
        }
        return pieces
    }
}
