/// Tells what an endpoint has made and a client may ask for later (a stored response, a file, a batch) from all others. Only a hash of the
/// id is kept, never the text.
public struct MadeID: Hashable, Sendable {
    let hash: UInt64

    init(hash: UInt64) { self.hash = hash }

    /// The id as it stands in a path.
    ///
    /// - Returns: nil for an empty one.
    public init?(_ id: UnsafeRawBufferPointer) {
        guard !id.isEmpty else { return nil }
        var text = JSONText()
        text.append(id)
        hash = text.hash
    }
}

/// Finds the id of what was made at the beginning of an answer: `id` of a JSON object, or of the `response` in the first events of a stream.
/// Pure and incremental; it reads no further than it has to.
public struct MadeIDReader {
    /// It gives up behind so many bytes.
    public static let limit = 1 << 20

    private let isStream: Bool
    private var framing = EventStreamFraming()
    private var scanner = JSONScanner()
    private var read = 0
    private var found: UInt64?
    private var isStored = true

    /// Before the first byte of the answer's body.
    public init(isStream: Bool) { self.isStream = isStream }

    /// Nothing more is going to be found.
    public private(set) var isFinished = false

    /// nil until the object that names it has come to its end, and where that says that it is not kept (`"store": false`).
    public var id: MadeID? { isFinished && isStored ? found.map { MadeID(hash: $0) } : nil }

    /// Reads the next bytes of the body.
    public mutating func read(_ bytes: UnsafeRawBufferPointer) {
        guard !isFinished else { return }
        read += bytes.count
        if isStream {
            var place = 0
            while !isFinished, let part = framing.next(bytes, &place) {
                switch part {
                case .data(let range): readDocument(UnsafeRawBufferPointer(rebasing: bytes[range]))
                case .end: scanner.reset()
                case .nameBegins, .name, .dataBreak: break
                }
            }
        } else {
            readDocument(bytes)
        }
        if read >= Self.limit || (scanner.isBroken && !isStream) { isFinished = true }
    }

    private mutating func readDocument(_ bytes: UnsafeRawBufferPointer) {
        var place = 0
        while let token = scanner.next(bytes, &place) { take(token) }
        if scanner.isDone, found != nil || !isStream { isFinished = true }
    }

    private mutating func take(_ token: JSONScanner.Token) {
        let path = scanner.path
        // Within a stream's events the object has a name.
        let depth = isStream ? 2 : 1
        if token == .begin {
            if path.count > depth || (path.count == 2 && path[0] != .response) { scanner.skip() }
            return
        }
        guard path.count == depth, depth == 1 || path[0] == .response else { return }
        switch (path.last, token) {
        case (.id, .string) where !scanner.text.isEmpty: found = scanner.text.hash
        case (.store, .false): isStored = false
        default: break
        }
    }
}

/// Finds files that a request's body names, however deep: the value of `file_id`, `input_file_id` and the like.
///
/// Messages are passed over by `RequestReader`, which is much faster, so this is for where files are known at all.
public struct FileReferenceReader {
    private enum State { case key, colon, value, id }

    private static let key: StaticString = "file_id\""

    private var state = State.key
    private var matched = 0
    private var text = JSONText()

    /// Before the first byte of the body.
    public init() {}

    /// Reads the next bytes of the body.
    ///
    /// - Parameter onReference: is called for each file
    public mutating func read(_ bytes: UnsafeRawBufferPointer, onReference: (MadeID) -> Void) {
        for byte in bytes {
            switch state {
            case .key:
                matched = byte == Self.key.utf8Start[matched] ? matched + 1 : byte == Self.key.utf8Start[0] ? 1 : 0
                if matched == Self.key.utf8CodeUnitCount { begin(.colon) }
            case .colon: if !Self.isBlank(byte) { begin(byte == UInt8(ascii: ":") ? .value : .key) }
            case .value: if !Self.isBlank(byte) { begin(byte == UInt8(ascii: "\"") ? .id : .key) }
            case .id where byte == UInt8(ascii: "\""):
                if !text.isEmpty { onReference(MadeID(hash: text.hash)) }
                begin(.key)
            case .id: text.append(byte)
            }
        }
    }

    private mutating func begin(_ next: State) {
        state = next
        matched = 0
        if next == .id { text.removeAll() }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }
}
