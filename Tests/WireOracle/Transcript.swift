internal import HTTPWire

/// What a parser understood, as one number; as text too where somebody has to read it.
struct Transcript: Equatable {
    enum Mark: UInt8 {
        case method = 1
        case target
        case version
        case status
        case reason
        case name
        case value
        case headEnd
    }

    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    /// nil while nobody reads it: the fuzzer makes hundreds of transcripts of each input.
    private(set) var text: [UInt8]?

    init(isReadable: Bool) {
        text = isReadable ? [] : nil
    }

    /// One part of a head.
    mutating func add(_ mark: Mark, _ bytes: UnsafeRawBufferPointer) {
        step(mark.rawValue)
        append(bytes)
        step(0xFF)
        text?.append(contentsOf: "\n\(mark): ".utf8)
        text?.append(contentsOf: bytes)
    }

    mutating func add(_ mark: Mark, number: UInt64) {
        step(mark.rawValue)
        withUnsafeBytes(of: number.littleEndian) { append($0) }
        text?.append(contentsOf: "\n\(mark): \(number)".utf8)
    }

    mutating func endHead() {
        step(Mark.headEnd.rawValue)
        text?.append(contentsOf: "\nbody: ".utf8)
    }

    /// Body bytes, in pieces of any length.
    mutating func add(body bytes: UnsafeRawBufferPointer) {
        append(bytes)
        text?.append(contentsOf: bytes)
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        for byte in bytes { step(byte) }
    }

    /// FNV-1a.
    private mutating func step(_ byte: UInt8) {
        digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3
    }

    static func == (left: Transcript, right: Transcript) -> Bool { left.digest == right.digest }
}

/// Everything one parser made of one input.
struct Reading: Equatable {
    struct Message: Equatable {
        var transcript: Transcript
        /// Offset behind its last byte.
        var end: Int
        var keepsAlive: Bool
    }

    enum Ending: Equatable {
        /// All was taken, and the next head is not complete.
        case inHead
        /// All was taken, and the body goes on.
        case inBody
        /// The connection does not serve another message, or goes on with another protocol.
        case finished
        case refused(Refusal)
    }

    /// The messages that are complete.
    var messages: [Message] = []
    /// The head and what there is of the body of a message that is not complete; nil before its head is.
    var unfinished: Transcript?
    var ending = Ending.inHead
}

/// Why an input was refused.
enum Refusal: Equatable, CustomStringConvertible {
    case requestHead(RequestHeadError)
    case responseHead(ResponseHeadError)
    case body(BodyError)
    /// The other parser's own words.
    case other(String)

    var isInBody: Bool {
        if case .body = self { true } else { false }
    }

    /// Too long or too many, rather than wrong.
    var isOfLimits: Bool {
        switch self {
        case .requestHead(let error): [.requestLineTooLong, .headTooLarge, .tooManyFields].contains(error)
        case .responseHead(let error): [.headTooLarge, .tooManyFields].contains(error)
        case .body(let error): [.chunkTooLarge, .chunkLineTooLong, .trailersTooLarge].contains(error)
        case .other: false
        }
    }

    var description: String {
        switch self {
        case .requestHead(let error): "request head: \(error)"
        case .responseHead(let error): "response head: \(error)"
        case .body(let error): "body: \(error)"
        case .other(let text): text
        }
    }
}
