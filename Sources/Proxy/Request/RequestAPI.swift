internal import HTTPWire

/// Which API a request speaks, judged by its path.
public enum RequestAPI: Sendable, Equatable {
    /// `/v1/messages…`, `/v1/complete`, or any `/v1/…` with an `anthropic-version` header.
    case anthropic
    /// Any other `/v1/…`, and the same paths without `/v1`.
    case openAI
    case other

    /// - Parameter path: the request target's path, with or without query.
    init(path: UnsafeRawBufferPointer, namesAnthropicVersion: Bool) {
        // Nearly all requests, without the questions below.
        if path.equals("/v1/messages") {
            self = .anthropic
            return
        }
        let isVersioned = Self.begins(path, with: "/v1")
        if isVersioned, Self.begins(path, with: "/v1/messages") || Self.begins(path, with: "/v1/complete") {
            self = .anthropic
        } else if isVersioned {
            self = namesAnthropicVersion ? .anthropic : .openAI
        } else if Self.begins(path, with: "/messages") {
            self = .anthropic
        } else if Self.unversionedOpenAI.contains(where: { Self.begins(path, with: $0) }) {
            self = .openAI
        } else {
            self = .other
        }
    }

    /// - Parameter bytes: what was refused as a head; the path counts where the request line was in order.
    init(ofBrokenHead bytes: UnsafeRawBufferPointer) {
        var head = RequestHead()
        _ = try? head.parse(bytes, limits: HTTPLimits())
        self.init(path: bytes.slice(head.pathAndQuery), namesAnthropicVersion: false)
    }

    private static let unversionedOpenAI: [StaticString] = [
        "/chat/completions", "/responses", "/completions", "/embeddings", "/models",
    ]

    /// Whether the path is `prefix` or lies below it.
    private static func begins(_ path: UnsafeRawBufferPointer, with prefix: StaticString) -> Bool {
        let length = prefix.utf8CodeUnitCount
        guard path.begins(with: prefix) else { return false }
        return path.count == length || path[length] == UInt8(ascii: "/") || path[length] == UInt8(ascii: "?")
    }
}

/// One of OpenAI's two APIs for answers; servers that speak "the OpenAI API" often know one of them only.
public enum OpenAIAPI: Sendable, Hashable, CaseIterable {
    /// `/v1/responses`
    case responses
    /// `/v1/chat/completions`
    case chatCompletions

    /// The request path, without `/v1`.
    public var path: String {
        switch self {
        case .responses: "/responses"
        case .chatCompletions: "/chat/completions"
        }
    }

    /// The one that is left when this one is not served.
    public var other: OpenAIAPI { self == .responses ? .chatCompletions : .responses }

    /// - Parameter path: the request target's path, without query
    /// - Returns: the API that the path belongs to, and whether it is the place where answers are made: what lies below
    ///   it (`/v1/responses/ID`) can be missing for other reasons.
    static func asked(by path: UnsafeRawBufferPointer) -> (api: OpenAIAPI, isRoot: Bool)? {
        let rest = begins(path, with: "/v1") ? path.slice(3..<path.count) : path
        if begins(rest, with: "/responses") { return (.responses, rest.count == 10) }
        if begins(rest, with: "/chat/completions") { return (.chatCompletions, rest.count == 17) }
        return nil
    }

    private static func begins(_ path: UnsafeRawBufferPointer, with prefix: StaticString) -> Bool {
        let length = prefix.utf8CodeUnitCount
        guard path.count >= length else { return false }
        for index in 0..<length where path[index] != prefix.utf8Start[index] { return false }
        return path.count == length || path[length] == UInt8(ascii: "/")
    }
}

/// What an answer says about the APIs that an endpoint knows.
public enum APIDetection: Sendable, Equatable {
    case serves(OpenAIAPI)
    /// The path is unknown there, which is something else than a model that is unknown there.
    case lacks(OpenAIAPI)

    /// - Parameter saysUnknownPath: of an answer of 404 or 405
    init?(_ api: OpenAIAPI, status: Int, saysUnknownPath: Bool) {
        switch status {
        case 200..<300: self = .serves(api)
        case 404, 405: if saysUnknownPath { self = .lacks(api) } else { return nil }
        default: return nil
        }
    }
}
