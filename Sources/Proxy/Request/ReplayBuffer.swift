internal import NIOCore

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
