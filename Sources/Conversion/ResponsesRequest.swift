internal import LLMWire

/// A request of Responses (`/v1/responses`) as one of Chat Completions.
struct ResponsesRequest {
    static func read(_ request: JSONSlice, into chat: inout ChatRequest) throws(ConversionRefusal) {
        let fields = try chat.fields(of: request, "", "")
        try chat.begin(fields)
        let tools = try readTools(fields["tools"], &chat)
        chat.writer.key("messages")
        chat.writer.beginArray()
        guard let input = fields["input"] else {
            throw ConversionRefusal(path: "input", reason: "a string or a list is expected")
        }
        var conversation = try Conversation(input, &chat)
        if let instructions = fields["instructions"] {
            conversation.system.append(.text(try chat.text(instructions, "instructions")))
        }
        try conversation.write(&chat)
        chat.writer.endArray()
        try writeTools(tools, fields, &chat)
        try chat.writeMaxTokens(fields["max_output_tokens"], "max_output_tokens")
        try chat.writeNumbers(fields, [("temperature", "temperature"), ("top_p", "top_p")])
        if let reasoning = fields["reasoning"] {
            try chat.noteOthers(reasoning, "reasoning", "reasoning", known: ["effort", "summary", "generate_summary"])
            if let effort = reasoning["effort"], effort.kind != .null {
                try chat.writeEffort(try chat.word(effort, "reasoning.effort"), "reasoning.effort")
            }
        }
        if let text = fields["text"] {
            try chat.noteOthers(text, "text", "text", known: ["format", "verbosity"])
            if let format = text["format"], format.kind != .null { try chat.writeFormat(format, "text.format") }
        }
        chat.writer.endObject()
    }

    // MARK: Tools

    private struct Tool {
        let value: JSONSlice
        let name: [UInt8]
        var isCustom = false
        let path: String
    }

    private static func readTools(
        _ value: JSONSlice?, _ chat: inout ChatRequest
    ) throws(ConversionRefusal) -> [Tool] {
        guard let value else { return [] }
        var tools: [Tool] = []
        var left: (type: String, path: String)?
        for (index, tool) in try chat.elements(value, "tools").enumerated() {
            let path = "tools[\(index)]"
            let type = try chat.word(tool["type"], path + ".type")
            guard try chat.carries(type, "tools[]", path + ".type") else {
                left = left ?? (type, path + ".type")
                continue
            }
            guard type == "namespace" else {
                tools.append(try read(tool, type, in: nil, path, &chat))
                continue
            }
            let namespace = try chat.text(tool["name"], path + ".name")
            guard let inner = tool["tools"] else { continue }
            for (index, tool) in try chat.elements(inner, path + ".tools").enumerated() {
                let path = "\(path).tools[\(index)]"
                let type = try chat.word(tool["type"], path + ".type")
                guard type == "function" || type == "custom" else {
                    throw ConversionRefusal(path: path + ".type", reason: "'\(type)' cannot stand in a namespace")
                }
                tools.append(try read(tool, type, in: namespace, path, &chat))
            }
        }
        if let left, tools.isEmpty {
            throw ConversionRefusal(path: left.path, reason: "the endpoint has no tool '\(left.type)'")
        }
        return tools
    }

    private static func read(
        _ tool: JSONSlice, _ type: String, in namespace: UnsafeRawBufferPointer?, _ path: String,
        _ chat: inout ChatRequest
    ) throws(ConversionRefusal) -> Tool {
        let isCustom = type == "custom"
        try chat.noteOthers(
            tool, "tools[]", path,
            known: [
                "type", "name", "description", "parameters", "strict", "format", "defer_loading", "output_schema",
            ])
        let name = chat.names.sent(
            try chat.text(tool["name"], path + ".name"), in: namespace, isCustom: isCustom, isDeclared: true)
        return Tool(value: tool, name: name, isCustom: isCustom, path: path)
    }

    private static func writeTools(
        _ tools: [Tool], _ fields: [String: JSONSlice], _ chat: inout ChatRequest
    ) throws(ConversionRefusal) {
        if !tools.isEmpty {
            chat.writer.key("tools")
            chat.writer.beginArray()
            for tool in tools {
                var description: [ChatPart] = tool.value["description"]?.rawText.map { [.text($0)] } ?? []
                guard tool.isCustom else {
                    try chat.writeTool(
                        name: tool.name, description: description, parameters: tool.value["parameters"],
                        strict: tool.value["strict"], tool.path + ".parameters")
                    continue
                }
                description.append(.note("`input` is the whole input of the tool, as plain text and not as JSON."))
                if let format = tool.value["format"], let definition = format["definition"]?.rawText {
                    let syntax = format["syntax"]?.text ?? "following"
                    description += [.note("It has to match this \(syntax) grammar:"), .text(definition)]
                }
                try chat.writeTool(
                    name: tool.name, description: description, parameters: nil, strict: nil, isCustom: true, tool.path)
            }
            chat.writer.endArray()
        }
        try writeChoice(fields["tool_choice"], hasTools: !tools.isEmpty, &chat)
        if !tools.isEmpty, let parallel = fields["parallel_tool_calls"], parallel.kind == .boolean {
            chat.writer.key("parallel_tool_calls")
            chat.writer.value(parallel)
        }
    }

    private static func writeChoice(
        _ choice: JSONSlice?, hasTools: Bool, _ chat: inout ChatRequest
    ) throws(ConversionRefusal) {
        guard let choice else { return }
        if choice.kind == .string {
            let word = try chat.word(choice, "tool_choice")
            guard ["auto", "none", "required"].contains(word) else {
                throw ConversionRefusal(path: "tool_choice", reason: "'\(word)' is no choice that is known")
            }
            guard hasTools else { return }
            chat.writer.key("tool_choice")
            return chat.writer.string(word)
        }
        let type = try chat.word(choice["type"], "tool_choice.type")
        guard type == "function" || type == "custom" else {
            throw ConversionRefusal(
                path: "tool_choice.type", reason: "'\(type)' has no counterpart in the endpoint's API")
        }
        let name = try chat.text(choice["name"], "tool_choice.name")
        guard hasTools else { return }
        chat.writeChoice(
            ofFunction: chat.names.sent(name, in: choice["namespace"]?.rawText, isCustom: type == "custom"))
    }

    // MARK: The conversation

    /// The assistant's texts, reasoning and calls between two others' words are one message, and the results of its calls follow it directly.
    private struct Conversation {
        private enum Item {
            case message(role: String, [ChatPart])
            case reasoning(UnsafeRawBufferPointer)
            case call(Call)
            /// The output of a call stands here.
            case result
        }

        private struct Call {
            let id: UnsafeRawBufferPointer
            let name: [UInt8]
            /// As it stands between quotation marks.
            let input: UnsafeRawBufferPointer
            let isCustom: Bool
            let path: String
        }

        /// What the first message of role `system` says.
        var system: [ChatPart] = []
        private var items: [Item] = []
        /// By the ids of their calls. Some endpoints use an id again in a later turn.
        private var results: [[UInt8]: [(content: [ChatPart], path: String)]] = [:]
        /// So many of them have been written behind their calls.
        private var taken: [[UInt8]: Int] = [:]

        init(_ input: JSONSlice, _ chat: inout ChatRequest) throws(ConversionRefusal) {
            if let text = input.rawText {
                items = [.message(role: "user", [.text(text)])]
                return
            }
            for (index, item) in try chat.elements(input, "input").enumerated() {
                try read(item, "input[\(index)]", &chat)
            }
        }

        private mutating func read(
            _ item: JSONSlice, _ path: String, _ chat: inout ChatRequest
        ) throws(ConversionRefusal) {
            let type =
                try item["type"].map { value throws(ConversionRefusal) in
                    try chat.word(value, path + ".type")
                } ?? "message"
            guard try chat.carries(type, "input[]", path) else { return }
            switch type {
            case "message":
                let role = try chat.word(item["role"], path + ".role")
                guard ["user", "assistant", "system", "developer"].contains(role) else {
                    throw ConversionRefusal(path: path + ".role", reason: "'\(role)' is no role that is known")
                }
                let parts = try content(item["content"], path + ".content", &chat)
                items.append(.message(role: role == "developer" ? "system" : role, parts))
            case "reasoning":
                // What is encrypted is of an endpoint that can read it, and may be all that it reads.
                guard item["encrypted_content"]?.isNothing ?? true else { return }
                let content = item["content"]?.elements ?? []
                for part in content.isEmpty ? item["summary"]?.elements ?? [] : content {
                    if let text = part["text"]?.rawText, !text.isEmpty { items.append(.reasoning(text)) }
                }
            case "function_call", "custom_tool_call":
                let isCustom = type == "custom_tool_call"
                let name = try chat.text(item["name"], path + ".name")
                let key = isCustom ? "input" : "arguments"
                items.append(
                    .call(
                        Call(
                            id: try chat.text(item["call_id"], path + ".call_id"),
                            name: chat.names.sent(name, in: item["namespace"]?.rawText, isCustom: isCustom),
                            input: try chat.text(item[key], "\(path).\(key)"), isCustom: isCustom, path: path)))
            case "function_call_output", "custom_tool_call_output":
                let id = Array(try chat.text(item["call_id"], path + ".call_id"))
                let parts = try content(item["output"], path + ".output", &chat)
                results[id, default: []].append((parts, path))
                items.append(.result)
            default: break
            }
        }

        private func content(
            _ value: JSONSlice?, _ path: String, _ chat: inout ChatRequest
        ) throws(ConversionRefusal) -> [ChatPart] {
            guard let value, value.kind != .null else {
                throw ConversionRefusal(path: path, reason: "a string or a list is expected")
            }
            if let text = value.rawText { return [.text(text)] }
            var parts: [ChatPart] = []
            for (index, part) in try chat.elements(value, path).enumerated() {
                let path = "\(path)[\(index)]"
                let type = try chat.word(part["type"], path + ".type")
                guard try chat.carries(type, "input[].content[]", path) else { continue }
                switch type {
                case "refusal": parts.append(.text(try chat.text(part["refusal"], path + ".refusal")))
                case "input_image":
                    guard let url = part["image_url"]?.rawText else {
                        throw ConversionRefusal(path: path + ".image_url", reason: "the image is not in the request")
                    }
                    parts.append(.imageURL(url, detail: part["detail"]?.rawText))
                case "input_file":
                    guard let data = part["file_data"]?.rawText else {
                        throw ConversionRefusal(path: path + ".file_data", reason: "the file is not in the request")
                    }
                    parts.append(.file(name: part["filename"]?.rawText, media: nil, data))
                default: parts.append(.text(try chat.text(part["text"], path + ".text")))
                }
            }
            return parts
        }

        // MARK: Writing

        private struct Turn {
            var texts: [ChatPart] = []
            var thoughts: [ChatPart] = []
            var calls: [Call] = []
            /// What the model calls from here on, it calls because of what it has seen.
            var isAnswered = false

            var isEmpty: Bool { texts.isEmpty && calls.isEmpty }
        }

        mutating func write(_ chat: inout ChatRequest) throws(ConversionRefusal) {
            var rest = items[...]
            // What the client says before the user does belongs to the instructions.
            while case .message("system", let parts)? = rest.first {
                system += parts
                rest.removeFirst()
            }
            if !system.isEmpty { chat.writeMessage(role: "system", system) }
            var turn = Turn()
            for item in rest {
                switch item {
                case .message("assistant", let parts):
                    // Words behind calls are a turn of their own.
                    if !turn.calls.isEmpty { try write(&turn, &chat) }
                    turn.texts += parts
                case .reasoning(let text):
                    if !turn.isEmpty { try write(&turn, &chat) }
                    turn.thoughts.append(.text(text))
                case .call(let call):
                    if turn.isAnswered { try write(&turn, &chat) }
                    turn.calls.append(call)
                case .result: turn.isAnswered = !turn.calls.isEmpty
                case .message(let role, let parts):
                    try write(&turn, &chat)
                    chat.writeMessage(role: role == "system" ? "system" : "user", parts)
                }
            }
            try write(&turn, &chat)
            let left = results.compactMap { id, found in found.dropFirst(taken[id, default: 0]).first }
            if let other = left.min(by: { $0.path < $1.path }) {
                throw ConversionRefusal(path: other.path + ".call_id", reason: "it is of no call in the request")
            }
        }

        private mutating func write(_ turn: inout Turn, _ chat: inout ChatRequest) throws(ConversionRefusal) {
            defer { turn = Turn() }
            guard !turn.isEmpty else { return }
            chat.writer.beginObject()
            chat.writer.key("role")
            chat.writer.string("assistant")
            chat.writer.key("content")
            if turn.texts.isEmpty { chat.writer.literal("null") } else { ChatPart.write(turn.texts, to: &chat.writer) }
            if !turn.thoughts.isEmpty {
                chat.writer.key("reasoning_content")
                chat.writer.openString()
                ChatPart.writeTexts(turn.thoughts, to: &chat.writer)
                chat.writer.closeString()
            }
            if !turn.calls.isEmpty {
                chat.writer.key("tool_calls")
                chat.writer.beginArray()
                for call in turn.calls {
                    chat.writeCall(id: call.id, name: call.name) { writer in
                        guard call.isCustom else {
                            return call.input.isBlankText ? writer.part("{}") : writer.part(raw: call.input)
                        }
                        // A string within a string.
                        writer.part(raw: #"{\"input\":\""#.utf8)
                        writer.part(plain: call.input)
                        writer.part(raw: #"\"}"#.utf8)
                    }
                }
                chat.writer.endArray()
            }
            chat.writer.endObject()
            var images: [ChatPart] = []
            for call in turn.calls {
                let id = Array(call.id)
                let place = taken[id, default: 0]
                guard let found = results[id], place < found.count else {
                    throw ConversionRefusal(path: call.path, reason: "no output of the call is in the request")
                }
                taken[id] = place + 1
                let result = found[place]
                chat.writeResult(of: call.id, result.content)
                let others = result.content.filter { !$0.isText }
                if !others.isEmpty { images += [.note("What the tool has shown:")] + others }
            }
            if !images.isEmpty { chat.writeMessage(role: "user", images) }
        }
    }
}
