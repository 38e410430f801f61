import Foundation
import TestSupport
import Testing

@testable import LLMWire

/// What is cut out of a request, and that nothing else is: requests are made by chance from parts of which it is known whether they stay.
@Suite("The repair of a request")
struct RequestRepairTests {
    private func cut(_ kind: RequestRepair.Kind, _ text: String) -> String {
        Self.cut(kind, Array(text.utf8))
    }

    private static func cut(_ kind: RequestRepair.Kind, _ bytes: [UInt8]) -> String {
        let cuts = bytes.withUnsafeBytes { RequestRepair.cuts(kind, in: $0) }
        var kept: [UInt8] = []
        var place = 0
        for cut in cuts {
            #expect(cut.lowerBound >= place && !cut.isEmpty)
            kept += bytes[place..<cut.lowerBound]
            place = cut.upperBound
        }
        kept += bytes[place...]
        return String(decoding: kept, as: UTF8.self)
    }

    @Test("Blocks of thinking go, each with its comma")
    func blocks() {
        func message(_ blocks: String) -> String {
            #"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[\#(blocks)]}]}"#
        }
        let thinking = #"{"type":"thinking","thinking":"…","signature":"abc=="}"#
        let text = #"{"type":"text","text":"a"}"#
        #expect(cut(.thinking, message("\(thinking), \(text)")) == message(text))
        #expect(cut(.thinking, message("\(text) , \(thinking)")) == message(text))
        #expect(cut(.thinking, message("\(text),\(thinking),\(thinking), \(text)")) == message("\(text),\(text)"))
        #expect(cut(.thinking, message(text)) == message(text))
        #expect(
            cut(.thinking, message(#"{"type":"redacted_thinking","data":"x"},\#(text)"#)) == message(text))
        // A block of the client's own words is not the model's.
        let user = #"{"messages":[{"role":"user","content":[\#(thinking)]}]}"#
        #expect(cut(.thinking, user) == user)
        // Escapes are the same letters.
        #expect(
            cut(.thinking, message(#"{"t\u0079pe":"\u0074hinking"},\#(text)"#)) == message(text))
    }

    @Test("A message of which nothing is left goes as a whole")
    func emptied() {
        let before =
            #"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking"}]},{"role":"user","content":"b"}]}"#
        #expect(
            cut(.thinking, before) == #"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}"#)
    }

    @Test("Thinking is switched off where the last turn calls a tool, and only there")
    func setting() {
        func request(_ block: String, _ settings: String) -> String {
            #"{\#(settings)"messages":[{"role":"assistant","content":[\#(block)]},{"role":"user","content":[]}]}"#
        }
        let call = #"{"type":"tool_use","id":"t","name":"n","input":{"signature":"mine"}}"#
        let switches =
            #""thinking":{"type":"enabled","budget_tokens":9}, "context_management":{"edits":[{"type":"clear_thinking_20251015"},{"type":"clear_tool_uses"}]},"#
        let off = #""context_management":{"edits":[{"type":"clear_tool_uses"}]},"#
        #expect(cut(.thinking, request(call, switches)) == request(call, off))
        let text = #"{"type":"text","text":"a"}"#
        #expect(cut(.thinking, request(text, switches)) == request(text, switches))
        let disabled = #""thinking":{"type":"disabled"},"#
        #expect(cut(.thinking, request(call, disabled)) == request(call, disabled))
    }

    @Test("Reasoning that is encrypted goes; what calls have brought stays")
    func reasoning() {
        let before =
            #"{"model":"gpt-5","input":[{"type":"message","role":"user","content":"a"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAA"},"#
            + #"{"type":"function_call_output","call_id":"c","encrypted_content":"x","output":"y"},{"type":"reasoning","summary":[]}],"include":["reasoning.encrypted_content"]}"#
        let after =
            #"{"model":"gpt-5","input":[{"type":"message","role":"user","content":"a"},"#
            + #"{"type":"function_call_output","call_id":"c","output":"y"},{"type":"reasoning","summary":[]}],"include":["reasoning.encrypted_content"]}"#
        #expect(cut(.encryptedReasoning, before) == after)
    }

    @Test("What is no such request stays as it is")
    func others() {
        for text in [
            "", "[]", "null", "{", #"{"messages":"#, #"{"messages":[}"#, #"{"messages":{"role":"assistant"}}"#,
            #"{"input":"text"}"#,
            #"{"messages":[1,null,"x",[],{"role":"assistant","content":"text"},{"role":"assistant"}]}"#, "\u{FEFF}{}",
            #"{"messages":[{"role":"assistant","content":[{"type":"thinking"#,
        ] {
            for kind in RequestRepair.Kind.allCases { #expect(cut(kind, text) == text) }
        }
        #expect(
            cut(.thinking, "\u{FEFF}" + #"{"messages":[{"role":"assistant","content":[{"type":"thinking"},1]}]}"#)
                .hasSuffix("[1]}]}"))
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(cut(.thinking, "{\"messages\":\(deep)}").utf8.count == deep.utf8.count + 13)
    }

    @Test("Of 10,000 requests nothing but what is meant is cut out")
    func nothingElseIsCut() throws {
        var maker = RepairMaker(random: SeededRandom(seed: 21))
        var changed = 0
        for number in 0..<10_000 {
            let kind = number % 2 == 0 ? RequestRepair.Kind.thinking : .encryptedReasoning
            let request = maker.request(kind)
            let before = maker.spaced(request)
            let after = Self.cut(kind, Array(before.utf8))
            let expected = request.kept?.plain ?? ""
            // Without the blanks between its parts it is byte for byte what was to be left.
            #expect(Self.withoutBlanks(after) == expected, "\(before)")
            if request.hasCuts { changed += 1 } else { #expect(after == before) }
            // A parser that shares nothing with this takes it.
            #expect((try? JSONSerialization.jsonObject(with: Data(after.utf8))) != nil, "\(after)")
        }
        #expect((4_000..<10_000).contains(changed))
    }

    @Test("A long request is repaired in a walk or two")
    func long() throws {
        let text = String(repeating: #"long \"text\" "#, count: 250_000)
        let body = Array(
            #"{"messages":[{"role":"user","content":"\#(text)"},{"role":"assistant","content":[{"type":"thinking"},{"type":"text","text":"a"}]}]}"#
                .utf8)
        let after = Self.cut(.thinking, body)
        #expect(after.hasSuffix(#"{"role":"assistant","content":[{"type":"text","text":"a"}]}]}"#))
        #expect(after.utf8.count == body.count - #"{"type":"thinking"},"#.utf8.count)
    }

    private static func withoutBlanks(_ text: String) -> String {
        var kept: [UInt8] = []
        var isInText = false
        var isEscaped = false
        for byte in text.utf8 {
            if isInText || ![0x20, 0x09, 0x0A, 0x0D].contains(byte) { kept.append(byte) }
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = isInText
            } else if byte == UInt8(ascii: "\"") {
                isInText.toggle()
            }
        }
        return String(decoding: kept, as: UTF8.self)
    }
}

/// A JSON value whose parts know whether they are to be cut out.
private indirect enum Part {
    case raw(String)
    case object([(key: String, value: Part, isCut: Bool)])
    case array([(value: Part, isCut: Bool)])

    var hasCuts: Bool {
        switch self {
        case .raw: false
        case .object(let members): members.contains { $0.isCut || $0.value.hasCuts }
        case .array(let elements): elements.contains { $0.isCut || $0.value.hasCuts }
        }
    }

    /// Without what is cut.
    var kept: Part? {
        switch self {
        case .raw: self
        case .object(let members):
            .object(members.compactMap { one in one.isCut ? nil : one.value.kept.map { (one.key, $0, false) } })
        case .array(let elements):
            .array(elements.compactMap { one in one.isCut ? nil : one.value.kept.map { ($0, false) } })
        }
    }

    /// Without blanks.
    var plain: String {
        switch self {
        case .raw(let text): text
        case .object(let members): "{\(members.map { "\($0.key):\($0.value.plain)" }.joined(separator: ","))}"
        case .array(let elements): "[\(elements.map(\.value.plain).joined(separator: ","))]"
        }
    }
}

private struct RepairMaker {
    var random: SeededRandom

    private mutating func roll(_ sides: Int) -> Int { Int.random(in: 0..<sides, using: &random) }

    private mutating func string() -> String {
        let parts = [
            "thinking", "é", "😀", "\\\"", "\\\\", "\\n", "\\u00e9", "{", "}", "[", "]", ":", ",", " ", "type",
            "signature", "日本",
        ]
        return "\"\((0..<roll(4)).map { _ in parts[roll(parts.count)] }.joined())\""
    }

    private mutating func value(_ depth: Int = 0) -> Part {
        switch roll(depth > 4 ? 3 : 5) {
        case 0: return .raw(["null", "true", "-1.50e+10", "12345678901234567890"][roll(4)])
        case 1, 2: return .raw(string())
        case 3: return .array((0..<roll(3)).map { _ in (value(depth + 1), false) })
        default: return .object((0..<roll(3)).map { (key: "\"k\($0)\"", value: value(depth + 1), isCut: false) })
        }
    }

    private mutating func member(_ name: String, _ text: String, isCut: Bool = false) -> (String, Part, Bool) {
        ("\"\(name)\"", .raw(text), isCut)
    }

    private mutating func object(_ members: [(String, Part, Bool)]) -> Part {
        var members = members
        if roll(2) == 0 { members.append(("\"extra\"", value(), false)) }
        members.shuffle(using: &random)
        return .object(members.map { (key: $0.0, value: $0.1, isCut: $0.2) })
    }

    mutating func request(_ kind: RequestRepair.Kind) -> Part {
        kind == .thinking ? messages() : responses()
    }

    private mutating func responses() -> Part {
        let items: [(value: Part, isCut: Bool)] = (0..<roll(8)).map { _ in
            switch roll(4) {
            case 0: return (object([member("type", "\"reasoning\""), member("encrypted_content", string())]), true)
            case 1: return (object([member("type", "\"reasoning\""), ("\"summary\"", value(), false)]), false)
            case 2:
                return (
                    object([
                        member("type", "\"function_call_output\""), member("encrypted_content", string(), isCut: true),
                        ("\"output\"", value(), false),
                    ]), false
                )
            default: return (value(), false)
            }
        }
        return object([
            member("model", string()), ("\"input\"", .array(items), false), ("\"encrypted_content\"", value(), false),
        ])
    }

    private mutating func messages() -> Part {
        var callsTool = false
        let messages: [(value: Part, isCut: Bool)] = (0..<roll(5)).map { _ in
            guard roll(3) > 0 else {
                return (object([member("role", "\"user\""), ("\"content\"", value(), false)]), false)
            }
            var calls = false
            let blocks: [(value: Part, isCut: Bool)] = (0..<roll(5)).map { _ in
                switch roll(6) {
                case 0: return (object([member("type", "\"thinking\""), member("signature", string())]), true)
                case 1: return (object([member("type", "\"redacted_thinking\""), member("data", string())]), true)
                case 2:
                    calls = true
                    return (
                        object([
                            member("type", "\"tool_use\""), ("\"input\"", value(), false),
                            member("signature", string(), isCut: true),
                        ]), false
                    )
                case 3: return (object([member("type", "\"text\""), member("text", string())]), false)
                default: return (.raw(string()), false)
                }
            }
            callsTool = calls
            let isEmptied = !blocks.isEmpty && blocks.allSatisfy(\.isCut)
            return (object([member("role", "\"assistant\""), ("\"content\"", .array(blocks), false)]), isEmptied)
        }
        let isOn = roll(2) == 0
        let setting = object([member("type", isOn ? "\"enabled\"" : "\"adaptive\"")])
        return object([
            member("model", string()), ("\"messages\"", .array(messages), false),
            ("\"thinking\"", setting, isOn && callsTool),
        ])
    }

    /// With blanks between its parts.
    mutating func spaced(_ part: Part) -> String {
        func joined(_ texts: [String]) -> String { texts.joined(separator: "\(blank()),\(blank())") }
        switch part {
        case .raw(let text): return text
        case .object(let members):
            let texts = members.map { "\($0.key)\(blank()):\(blank())\(spaced($0.value))" }
            return "{\(blank())\(joined(texts))\(blank())}"
        case .array(let elements):
            let texts = elements.map { spaced($0.value) }
            return "[\(blank())\(joined(texts))\(blank())]"
        }
    }

    private mutating func blank() -> String { ["", "", " ", "\n", "\t ", "\r\n"][roll(6)] }
}
