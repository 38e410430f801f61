import Foundation
import LLMWire
import TestSupport
import Testing

@testable import Proxy

/// Only the one string differs: requests made by chance are given another name of the model, in pieces cut by chance, and a parser that
/// shares nothing with the reader says what has changed.
@Suite("Another name of the model in a request's body")
struct ModelChangeTests {
    static let name = "näme/\"of\" the\\endpoint"

    /// nil where nothing is to be changed.
    private func changed(_ body: [UInt8], cuts: [Int]) -> (asked: String, body: [UInt8])? {
        var reader = RequestReader()
        let ends = cuts + [body.count]
        var pieces: [Range<Int>] = []
        for end in ends { pieces.append((pieces.last?.upperBound ?? 0)..<end) }
        for piece in pieces { body[piece].withUnsafeBytes { reader.read($0) } }
        guard let asked = reader.model, let range = reader.modelRange else { return nil }
        var edits = BodyEdits()
        edits.add(range, ModelChange.written(Self.name))
        return (asked, edited(body, edits, pieces))
    }

    private func edited(_ body: [UInt8], _ edits: BodyEdits, _ pieces: [Range<Int>]) -> [UInt8] {
        var result: [UInt8] = []
        for piece in pieces {
            let before = result.count
            for part in edits.parts(of: piece) {
                switch part {
                case .text(let text): result += text
                case .kept(let range): result += body[range]
                }
            }
            #expect(edits.length(of: piece) == result.count - before)
        }
        #expect(result.count == body.count + edits.growth)
        return result
    }

    @Test("Of 10,000 requests only the one string differs")
    func oneStringDiffers() throws {
        var random = SeededRandom(seed: 17)
        var withModel = 0
        for number in 0..<10_000 {
            // Few are as long as the longest that agents send: each of them takes as long as a thousand others.
            var maker = RequestMaker(random: random, padding: number % 5_000 == 0 ? 3_500_000 : 0)
            let body = maker.body()
            random = maker.random
            let cuts = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                Int.random(in: 0...body.count, using: &random)
            }
            let found = changed(body, cuts: cuts.sorted())
            let oracle = try #require(TopLevelMembers(body), "\(String(decoding: body, as: UTF8.self))")
            guard let last = oracle.members.last(where: { $0.name == "model" }), let text = last.text else {
                #expect(found == nil, "\(number)")
                continue
            }
            withModel += 1
            let (asked, result) = try #require(found, "\(number)")
            // Control characters, which no name has, are left out where names are shown.
            let shown = String(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7F }.map(Character.init))
            #expect(asked.unicodeScalars.elementsEqual(shown.unicodeScalars), "\(number)")
            // Byte for byte what stood before and behind.
            let isSame =
                result.starts(with: body[..<last.value.lowerBound])
                && result.reversed().starts(with: body[last.value.upperBound...].reversed())
            #expect(isSame, "\(number)")
            let after = try #require(TopLevelMembers(result), "\(number)")
            #expect(after.members.count == oracle.members.count)
            #expect(after.members.last { $0.name == "model" }?.text == Self.name, "\(number)")
            if body.count < 10_000, !oracle.isRepeated {
                let object = try JSONSerialization.jsonObject(with: Data(result)) as? [String: Any]
                #expect(object?["model"] as? String == Self.name)
            }
        }
        // The generator leaves a model out now and then, not as a rule.
        #expect((6_000..<9_900).contains(withModel))
    }

    @Test("A text comes with the piece in which what it replaces begins, an empty one with the byte behind it")
    func parts() {
        let x = Array("x".utf8)
        func edits(_ range: Range<Int>) -> BodyEdits {
            var edits = BodyEdits()
            edits.add(range, x)
            return edits
        }
        #expect(edits(4..<4).parts(of: 0..<4) == [.kept(0..<4)])
        #expect(edits(4..<4).parts(of: 4..<9) == [.text(x), .kept(4..<9)])
        let longer = edits(4..<8)
        #expect(longer.parts(of: 0..<5) == [.kept(0..<4), .text(x)])
        #expect(longer.parts(of: 5..<7) == [])
        #expect(longer.parts(of: 7..<9) == [.kept(8..<9)])
        #expect(longer.parts(of: 0..<20) == [.kept(0..<4), .text(x), .kept(8..<20)])
        #expect(longer.growth == -3)
    }

    @Test("Several edits of one body are made in its order, wherever it is cut")
    func severalEdits() {
        var random = SeededRandom(seed: 18)
        for _ in 0..<2_000 {
            let body = (0..<40).map { UInt8($0) }
            let bounds = Set((0..<6).map { _ in Int.random(in: 0..<39, using: &random) }).sorted()
            var edits = BodyEdits()
            var expected = body
            // From the back, so that places in front stay what they are.
            for pair in stride(from: bounds.count - 2, through: 0, by: -2) {
                let range = bounds[pair]..<(Bool.random(using: &random) ? bounds[pair] : bounds[pair + 1])
                let text = [UInt8](repeating: 0xFF, count: Int.random(in: 0...5, using: &random))
                edits.add(range, text)
                expected.replaceSubrange(range, with: text)
            }
            let cuts = Set((0..<5).map { _ in Int.random(in: 0...40, using: &random) }).union([0, 40]).sorted()
            #expect(edited(body, edits, zip(cuts, cuts.dropFirst()).map { $0..<$1 }) == expected)
        }
    }
}

/// Makes requests as clients, careless or malicious, might write them.
private struct RequestMaker {
    var random: SeededRandom
    let padding: Int

    mutating func body() -> [UInt8] {
        var members = (0..<roll(6)).map { _ in "\(string())\(blank()):\(blank())\(value(depth: 0))" }
        members.append("\"messages\":[{\"model\":\(string()),\"content\":\(string())}]")
        if roll(3) == 0 { members.append("\"metadata\":{\"model\":\(string()),\"user_id\":\(string())}") }
        members.shuffle(using: &random)
        let model = "\(roll(4) == 0 ? "\"mod\\u0065l\"" : "\"model\"")\(blank()):\(blank())\(string())"
        switch roll(10) {
        case 0: break
        case 1: members.append("\"model\":\(["null", "1", "{\"model\":\"x\"}", "[\"model\"]", "true"][roll(5)])")
        case 2, 3: members.insert(model, at: 0)
        case 4: members += [model, "\"pad\":1", "\"model\":\(string())"]
        case 5: members += ["\"model\":\(string())", "\"model\":null"]
        case 6: members.insert(model, at: members.count / 2)
        default: members.append(model)
        }
        if padding > 0 { members.insert("\"long\":\"\(String(repeating: "é\\\"x", count: padding / 5))\"", at: 0) }
        return Array("\(blank()){\(blank())\(members.joined(separator: "\(blank()),\(blank())"))}\(blank())".utf8)
    }

    private mutating func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &random) }

    private mutating func blank() -> String { ["", "", "", " ", "\n", "\t ", "\r\n"][roll(7)] }

    private mutating func string() -> String {
        let parts = [
            "model", "claude-sonnet-4-5", "é", "😀", "\\\"", "\\\\", "\\n", "\\u00e9", "\\ud83d\\ude00", "\\/", "{", "}",
            "[",
            ":", ",", " ", "gpt", "\\u006dodel", "日本",
        ]
        return "\"\((0..<roll(5)).map { _ in parts[roll(parts.count)] }.joined())\""
    }

    private mutating func value(depth: Int) -> String {
        switch roll(depth > 10 ? 5 : 8) {
        case 0: "null"
        case 1: ["true", "false"][roll(2)]
        case 2: ["0", "-1.5e+10", "12345678901234567890", "0.1"][roll(4)]
        case 3, 4: string()
        case 5: "[\((0..<roll(4)).map { _ in value(depth: depth + 1) }.joined(separator: "\(blank()),"))\(blank())]"
        default:
            "{\((0..<roll(4)).map { _ in "\(string()):\(blank())\(value(depth: depth + 1))" }.joined(separator: ","))}"
        }
    }
}

/// The members of a JSON object, with where their values stand: the oracle. It parses by recursive descent over the whole text.
private struct TopLevelMembers {
    struct Member {
        let name: String
        /// A string's text; nil for other values.
        let text: String?
        /// A string's, between its quotation marks.
        let value: Range<Int>
    }

    private(set) var members: [Member] = []
    private let bytes: [UInt8]
    private var place = 0

    var isRepeated: Bool { Set(members.map(\.name)).count < members.count }

    /// nil for what is no object.
    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        blank()
        guard object(isTop: true) else { return nil }
        blank()
        guard place == bytes.count else { return nil }
    }

    private var byte: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func blank() {
        while let byte, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { place += 1 }
    }

    private mutating func take(_ text: Character) -> Bool {
        guard byte == text.asciiValue else { return false }
        place += 1
        return true
    }

    private mutating func object(isTop: Bool = false) -> Bool {
        guard take("{") else { return false }
        blank()
        if take("}") { return true }
        repeat {
            blank()
            guard let name = string() else { return false }
            blank()
            guard take(":") else { return false }
            blank()
            let begin = place
            guard value() else { return false }
            guard isTop else { continue }
            let isText = bytes[begin] == UInt8(ascii: "\"")
            let text = isText ? Self.decoded(bytes[begin..<place]) : nil
            members.append(Member(name: name.text, text: text, value: isText ? begin + 1..<place - 1 : begin..<place))
        } while next()
        return take("}")
    }

    private mutating func next() -> Bool {
        blank()
        return take(",")
    }

    private mutating func value() -> Bool {
        switch byte {
        case UInt8(ascii: "{"): return object()
        case UInt8(ascii: "["):
            place += 1
            blank()
            if take("]") { return true }
            repeat {
                blank()
                guard value() else { return false }
            } while next()
            return take("]")
        case UInt8(ascii: "\""): return string() != nil
        default:
            let begin = place
            while let byte, Array("+-.0123456789aeflnrstuE".utf8).contains(byte) { place += 1 }
            return place > begin
        }
    }

    private mutating func string() -> (text: String, end: Int)? {
        let begin = place
        guard take("\"") else { return nil }
        while let byte, byte != UInt8(ascii: "\"") { place += byte == UInt8(ascii: "\\") ? 2 : 1 }
        guard take("\"") else { return nil }
        // The long ones are no names.
        return place - begin > 10_000 ? ("", place) : Self.decoded(bytes[begin..<place]).map { ($0, place) }
    }

    private static func decoded(_ text: ArraySlice<UInt8>) -> String? {
        text.count > 10_000
            ? "" : try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed) as? String
    }
}

extension BodyEdits {
    fileprivate func parts(of piece: Range<Int>) -> [Part] {
        var parts: [Part] = []
        forEachPart(of: piece) { parts.append($0) }
        return parts
    }
}
