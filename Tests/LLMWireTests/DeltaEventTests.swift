import TestSupport
import Testing

@testable import LLMWire

/// The quick way is never a result of its own: where an event lies whole in one read, everything that the reader says is what it
/// says of the same bytes one by one, which go the whole way.
@Suite("The quick way for deltas")
struct DeltaEventTests {
    private static func reading(_ bytes: [UInt8], _ api: LLMAPI, cut: Bool) -> String {
        var reader = AnswerReader(api: api, status: 200, contentType: "text/event-stream")
        var events: [String] = []
        for (offset, piece) in (cut ? bytes.indices.map { ($0, bytes[$0...$0]) } : [(0, bytes[...])]) {
            piece.withUnsafeBytes { reader.read($0) { meaning, end in events.append("\(meaning) \(offset + end)") } }
        }
        let ending = reader.finish(isClean: true) { meaning, _ in events.append("\(meaning) at the end") }
        return
            "\(events) \(String(describing: ending)) \(reader.usage) \(reader.model ?? "") \(reader.finishReason ?? "") "
            + "\(String(describing: reader.error)) \(reader.hasOutput) \(reader.isForeign) \(reader.hasKnownEvents) "
            + "\(String(describing: reader.firstContent))"
    }

    private func matches(_ api: LLMAPI, _ event: String) -> Bool? {
        return Array(event.utf8).withUnsafeBytes { DeltaEvent($0, from: 0, api)?.hasContent }
    }

    @Test("Common deltas are matched, and whether they say anything is known")
    func common() {
        let messages = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
        #expect(matches(.messages, messages + #"{"type":"text_delta","text":"a"}   }"# + "\n\n") == true)
        #expect(matches(.messages, messages + #"{"type":"text_delta","text":""}}"# + "\n\n") == false)
        #expect(matches(.messages, messages + #"{"type":"input_json_delta","partial_json":"{\"a"}}"# + "\n\n") == true)
        #expect(matches(.messages, messages + #"{"type":"signature_delta","signature":"x"}}"# + "\r\n\r\n") == true)
        #expect(
            matches(
                .messages,
                #"data: {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "\u00e9"}}"#
                    + "\n\n") == true)
        let chunk = #"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":"#
        #expect(
            matches(
                .chatCompletions,
                chunk + #"[{"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":null}],"usage":null}"#
                    + "\n\n") == true)
        #expect(
            matches(
                .chatCompletions,
                chunk + #"[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"# + "\n\n")
                == false)
        #expect(
            matches(
                .chatCompletions,
                chunk + #"[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a"}}]}}]}"#
                    + "\n\n") == true)
        #expect(
            matches(
                .responses,
                "event: response.output_text.delta\ndata: "
                    + #"{"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_1","output_index":0,"#
                    + #""content_index":0,"delta":"a","logprobs":[],"obfuscation":"xyz"}"# + "\n\n") == true)
    }

    @Test("Whatever can carry figures, an error, an end or another model goes the whole way")
    func others() {
        let events: [(LLMAPI, String)] = [
            (.messages, #"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"},"usage":{}}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"a"},"error":{"type":"x"}}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"a"},"error":true}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"a"},"type":"error"}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"a"},"model":"m","model":"n"}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"a","stop_reason":"x"}}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"a"}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"\ud83d"}}"#),
            (.messages, #"{"type":"content_block_delta","delta":{"text":"a"}} {"type":"error"}"#),
            (.messages, "[DONE]"),
            (.chatCompletions, #"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#),
            (.chatCompletions, #"{"choices":[{"delta":{"content":"a"},"usage":{"prompt_tokens":1}}]}"#),
            (.chatCompletions, #"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#),
            (.chatCompletions, #"{"choices":[{"delta":{"content":"a"}}],"x_groq":{"usage":{"prompt_tokens":1}}}"#),
            (.chatCompletions, #"{"choices":[],"usage":null}"#),
            (.chatCompletions, #"{"object":"x"}"#),
            (.responses, #"{"type":"response.completed","response":{"usage":{"input_tokens":1}}}"#),
            (.responses, #"{"type":"response.output_item.done","item":{}}"#),
            (.responses, #"{"type":"x.delta","delta":"a","status":"failed"}"#),
        ]
        for (api, event) in events {
            #expect(matches(api, "data: \(event)\n\n") == nil, "\(event)")
            #expect(
                Self.reading(Array("data: \(event)\n\n".utf8), api, cut: false)
                    == Self.reading(Array("data: \(event)\n\n".utf8), api, cut: true))
        }
        // Not whole, more than one line of data, another line between.
        let data = #"data: {"type":"content_block_delta","delta":{"text":"a"}}"#
        for event in ["\(data)\n", data, "\(data)\ndata: x\n\n", "\(data)\nid: 5\n\n", ": \n\(data)\n\n"] {
            #expect(matches(.messages, event) == nil)
        }
        #expect(matches(.chatCompletions, "event: error\ndata: {\"choices\":[{\"delta\":{}}]}\n\n") == nil)
    }

    /// Events of the right form, of nearly the right form, and spoilt ones.
    private static func event(_ api: LLMAPI, _ random: inout SeededRandom) -> [UInt8] {
        func pick(_ list: [String]) -> String { list[Int.random(in: 0..<list.count, using: &random)] }
        let blank = pick(["", "", "", " ", "  ", "\t"])
        func text() -> String {
            pick([
                "", "a", " and so", #"a\nb"#, #"\"quoted\""#, #"\u00e9"#, #"\ud83d\ude00"#, #"\ud83d"#, #"\u12"#,
                #"\\"#,
                "größer", #"{\"usage\":{\"input_tokens\":5}}"#, "data: x", String(repeating: "long ", count: 60),
            ])
        }
        func member() -> String {
            pick([
                #""index":0"#, #""id":"x""#, #""usage":null"#, #""model":"m""#, #""model":"other""#, #""error":null"#,
                #""error":"x""#, #""usage":{"input_tokens":3,"prompt_tokens":4}"#, #""obfuscation":"abc""#, #""x":[]"#,
                #""x":{}"#, #""x":[1]"#, #""stop_reason":"end""#, #""status":"failed""#, #""n":-1.5e3"#, #""t":true"#,
                #""type":"error""#, #""delta":"d""#, #""text":"t""#, #""code":"c""#, #""message":"m""#,
                #""u\u0073age":1"#,
                #""finish_reason":null"#, #""finish_reason":"stop""#, #""detail":"d""#, #""role":"user""#,
            ])
        }
        var own: [String]
        switch api {
        case .messages:
            let type = pick(["text_delta", "thinking_delta", "input_json_delta", "new_delta"])
            let delta =
                [#""type":"\#(type)""#, #""text":"\#(text())""#]
                + (Int.random(in: 0..<4, using: &random) == 0 ? [member()] : [])
            own = [
                #""type":"content_block_delta""#,
                #""delta":{\#(delta.shuffled(using: &random).joined(separator: ","))}"#,
            ]
        case .chatCompletions:
            let delta = pick([
                #""content":"\#(text())""#, #""role":"assistant","content":"\#(text())""#, "",
                #""tool_calls":[{"index":0,"function":{"name":"f","arguments":"\#(text())"}}]"#,
                #""a":[[[[{"b":"\#(text())"}]]]]"#, #""reasoning":"\#(text())","content":null"#,
            ])
            let extra = Int.random(in: 0..<3, using: &random) == 0 ? "," + member() : ""
            own = [#""choices":[{"index":0,"delta":{\#(delta)}\#(extra)}]"#, #""model":"m""#]
        case .responses:
            own = [
                #""type":"\#(pick(["response.output_text.delta", "response.x.delta", "response.output_text.done"]))""#,
                #""\#(pick(["delta", "arguments", "text"]))":"\#(text())""#, #""item_id":"m_1""#,
            ]
        }
        for _ in 0..<Int.random(in: 0..<3, using: &random) { own.append(member()) }
        let json = "{" + own.shuffled(using: &random).joined(separator: ",\(blank)") + blank + "}"
        let end = pick(["\n", "\n", "\n", "\r\n", "\r"])
        let name =
            api == .chatCompletions
            ? pick(["", "", "event: error\(end)"])
            : pick(["event: content_block_delta\(end)", "", "event: ping\(end)", "id: 4\(end)"])
        var bytes = Array("\(name)data:\(blank)\(json)\(pick(["", "", " ", " x"]))\(end)\(end)".utf8)
        if Int.random(in: 0..<4, using: &random) == 0 {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes.remove(at: place)
            case 1: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: place)
            }
        }
        return bytes
    }

    @Test("Random streams of deltas read the same whole and byte by byte")
    func random() {
        var random = SeededRandom(seed: 20_261_130)
        var matched = 0
        for round in 0..<3_000 {
            let api = LLMAPI.allCases[round % 3]
            var stream: [UInt8] = []
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let event = Self.event(api, &random)
                if event.withUnsafeBytes({ DeltaEvent($0, from: 0, api) }) != nil { matched += 1 }
                stream += event
            }
            let (whole, cut) = (Self.reading(stream, api, cut: false), Self.reading(stream, api, cut: true))
            guard whole == cut else {
                Issue.record("\(api): \(String(decoding: stream, as: UTF8.self))\n\(whole)\n\(cut)")
                return
            }
        }
        // Enough of them go the quick way that the comparison means something.
        #expect(matched > 1_500)
    }
}
