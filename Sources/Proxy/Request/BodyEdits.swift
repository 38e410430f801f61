internal import NIOCore
internal import Support

/// Another name of the model in a request's body, for one endpoint. Only the text between the quotation marks changes.
struct ModelChange {
    let asked: String
    /// As it stands between quotation marks.
    let askedText: [UInt8]
    let sent: String
    /// The answer names the model as it was asked for.
    let isRestored: Bool

    /// A name as it stands between the quotation marks of JSON.
    static func written(_ name: String) -> [UInt8] { Array(QuotedText.json(name).utf8.dropFirst().dropLast()) }
}

/// Stretches of a request's body in place of which an endpoint is sent another text. All other bytes stay as they are.
struct BodyEdits {
    /// In the order of the body; none overlaps another.
    private var edits: [(range: Range<Int>, text: [UInt8])] = []

    /// Bytes by which the body becomes longer.
    private(set) var growth = 0

    init() {}

    /// - Parameter cuts: in the order of the body, without overlaps
    init(cutting cuts: [Range<Int>]) {
        edits = cuts.map { ($0, []) }
        growth = -cuts.reduce(0) { $0 + $1.count }
    }

    /// - Parameter range: of the client's body; empty where nothing is taken out
    mutating func add(_ range: Range<Int>, _ text: [UInt8]) {
        if edits.last.map({ $0.range.lowerBound <= range.lowerBound }) ?? true {
            edits.append((range, text))
        } else {
            let place = edits.firstIndex { $0.range.lowerBound > range.lowerBound } ?? edits.count
            edits.insert((range, text), at: place)
        }
        growth += text.count - range.count
    }

    enum Part: Equatable {
        case text([UInt8])
        /// Of the client's body.
        case kept(Range<Int>)

        var count: Int {
            switch self {
            case .text(let text): text.count
            case .kept(let range): range.count
            }
        }
    }

    /// What a stretch of the client's body becomes. A text comes with the stretch in which what it replaces begins, or the byte in front of
    /// which it is put.
    @inline(__always)
    func forEachPart(of piece: Range<Int>, _ body: (Part) -> Void) {
        var place = piece.lowerBound
        // They are in order. What lies before the piece is passed over by halves, but for a cut that may reach into it and for what is put
        // where that begins.
        var (low, high) = (0, edits.count)
        while low < high {
            let middle = (low + high) / 2
            if edits[middle].range.lowerBound < piece.lowerBound { low = middle + 1 } else { high = middle }
        }
        for (range, text) in edits[max(0, low - 2)...] {
            if range.lowerBound >= piece.upperBound { break }
            let begin = min(max(range.lowerBound, place), piece.upperBound)
            if begin > place { body(.kept(place..<begin)) }
            if piece.contains(range.lowerBound) { body(.text(text)) }
            place = min(max(range.upperBound, begin), piece.upperBound)
        }
        if place < piece.upperBound { body(.kept(place..<piece.upperBound)) }
    }

    /// How long a stretch of the client's body becomes.
    func length(of piece: Range<Int>) -> Int {
        var length = 0
        forEachPart(of: piece) { length += $0.count }
        return length
    }

    /// Sends a piece of the client's body with what takes the place of stretches of it.
    ///
    /// - Parameter place: where in the body the piece begins
    func write(_ piece: ByteBuffer, from place: Int, to connection: UpstreamConnection, inChunks: Bool) {
        forEachPart(of: place..<place + piece.readableBytes) { part in
            switch part {
            case .text(let text): if !text.isEmpty { connection.writeBody(ByteBuffer(bytes: text), inChunks: inChunks) }
            case .kept(let range):
                let start = piece.readerIndex + range.lowerBound - place
                if let slice = piece.getSlice(at: start, length: range.count) {
                    connection.writeBody(slice, inChunks: inChunks)
                }
            }
        }
    }
}

/// The part of a request body that is kept for the next endpoint.
///
/// Small pieces are copied together, large ones kept as they came from the socket.
struct ReplayBuffer {
    private(set) var count = 0
    private var segments: [ByteBuffer] = []

    /// Pieces from this size on, which fill most of the buffer they were read into, are kept by reference: they pin all of it.
    static let referenceThreshold = 24 * 1024

    mutating func append(_ piece: ByteBuffer) {
        count += piece.readableBytes
        if piece.readableBytes < Self.referenceThreshold, let last = segments.indices.last,
            segments[last].readableBytes < Self.referenceThreshold
        {
            segments[last].writeImmutableBuffer(piece)
        } else if piece.readableBytes < Self.referenceThreshold {
            var copy = ByteBuffer()
            copy.writeImmutableBuffer(piece)
            segments.append(copy)
        } else {
            segments.append(piece)
        }
    }

    mutating func removeAll() {
        guard count > 0 else { return }
        count = 0
        segments.removeAll(keepingCapacity: segments.count <= 4)
    }

    func forEachSegment(_ body: (ByteBuffer) -> Void) {
        for segment in segments { body(segment) }
    }
}
