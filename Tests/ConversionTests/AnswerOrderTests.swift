import LLMWire
import TestSupport
import Testing

@testable import Conversion

/// Reads a stream of Messages as strictly as any client does.
struct MessagesChecker {
    var texts: [String] = []
    var thoughts: [String] = []
    /// `ID NAME ARGUMENTS`
    var calls: [String] = []
    var reason: String?

    struct Fault: Error { let what: String }

    static func calls(of answered: Answered) throws -> [String] {
        try JSONValue(answered.output)["content"]?.elements.filter { $0["type"]?.text == "tool_use" }.map {
            "\($0["id"]?.text ?? "") \($0["name"]?.text ?? "") \(try compact($0["input"] ?? .null))"
        } ?? []
    }

    private static func compact(_ value: JSONValue) throws -> String {
        switch value {
        case .object(let members):
            "{"
                + (try members.sorted { $0.key < $1.key }.map { try quoted($0.key) + ":" + compact($0.value) }).joined(
                    separator: ",") + "}"
        case .array(let elements): "[" + (try elements.map(compact)).joined(separator: ",") + "]"
        case .string(let text): quoted(text)
        case .number(let number): String(Int(number))
        case .flag(let flag): "\(flag)"
        case .null: "null"
        }
    }

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// - Parameter isCut: the stream may end anywhere, but not out of order
    static func check(_ events: [(name: String, data: JSONValue)], isCut: Bool = false) throws -> MessagesChecker {
        var result = MessagesChecker()
        var open: (type: String, text: String, head: String)?
        var next = 0
        var (hasStarted, hasDelta, hasStopped) = (false, false, false)
        for (name, data) in events {
            guard data["type"]?.text == name else { throw Fault(what: "\(name) is not its type") }
            guard !hasStopped else { throw Fault(what: "\(name) behind the end") }
            guard hasStarted || name == "message_start" || name == "error" else { throw Fault(what: "\(name) first") }
            switch name {
            case "message_start":
                guard !hasStarted else { throw Fault(what: "two message_start") }
                hasStarted = true
            case "ping": break
            case "content_block_start":
                guard open == nil, data["index"]?.count == next, !hasDelta, let block = data["content_block"],
                    let type = block["type"]?.text
                else { throw Fault(what: "block \(next) begins wrongly") }
                if type == "tool_use" {
                    guard block["id"]?.text?.isEmpty == false, block["name"]?.text?.isEmpty == false,
                        block["input"] == .object([:])
                    else { throw Fault(what: "a call without id or name") }
                }
                open = (type, "", "\(block["id"]?.text ?? "") \(block["name"]?.text ?? "") ")
            case "content_block_delta":
                let parts = ["text": "text", "thinking": "thinking", "tool_use": "partial_json"]
                let types = ["text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"]
                guard let type = open?.type, data["index"]?.count == next, let delta = data["delta"],
                    delta["type"]?.text == types[type], let text = delta[parts[type] ?? ""]?.text
                else { throw Fault(what: "a delta of no block") }
                open?.text += text
            case "content_block_stop":
                guard let block = open, data["index"]?.count == next else { throw Fault(what: "a stop of no block") }
                switch block.type {
                case "text": result.texts.append(block.text)
                case "thinking": result.thoughts.append(block.text)
                default: result.calls.append(block.head + block.text.trimming())
                }
                if block.type == "text", block.text.allSatisfy(\.isWhitespace) { throw Fault(what: "a blank text") }
                open = nil
                next += 1
            case "message_delta":
                guard open == nil, !hasDelta, data["usage"]?["output_tokens"]?.count != nil else {
                    throw Fault(what: "message_delta too early")
                }
                hasDelta = true
                result.reason = data["delta"]?["stop_reason"]?.text
            case "message_stop":
                guard hasDelta else { throw Fault(what: "message_stop too early") }
                hasStopped = true
            case "error": hasStopped = true
            default: throw Fault(what: "no event is called \(name)")
            }
        }
        guard hasStopped || isCut else { throw Fault(what: "no end") }
        return result
    }
}

extension String {
    fileprivate func trimming() -> String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}

/// The same for streams of Responses.
struct ResponsesChecker {
    var items: [JSONValue] = []
    var response = JSONValue.null

    static func check(_ events: [(name: String, data: JSONValue)], isCut: Bool = false) throws -> ResponsesChecker {
        typealias Fault = MessagesChecker.Fault
        var result = ResponsesChecker()
        var (sequence, hasEnded) = (0, false)
        var open: (id: String, text: String, done: String?)?
        for (name, data) in events {
            guard data["type"]?.text == name, data["sequence_number"]?.count == sequence else {
                throw Fault(what: "\(name) has another number than \(sequence)")
            }
            sequence += 1
            guard !hasEnded else { throw Fault(what: "\(name) behind the end") }
            switch name {
            case "response.created":
                guard sequence == 1 else { throw Fault(what: "created late") }
            case "response.in_progress":
                guard sequence == 2 else { throw Fault(what: "in progress late") }
            case "response.output_item.added":
                guard open == nil, data["output_index"]?.count == result.items.count,
                    let id = data["item"]?["id"]?.text, data["item"]?["status"]?.text ?? "in_progress" == "in_progress"
                else { throw Fault(what: "an item begins wrongly") }
                open = (id, "", nil)
            case "response.output_item.done":
                guard let item = data["item"], item["id"]?.text == open?.id,
                    data["output_index"]?.count == result.items.count
                else { throw Fault(what: "an item ends wrongly") }
                let text =
                    item["arguments"]?.text ?? item["input"]?.text ?? item["summary"]?[0]?["text"]?.text
                    ?? item["content"]?[0]?["text"]?.text ?? item["content"]?[0]?["refusal"]?.text
                guard text == open?.text, text == open?.done else { throw Fault(what: "an item has another text") }
                result.items.append(item)
                open = nil
            case "response.completed", "response.incomplete", "response.failed":
                guard let response = data["response"] else { throw Fault(what: "no response") }
                hasEnded = true
                if name != "response.failed" {
                    guard open == nil, response["output"]?.elements == result.items else {
                        throw Fault(what: "another output")
                    }
                }
                result.response = response
            default:
                guard data["item_id"]?.text == open?.id, data["output_index"]?.count == result.items.count else {
                    throw Fault(what: "\(name) of no item")
                }
                if name.hasSuffix(".delta") { open?.text += data["delta"]?.text ?? "" }
                if let text = (data["text"] ?? data["arguments"] ?? data["input"] ?? data["refusal"])?.text {
                    open?.done = text
                }
            }
        }
        guard hasEnded || isCut else { throw Fault(what: "no end") }
        return result
    }
}

/// An answer that a model might give, and the many streams of Chat Completions that could carry it.
private struct RandomAnswer {
    var texts: [String] = []
    var thoughts: [String] = []
    var calls: [(id: String, name: String, arguments: String)] = []
    var stream = ""

    init(_ random: inout SeededRandom) {
        var deltas: [String] = []
        func words(_ random: inout SeededRandom) -> String {
            (0..<Int.random(in: 1...6, using: &random)).map { _ in
                random.pick([
                    "a", "word", " ", "\\n", "\\\"", "é", "\\u00e9", "\\ud83d\\ude00", "😀", "{", "}", "\\\\", "\\/",
                ])
            }.joined()
        }
        func plain(_ raw: String) -> String {
            (try? JSONValue("\"" + raw + "\""))?.text ?? ""
        }
        func pieces(_ raw: [String], _ key: String) {
            for piece in raw { deltas.append(#"{"\#(key)":"\#(piece)"}"#) }
        }
        if random.chance(50) {
            let raw = (0..<Int.random(in: 1...4, using: &random)).map { _ in "t" + words(&random) }
            pieces(raw, random.pick(["reasoning", "reasoning_content"]))
            thoughts = [plain(raw.joined())]
        }
        if random.chance(30) { deltas.append(#"{"content":""}"#) }
        if random.chance(70) {
            var raw = (0..<Int.random(in: 1...8, using: &random)).map { _ in words(&random) }
            raw.append("x")
            pieces(raw, "content")
            texts = [plain(raw.joined())]
        }
        var callPieces: [[String]] = []
        for index in 0..<Int.random(in: 0...4, using: &random) {
            let arguments = random.pick([
                "", "{}", #"{"a":"}{"}"#, #"{"a":{"b":["]",1]},"c":"\\"}"#, #"{"text":"line\n\"quoted\""}"#,
                #" {"a": 1} "#,
            ])
            let (id, name) = ("id\(index)", "tool\(index)")
            calls.append((id, name, arguments.isEmpty ? "{}" : arguments))
            var rest = Array(arguments)
            var list: [String] = []
            func piece(_ text: String, _ isFirst: Bool) -> String {
                let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing(
                    "\n", with: "\\n")
                let head = isFirst ? #""id":"\#(id)","type":"function","# : ""
                return
                    #"{"tool_calls":[{"index":\#(index),\#(head)"function":{\#(isFirst ? #""name":"\#(name)","# : "")"arguments":"\#(escaped)"}}]}"#
            }
            list.append(piece("", true))
            while !rest.isEmpty {
                let count = min(rest.count, Int.random(in: 1...5, using: &random))
                list.append(piece(String(rest.prefix(count)), false))
                rest.removeFirst(count)
            }
            callPieces.append(list)
        }
        let isMixed = random.chance(40)
        while callPieces.contains(where: { !$0.isEmpty }) {
            let open = callPieces.indices.filter { !callPieces[$0].isEmpty }
            // A call begins no earlier than the one before it.
            let index = isMixed ? random.pick(open) : open[0]
            deltas.append(callPieces[index].removeFirst())
        }
        let usage = random.chance(60) ? #"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"# : nil
        let finish = random.chance(90) ? (calls.isEmpty ? "stop" : random.pick(["tool_calls", "stop"])) : nil
        stream = chat([#"{"role":"assistant"}"#] + deltas, finish: finish, usage: usage)
        if random.chance(30) { stream = stream.replacing("\n", with: "\r\n") }
        if random.chance(30) { stream = ": comment\n\n" + stream }
    }
}

@Suite("Streams of any shape, cut anywhere")
struct AnswerOrderTests {
    private static func cuts(_ count: Int, _ random: inout SeededRandom) -> [Int] {
        (0..<Int.random(in: 0...12, using: &random)).map { _ in Int.random(in: 0...count, using: &random) }.sorted()
    }

    /// In the order in which the calls have begun.
    private static func sorted(_ calls: [String]) -> [String] { calls.sorted() }

    @Test("Nothing comes that a client refuses, and all that was said", arguments: 0..<400 as Range<UInt64>)
    func messages(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let random0 = RandomAnswer(&random)
        let count = random0.stream.utf8.count
        let whole = answer(to: .messages, random0.stream)
        let cut = answer(to: .messages, random0.stream, cuts: Self.cuts(count, &random))
        let checked = try MessagesChecker.check(cut.events)
        #expect(try checked.texts == MessagesChecker.check(whole.events).texts)
        #expect(checked.texts == random0.texts)
        #expect(checked.thoughts == random0.thoughts)
        let calls = random0.calls.map { "\($0.id) \($0.name) \($0.arguments)" }
        #expect(
            checked.calls.sorted()
                == calls.map { $0.hasSuffix(" ") ? String($0.dropLast()) : $0 }.map { $0.replacing("  {", with: " {") }
                .sorted())
        #expect(checked.reason == (random0.calls.isEmpty ? "end_turn" : "tool_use"))
        // Cut off anywhere it is a beginning, and says so.
        let end = Int.random(in: 0...count, using: &random)
        let bytes = Array(random0.stream.utf8)[..<end]
        let broken = answer(to: .messages, String(decoding: bytes, as: UTF8.self))
        if broken.state != .ended { #expect(broken.state == .refused("its stream has ended too early")) }
        _ = try MessagesChecker.check(broken.events, isCut: true)
    }

    @Test("The same for Responses", arguments: 0..<400 as Range<UInt64>)
    func responses(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let random0 = RandomAnswer(&random)
        let count = random0.stream.utf8.count
        let cut = answer(to: .responses, random0.stream, cuts: Self.cuts(count, &random))
        let whole = answer(to: .responses, random0.stream)
        let checked = try ResponsesChecker.check(cut.events)
        #expect(try checked.items == ResponsesChecker.check(whole.events).items)
        #expect(checked.items.count == random0.texts.count + random0.thoughts.count + random0.calls.count)
        #expect(
            checked.items.compactMap { $0["arguments"]?.text?.filter { $0 != " " } }.sorted()
                == random0.calls.map { $0.arguments.filter { $0 != " " } }.sorted())
        #expect(checked.response["status"]?.text == "completed")
        let end = Int.random(in: 0...count, using: &random)
        let bytes = Array(random0.stream.utf8)[..<end]
        let broken = answer(to: .responses, String(decoding: bytes, as: UTF8.self))
        if broken.state != .ended { #expect(broken.state == .refused("its stream has ended too early")) }
        _ = try ResponsesChecker.check(broken.events, isCut: true)
    }
}
