internal import LLMWire

/// What one event of a stream of Chat Completions says, or an answer that is no stream. Texts are as they stand between quotation marks.
struct ChatChunk {
    /// A stretch of the answer.
    enum Piece {
        case reasoning(UnsafeRawBufferPointer)
        case text(UnsafeRawBufferPointer)
        case refusal(UnsafeRawBufferPointer)
        case call(CallPiece)
    }

    /// A stretch of a tool's call.
    struct CallPiece {
        /// Which of the answer's calls it is of; nil: it is not said.
        var index: Int64?
        var id: UnsafeRawBufferPointer?
        var name: UnsafeRawBufferPointer?
        var arguments: UnsafeRawBufferPointer?
        /// The arguments, where they are JSON and no text.
        var object: UnsafeRawBufferPointer?
    }

    private(set) var pieces: [Piece] = []
    private(set) var id: UnsafeRawBufferPointer?
    private(set) var model: UnsafeRawBufferPointer?
    private(set) var created: Int64?
    private(set) var finish: String?
    private(set) var usage: Usage?
    private(set) var error: ChatError?
    /// It has a choice.
    private(set) var hasChoice = false

    /// - Returns: nil for what is none
    init?(_ value: JSONSlice) {
        guard let members = value.members else { return nil }
        for (name, value) in members {
            switch name {
            case "id": id = value.rawText
            case "model": model = value.rawText
            case "created": created = value.count
            case "usage": usage = Usage(chat: value)
            case "error": if !value.isNothing { error = ChatError(value) }
            case "choices": for choice in value.elements ?? [] where !hasChoice { read(choice) }
            default: break
            }
        }
        if error == nil, !hasChoice, members.contains(where: { $0.name == "detail" || $0.name == "message" }) {
            error = ChatError(value)
        }
    }

    private mutating func read(_ choice: JSONSlice) {
        // Only one was asked for.
        guard choice["index"]?.count ?? 0 == 0 else { return }
        hasChoice = true
        // Some write an empty word, or the word, where there is none.
        finish = choice["finish_reason"]?.text.flatMap { $0.isEmpty || $0 == "null" ? nil : $0 }
        guard let delta = choice["delta"] ?? choice["message"], let members = delta.members else { return }
        var calls: [Piece] = []
        let hasContent = members.contains { $0.name == "reasoning_content" && !$0.value.isNothing }
        for (name, value) in members {
            switch name {
            case "reasoning_content": addReasoning(value)
            // Some say it twice.
            case "reasoning": if !hasContent { addReasoning(value) }
            case "content": addContent(value)
            case "refusal": if let text = value.rawText, !text.isEmpty { pieces.append(.refusal(text)) }
            case "tool_calls": calls = (value.elements ?? []).map { .call(Self.call($0)) }
            case "function_call": if value.kind == .object { calls = [.call(Self.function(value))] }
            default: break
            }
        }
        // Where all came at once, in the order in which the model has thought of it.
        if let place = pieces.firstIndex(where: { if case .reasoning = $0 { true } else { false } }), place > 0 {
            pieces.insert(pieces.remove(at: place), at: 0)
        }
        pieces += calls
    }

    private mutating func addReasoning(_ value: JSONSlice) {
        if let text = value.rawText, !text.isEmpty { pieces.append(.reasoning(text)) }
    }

    private mutating func addContent(_ value: JSONSlice) {
        if let text = value.rawText {
            if !text.isEmpty { pieces.append(.text(text)) }
            return
        }
        for part in value.elements ?? [] {
            if let text = part["text"]?.rawText, !text.isEmpty { pieces.append(.text(text)) }
            if let thinking = part["thinking"] {
                addReasoning(thinking)
                for inner in thinking.elements ?? [] { if let text = inner["text"] { addReasoning(text) } }
            }
        }
    }

    private static func call(_ value: JSONSlice) -> CallPiece {
        var call = function(value["function"])
        call.index = value["index"]?.count
        call.id = value["id"]?.rawText
        return call
    }

    private static func function(_ value: JSONSlice?) -> CallPiece {
        var call = CallPiece()
        call.name = value?["name"]?.rawText
        let arguments = value?["arguments"]
        call.arguments = arguments?.rawText
        if arguments?.kind == .object { call.object = arguments?.bytes }
        return call
    }
}

/// An error that an endpoint names within an answer.
struct ChatError {
    enum Kind {
        case overloaded, rateLimited, authentication, request, other
    }

    let kind: Kind
    /// As it stands between quotation marks.
    let message: [UInt8]
    /// The endpoint's own word for it.
    let code: String

    init(_ value: JSONSlice) {
        let inner = value["error"] ?? value
        let texts = [inner["code"], inner["type"], inner["status"]].compactMap { value in
            value?.text ?? value?.count.map(String.init)
        }
        let message = inner.rawText ?? (inner["message"] ?? inner["detail"])?.rawText
        self.message = message.map(Array.init) ?? Array("the endpoint has failed".utf8)
        code = texts.first ?? ""
        kind = Self.kind(texts.joined(separator: " ").lowercased())
    }

    /// - Parameter message: a plain text
    init(_ message: String) {
        var writer = JSONWriter()
        writer.part(message)
        self.message = writer.bytes
        code = ""
        kind = .other
    }

    private static func kind(_ words: String) -> Kind {
        func has(_ parts: String...) -> Bool { parts.contains { words.contains($0) } }
        if has("overload", "503", "529", "unavailable", "slow_down") { return .overloaded }
        if has("rate", "429", "quota", "exhausted") { return .rateLimited }
        if has("auth", "401", "403", "permission", "api_key") { return .authentication }
        if has("invalid_request", "400", "context_length", "bad_request") { return .request }
        return .other
    }

    /// Its name in the API of Messages.
    var messagesType: StaticString {
        switch kind {
        case .overloaded: "overloaded_error"
        case .rateLimited: "rate_limit_error"
        case .authentication: "authentication_error"
        case .request: "invalid_request_error"
        case .other: "api_error"
        }
    }

    /// Its code in the API of Responses.
    var responsesCode: String {
        if code == "context_length_exceeded" || code == "insufficient_quota" { return code }
        return switch kind {
        // Codex gives up at its own word for it, and tries again at this one, which may meet another endpoint.
        case .overloaded: "server_error"
        case .rateLimited: "rate_limit_exceeded"
        case .authentication: "invalid_api_key"
        case .request: "invalid_prompt"
        case .other: "server_error"
        }
    }
}
