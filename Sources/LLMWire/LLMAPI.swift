/// The APIs whose requests and answers are understood.
public enum LLMAPI: String, Sendable, CaseIterable {
    /// Anthropic's Messages.
    case messages
    /// OpenAI's Chat Completions, and what resembles it: the older completions, embeddings.
    case chatCompletions = "chat_completions"
    /// OpenAI's Responses.
    case responses
}

/// What a request asks for, by its path.
public enum LLMOperation: Sendable, Equatable {
    /// Text, or another product of a model, that takes the time of a model.
    case inference(LLMAPI)
    /// `…/messages/count_tokens`: free, and optional in an endpoint.
    case countTokens
    /// `…/models` and what is below it.
    case modelList
    /// `…/embeddings`
    case embeddings
    /// Everything else: batches, files, audio.
    case other

    /// - Parameters:
    ///   - method: in capitals, as sent
    ///   - path: with or without a query
    public init(method: some StringProtocol, path: some StringProtocol) {
        var end = path.prefix { $0 != "?" && $0 != "#" }
        while end.hasSuffix("/") { end = end.dropLast() }
        func endsWith(_ suffix: String) -> Bool { end == suffix || end.hasSuffix("/" + suffix) }
        let parts = end.split(separator: "/")
        switch method {
        case "POST" where endsWith("messages/count_tokens"): self = .countTokens
        case "POST" where endsWith("messages"): self = .inference(.messages)
        case "POST" where endsWith("chat/completions") || endsWith("completions"): self = .inference(.chatCompletions)
        case "POST" where endsWith("responses"): self = .inference(.responses)
        case "POST" where endsWith("embeddings"): self = .embeddings
        case "GET" where parts.suffix(2).contains("models"): self = .modelList
        default: self = .other
        }
    }

    /// The API whose answers of this operation have figures of usage; nil where there are none.
    public var usageAPI: LLMAPI? {
        switch self {
        case .inference(let api): api
        case .embeddings: .chatCompletions
        case .countTokens, .modelList, .other: nil
        }
    }
}
