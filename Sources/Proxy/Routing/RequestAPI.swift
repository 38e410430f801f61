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
