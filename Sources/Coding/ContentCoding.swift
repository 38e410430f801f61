/// A content coding of HTTP that can be undone here.
public enum ContentCoding: Equatable, Sendable {
    case gzip, deflate, brotli, zstd

    /// Its name in `Content-Encoding`.
    public var name: String {
        switch self {
        case .gzip: "gzip"
        case .deflate: "deflate"
        case .brotli: "br"
        case .zstd: "zstd"
        }
    }

    /// The names that stand in the field, in lower case. Absent for one that is not known here, such as `compress`.
    fileprivate init?(lowercased name: String) {
        switch name {
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        case "br": self = .brotli
        case "zstd": self = .zstd
        default: return nil
        }
    }
}

/// What `Content-Encoding` says: the codings in the order in which they were applied. `identity` is none.
public struct ContentCodings: Equatable, Sendable {
    /// A coding that is not known here, or more of them than any sender applies.
    public struct Unknown: Error, Equatable {
        /// As it was written, at most 32 bytes of it.
        public let name: String
    }

    /// Nobody applies two for a reason. Each more multiplies what a few bytes can be made to cost.
    private static let most = 3

    public static let identity = ContentCodings()

    public let codings: [ContentCoding]

    public var isIdentity: Bool { codings.isEmpty }

    private init() {
        codings = []
    }

    public init(_ coding: ContentCoding) {
        codings = [coding]
    }

    /// - Parameter field: the field's value. Where there are several such fields, their values with commas between.
    public init(_ field: some Collection<UInt8>) throws(Unknown) {
        var found: [ContentCoding] = []
        for element in field.split(separator: UInt8(ascii: ",")) {
            let name = Self.trimmed(element)
            guard !name.isEmpty else { continue }
            let lowercased = String(decoding: name.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
            guard lowercased != "identity" else { continue }
            guard let coding = ContentCoding(lowercased: lowercased), found.count < Self.most else {
                throw Unknown(name: String(decoding: name.prefix(32), as: UTF8.self))
            }
            found.append(coding)
        }
        codings = found
    }

    private static func trimmed(_ bytes: some Collection<UInt8>) -> [UInt8] {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let head = bytes.drop(while: isSpace)
        return Array(head.reversed().drop(while: isSpace).reversed())
    }
}

/// Why a body cannot be decoded.
public enum DecodingError: Error, Equatable, Sendable {
    /// It is not what its header says, or it is damaged, or something follows its end.
    case corrupt(ContentCoding)
    /// It ended before it was complete.
    case truncated(ContentCoding)
    /// More than the budget came out, at any of its stages, or it wants a larger window than senders may use.
    case tooLarge
    /// The library got no memory.
    case outOfMemory
}
