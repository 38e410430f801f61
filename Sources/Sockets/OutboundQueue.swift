internal import DequeModule
internal import NIOCore

/// What a socket has been given to write and the kernel has not taken.
struct OutboundQueue {
    private struct Entry {
        var bytes: ByteBuffer
        let promise: EventLoopPromise<Void>?
    }

    private var entries: Deque<Entry> = []
    /// How many of the first entries may leave.
    private var flushedCount = 0
    private(set) var byteCount = 0

    var isEmpty: Bool { entries.isEmpty }
    var mayLeave: Bool { flushedCount > 0 }

    mutating func append(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        entries.append(Entry(bytes: bytes, promise: promise))
        byteCount += bytes.readableBytes
    }

    mutating func flush() { flushedCount = entries.count }

    /// Passes up to `limit` of the pieces that may leave; they live as long as nothing is removed.
    func forEachPiece(limit: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        for entry in entries.prefix(min(limit, flushedCount)) {
            // The queue keeps the storage while the pointer is used.
            entry.bytes.withUnsafeReadableBytesWithStorageManagement { bytes, _ in body(bytes) }
        }
    }

    /// The kernel has taken so many bytes.
    ///
    /// - Returns: the promises of what has left, to be fulfilled.
    mutating func remove(_ count: Int) -> [EventLoopPromise<Void>] {
        var rest = count
        var written: [EventLoopPromise<Void>] = []
        byteCount -= count
        while flushedCount > 0, let first = entries.first, first.bytes.readableBytes <= rest {
            rest -= first.bytes.readableBytes
            entries.removeFirst()
            flushedCount -= 1
            if let promise = first.promise { written.append(promise) }
        }
        if rest > 0, !entries.isEmpty { entries[0].bytes.moveReaderIndex(forwardBy: rest) }
        return written
    }

    /// - Returns: the promises of what will never leave, to be failed.
    mutating func removeAll() -> [EventLoopPromise<Void>] {
        defer {
            entries = []
            flushedCount = 0
            byteCount = 0
        }
        return entries.compactMap(\.promise)
    }
}
