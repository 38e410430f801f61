internal import NIOCore

/// One large receive buffer for all connections of an event loop.
///
/// NIO keeps a buffer per channel otherwise. The buffer is lent for one read and comes back when the handler has
/// dealt with the bytes; where a slice of it is still waiting to be written, the next reader gets a new one.
final class SharedReceiveBuffer: Sendable {
    static let capacity = 64 * 1024

    private let lent: NIOLoopBoundBox<ByteBuffer>

    init(eventLoop: any EventLoop) {
        lent = NIOLoopBoundBox(ByteBuffer(), eventLoop: eventLoop)
    }

    func take() -> ByteBuffer {
        var buffer = ByteBuffer()
        swap(&buffer, &lent.value)
        if buffer.modifyIfUniquelyOwned({ $0.clear() }) == nil || buffer.capacity < Self.capacity {
            buffer = ByteBufferAllocator().buffer(capacity: Self.capacity)
        }
        return buffer
    }

    func reclaim(_ buffer: ByteBuffer) {
        if buffer.capacity >= Self.capacity { lent.value = buffer }
    }
}

/// Makes a channel read into the loop's shared buffer.
///
/// NIO keeps the first buffer an allocator hands out for the channel's whole life, so that one is small.
struct SharedReceiveAllocator: RecvByteBufferAllocator {
    private let shared: SharedReceiveBuffer
    private let firstCapacity: Int
    private var isFirst = true

    init(shared: SharedReceiveBuffer, firstCapacity: Int) {
        self.shared = shared
        self.firstCapacity = firstCapacity
    }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        isFirst ? allocator.buffer(capacity: firstCapacity) : shared.take()
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        isFirst = false
        return true
    }
}

/// What has been read from a connection and could not be used yet: part of a head, or requests sent ahead.
///
/// Where everything that is read can be used at once, which is nearly always, nothing is copied here.
struct UnreadBytes: ~Copyable {
    private var bytes = ByteBuffer()

    var count: Int { bytes.readableBytes }

    mutating func append(_ buffer: ByteBuffer) { bytes.writeImmutableBuffer(buffer) }

    /// Keeps the rest of a buffer behind its first `used` bytes. It is copied, since the buffer goes back to the loop.
    mutating func keep(_ buffer: ByteBuffer, behind used: Int) {
        var rest = buffer
        rest.moveReaderIndex(forwardBy: used)
        bytes.clear()
        bytes.writeImmutableBuffer(rest)
    }

    mutating func take() -> ByteBuffer {
        var taken = ByteBuffer()
        swap(&taken, &bytes)
        return taken
    }

    /// Puts the rest of a buffer from `take` before what has come since.
    mutating func putBack(_ taken: consuming ByteBuffer, behind used: Int) {
        taken.moveReaderIndex(forwardBy: used)
        guard taken.readableBytes > 0 else { return }
        taken.discardReadBytes()
        if bytes.readableBytes > 0 { taken.writeImmutableBuffer(bytes) }
        bytes = taken
    }

    mutating func removeAll() {
        if bytes.capacity > 0 { bytes = ByteBuffer() }
    }

    func withUnsafeReadableBytes<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
        bytes.withUnsafeReadableBytes(body)
    }
}
