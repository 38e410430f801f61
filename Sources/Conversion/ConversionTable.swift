public import LLMWire

/// What becomes of each field of a request that goes to an endpoint of another API. The one table: the conversion goes by it, and
/// `docs/conversion.md` is written from it.
public struct ConversionRow: Sendable {
    /// What becomes of the field.
    public enum Fate: String, Sendable {
        case carried, dropped, refused
    }

    /// The API in which the field is.
    public let api: LLMAPI
    /// What it is a member of, `messages[].content[]` say; empty for the request itself. With `type=` behind it, its name is a type.
    public let place: String
    /// Its name there.
    public let name: String
    /// What becomes of it.
    public let fate: Fate
    /// As what it is carried, or why it is not.
    public let note: String
    /// A value of it, as JSON; for the tests.
    let example: String

    /// The whole path.
    public var path: String { place.isEmpty ? name : place + (name.hasPrefix("type=") ? " " : ".") + name }
}

/// The rows of ``ConversionRow``.
public enum ConversionTable {
    /// In the order of the documentation.
    public static let rows = messages + responses

    private static func row(
        _ api: LLMAPI, _ place: String, _ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String
    ) -> ConversionRow {
        ConversionRow(api: api, place: place, name: name, fate: fate, note: note, example: example)
    }

    private static let messages: [ConversionRow] = {
        func top(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.messages, "", name, fate, note, example)
        }
        func message(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.messages, "messages[]", name, fate, note, example)
        }
        func block(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.messages, "messages[].content[]", "type=" + name, fate, note, example)
        }
        func tool(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.messages, "tools[]", name, fate, note, example)
        }
        let theirs = "what the other endpoint's own tools have brought says nothing to this one"
        return [
            top("model", .carried, "`model`, renamed by `model_map`; the answer names what was asked for", #""m2""#),
            top("messages", .carried, "`messages`; neighbours of one role become one message", "[]"),
            top(
                "system", .carried, "a first message of role `system`, without a block that names the client's bill",
                #""s""#),
            top("max_tokens", .carried, "the field that `max_tokens_field_name` names", "17"),
            top("stream", .carried, "`stream`, with the usage asked for", "true"),
            top("stop_sequences", .carried, "`stop`", #"["x"]"#),
            top("temperature", .carried, "as it is", "0.25"),
            top("top_p", .carried, "as it is", "0.25"),
            top("tools", .carried, "`tools` of type `function`", #"[{"name":"t","input_schema":{}}]"#),
            top(
                "tool_choice", .carried,
                "`tool_choice`: `any` is `required`; `disable_parallel_tool_use` is `parallel_tool_calls: false`",
                #"{"type":"any"}"#),
            top(
                "thinking", .carried,
                "`reasoning_effort`: below 4,096 tokens `low`, below 16,384 `medium`, else `high`",
                #"{"type":"enabled","budget_tokens":5000}"#),
            top(
                "output_config", .carried,
                "`effort` is `reasoning_effort`, what is above `high` is `high`; `format` is `response_format`",
                #"{"effort":"low"}"#),
            top("output_format", .carried, "`response_format`", #"{"type":"json_schema","schema":{}}"#),
            top("top_k", .dropped, "Chat Completions has no such field", "5"),
            top("metadata", .dropped, "it names the user to the vendor", #"{"user_id":"u"}"#),
            top("service_tier", .dropped, "tiers are a vendor's own", #""auto""#),
            top(
                "cache_control", .dropped, "such endpoints find by themselves what they have in their cache",
                #"{"type":"ephemeral"}"#),
            top("context_management", .dropped, "the client's next request is whole all the same", #"{"edits":[]}"#),
            top("betas", .dropped, "beta features are a vendor's own", #"["b"]"#),
            top("inference_geo", .dropped, "regions are a vendor's own", #""us""#),
            top("speed", .dropped, "modes of speed are a vendor's own", #""fast""#),
            top("container", .refused, "there is no container", #""c""#),
            top("mcp_servers", .refused, "the endpoint does not call MCP servers itself", #"[{"name":"m"}]"#),
            message("role", .carried, "`role`", #""user""#),
            message("content", .carried, "`content`; texts alone become one text", #""x""#),
            block("text", .carried, "text", #"{"type":"text","text":"x","cache_control":{},"citations":[]}"#),
            block(
                "image", .carried, "`image_url`, base64 as a `data:` URL; files of the vendor are refused",
                #"{"type":"image","source":{"type":"url","url":"https://h/i.png"}}"#),
            block(
                "document", .carried, "text as text, base64 as `file`; URLs and files of the vendor are refused",
                #"{"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"}}"#),
            block(
                "search_result", .carried, "its title, source and text, as text",
                #"{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"x"}]}"#),
            block("tool_use", .carried, "`tool_calls`; ids above 40 characters are shortened", ""),
            block(
                "tool_result", .carried,
                "a message of role `tool`, behind `Error: ` where `is_error`; images follow in a user's message", ""),
            block(
                "thinking", .carried,
                "`reasoning_content`, where it has no signature and so comes from such an endpoint; else dropped", ""),
            block(
                "redacted_thinking", .dropped, "another endpoint's, encrypted",
                #"{"type":"redacted_thinking","data":"d"}"#),
            block(
                "server_tool_use", .dropped, theirs,
                #"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#),
            block(
                "web_search_tool_result", .dropped, theirs,
                #"{"type":"web_search_tool_result","tool_use_id":"s","content":[]}"#),
            block(
                "web_fetch_tool_result", .dropped, theirs,
                #"{"type":"web_fetch_tool_result","tool_use_id":"s","content":{}}"#),
            block(
                "code_execution_tool_result", .dropped, theirs,
                #"{"type":"code_execution_tool_result","tool_use_id":"s","content":{}}"#),
            block(
                "bash_code_execution_tool_result", .dropped, theirs,
                #"{"type":"bash_code_execution_tool_result","tool_use_id":"s","content":{}}"#),
            block(
                "text_editor_code_execution_tool_result", .dropped, theirs,
                #"{"type":"text_editor_code_execution_tool_result","tool_use_id":"s","content":{}}"#),
            block(
                "tool_search_tool_result", .dropped, theirs,
                #"{"type":"tool_search_tool_result","tool_use_id":"s","content":{}}"#),
            block(
                "mcp_tool_use", .dropped, theirs,
                #"{"type":"mcp_tool_use","id":"s","name":"n","server_name":"s","input":{}}"#),
            block("mcp_tool_result", .dropped, theirs, #"{"type":"mcp_tool_result","tool_use_id":"s","content":[]}"#),
            block("container_upload", .refused, "there is no container", #"{"type":"container_upload","file_id":"f"}"#),
            tool(
                "name", .carried, "`function.name`; above 64 characters it is shortened, and restored in the answer",
                #""u""#),
            tool("description", .carried, "`function.description`", #""d""#),
            tool(
                "input_schema", .carried, "`function.parameters`, with `type: object` where it has no type",
                #"{"properties":{"a":{}}}"#),
            tool("strict", .carried, "`function.strict`", "true"),
            tool(
                "type", .carried,
                "`custom` alone; the vendor's own tools (`web_search_…`, `web_fetch_…`, `code_execution_…`, `tool_search_tool_…`, `mcp_toolset`) are dropped where others are left, all other types are refused",
                #""custom""#),
            tool("cache_control", .dropped, "as above", #"{"type":"ephemeral"}"#),
            tool("eager_input_streaming", .dropped, "arguments come as the endpoint sends them", "true"),
            tool("defer_loading", .dropped, "all tools are named from the beginning", "true"),
            tool("allowed_callers", .dropped, "no code runs there that could call", #"["direct"]"#),
            tool("input_examples", .dropped, "Chat Completions has no such field", "[{}]"),
        ]
    }()

    private static let responses: [ConversionRow] = {
        func top(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.responses, "", name, fate, note, example)
        }
        func item(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.responses, "input[]", "type=" + name, fate, note, example)
        }
        func part(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.responses, "input[].content[]", "type=" + name, fate, note, example)
        }
        func tool(_ name: String, _ fate: ConversionRow.Fate, _ note: String, _ example: String) -> ConversionRow {
            row(.responses, "tools[]", "type=" + name, fate, note, example)
        }
        let theirs = "what the other endpoint's own tools have brought says nothing to this one"
        let hosted = "the endpoint has no such tool; refused where no other is left, or it is the one to be used"
        return [
            top("model", .carried, "`model`, renamed by `model_map`; the answer names what was asked for", #""m2""#),
            top("input", .carried, "`messages`", #""y""#),
            top("instructions", .carried, "a first message of role `system`", #""s""#),
            top("max_output_tokens", .carried, "the field that `max_tokens_field_name` names", "17"),
            top("stream", .carried, "`stream`, with the usage asked for", "true"),
            top("temperature", .carried, "as it is", "0.25"),
            top("top_p", .carried, "as it is", "0.25"),
            top("tools", .carried, "`tools` of type `function`", #"[{"type":"function","name":"t","parameters":{}}]"#),
            top("tool_choice", .carried, "`tool_choice`; a list of allowed tools is refused", #""required""#),
            top("parallel_tool_calls", .carried, "as it is, beside tools", "false"),
            top(
                "reasoning", .carried,
                "`effort` is `reasoning_effort`: `minimal` is `low`, what is above `high` is `high`, `none` is nothing",
                #"{"effort":"low"}"#),
            top(
                "text", .carried, "`format` is `response_format`; `verbosity` is dropped",
                #"{"format":{"type":"json_schema","name":"n","schema":{}}}"#),
            top("store", .dropped, "nothing is stored; the answer says `store: false`", "true"),
            top("include", .dropped, "there is nothing encrypted to include", #"["reasoning.encrypted_content"]"#),
            top(
                "prompt_cache_key", .dropped, "such endpoints find by themselves what they have in their cache", #""k""#
            ),
            top("prompt_cache_retention", .dropped, "as above", #""24h""#),
            top("service_tier", .dropped, "tiers are a vendor's own", #""auto""#),
            top("metadata", .dropped, "nothing is stored", #"{"a":"b"}"#),
            top("client_metadata", .dropped, "it is for the vendor", #"{"a":"b"}"#),
            top("user", .dropped, "it names the user to the vendor", #""u""#),
            top("safety_identifier", .dropped, "it names the user to the vendor", #""u""#),
            top(
                "stream_options", .dropped, "padding of the stream is the vendor's own",
                #"{"include_obfuscation":false}"#),
            top("truncation", .dropped, "the endpoint says what is too long", #""auto""#),
            top("max_tool_calls", .dropped, "it counts calls of the vendor's own tools", "3"),
            top("top_logprobs", .dropped, "answers have no probabilities", "2"),
            top(
                "previous_response_id", .refused, "the endpoint stores no answers; send the conversation whole", #""r""#
            ),
            top("conversation", .refused, "the endpoint stores no conversations", #""c""#),
            top("background", .refused, "the endpoint works on nothing in the background", "true"),
            top("prompt", .refused, "the endpoint has no stored prompts", #"{"id":"p"}"#),
            item(
                "message", .carried, "a message; `developer` is `system`",
                #"{"type":"message","role":"user","content":[]}"#),
            item(
                "function_call", .carried,
                "`tool_calls` of the assistant's message before it; ids above 40 characters are shortened", ""),
            item(
                "function_call_output", .carried,
                "a message of role `tool`, directly behind its call; images follow in a user's message", ""),
            item("custom_tool_call", .carried, "`tool_calls`, its text as the one argument `input`", ""),
            item("custom_tool_call_output", .carried, "as of a function", ""),
            item(
                "reasoning", .carried,
                "`reasoning_content`, where nothing of it is encrypted and it so comes from such an endpoint; else dropped",
                ""),
            item("web_search_call", .dropped, theirs, #"{"type":"web_search_call","id":"w"}"#),
            item("file_search_call", .dropped, theirs, #"{"type":"file_search_call","id":"w"}"#),
            item("code_interpreter_call", .dropped, theirs, #"{"type":"code_interpreter_call","id":"w"}"#),
            item("image_generation_call", .dropped, theirs, #"{"type":"image_generation_call","id":"w"}"#),
            item("tool_search_call", .dropped, theirs, #"{"type":"tool_search_call","id":"w"}"#),
            item("tool_search_output", .dropped, theirs, #"{"type":"tool_search_output","id":"w"}"#),
            item(
                "compaction", .refused, "another endpoint's, encrypted; without it the conversation would be lost",
                #"{"type":"compaction","encrypted_content":"e"}"#),
            item("item_reference", .refused, "the endpoint stores no items", #"{"type":"item_reference","id":"i"}"#),
            part("input_text", .carried, "text", #"{"type":"input_text","text":"x"}"#),
            part("output_text", .carried, "text", #"{"type":"output_text","text":"x","annotations":[]}"#),
            part("text", .carried, "text", #"{"type":"text","text":"x"}"#),
            part("refusal", .carried, "text", #"{"type":"refusal","refusal":"x"}"#),
            part(
                "input_image", .carried, "`image_url`; files of the vendor are refused",
                #"{"type":"input_image","image_url":"https://h/i.png"}"#),
            part(
                "input_file", .carried,
                "`file`, where its data are in the request; URLs and files of the vendor are refused",
                #"{"type":"input_file","filename":"f","file_data":"d"}"#),
            tool(
                "function", .carried, "`function`; a name above 64 characters is shortened, and restored in the answer",
                #"{"type":"function","name":"u","parameters":{}}"#),
            tool(
                "custom", .carried,
                "a function with the one argument `input`, its grammar in the description; the answer has a `custom_tool_call` with the text",
                #"{"type":"custom","name":"u"}"#),
            tool(
                "namespace", .carried, "its functions, each with the namespace before its name; restored in the answer",
                #"{"type":"namespace","name":"n","tools":[{"type":"function","name":"u"}]}"#),
            tool("web_search", .dropped, hosted, #"{"type":"web_search"}"#),
            tool("web_search_preview", .dropped, hosted, #"{"type":"web_search_preview"}"#),
            tool("file_search", .dropped, hosted, #"{"type":"file_search"}"#),
            tool("code_interpreter", .dropped, hosted, #"{"type":"code_interpreter"}"#),
            tool("image_generation", .dropped, hosted, #"{"type":"image_generation"}"#),
            tool("tool_search", .dropped, hosted, #"{"type":"tool_search"}"#),
            tool(
                "mcp", .refused, "the endpoint does not call MCP servers itself", #"{"type":"mcp","server_label":"m"}"#),
            tool("local_shell", .refused, "it has no schema that could be passed on", #"{"type":"local_shell"}"#),
            tool(
                "computer_use_preview", .refused, "it has no schema that could be passed on",
                #"{"type":"computer_use_preview"}"#),
        ]
    }()

    private static let byPlace: [LLMAPI: [String: [String: ConversionRow]]] = {
        var index: [LLMAPI: [String: [String: ConversionRow]]] = [:]
        for row in rows { index[row.api, default: [:]][row.place, default: [:]][row.name] = row }
        return index
    }()

    /// - Returns: nil for a field that is not known
    static func row(_ api: LLMAPI, _ place: String, _ name: String) -> ConversionRow? { byPlace[api]?[place]?[name] }
}
