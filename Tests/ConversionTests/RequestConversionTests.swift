import LLMWire
import Testing

@testable import Conversion

/// What a conversion has made.
private func converted(
    _ api: LLMAPI, _ body: String, model: String? = nil, _ options: ConversionOptions = .init()
) throws -> ConvertedRequest {
    try Array(body.utf8).withUnsafeBytes { bytes throws in
        try RequestConversion.convert(bytes, of: api, model: model, options: options)
    }
}

private func refusal(_ api: LLMAPI, _ body: String, _ options: ConversionOptions = .init()) -> ConversionRefusal? {
    do {
        _ = try converted(api, body, options)
        return nil
    } catch {
        return error as? ConversionRefusal
    }
}

private func check(
    _ api: LLMAPI, _ body: String, becomes expected: String, model: String? = nil,
    _ options: ConversionOptions = .init(),
    _ location: SourceLocation = #_sourceLocation
) throws {
    let result = try converted(api, body, model: model, options)
    #expect(
        try JSONValue(result.body) == JSONValue(expected), "\(String(decoding: result.body, as: UTF8.self))",
        sourceLocation: location)
}

@Suite("Requests of Messages for Chat Completions")
struct MessagesRequestTests {
    @Test("A whole one, as Claude Code sends them")
    func whole() throws {
        try check(
            .messages,
            #"""
            {"model":"claude-x","max_tokens":32000,"stream":true,"temperature":1.0,"metadata":{"user_id":"u"},
             "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=1"},
                       {"type":"text","text":"You are \"it\".","cache_control":{"type":"ephemeral"}},{"type":"text","text":"B"}],
             "thinking":{"type":"enabled","budget_tokens":10000},"stop_sequences":["END"],
             "tools":[{"name":"Bash","description":"runs","input_schema":{"type":"object","properties":{"command":{"type":"string"}}}}],
             "tool_choice":{"type":"auto","disable_parallel_tool_use":true},
             "messages":[{"role":"user","content":"hi"},
              {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"I'll look"},
                {"type":"tool_use","id":"toolu_1","name":"Bash","input":{"command":"echo \"a\\n\""}},
                {"type":"tool_use","id":"toolu_2","name":"Bash","input":{}}]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_2","content":"gone","is_error":true},
                {"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"a"},
                   {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},
                {"type":"text","text":"go on"}]}]}
            """#,
            becomes: #"""
                {"model":"glm","stream":true,"stream_options":{"include_usage":true},"max_tokens":32000,"temperature":1.0,
                 "reasoning_effort":"medium","stop":["END"],
                 "tools":[{"type":"function","function":{"name":"Bash","description":"runs","parameters":{"type":"object","properties":{"command":{"type":"string"}}}}}],
                 "tool_choice":"auto","parallel_tool_calls":false,
                 "messages":[{"role":"system","content":"You are \"it\".\n\nB"},{"role":"user","content":"hi"},
                  {"role":"assistant","content":"I'll look","reasoning_content":"hm","tool_calls":[
                    {"id":"toolu_1","type":"function","function":{"name":"Bash","arguments":"{\"command\":\"echo \\\"a\\\\n\\\"\"}"}},
                    {"id":"toolu_2","type":"function","function":{"name":"Bash","arguments":"{}"}}]},
                  {"role":"tool","tool_call_id":"toolu_1","content":"a"},
                  {"role":"tool","tool_call_id":"toolu_2","content":"Error: gone"},
                  {"role":"user","content":[{"type":"text","text":"What the tool has shown:"},
                    {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"text","text":"go on"}]}]}
                """#, model: "glm")
    }

    private func messages(_ messages: String, _ more: String = "") -> String {
        #"{"model":"m","max_tokens":5,"messages":\#(messages)\#(more)}"#
    }

    private func checkBlocks(_ blocks: String, becomes content: String) throws {
        try check(
            .messages, messages(#"[{"role":"user","content":\#(blocks)}]"#),
            becomes: #"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":\#(content)}]}"#)
    }

    @Test("Images and documents, in the request or at an address")
    func media() throws {
        try checkBlocks(
            #"[{"type":"image","source":{"type":"url","url":"https:\/\/h/i.png"}},{"type":"text","text":"?"}]"#,
            becomes: #"[{"type":"image_url","image_url":{"url":"https://h/i.png"}},{"type":"text","text":"?"}]"#)
        try checkBlocks(
            #"[{"type":"document","title":"a.pdf","source":{"type":"base64","media_type":"application/pdf","data":"JVBE"}}]"#,
            becomes:
                #"[{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,JVBE"}}]"#)
        try checkBlocks(
            #"[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"one"}},{"type":"text","text":"two"}]"#,
            becomes: #""one\n\ntwo""#)
        try checkBlocks(
            #"[{"type":"search_result","title":"T","source":"S","content":[{"type":"text","text":"C"}]}]"#,
            becomes: #""T\n\nS\n\nC""#)
    }

    @Test("Neighbours of one role become one message, so that results stay behind their calls")
    func neighbours() throws {
        try check(
            .messages,
            messages(
                #"""
                [{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"t","input":{}}]},
                 {"role":"assistant","content":[{"type":"tool_use","id":"2","name":"t","input":{}}]},
                 {"role":"user","content":[{"type":"tool_result","tool_use_id":"2"}]},
                 {"role":"user","content":[{"type":"text","text":"b"},{"type":"tool_result","tool_use_id":"1","content":"r"}]}]
                """#),
            becomes: #"""
                {"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a"},
                 {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"t","arguments":"{}"}},
                   {"id":"2","type":"function","function":{"name":"t","arguments":"{}"}}]},
                 {"role":"tool","tool_call_id":"1","content":"r"},{"role":"tool","tool_call_id":"2","content":""},
                 {"role":"user","content":"b"}]}
                """#)
    }

    @Test("Thinking that another endpoint has signed stays behind")
    func signatures() throws {
        try check(
            .messages,
            messages(
                #"""
                [{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"Eq"},
                  {"type":"redacted_thinking","data":"d"},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]
                """#),
            becomes: #"""
                {"model":"m","max_tokens":5,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}
                """#)
    }

    @Test(
        "How much is to be thought",
        arguments: [
            (#"{"type":"enabled","budget_tokens":1024}"#, "", "low"),
            (#"{"type":"enabled","budget_tokens":4096}"#, "", "medium"),
            (#"{"type":"enabled","budget_tokens":16384}"#, "", "high"),
            (#"{"type":"adaptive"}"#, #","output_config":{"effort":"max"}"#, "high"),
            (#"{"type":"adaptive"}"#, "", nil), (#"{"type":"disabled"}"#, #","output_config":{"effort":"low"}"#, nil),
        ])
    func effort(_ thinking: String, _ more: String, _ expected: String?) throws {
        let result = try converted(
            .messages, messages("[]", #","thinking":\#(thinking)\#(more)"#))
        #expect(try JSONValue(result.body)["reasoning_effort"]?.text == expected)
    }

    @Test("The field for the limit of tokens follows the model, or the operator")
    func maxTokens() throws {
        func fields(_ model: String, _ name: String? = nil) throws -> JSONValue {
            var options = ConversionOptions()
            options.maxTokensField = name
            return try JSONValue(try converted(.messages, messages("[]"), model: model, options).body)
        }
        #expect(try fields("glm-5")["max_tokens"]?.count == 5)
        #expect(try fields("gpt-5.6")["max_completion_tokens"]?.count == 5)
        #expect(try fields("openai/o3-mini")["max_completion_tokens"]?.count == 5)
        #expect(try fields("gpt-5.6", "max_tokens")["max_tokens"]?.count == 5)
        #expect(try fields("glm-5", "max_output")["max_output"]?.count == 5)
    }

    @Test("Schemas get the type that some endpoints ask for; names that are too long come back whole")
    func tools() throws {
        let long = String(repeating: "n", count: 70)
        let result = try converted(
            .messages,
            messages(
                "[]",
                #","tools":[{"name":"\#(long)","input_schema":{"properties":{}}},{"type":"web_search_20250305","name":"web_search"}],"tool_choice":{"type":"tool","name":"\#(long)"}"#
            ))
        let body = try JSONValue(result.body)
        let function = try #require(body["tools"]?[0]?["function"])
        #expect(body["tools"]?.elements.count == 1)
        #expect(function["parameters"]?["type"]?.text == "object")
        let name = try #require(function["name"]?.text)
        #expect(name.utf8.count <= 64 && name.hasPrefix("nnnnnnnn"))
        #expect(body["tool_choice"]?["function"]?["name"]?.text == name)
        #expect(result.answer.tools[Array(name.utf8)]?.name == Array(long.utf8))
    }

    @Test("Ids that are too long are shortened, the same ones alike")
    func ids() throws {
        let long = String(repeating: "i", count: 64)
        let result = try converted(
            .messages,
            messages(
                #"[{"role":"assistant","content":[{"type":"tool_use","id":"\#(long)","name":"t","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"\#(long)","content":"r"}]}]"#
            ))
        let messages = try #require(try JSONValue(result.body)["messages"])
        let id = try #require(messages[0]?["tool_calls"]?[0]?["id"]?.text)
        #expect(id.utf8.count <= 40 && messages[1]?["tool_call_id"]?.text == id)
    }

    @Test(
        "What is wrong is named by its path",
        arguments: [
            ("", ""), ("[]", ""), (#"{"model":"m","messages":[]"#, ""), (#"{"messages":[]}"#, "model"),
            (#"{"model":"m"}"#, "messages"), (#"{"model":"m","messages":{}}"#, "messages"),
            (#"{"model":"m","messages":["x"]}"#, "messages[0]"),
            (#"{"model":"m","messages":[{"role":"tool","content":"x"}]}"#, "messages[0].role"),
            (#"{"model":"m","messages":[{"role":"user"}]}"#, "messages[0].content"),
            (#"{"model":"m","messages":[{"role":"user","content":[{"text":"x"}]}]}"#, "messages[0].content[0].type"),
            (
                #"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
                "messages[0].content[0].text"
            ),
            (
                #"{"model":"m","messages":[{"role":"user","content":[{"type":"hologram"}]}]}"#,
                "messages[0].content[0].type"
            ),
            (
                #"{"model":"m","messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"f"}}]}]}"#,
                "messages[0].content[0].source.type"
            ),
            (
                #"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x"}]}]}"#,
                "messages[0].content[0].tool_use_id"
            ),
            (
                #"{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"x","name":"n","input":{}}]}]}"#,
                "messages[0].content[0]"
            ),
            (#"{"model":"m","messages":[],"stream":"yes"}"#, "stream"),
            (#"{"model":"m","messages":[],"max_tokens":"5"}"#, "max_tokens"),
            (#"{"model":"m","messages":[],"container":"c"}"#, "container"),
            (#"{"model":"m","messages":[],"tools":[{"type":"bash_20250124","name":"bash"}]}"#, "tools[0].type"),
            (
                #"{"model":"m","messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#,
                "tools[0].type"
            ),
            (#"{"model":"m","messages":[],"tool_choice":"any"}"#, "tool_choice.type"),
        ])
    func faults(_ body: String, _ path: String) {
        #expect(refusal(.messages, body)?.path == path)
    }

    @Test("Fields that are in no table are dropped and named, or refused")
    func unknown() throws {
        let body = messages(#"[{"role":"user","content":"x","novel":1}]"#, #","new_field":{"a":1},"new_field2":null"#)
        #expect(Set(try converted(.messages, body).unknownFields) == ["new_field", "new_field2", "messages[].novel"])
        var options = ConversionOptions()
        options.unknownFields = .refuse
        #expect(refusal(.messages, body, options)?.path == "new_field")
    }
}

@Suite("Requests of Responses for Chat Completions")
struct ResponsesRequestTests {
    /// The session has changed its model, and with it what a tool of the same name takes.
    @Test("What a tool is now counts, not what it was called as")
    func declaredTools() throws {
        let tools = #"[{"type":"KIND","name":"apply_patch","parameters":{"type":"object"}}]"#
        func request(_ kind: String) -> String {
            let tools = tools.replacing("KIND", with: kind)
            return
                #"{"model":"m","tools":\#(tools),"input":[{"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"x"},"#
                + #"{"type":"custom_tool_call_output","call_id":"c","output":"done"},{"role":"user","content":"on"}]}"#
        }
        #expect(try converted(.responses, request("function")).answer.tools.isEmpty)
        #expect(try converted(.responses, request("custom")).answer.tools.values.map(\.isCustom) == [true])
    }

    /// A client may call every call by the same name; each has its own output, in their order.
    @Test("Outputs of calls with one id", .timeLimit(.minutes(1)))
    func sameIDs() throws {
        func request(_ count: Int) -> String {
            let items = (0..<count).map { number in
                #"{"type":"function_call","call_id":"x","name":"f","arguments":"{}"},"#
                    + #"{"type":"function_call_output","call_id":"x","output":"\#(number)"}"#
            }
            return #"{"model":"m","input":[\#(items.joined(separator: ","))]}"#
        }
        let body = try JSONValue(try converted(.responses, request(3)).body)
        let results = body["messages"]?.elements.filter { $0["role"]?.text == "tool" } ?? []
        #expect(results.map { $0["content"]?.text } == ["0", "1", "2"])
        _ = try converted(.responses, request(20_000))
    }

    @Test("A whole one, as Codex sends them")
    func whole() throws {
        let result = try converted(
            .responses,
            #"""
            {"model":"gpt-5.6","instructions":"You are Codex.","stream":true,"store":false,"parallel_tool_calls":true,"tool_choice":"auto",
             "include":["reasoning.encrypted_content"],"prompt_cache_key":"k","reasoning":{"effort":"xhigh","summary":"auto"},
             "text":{"verbosity":"low"},
             "tools":[{"type":"function","name":"shell","description":"runs","strict":false,"parameters":{"type":"object","properties":{}}},
               {"type":"custom","name":"apply_patch","description":"patches","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
               {"type":"namespace","name":"mcp__fs__","tools":[{"type":"function","name":"read","parameters":{"type":"object"}}]},
               {"type":"web_search"}],
             "input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"rules"}]},
               {"role":"user","content":[{"type":"input_text","text":"do it"},{"type":"input_image","image_url":"data:image/png;base64,AA","detail":"low"}]},
               {"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":null},
               {"type":"message","role":"assistant","content":[{"type":"output_text","text":"ok"}]},
               {"type":"function_call","call_id":"c1","name":"shell","arguments":"{\"a\":1}"},
               {"type":"custom_tool_call","call_id":"c2","name":"apply_patch","input":"*** \"Begin\"\n"},
               {"type":"function_call","call_id":"c3","name":"read","namespace":"mcp__fs__","arguments":""},
               {"type":"custom_tool_call_output","call_id":"c2","output":"done"},
               {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"out"}]},
               {"type":"function_call_output","call_id":"c3","output":"r"},
               {"type":"reasoning","summary":[],"encrypted_content":"gAAA"},
               {"type":"message","role":"user","content":"thanks"}]}
            """#, model: "kimi")
        let body = try JSONValue(result.body)
        #expect(
            try body["messages"]
                == JSONValue(
                    #"""
                    [{"role":"system","content":"You are Codex.\n\nrules"},
                     {"role":"user","content":[{"type":"text","text":"do it"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA","detail":"low"}}]},
                     {"role":"assistant","content":"ok","reasoning_content":"hm","tool_calls":[
                       {"id":"c1","type":"function","function":{"name":"shell","arguments":"{\"a\":1}"}},
                       {"id":"c2","type":"function","function":{"name":"apply_patch","arguments":"{\"input\":\"*** \\\"Begin\\\"\\n\"}"}},
                       {"id":"c3","type":"function","function":{"name":"mcp__fs__read","arguments":"{}"}}]},
                     {"role":"tool","tool_call_id":"c1","content":"out"},{"role":"tool","tool_call_id":"c2","content":"done"},
                     {"role":"tool","tool_call_id":"c3","content":"r"},{"role":"user","content":"thanks"}]
                    """#))
        #expect(body["reasoning_effort"]?.text == "high" && body["parallel_tool_calls"] == .flag(true))
        #expect(body["store"] == nil && body["include"] == nil && body["verbosity"] == nil)
        let tools = try #require(body["tools"]?.elements)
        #expect(tools.compactMap { $0["function"]?["name"]?.text } == ["shell", "apply_patch", "mcp__fs__read"])
        #expect(tools[1]["function"]?["description"]?.text?.hasSuffix("start: x") == true)
        #expect(tools[1]["function"]?["parameters"]?["required"] == .array([.string("input")]))
        #expect(result.answer.tools[Array("apply_patch".utf8)]?.isCustom == true)
        #expect(result.answer.tools[Array("mcp__fs__read".utf8)]?.namespace == Array("mcp__fs__".utf8))
        #expect(result.unknownFields.isEmpty)
    }

    @Test("Results come directly behind their calls, wherever the client has them, and ids may come again")
    func order() throws {
        try check(
            .responses,
            #"""
            {"model":"m","input":[{"type":"function_call","call_id":"c","name":"t","arguments":"{}"},{"role":"user","content":"wait"},
             {"type":"function_call_output","call_id":"c","output":"1"},{"type":"function_call","call_id":"c","name":"t","arguments":"{}"},
             {"type":"function_call_output","call_id":"c","output":"2"}]}
            """#,
            becomes: #"""
                {"model":"m","messages":[
                 {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"t","arguments":"{}"}}]},
                 {"role":"tool","tool_call_id":"c","content":"1"},{"role":"user","content":"wait"},
                 {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"t","arguments":"{}"}}]},
                 {"role":"tool","tool_call_id":"c","content":"2"}]}
                """#)
    }

    @Test("Calls of one turn stay together, and those that follow results are another turn")
    func turns() throws {
        let result = try converted(
            .responses,
            #"""
            {"model":"m","input":[{"role":"user","content":"x"},
             {"type":"function_call","call_id":"a","name":"t","arguments":"{}"},{"type":"function_call","call_id":"b","name":"t","arguments":"{}"},
             {"type":"function_call_output","call_id":"a","output":"1"},{"type":"function_call_output","call_id":"b","output":"2"},
             {"type":"function_call","call_id":"c","name":"t","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"3"}]}
            """#)
        let messages = try #require(try JSONValue(result.body)["messages"]?.elements)
        #expect(messages.map { $0["role"]?.text } == ["user", "assistant", "tool", "tool", "assistant", "tool"])
        #expect(messages.map { $0["tool_calls"]?.elements.count ?? 0 } == [0, 2, 0, 0, 1, 0])
    }

    @Test("A schema for the answer, a text alone as input")
    func format() throws {
        try check(
            .responses,
            #"{"model":"m","input":"x","max_output_tokens":9,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}}}"#,
            becomes:
                #"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"},"strict":true}}}"#
        )
    }

    @Test(
        "What is wrong is named by its path",
        arguments: [
            (#"{"model":"m"}"#, "input"), (#"{"model":"m","input":[{"role":"user"}]}"#, "input[0].content"),
            (#"{"model":"m","input":[{"type":"novel"}]}"#, "input[0].type"),
            (#"{"model":"m","input":[{"type":"compaction","encrypted_content":"x"}]}"#, "input[0]"),
            (#"{"model":"m","input":"x","previous_response_id":"r"}"#, "previous_response_id"),
            (#"{"model":"m","input":"x","background":true}"#, "background"),
            (#"{"model":"m","input":"x","tools":[{"type":"web_search"}]}"#, "tools[0].type"),
            (#"{"model":"m","input":"x","tools":[{"type":"local_shell"}]}"#, "tools[0].type"),
            (#"{"model":"m","input":"x","tool_choice":{"type":"allowed_tools"}}"#, "tool_choice.type"),
            (#"{"model":"m","input":"x","reasoning":{"effort":"huge"}}"#, "reasoning.effort"),
            (
                #"{"model":"m","input":[{"type":"function_call","call_id":"c","name":"t","arguments":"{}"}]}"#,
                "input[0]"
            ),
            (
                #"{"model":"m","input":[{"type":"function_call_output","call_id":"c","output":"x"}]}"#,
                "input[0].call_id"
            ),
            (
                #"{"model":"m","input":[{"role":"user","content":[{"type":"input_file","file_id":"f"}]}]}"#,
                "input[0].content[0].file_data"
            ),
        ])
    func faults(_ body: String, _ path: String) {
        #expect(refusal(.responses, body)?.path == path)
    }
}

@Suite("The table of what is carried")
struct ConversionTableTests {
    private static let bases: [LLMAPI: String] = [
        .messages: #""model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]"#,
        .responses: #""model":"m","input":"x""#,
    ]

    /// A request with the row's example in it, and one without.
    private static func requests(_ row: ConversionRow) -> (with: String, without: String)? {
        let base = bases[row.api] ?? ""
        func without(_ name: String) -> String {
            switch name {
            case "model": base.replacing(#""model":"m","#, with: "")
            case "messages": #""model":"m","max_tokens":5"#
            case "input": #""model":"m""#
            case "max_tokens": base.replacing(#""max_tokens":5,"#, with: "")
            default: base
            }
        }
        let function = row.api == .messages ? #"{"name":"t","input_schema":{}}"# : #"{"type":"function","name":"t"}"#
        func tools(_ list: String) -> String { #"{\#(base),"tools":[\#(list)]}"# }
        guard !row.example.isEmpty else { return nil }
        switch row.place {
        case "":
            let beside = ["tool_choice", "parallel_tool_calls"].contains(row.name) ? #","tools":[\#(function)]"# : ""
            return (
                #"{\#(without(row.name)),"\#(row.name)":\#(row.example)\#(beside)}"#, #"{\#(base)\#(beside)}"#
            )
        case "messages[]": return nil
        case "messages[].content[]":
            func body(_ blocks: String) -> String {
                #"{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"text","text":"y"}]},{"role":"user","content":[{"type":"text","text":"a"}\#(blocks)]}]}"#
            }
            return (body("," + row.example), body(""))
        case "input[]": return (#"{"model":"m","input":[\#(row.example)]}"#, #"{"model":"m","input":[]}"#)
        case "input[].content[]":
            func body(_ parts: String) -> String { #"{"model":"m","input":[{"role":"user","content":[\#(parts)]}]}"# }
            return (body(row.example), body(""))
        case "tools[]" where row.name.hasPrefix("type="):
            return (tools(function + "," + row.example), tools(function))
        case "tools[]":
            let plain: [String: String] = ["name": #""t""#, "input_schema": "{}"]
            let members = plain.filter { $0.key != row.name }.map { #""\#($0.key)":\#($0.value)"# }.sorted()
            return (
                tools("{" + (members + [#""\#(row.name)":\#(row.example)"#]).joined(separator: ",") + "}"),
                tools(function)
            )
        default: return nil
        }
    }

    @Test("Each row says what the conversion does", arguments: ConversionTable.rows.map(\.path).indices)
    func rows(_ index: Int) throws {
        let row = ConversionTable.rows[index]
        guard let (with, without) = Self.requests(row) else { return }
        let plain = try converted(row.api, without)
        switch row.fate {
        case .refused: #expect(refusal(row.api, with) != nil)
        case .dropped:
            let result = try converted(row.api, with)
            #expect(result.body == plain.body)
            #expect(result.unknownFields.isEmpty)
        case .carried:
            // A type that says what goes without saying changes nothing.
            if row.path == "tools[].type" { return }
            #expect(try converted(row.api, with).body != plain.body)
        }
    }

    @Test("No two rows are alike, and each says why")
    func names() {
        let names = ConversionTable.rows.map { "\($0.api) \($0.path)" }
        #expect(Set(names).count == names.count)
        #expect(ConversionTable.rows.allSatisfy { !$0.note.isEmpty })
    }
}
