/// Reads the beginning of a request's JSON body as its bytes pass: the model, whether the answer is to be a stream, and what
/// tells the requests of one session from others. Pure, incremental, without an allocation.
public struct RequestReader {
    /// A body is looked into as far as this many bytes.
    public static let limit = 64 << 10

    private var scanner = JSONScanner()
    private var read = 0
    private var modelText = ShortText<128>()
    private var isModelText = false
    private var hasBegun = false
    private var markBytes: UInt8 = 0

    /// Whether a stream was asked for; nil where nothing is said.
    public private(set) var stream: Bool?
    /// Whether the usage is asked for at the end of a stream (`stream_options.include_usage`); nil where nothing is said.
    public private(set) var includeUsage: Bool?
    /// A hash of what names the session in the body: `prompt_cache_key`, else `metadata.user_id`. nil where neither is there.
    public private(set) var sessionHash: UInt64?
    private var hasCacheKey = false

    /// A reader at the beginning of a body.
    public init() {}

    /// The model that is asked for; nil where none is named.
    public var model: String? { isModelText ? modelText.cleaned : nil }

    /// Whether reading on would not tell more.
    public var isFinished: Bool { read >= Self.limit || scanner.isDone || scanner.isBroken }

    /// Reads the next bytes of the body, without a content coding.
    public mutating func read(_ bytes: UnsafeRawBufferPointer) {
        guard !isFinished else { return }
        let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.limit - read))
        var place = read == 0 ? Self.markLength(part) : 0
        read += part.count
        while let token = scanner.next(part, &place) { take(token) }
    }

    private static func markLength(_ bytes: UnsafeRawBufferPointer) -> Int {
        bytes.starts(with: [0xEF, 0xBB, 0xBF] as [UInt8]) ? 3 : 0
    }

    private mutating func take(_ token: JSONScanner.Token) {
        let path = scanner.path
        let flag: Bool? =
            switch token {
            case .true: true
            case .false: false
            default: nil
            }
        switch (path.count, path[0], path.last) {
        case (1, .model, _):
            isModelText = token == .string
            modelText = scanner.text
        case (1, .stream, _): stream = flag
        case (2, .streamOptions, .includeUsage): includeUsage = flag
        case (1, .promptCacheKey, _) where token == .string:
            hasCacheKey = true
            sessionHash = scanner.text.hash
        case (2, .metadata, .userID) where token == .string && !hasCacheKey: sessionHash = scanner.text.hash
        default: break
        }
    }
}
