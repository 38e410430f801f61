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

    func giveBack(_ buffer: ByteBuffer) {
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
