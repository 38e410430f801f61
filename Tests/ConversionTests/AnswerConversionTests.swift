import Foundation
import LLMWire
import TestSupport
import Testing

@testable import Conversion

/// What a client gets of an endpoint's answer.
struct Answered {
    var output: [UInt8] = []
    var state: AnswerConversion.State

    var text: String { String(decoding: output, as: UTF8.self) }

    /// The data of its events, each with its name.
    var events: [(name: String, data: JSONValue)] {
        get throws {
            try text.components(separatedBy: "\n\n").filter { !$0.isEmpty && $0 != ":" }.map { event in
                let lines = event.components(separatedBy: "\n")
                guard lines.count == 2, lines[0].hasPrefix("event: "), lines[1].hasPrefix("data: ") else {
                    throw Malformed(event: event)
                }
                return (String(lines[0].dropFirst(7)), try JSONValue(String(lines[1].dropFirst(6))))
            }
        }
    }

    struct Malformed: Error { let event: String }
}

/// - Parameters:
///   - cuts: where the answer is cut into pieces
///   - isStream: of the endpoint's answer
///   - asked: whether the client has asked for a stream
func answer(
    to api: LLMAPI, _ text: String, cuts: [Int] = [], isStream: Bool? = true, asked: Bool = true,
    tools: [String: AnswerPlan.Tool] = [:], isEnded: Bool = true
) -> Answered {
    let plan = AnswerPlan(
        api: api, isStream: asked, model: Array("asked".utf8),
        tools: Dictionary(uniqueKeysWithValues: tools.map { (Array($0.key.utf8), $0.value) }), seed: 7, time: 99)
    let conversion = AnswerConversion(plan, isStream: isStream)
    var output: [UInt8] = []
    let bytes = Array(text.utf8)
    var start = 0
    for cut in cuts + [bytes.count] {
        bytes[start..<cut].withUnsafeBytes { conversion.read($0, into: &output) }
        start = cut
    }
    if isEnded { conversion.finish(into: &output) }
    return Answered(output: output, state: conversion.state)
}

/// A stream of Chat Completions.
func chat(_ deltas: [String], finish: String? = "stop", usage: String? = nil, isDone: Bool = true) -> String {
    var events = deltas.map {
        #"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m","choices":[{"index":0,"delta":\#($0),"finish_reason":null}]}"#
    }
    if let finish {
        events.append(
            #"{"id":"chatcmpl-1","created":5,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"\#(finish)"}]}"#
        )
    }
    if let usage { events.append(#"{"id":"chatcmpl-1","model":"m","choices":[],"usage":\#(usage)}"#) }
    if isDone { events.append("[DONE]") }
    return events.map { "data: \($0)\n\n" }.joined()
}

private func call(_ index: Int, _ arguments: String, id: String? = nil, name: String? = nil) -> String {
    let escaped = arguments.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    let head = (id.map { #""id":"\#($0)","type":"function","# } ?? "")
    let first = (name.map { #""name":"\#($0)","# } ?? "")
    return #"{"tool_calls":[{"index":\#(index),\#(head)"function":{\#(first)"arguments":"\#(escaped)"}}]}"#
}

@Suite("Answers for clients of Messages")
struct MessagesAnswerTests {
    @Test("Thinking, text and two calls, in blocks one after the other")
    func stream() throws {
        let stream = chat(
            [
                #"{"role":"assistant","content":""}"#, #"{"reasoning_content":"let "}"#, #"{"reasoning_content":"me"}"#,
                #"{"content":"\n"}"#, #"{"content":"Hi \"you\""}"#, #"{"content":" \u00e9"}"#,
                call(0, "", id: "a", name: "Bash"), call(0, #"{"x""#), call(0, ":1}"),
                call(1, "", id: "b", name: "Read"),
            ], finish: "tool_calls",
            usage:
                #"{"prompt_tokens":100,"completion_tokens":7,"total_tokens":107,"prompt_tokens_details":{"cached_tokens":60}}"#
        )
        let answered = answer(to: .messages, stream)
        #expect(answered.state == .ended)
        let events = try answered.events
        #expect(
            events.map(\.name) == [
                "message_start", "content_block_start", "content_block_delta", "content_block_delta",
                "content_block_stop",
                "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
                "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
                "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
            ])
        #expect(events.allSatisfy { $0.data["type"]?.text == $0.name })
        #expect(events[0].data["message"]?["model"]?.text == "asked")
        #expect(events[0].data["message"]?["usage"]?["input_tokens"]?.count == 0)
        #expect(try events[1].data["content_block"] == JSONValue(#"{"type":"thinking","thinking":"","signature":""}"#))
        #expect(events[6].data["delta"]?["text"]?.text == "\nHi \"you\"")
        #expect(
            try events[9].data["content_block"] == JSONValue(#"{"type":"tool_use","id":"a","name":"Bash","input":{}}"#))
        #expect(events[10].data["delta"]?["partial_json"]?.text == #"{"x""#)
        #expect(events[14].data["delta"]?["partial_json"]?.text == "{}")
        #expect(events[16].data["delta"]?["stop_reason"]?.text == "tool_use")
        #expect(
            try events[16].data["usage"]
                == JSONValue(
                    #"{"input_tokens":40,"cache_read_input_tokens":60,"cache_creation_input_tokens":0,"output_tokens":7}"#
                ))
    }

    @Test("Calls that come mixed wait for each other")
    func mixed() throws {
        let stream = chat(
            [
                call(0, #"{"a":"}"#, id: "a", name: "A"), call(1, #"{"b""#, id: "b", name: "B"), call(0, #"\"{"}"#),
                call(1, ":2}"), call(2, "{}", id: "c", name: "C"), call(1, " "),
            ], finish: "stop")
        for isStream in [true, false] {
            let answered = answer(to: .messages, stream, asked: isStream)
            let calls =
                isStream ? try MessagesChecker.check(answered.events).calls : try MessagesChecker.calls(of: answered)
            #expect(calls == [#"a A {"a":"}\"{"}"#, #"b B {"b":2}"#, "c C {}"])
        }
    }

    @Test("Calls without numbers, of one number, and without ids")
    func oddCalls() throws {
        func calls(_ deltas: [String]) throws -> [String] {
            try MessagesChecker.check(answer(to: .messages, chat(deltas)).events).calls
        }
        #expect(
            try calls([
                #"{"tool_calls":[{"id":"a","function":{"name":"A","arguments":"{}"}},{"id":"b","function":{"name":"B","arguments":{"x":[1]}}}]}"#
            ]) == ["a A {}", #"b B {"x":[1]}"#])
        #expect(
            try calls([call(0, "{}", id: "a", name: "A"), call(0, "{}", id: "b", name: "B")]) == ["a A {}", "b B {}"])
        #expect(
            try calls([call(0, "{}", name: "A"), call(1, "{}", id: "", name: "B")]) == [
                "toolu_1_1 A {}", "toolu_1_2 B {}",
            ])
        #expect(
            try calls([call(0, "{}", id: "a", name: "A"), call(1, "{}", id: "a", name: "A")]) == [
                "a A {}", "toolu_1_2 A {}",
            ])
        #expect(try calls([call(0, #"{"q":"#, id: "f.x:0"), call(0, "1}", name: "A")]) == [#"f_x_0 A {"q":1}"#])
    }

    @Test(
        "The reason of the end",
        arguments: [
            ("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal"), ("tool_calls", "end_turn"),
            ("eos", "end_turn"),
        ])
    func reasons(_ finish: String, _ expected: String) throws {
        let answered = answer(to: .messages, chat([#"{"content":"x"}"#], finish: finish))
        #expect(try MessagesChecker.check(answered.events).reason == expected)
    }

    @Test("A document for a document, with arguments as objects")
    func document() throws {
        let text = #"""
            {"id":"chatcmpl-9","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a\nb",
             "reasoning_content":"r","tool_calls":[{"id":"c","type":"function","function":{"name":"N","arguments":"{\"k\": \"\\u00e9\"}"}},
             {"id":"d","type":"function","function":{"name":"N","arguments":""}}]},"finish_reason":"tool_calls"}],
             "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}
            """#
        let answered = answer(to: .messages, text, isStream: false, asked: false)
        #expect(
            try JSONValue(answered.output)
                == JSONValue(
                    #"""
                    {"id":"msg_9","type":"message","role":"assistant","model":"asked","content":[{"type":"thinking","thinking":"r","signature":""},
                     {"type":"text","text":"a\nb"},{"type":"tool_use","id":"c","name":"N","input":{"k":"é"}},{"type":"tool_use","id":"d","name":"N","input":{}}],
                     "stop_reason":"tool_use","stop_sequence":null,
                     "usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}}
                    """#))
        // And whatever the client and the endpoint have.
        #expect(try MessagesChecker.check(answer(to: .messages, text, isStream: nil).events).texts == ["a\nb"])
        let stream = answer(to: .messages, chat([#"{"content":"x"}"#]), isStream: nil, asked: false)
        #expect(try JSONValue(stream.output)["content"]?[0]?["text"]?.text == "x")
    }

    /// Relays write an empty word, or the word null, into each event.
    @Test("An end that is not named is none", arguments: ["\"\"", "\"null\""])
    func emptyFinish(word: String) throws {
        let stream = chat([#"{"content":"Hel"}"#, #"{"content":"lo"}"#]).replacing(
            "\"finish_reason\":null", with: "\"finish_reason\":\(word)")
        let answered = answer(to: .messages, stream)
        let texts = try answered.events.compactMap { $0.data["delta"]?["text"]?.text }
        #expect(texts == ["Hel", "lo"])
        #expect(answered.state == .ended)
    }

    @Test("Errors in mid-stream are the client's, and end it")
    func errors() throws {
        let stream =
            chat([#"{"content":"x"}"#], finish: nil, isDone: false)
            + "data: {\"error\":{\"message\":\"too \\\"much\\\"\",\"code\":503}}\n\n" + chat([#"{"content":"y"}"#])
        let answered = answer(to: .messages, stream)
        #expect(answered.state == .failed(#"too \"much\""#))
        let last = try #require(try answered.events.last)
        #expect(last.name == "error")
        #expect(
            try last.data
                == JSONValue(#"{"type":"error","error":{"type":"overloaded_error","message":"too \"much\""}}"#))
        for nonsense in ["data: <html>\n\n", "data: {\"choices\":[}\n\n", "data: [1]\n\n"] {
            #expect(answer(to: .messages, nonsense).state != .ended)
            #expect(answer(to: .messages, nonsense).output.isEmpty)
        }
        #expect(answer(to: .messages, "data: [DONE]\n\n").state == .refused("its stream is empty"))
        let cut = answer(to: .messages, chat([#"{"content":"x"}"#], finish: nil, isDone: false))
        #expect(cut.state == .refused("its stream has ended too early"))
        // The reason of the end is enough, and so is the end alone.
        #expect(answer(to: .messages, chat([#"{"content":"x"}"#], isDone: false)).state == .ended)
        #expect(answer(to: .messages, chat([#"{"content":"x"}"#], finish: nil)).state == .ended)
    }

    @Test("While an endpoint only says that it lives, the client hears of it")
    func comments() {
        let stream = chat([#"{"content":"x"}"#], finish: nil, isDone: false)
        let answered = answer(to: .messages, stream + ": keep\n\n", cuts: [stream.utf8.count], isEnded: false)
        #expect(answered.text.hasSuffix("\n\n:\n\n"))
    }
}

@Suite("Answers for clients of Responses")
struct ResponsesAnswerTests {
    private let tools: [String: AnswerPlan.Tool] = [
        "apply_patch": .init(name: Array("apply_patch".utf8), isCustom: true),
        "mcp__fs__read": .init(name: Array("read".utf8), namespace: Array("mcp__fs__".utf8)),
    ]

    @Test("Reasoning, text, a function, a custom tool and one of a namespace")
    func stream() throws {
        let stream = chat(
            [
                #"{"role":"assistant","content":null,"reasoning":"hm"}"#, #"{"content":"He"}"#, #"{"content":"y"}"#,
                call(0, "", id: "c0", name: "shell"), call(1, #"{"input":"*** \"P"#, id: "c1", name: "apply_patch"),
                call(1, #"\"\n"}"#.replacing(#"\""#, with: "")), call(2, "{}", id: "c2", name: "mcp__fs__read"),
            ], finish: "tool_calls",
            usage:
                #"{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":6},"completion_tokens_details":{"reasoning_tokens":1}}"#
        )
        let answered = answer(to: .responses, stream.replacing(#"*** \\\"P"#, with: "*** P"), tools: tools)
        #expect(answered.state == .ended)
        let checked = try ResponsesChecker.check(answered.events)
        #expect(
            checked.items.map { $0["type"]?.text ?? "" } == [
                "reasoning", "message", "function_call", "custom_tool_call", "function_call",
            ])
        #expect(checked.items[0]["summary"]?[0]?["text"]?.text == "hm")
        #expect(checked.items[1]["content"]?[0]?["text"]?.text == "Hey")
        #expect(checked.items[2]["arguments"]?.text == "{}" && checked.items[2]["call_id"]?.text == "c0")
        #expect(checked.items[3]["input"]?.text == "*** P\n" && checked.items[3]["name"]?.text == "apply_patch")
        #expect(checked.items[4]["name"]?.text == "read" && checked.items[4]["namespace"]?.text == "mcp__fs__")
        #expect(checked.response["model"]?.text == "asked" && checked.response["store"] == .flag(false))
        #expect(
            try checked.response["usage"]
                == JSONValue(
                    #"{"input_tokens":10,"input_tokens_details":{"cached_tokens":6},"output_tokens":4,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":14}"#
                ))
    }

    @Test("A document holds what the stream's last event does")
    func document() throws {
        let stream = chat([#"{"content":"x"}"#, call(0, #"{"input":"p"}"#, id: "c", name: "apply_patch")])
        let events = try ResponsesChecker.check(answer(to: .responses, stream, tools: tools).events)
        let document = try JSONValue(answer(to: .responses, stream, asked: false, tools: tools).output)
        #expect(document == events.response)
        #expect(document["output"]?[1]?["input"]?.text == "p")
    }

    @Test(
        "What custom tools are given is a text, whatever the model has made of the schema",
        arguments: [
            (#"{"input":"a\nb"}"#, "a\nb"), (#"{"patch":"a"}"#, "a"), (#""a""#, "a"), ("*** raw", "*** raw"),
            ("{}", ""), ("", ""),
            (#"{"a":1}"#, #"{"a":1}"#),
        ])
    func customInput(_ arguments: String, _ expected: String) throws {
        let stream = chat([call(0, arguments, id: "c", name: "apply_patch")])
        let items = try ResponsesChecker.check(answer(to: .responses, stream, tools: tools).events).items
        #expect(items[0]["input"]?.text == expected)
    }

    @Test("What ends too early says why")
    func incomplete() throws {
        for (finish, reason) in [("length", "max_output_tokens"), ("content_filter", "content_filter")] {
            let events = try answer(to: .responses, chat([#"{"content":"x"}"#], finish: finish)).events
            #expect(events.last?.name == "response.incomplete")
            #expect(events.last?.data["response"]?["incomplete_details"]?["reason"]?.text == reason)
        }
        let failed = try answer(
            to: .responses,
            chat([#"{"content":"x"}"#], finish: nil, isDone: false)
                + "data: {\"error\":{\"message\":\"slow\",\"type\":\"rate_limit_error\"}}\n\n"
        ).events
        #expect(failed.last?.name == "response.failed")
        #expect(
            try failed.last?.data["response"]?["error"]
                == JSONValue(#"{"code":"rate_limit_exceeded","message":"slow"}"#))
    }
}
