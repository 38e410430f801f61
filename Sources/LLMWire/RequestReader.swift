/// Reads a request's JSON body as its bytes pass: the model, whether the answer is to be a stream, and what tells the requests
/// of one session from others. Pure, incremental, without an allocation.
///
/// Clients write `stream` and `metadata` behind megabytes of messages, so all of a body is read; but of messages and tools only
/// brackets and the ends of strings are looked at, at more than a gigabyte in a second.
public struct RequestReader {
    /// A body is looked into as far as this many bytes.
    public static let limit = 64 << 20

    private var scanner = JSONScanner()
    private var read = 0
    private var mayBeMark = true
    private var modelText = JSONText()
    private var isModelText = false
    /// Where in the body the model's text stands, between its quotation marks; nil where none is named. Of several members of the name the
    /// last one counts, as it does for the parsers of nearly all endpoints.
    public private(set) var modelRange: Range<Int>?

    /// A member stands at the top whose name is that of the model but for capitals. Some servers, those in Go first, take it for the model.
    public private(set) var namesModelWithCapitals = false

    /// Whether a stream was asked for; nil where nothing is said.
    public private(set) var stream: Bool?
    /// Whether the usage is asked for at the end of a stream (`stream_options.include_usage`); nil where nothing is said.
    public private(set) var includeUsage: Bool?
    /// What names the session in the body: `prompt_cache_key`, else `metadata.user_id`, in which Claude Code names it. nil where
    /// neither is there. A field of the head (`SessionKey.fields`) goes before both.
    public private(set) var session: SessionKey?
    private var hasCacheKey = false
    /// Behind the bracket with which the body begins; nil before it has come.
    private var objectStart: Int?
    private var options = Options.absent
    /// What an endpoint has made and the request goes on with: `previous_response_id` or `input_file_id`; nil where it names neither.
    public private(set) var madeID: MadeID?

    /// What the body says in `stream_options`, of which the last one counts.
    private enum Options {
        case absent
        /// Whether or not it is an object is not known before its end.
        case open(Int, isEmpty: Bool)
        case object(Int, isEmpty: Bool)
        /// The value that does not ask for the usage, and what has to stand in its place.
        case replaceable(Range<Int>, StaticString)
        /// The usage is asked for, or what stands there is the endpoint's to refuse.
        case settled
    }

    /// A reader at the beginning of a body.
    public init() {}

    /// What has to be put into the body so that a stream of Chat Completions ends with its usage, and in place of what. nil where no stream
    /// is asked for, where the client asks for its usage, and where not all of the body was read.
    public var usageRequest: (range: Range<Int>, text: StaticString)? {
        guard stream == true, scanner.isDone, let objectStart else { return nil }
        switch options {
        case .absent: return (objectStart..<objectStart, #""stream_options":{"include_usage":true},"#)
        case .object(let start, let isEmpty):
            return (start..<start, isEmpty ? #""include_usage":true"# : #""include_usage":true,"#)
        case .replaceable(let range, let text): return (range, text)
        case .open, .settled: return nil
        }
    }

    /// The model that is asked for; nil where none is named.
    public var model: String? { isModelText ? modelText.cleaned : nil }

    /// The same, for callers that have read a request for the same model before: no text is made anew for it.
    public func model(knownAs known: String?) -> String? {
        guard isModelText else { return nil }
        if let known, modelText.cleanedEquals(known) { return known }
        return modelText.cleaned
    }

    /// Whether it was JSON to its end.
    public var isWhole: Bool { scanner.isDone }

    /// Whether reading on would not tell more.
    public var isFinished: Bool { read >= Self.limit || scanner.isDone || scanner.isBroken }

    /// Reads the next bytes of the body, without a content coding.
    public mutating func read(_ bytes: UnsafeRawBufferPointer) {
        guard !isFinished else { return }
        let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.limit - read))
        var place = passMark(part)
        let base = read
        read += part.count
        while let token = scanner.next(part, &place) { take(token, endingAt: base + place) }
    }

    /// A byte order mark at the very beginning is no part of the document, wherever it is cut.
    private mutating func passMark(_ bytes: UnsafeRawBufferPointer) -> Int {
        let mark: StaticString = "\u{FEFF}"
        var place = 0
        while mayBeMark, place < bytes.count {
            mayBeMark = read + place < 3 && bytes[place] == mark.utf8Start[read + place]
            if mayBeMark { place += 1 }
        }
        return place
    }

    /// - Parameter end: the place in the body behind the token
    private mutating func take(_ token: JSONScanner.Token, endingAt end: Int) {
        let path = scanner.path
        if path[0] == .streamOptions { takeOptions(token, path, endingAt: end) }
        if token == .begin {
            if path.count == 1, objectStart == nil { objectStart = end }
            if path.count == 2, path[0] != .streamOptions, path[0] != .metadata { scanner.skip() }
            return
        }
        let flag: Bool? =
            switch token {
            case .true: true
            case .false: false
            default: nil
            }
        switch (path.count, path[0], path.last) {
        case (1, .model, _):
            isModelText = token == .string
            modelRange = isModelText ? end - 1 - scanner.rawLength..<end - 1 : nil
            modelText.take(scanner.text)
        case (1, .modelWithCapitals, _): namesModelWithCapitals = true
        case (1, .stream, _): stream = flag
        case (2, .streamOptions, .includeUsage): includeUsage = flag
        case (1, .previousResponseID, _) where token == .string && !scanner.text.isEmpty,
            (1, .inputFileID, _) where token == .string && !scanner.text.isEmpty:
            madeID = MadeID(hash: scanner.text.hash)
        case (1, .promptCacheKey, _) where token == .string:
            hasCacheKey = true
            session = SessionKey(hash: scanner.text.hash)
        case (2, .metadata, .userID) where token == .string && !hasCacheKey:
            session = SessionKey(hash: scanner.text.hash)
        default: break
        }
    }
}

extension RequestReader {
    private mutating func takeOptions(_ token: JSONScanner.Token, _ path: JSONPath, endingAt end: Int) {
        switch (path.count, token) {
        case (1, .null): options = .replaceable(end - 4..<end, #"{"include_usage":true}"#)
        case (1, .end(isObject: true)):
            if case .open(let start, let isEmpty) = options { options = .object(start, isEmpty: isEmpty) }
        case (1, _): options = .settled
        case (2, .begin) where path.last == .element: options = .open(end, isEmpty: true)
        case (2, .false) where path.last == .includeUsage: options = .replaceable(end - 5..<end, "true")
        case (2, .null) where path.last == .includeUsage: options = .replaceable(end - 4..<end, "true")
        case (2, _) where path.last == .includeUsage: options = .settled
        case (3, .begin) where path[1] == .includeUsage: options = .settled
        default: if case .open(let start, _) = options { options = .open(start, isEmpty: false) }
        }
    }
}

/// Tells the requests of one session of a client from those of others. Only a hash is kept, never the text.
public struct SessionKey: Hashable, Sendable {
    let hash: UInt64

    init(hash: UInt64) { self.hash = hash }

    /// The fields of a request's head that name a session, in lower case; the first that is there counts. None of those that
    /// differ for each request, such as `x-client-request-id`, is among them.
    public static let fields: [StaticString] = ["x-claude-code-session-id", "session_id", "session-id", "x-session-id"]

    /// The session that this field names.
    ///
    /// - Returns: nil for an empty value.
    public init?(field value: UnsafeRawBufferPointer) {
        guard !value.isEmpty else { return nil }
        var text = JSONText()
        text.append(value)
        hash = text.hash
    }
}
