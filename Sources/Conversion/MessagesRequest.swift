internal import LLMWire

/// A request of Messages (`/v1/messages`) as one of Chat Completions.
struct MessagesRequest {
    /// It changes with each request, and would keep endpoints from finding the rest in their cache.
    private static let billing: StaticString = "x-anthropic-billing-header"
    private static let hosted = [
        "web_search", "web_fetch", "code_execution", "tool_search_tool", "mcp_toolset", "advisor",
    ]

    static func read(_ request: JSONSlice, into chat: inout ChatRequest) throws(ConversionRefusal) {
        let fields = try chat.fields(of: request, "", "")
        try chat.begin(fields)
        // Their names are needed for the calls in the conversation.
        let tools = try readTools(fields["tools"], fields["tool_choice"], &chat)
        chat.writer.key("messages")
        chat.writer.beginArray()
        try readSystem(fields["system"], &chat)
        guard let messages = fields["messages"] else {
            throw ConversionRefusal(path: "messages", reason: "a list is expected")
        }
        var conversation = Conversation()
        try conversation.read(messages, &chat)
        chat.writer.endArray()
        try writeTools(tools, fields["tool_choice"], &chat)
        try chat.writeMaxTokens(fields["max_tokens"], "max_tokens")
        try chat.writeNumbers(fields, [("temperature", "temperature"), ("top_p", "top_p")])
        if let stop = fields["stop_sequences"] {
            if !(try chat.elements(stop, "stop_sequences")).isEmpty {
                chat.writer.key("stop")
                chat.writer.value(stop)
            }
        }
        try readThinking(fields, &chat)
        if let format = fields["output_config"]?["format"], format.kind != .null {
            try chat.writeFormat(format, "output_config.format")
        } else if let format = fields["output_format"] {
            try chat.writeFormat(format, "output_format")
        }
        chat.writer.endObject()
    }

    private static func readSystem(_ system: JSONSlice?, _ chat: inout ChatRequest) throws(ConversionRefusal) {
        guard let system else { return }
        var parts: [ChatPart] = []
        if let text = system.rawText {
            parts.append(.text(text))
        } else {
            for (index, block) in try chat.elements(system, "system").enumerated() {
                let text = try chat.text(block["text"], "system[\(index)].text")
                if !text.begins(with: billing) { parts.append(.text(text)) }
            }
        }
        if !parts.isEmpty { chat.writeMessage(role: "system", parts) }
    }

    /// `output_config.effort` goes before a budget.
    private static func readThinking(
        _ fields: [String: JSONSlice], _ chat: inout ChatRequest
    ) throws(ConversionRefusal) {
        let thinking = try fields["thinking"].map { value throws(ConversionRefusal) in
            try chat.word(value["type"], "thinking.type")
        }
        if let config = fields["output_config"] {
            try chat.noteOthers(config, "output_config", "output_config", known: ["effort", "format"])
            if let effort = config["effort"], effort.kind != .null, thinking != "disabled" {
                return try chat.writeEffort(
                    try chat.word(effort, "output_config.effort"), "output_config.effort")
            }
        }
        guard thinking == "enabled", let value = fields["thinking"] else { return }
        guard let budget = value["budget_tokens"]?.count else {
            throw ConversionRefusal(path: "thinking.budget_tokens", reason: "a number is expected")
        }
        try chat.writeEffort(
            budget < 4_096 ? "low" : budget < 16_384 ? "medium" : "high", "thinking.budget_tokens")
    }

    // MARK: Tools

    private struct Tool {
        let value: JSONSlice
        let fields: [String: JSONSlice]
        let name: [UInt8]
        let path: String
    }

    /// - Returns: those that are carried
    private static func readTools(
        _ value: JSONSlice?, _ choice: JSONSlice?, _ chat: inout ChatRequest
    ) throws(ConversionRefusal) -> [Tool] {
        guard let value else { return [] }
        var tools: [Tool] = []
        var left: (type: String, path: String, name: String?)?
        for (index, tool) in try chat.elements(value, "tools").enumerated() {
            let path = "tools[\(index)]"
            if let type = tool["type"], type.kind != .null {
                let type = try chat.word(type, path + ".type")
                if hosted.contains(where: { type.hasPrefix($0) }) {
                    let name = tool["name"]?.text
                    if left == nil || name == choice?["name"]?.text { left = (type, path + ".type", name) }
                    continue
                }
                guard type == "custom" else {
                    throw ConversionRefusal(
                        path: path + ".type", reason: "'\(type)' has no schema that could be passed on")
                }
            }
            let fields = try chat.fields(of: tool, "tools[]", path)
            let name = chat.names.sent(try chat.text(fields["name"], path + ".name"), isDeclared: true)
            tools.append(Tool(value: tool, fields: fields, name: name, path: path))
        }
        if let left, tools.isEmpty || left.name != nil && choice?["name"]?.text == left.name {
            throw ConversionRefusal(path: left.path, reason: "the endpoint has no tool '\(left.type)'")
        }
        return tools
    }

    private static func writeTools(
        _ tools: [Tool], _ choice: JSONSlice?, _ chat: inout ChatRequest
    ) throws(ConversionRefusal) {
        if !tools.isEmpty {
            chat.writer.key("tools")
            chat.writer.beginArray()
            for tool in tools {
                let description = tool.fields["description"]?.rawText
                try chat.writeTool(
                    name: tool.name, description: description.map { [.text($0)] } ?? [],
                    parameters: tool.fields["input_schema"], strict: tool.fields["strict"],
                    tool.path + ".input_schema")
            }
            chat.writer.endArray()
        }
        guard let choice else { return }
        let type = try chat.word(choice["type"], "tool_choice.type")
        try chat.noteOthers(
            choice, "tool_choice", "tool_choice", known: ["type", "name", "disable_parallel_tool_use"])
        // Without tools there is nothing to choose, and endpoints refuse a choice.
        guard !tools.isEmpty else { return }
        switch type {
        case "auto", "none":
            chat.writer.key("tool_choice")
            chat.writer.string(type)
        case "any":
            chat.writer.key("tool_choice")
            chat.writer.string("required")
        case "tool":
            chat.writeChoice(ofFunction: chat.names.sent(try chat.text(choice["name"], "tool_choice.name")))
        default:
            throw ConversionRefusal(path: "tool_choice.type", reason: "'\(type)' is no choice that is known")
        }
        if choice["disable_parallel_tool_use"]?.flag == true {
            chat.writer.key("parallel_tool_calls")
            chat.writer.flag(false)
        }
    }

    // MARK: The conversation

    /// Neighbouring messages of one role are one message, and the results of an assistant's calls follow it directly.
    private struct Conversation {
        private struct Block {
            let type: String
            let value: JSONSlice
            let path: String
        }

        /// The calls of the assistant's last message that wait for their results.
        private var calls: [(id: [UInt8], path: String)] = []

        mutating func read(_ messages: JSONSlice, _ chat: inout ChatRequest) throws(ConversionRefusal) {
            var role = ""
            var blocks: [Block] = []
            for (index, message) in try chat.elements(messages, "messages").enumerated() {
                let path = "messages[\(index)]"
                let fields = try chat.fields(of: message, "messages[]", path)
                let next = try chat.word(fields["role"], path + ".role")
                guard next == "user" || next == "assistant" || next == "system" else {
                    throw ConversionRefusal(path: path + ".role", reason: "'\(next)' is no role that is known")
                }
                if next != role {
                    try write(role, blocks, &chat)
                    blocks.removeAll()
                    role = next
                }
                guard let content = fields["content"] else {
                    throw ConversionRefusal(path: path + ".content", reason: "a string or a list is expected")
                }
                if content.kind == .string {
                    blocks.append(Block(type: "", value: content, path: path + ".content"))
                    continue
                }
                for (place, block) in try chat.elements(content, path + ".content").enumerated() {
                    let path = "\(path).content[\(place)]"
                    let type = try chat.word(block["type"], path + ".type")
                    if try chat.carries(type, "messages[].content[]", path) {
                        blocks.append(Block(type: type, value: block, path: path))
                    }
                }
            }
            try write(role, blocks, &chat)
            if let call = calls.first { throw Self.unanswered(call.path) }
        }

        private static func unanswered(_ path: String) -> ConversionRefusal {
            ConversionRefusal(path: path, reason: "no tool_result of the call follows in the next message")
        }

        private mutating func write(
            _ role: String, _ blocks: [Block], _ chat: inout ChatRequest
        ) throws(ConversionRefusal) {
            switch role {
            case "assistant": try writeAssistant(blocks, &chat)
            case "user": try writeUser(blocks, &chat)
            case "system":
                if let call = calls.first { throw Self.unanswered(call.path) }
                var parts: [ChatPart] = []
                for block in blocks { parts += try self.parts(of: block, &chat) }
                chat.writeMessage(role: "system", parts)
            default: break
            }
        }

        private mutating func writeAssistant(_ blocks: [Block], _ chat: inout ChatRequest) throws(ConversionRefusal) {
            if let call = calls.first { throw Self.unanswered(call.path) }
            var texts: [ChatPart] = []
            var thoughts: [ChatPart] = []
            var uses: [Block] = []
            for block in blocks {
                switch block.type {
                case "tool_use": uses.append(block)
                case "thinking":
                    // A signature is of an endpoint that can read it, and may be all that it reads.
                    if block.value["signature"]?.isNothing ?? true, let text = block.value["thinking"]?.rawText,
                        !text.isEmpty
                    {
                        thoughts.append(.text(text))
                    }
                case "", "text": texts += try parts(of: block, &chat)
                default:
                    throw ConversionRefusal(
                        path: block.path + ".type", reason: "'\(block.type)' cannot stand in an assistant's message")
                }
            }
            guard !texts.isEmpty || !uses.isEmpty else { return }
            chat.writer.beginObject()
            chat.writer.key("role")
            chat.writer.string("assistant")
            chat.writer.key("content")
            if texts.isEmpty { chat.writer.literal("null") } else { ChatPart.write(texts, to: &chat.writer) }
            if !thoughts.isEmpty {
                chat.writer.key("reasoning_content")
                chat.writer.openString()
                ChatPart.writeTexts(thoughts, to: &chat.writer)
                chat.writer.closeString()
            }
            if !uses.isEmpty {
                chat.writer.key("tool_calls")
                chat.writer.beginArray()
                for use in uses {
                    let id = try chat.text(use.value["id"], use.path + ".id")
                    guard let input = use.value["input"], input.kind == .object else {
                        throw ConversionRefusal(path: use.path + ".input", reason: "an object is expected")
                    }
                    let name = chat.names.sent(try chat.text(use.value["name"], use.path + ".name"))
                    chat.writeCall(id: id, name: name) { $0.part(plain: input.bytes) }
                    calls.append((Array(id), use.path))
                }
                chat.writer.endArray()
            }
            chat.writer.endObject()
        }

        private mutating func writeUser(_ blocks: [Block], _ chat: inout ChatRequest) throws(ConversionRefusal) {
            let called = Set(calls.map(\.id))
            var results: [[UInt8]: Block] = [:]
            var parts: [ChatPart] = []
            for block in blocks {
                guard block.type == "tool_result" else {
                    parts += try self.parts(of: block, &chat)
                    continue
                }
                let path = block.path + ".tool_use_id"
                let id = Array(try chat.text(block.value["tool_use_id"], path))
                guard called.contains(id), results.updateValue(block, forKey: id) == nil else {
                    throw ConversionRefusal(path: path, reason: "it is of no call in the message before")
                }
            }
            // What a tool has shown stands before what the user says to it.
            var images: [ChatPart] = []
            for call in calls {
                guard let result = results[call.id] else { throw Self.unanswered(call.path) }
                let content = try self.content(of: result, &chat)
                call.id.withUnsafeBytes { id in
                    chat.writeResult(of: id, content, isError: result.value["is_error"]?.flag == true)
                }
                let others = content.filter { !$0.isText }
                if !others.isEmpty { images += [.note("What the tool has shown:")] + others }
            }
            calls.removeAll()
            parts = images + parts
            if !parts.isEmpty { chat.writeMessage(role: "user", parts) }
        }

        /// Of a result.
        private func content(of block: Block, _ chat: inout ChatRequest) throws(ConversionRefusal) -> [ChatPart] {
            guard let content = block.value["content"], content.kind != .null else { return [] }
            if let text = content.rawText { return [.text(text)] }
            var parts: [ChatPart] = []
            for (index, inner) in try chat.elements(content, block.path + ".content").enumerated() {
                let path = "\(block.path).content[\(index)]"
                let type = try chat.word(inner["type"], path + ".type")
                if type == "tool_reference" {
                    parts.append(.text(try chat.text(inner["tool_name"], path + ".tool_name")))
                } else if try chat.carries(type, "messages[].content[]", path) {
                    parts += try self.parts(of: Block(type: type, value: inner, path: path), &chat)
                }
            }
            return parts
        }

        private func parts(of block: Block, _ chat: inout ChatRequest) throws(ConversionRefusal) -> [ChatPart] {
            let (value, path) = (block.value, block.path)
            switch block.type {
            case "": return [.text(try chat.text(value, path))]
            case "text": return [.text(try chat.text(value["text"], path + ".text"))]
            case "image":
                let source = value["source"]
                switch try chat.word(source?["type"], path + ".source.type") {
                case "base64":
                    return [
                        .imageData(
                            media: try chat.text(source?["media_type"], path + ".source.media_type"),
                            try chat.text(source?["data"], path + ".source.data"))
                    ]
                case "url": return [.imageURL(try chat.text(source?["url"], path + ".source.url"), detail: nil)]
                case let type:
                    throw ConversionRefusal(path: path + ".source.type", reason: "'\(type)' is not in the request")
                }
            case "document": return try document(value, path, &chat)
            case "search_result":
                var parts: [ChatPart] = []
                for name in ["title", "source"] {
                    if let text = value[name]?.rawText { parts.append(.text(text)) }
                }
                guard let content = value["content"] else { return parts }
                for (index, inner) in try chat.elements(content, path + ".content").enumerated() {
                    parts.append(.text(try chat.text(inner["text"], "\(path).content[\(index)].text")))
                }
                return parts
            default:
                throw ConversionRefusal(path: path + ".type", reason: "'\(block.type)' cannot stand here")
            }
        }

        private func document(
            _ value: JSONSlice, _ path: String, _ chat: inout ChatRequest
        ) throws(ConversionRefusal) -> [ChatPart] {
            let source = value["source"]
            switch try chat.word(source?["type"], path + ".source.type") {
            case "text": return [.text(try chat.text(source?["data"], path + ".source.data"))]
            case "base64":
                return [
                    .file(
                        name: value["title"]?.rawText,
                        media: try chat.text(source?["media_type"], path + ".source.media_type"),
                        try chat.text(source?["data"], path + ".source.data"))
                ]
            case "content":
                guard let content = source?["content"] else { return [] }
                if let text = content.rawText { return [.text(text)] }
                var parts: [ChatPart] = []
                for (index, inner) in try chat.elements(content, path + ".source.content").enumerated() {
                    let path = "\(path).source.content[\(index)]"
                    let type = try chat.word(inner["type"], path + ".type")
                    guard type == "text" || type == "image" else {
                        throw ConversionRefusal(
                            path: path + ".type", reason: "'\(type)' cannot stand in a document")
                    }
                    parts += try self.parts(of: Block(type: type, value: inner, path: path), &chat)
                }
                return parts
            case let type:
                throw ConversionRefusal(path: path + ".source.type", reason: "'\(type)' is not in the request")
            }
        }
    }
}
