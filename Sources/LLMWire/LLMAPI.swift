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
public enum LLMOperation: Sendable, Hashable {
    /// Text, or another product of a model, that takes the time of a model.
    case inference(LLMAPI)
    /// The same by an API whose answers are not read (`/v1/complete`, `…:generateContent`): judged by status and head alone.
    case otherInference
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
    public init(method: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) {
        var end = path.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? path.count
        while end > 0, path[end - 1] == UInt8(ascii: "/") { end -= 1 }
        let path = UnsafeRawBufferPointer(rebasing: path[..<end])
        if method.isText("POST") {
            self = Self.posts.first { path.hasEnd($0.suffix) }?.operation ?? .other
        } else if method.isText("GET"), path.hasEnd("/models") || path.hasEnd("/models", before: 1) {
            self = .modelList
        } else {
            self = .other
        }
    }

    /// The same for texts.
    public init(method: String, path: String) {
        self = Array(method.utf8).withUnsafeBytes { method in
            Array(path.utf8).withUnsafeBytes { path in Self(method: method, path: path) }
        }
    }

    /// The most frequent ones first. None is the end of another that comes later, but for `/chat/completions`.
    private static let posts: [(suffix: StaticString, operation: LLMOperation)] = [
        ("/messages", .inference(.messages)), ("/responses", .inference(.responses)),
        ("/chat/completions", .inference(.chatCompletions)), ("/completions", .inference(.chatCompletions)),
        ("/messages/count_tokens", .countTokens), ("/embeddings", .embeddings), ("/complete", .otherInference),
        (":generateContent", .otherInference), (":streamGenerateContent", .otherInference),
    ]

    /// Whether a model makes the answer, so that it says how well an endpoint does its work.
    public var isInference: Bool {
        switch self {
        case .inference, .otherInference: true
        case .countTokens, .modelList, .embeddings, .other: false
        }
    }

    /// Whether its answers use tokens, be they read or not.
    public var hasUsage: Bool { isInference || self == .embeddings }

    /// The API whose answers of this operation have figures of usage; nil where there are none.
    public var usageAPI: LLMAPI? {
        switch self {
        case .inference(let api): api
        case .embeddings: .chatCompletions
        case .otherInference, .countTokens, .modelList, .other: nil
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func isText(_ text: StaticString) -> Bool { count == text.utf8CodeUnitCount && hasEnd(text) }

    /// - Parameter segments: how many segments of the path may stand behind it.
    fileprivate func hasEnd(_ suffix: StaticString, before segments: Int = 0) -> Bool {
        var end = count
        for _ in 0..<segments {
            while end > 0, self[end - 1] != UInt8(ascii: "/") { end -= 1 }
            end = Swift.max(0, end - 1)
        }
        let length = suffix.utf8CodeUnitCount
        guard end >= length else { return false }
        for index in 0..<length where self[end - length + index] != suffix.utf8Start[index] { return false }
        return true
    }
}
