/// Bounds on what a peer may send before it is refused.
public struct HTTPLimits: Sendable, Equatable {
    /// Request or status line without its CRLF. Beyond: 414.
    public var startLine = 16 * 1024
    /// One field line without its CRLF. Beyond: 431.
    public var fieldLine = 32 * 1024
    /// Field lines in one request's head. Beyond: 431.
    public var fieldCount = 128
    /// Field lines in one response's head: gateways that account for every limit of a key by a line of its own send many.
    public var responseFieldCount = 1000
    /// The whole head with its closing empty line. Beyond: 431.
    public var head = 64 * 1024
    /// A chunk-size line with its extensions, without its CRLF.
    public var chunkLine = 1024
    /// Chunk extensions of a whole body together.
    public var chunkExtensionTotal = 16 * 1024
    /// All trailer lines together.
    public var trailers = 16 * 1024

    /// The defaults above.
    public init() {}
}
