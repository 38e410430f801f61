internal import CSystemShim
internal import HTTPWire
internal import NIOCore
internal import Sockets
internal import Support

/// What both ends have in common: a channel, and the ways to write to it.
///
/// Bytes go straight to the socket, past the channel's queue: queueing a message, flushing and unqueueing it costs more
/// than parsing both heads of a request. Under load they go when everything that came in the same tick of the loop has
/// been read (`WriteCoalescing`). The channel's queue takes what the socket does not take at once, and then everything until
/// it has been seen empty. Channels without a plain socket (TLS, tests) have nothing but the queue.
class SocketConnection: SocketReader {
    /// Data in more pieces than these is copied together.
    static let maximumPieces = 64

    private static let none: CInt = -1
    /// Shorter messages have left when they were written, if the kernel took them at all.
    private static let longMessage = 16 * 1024
    private static let flags = CInt(truncatingIfNeeded: MSG_DONTWAIT | MSG_NOSIGNAL)

    final let loop: LoopContext
    final var context: ChannelHandlerContext?
    private final var descriptor = none
    private final var socket: StreamSocket?
    /// Written and not flushed, or leaving when the loop's tick ends.
    private final var coalesced = ByteBuffer()
    private final var flushesAtEndOfTick = false
    /// Something went into the queue, and it has not been seen empty since.
    private final var mayBeQueued = false
    /// The channel has not been told yet to send what is in its queue.
    private final var isQueued = false
    private final var needsFlush = false
    /// The end of an answer stands in `loop.output`, complete but for the counting of its request.
    private final var endIsInOutput = false

    init(loop: LoopContext) {
        self.loop = loop
    }

    /// From now on bytes go past the pipeline: only where its other handlers leave bytes as they are.
    final func openSocket() {
        let channel = context?.channel
        descriptor =
            (try? channel?.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { $0 }) ?? Self.none
        socket = channel as? StreamSocket
        socket?.setReader(self)
    }

    /// The channel has closed it, and its number may be another socket's from now on; or it has got other handlers.
    final func forgetSocket() {
        descriptor = Self.none
        socket.take()?.setReader(nil)
    }

    /// When the connection is closed, the other side is to see that something is missing.
    final func resetOnClose() {
        if let socket = context?.channel as? StreamSocket { return socket.resetOnClose() }
        _ = (context?.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
    }

    /// Ends the connection at once; what the other side's kernel does not have yet it shall never have.
    final func abortConnection() {
        if let socket = context?.channel as? StreamSocket { return socket.abort() }
        resetOnClose()
        context?.close(promise: nil)
    }

    // MARK: Reading

    /// Whether there is something to read, or the end, of which the loop has not told yet. Only plain sockets can be asked:
    /// with TLS what is there may belong to no answer.
    final var hasSomethingToSay: Bool {
        guard descriptor != Self.none else { return false }
        var byte: UInt8 = 0
        let count = recv(descriptor, &byte, 1, Self.flags | CInt(truncatingIfNeeded: MSG_PEEK))
        return count >= 0 || errno != EAGAIN
    }

    /// Whether some of what was written has not left, as far as that can be seen.
    ///
    /// - Parameter count: bytes of the message just written; the kernel is only asked about long ones
    final func hasUnsentBytes(afterWriting count: Int) -> Bool {
        guard descriptor != Self.none else {
            return (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 > 0
        }
        if coalesced.readableBytes > 0 || !maySend { return true }
        return count > Self.longMessage && podium_unsent(descriptor) > 0
    }

    /// Bytes that the kernel has not taken.
    final var queuedByteCount: Int {
        guard descriptor != Self.none, mayBeQueued else { return 0 }
        return Int((try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0)
    }

    /// Bytes of which the other side's system has not said that it has them, where the kernel can be asked.
    final var unacknowledgedByteCount: Int {
        if descriptor != Self.none { return queuedByteCount + Int(podium_unsent(descriptor)) }
        return queuedByteCount
    }

    /// Whether the other side's kernel has confirmed nothing of the message that was written last; false where that cannot be
    /// told.
    final func confirmsNothing(of size: Int, isExact: Bool, writtenBefore age: TimeAmount) -> Bool {
        return (context?.channel as? StreamSocket)?.delivery?
            .confirmsNothing(of: size, isExact: isExact, writtenBefore: age) ?? false
    }

    func socketRead(_ bytes: ByteBuffer) {}

    func socketReadComplete() {}

    // MARK: Writing

    /// Writes what `loop.output` holds; `flush` has to follow.
    ///
    /// - Parameter mayLeaveAtOnce: the end of an answer must not, since a client that has it expects to find it counted
    final func writeOutput(mayLeaveAtOnce: Bool = false) {
        guard maySend, !mayLeaveAtOnce || loop.coalescing.areBundled else { return write(loop.output) }
        if coalesced.readableBytes == 0 {
            loop.coalescing.exchange(&coalesced, &loop.output)
        } else {
            coalesced.writeImmutableBuffer(loop.output)
        }
        needsFlush = true
    }

    /// The same for the end of an answer; `sendEnd` has to follow before `loop.output` is used again.
    final func outputEndsAnswer() {
        guard loop.output.readableBytes > 0 else { return }
        if loop.coalescing.areBundled { writeOutput() } else { endIsInOutput = true }
    }

    /// Writes what `outputEndsAnswer` has left in `loop.output`.
    final func sendEnd() {
        guard endIsInOutput else { return }
        endIsInOutput = false
        write(loop.output)
    }

    final func write(_ text: String) {
        write(ByteBuffer(string: text))
    }

    /// Sends the bytes, or queues what the socket does not take: `flush` has to follow.
    final func write(_ bytes: ByteBuffer) {
        sendCoalesced()
        let sent =
            maySend
            ? bytes.withUnsafeReadableBytes { max(0, transmit($0)) } : 0
        guard sent < bytes.readableBytes else { return }
        queue(bytes, after: sent)
    }

    /// Sends `head`, the ranges of `body` (at most `maximumPieces`) and `tail` together, or queues the rest.
    final func write(
        _ head: ByteBuffer, _ ranges: ContiguousArray<Range<Int>>, of body: ByteBuffer, _ tail: StaticString
    ) {
        sendCoalesced()
        var sent = maySend ? max(0, gather(head, ranges, of: body, tail)) : 0
        func queueRest(_ bytes: ByteBuffer) {
            if sent < bytes.readableBytes { queue(bytes, after: sent) }
            sent = max(0, sent - bytes.readableBytes)
        }
        queueRest(head)
        for range in ranges {
            if let slice = body.getSlice(at: body.readerIndex + range.lowerBound, length: range.count) {
                queueRest(slice)
            }
        }
        queueRest(ByteBuffer(staticString: tail))
    }

    /// Lets go what was written, under load when the loop's tick ends.
    final func flush() {
        guard needsFlush else { return }
        if loop.coalescing.areBundled { flushAtEndOfTick() } else { flushNow() }
    }

    /// Lets go everything that was written: before anything is said to the channel itself.
    final func flushNow() {
        guard needsFlush else { return }
        needsFlush = false
        sendCoalesced()
        if isQueued {
            isQueued = false
            context?.flush()
        }
    }

    /// The loop's tick has ended.
    final func tickEnded() {
        flushesAtEndOfTick = false
        flushNow()
    }

    /// Switches the channel's reading on or off. The kernel hears of it each time, so only where one side stands still.
    final func setReading(_ isOn: Bool) {
        try? context?.channel.syncOptions?.setOption(.autoRead, value: isOn)
    }

    // Whatever goes wrong in sending goes wrong again in the channel, which knows how to end.

    private var maySend: Bool {
        guard descriptor != Self.none else { return false }
        guard mayBeQueued else { return true }
        guard (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0 else { return false }
        mayBeQueued = false
        return true
    }

    private func flushAtEndOfTick() {
        guard !flushesAtEndOfTick else { return }
        flushesAtEndOfTick = true
        loop.flushAtEndOfTick(self)
    }

    private func sendCoalesced() {
        guard coalesced.readableBytes > 0 else { return }
        if descriptor != Self.none {
            let sent = coalesced.withUnsafeReadableBytes {
                max(0, transmit($0))
            }
            if sent < coalesced.readableBytes { queue(coalesced, after: sent) }
        }
        loop.coalescing.reclaim(&coalesced)
    }

    private func queue(_ bytes: ByteBuffer, after sent: Int) {
        var rest = bytes
        rest.moveReaderIndex(forwardBy: sent)
        mayBeQueued = true
        isQueued = true
        needsFlush = true
        context?.write(NIOAny(rest), promise: nil)
    }

    private func transmit(_ bytes: UnsafeRawBufferPointer) -> Int {
        return podium_send(descriptor, bytes.baseAddress, bytes.count)
    }

    private func gather(
        _ head: ByteBuffer, _ ranges: ContiguousArray<Range<Int>>, of body: ByteBuffer, _ tail: StaticString
    ) -> Int {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.maximumPieces + 2) { pieces in
            head.withUnsafeReadableBytes { head in
                body.withUnsafeReadableBytes { body in
                    var count = 0
                    func add(_ bytes: UnsafeRawBufferPointer) {
                        guard !bytes.isEmpty else { return }
                        let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                        pieces.initializeElement(at: count, to: iovec(iov_base: base, iov_len: bytes.count))
                        count += 1
                    }
                    add(head)
                    for range in ranges { add(body.slice(range)) }
                    add(UnsafeRawBufferPointer(start: tail.utf8Start, count: tail.utf8CodeUnitCount))
                    var message = msghdr()
                    message.msg_iov = pieces.baseAddress
                    message.msg_iovlen = .init(count)
                    return sendmsg(descriptor, &message, Self.flags)
                }
            }
        }
    }
}

/// What leaves when the loop's tick ends, on all of its connections.
///
/// With hundreds of requests running, a tick of the loop reads from dozens of sockets. Answering each at once wakes the
/// other side for a few messages; answering them together lets it find many, which saves 3 % at 256 connections. With
/// fewer there is nothing to be saved, and waiting for the end of the tick would be a detour.
struct WriteCoalescing {
    /// From so many running requests on, messages leave together.
    private static let threshold = 96
    private static let spareLimit = 256
    private static let spareCapacityLimit = 16 * 1024

    private var connections: ContiguousArray<Unmanaged<SocketConnection>> = []
    private var spares: ContiguousArray<ByteBuffer> = []
    private(set) var areBundled = false
    private var running = 0

    mutating func requestStarted() {
        running += 1
        areBundled = running >= Self.threshold
    }

    mutating func requestEnded() {
        running -= 1
        areBundled = running >= Self.threshold
    }

    /// - Returns: whether it is the first one of this tick, so that the tick's end has to be awaited.
    mutating func add(_ connection: SocketConnection) -> Bool {
        connections.append(.passRetained(connection))
        return connections.count == 1
    }

    /// The connections to be told, retained; those added meanwhile come with the next call.
    mutating func takeAll(into taken: inout ContiguousArray<Unmanaged<SocketConnection>>) {
        swap(&taken, &connections)
    }

    /// Moves `output` into `coalesced` and leaves an empty buffer in its place.
    mutating func exchange(_ coalesced: inout ByteBuffer, _ output: inout ByteBuffer) {
        coalesced = spares.popLast() ?? ByteBuffer()
        swap(&coalesced, &output)
    }

    /// Keeps the storage of a buffer that has left.
    mutating func reclaim(_ spent: inout ByteBuffer) {
        var buffer = ByteBuffer()
        swap(&buffer, &spent)
        guard spares.count < Self.spareLimit, buffer.capacity <= Self.spareCapacityLimit else { return }
        buffer.clear()
        spares.append(buffer)
    }
}

extension ByteBuffer {
    /// The same as `writeBytes`, which goes a long way round for a few bytes.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        writeInPlace(atMost: bytes.count) { target in
            target.copyMemory(from: bytes)
            return bytes.count
        }
    }

    mutating func writeChunkSize(_ size: Int) {
        writeInPlace(atMost: 20) { target in
            var writer = WireWriter(target)
            writer.write(hexadecimal: UInt64(size))
            writer.write("\r\n")
            return writer.count
        }
    }

    /// The same as `writeWithUnsafeMutableBytes`, without the slice of a slice that it makes of the storage first.
    ///
    /// - Parameters:
    ///   - bound: bytes that there is room for
    ///   - body: fills the beginning of what it gets, and returns how many bytes it has written
    @inline(__always)
    mutating func writeInPlace(atMost bound: Int, _ body: (UnsafeMutableRawBufferPointer) -> Int) {
        reserveCapacity(minimumWritableBytes: bound)
        let start = writerIndex
        let count = withVeryUnsafeMutableBytes { storage in
            guard let base = storage.baseAddress else { return 0 }
            return body(UnsafeMutableRawBufferPointer(start: base + start, count: storage.count - start))
        }
        moveWriterIndex(forwardBy: count)
    }
}

extension WireWriter {
    /// Writes the field that says where the body ends, if there is one.
    @inline(__always)
    mutating func write(_ framing: BodyFraming) {
        switch framing {
        case .length(let length):
            write("Content-Length: ")
            write(decimal: length)
            write("\r\n")
        case .chunked: write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
    }
}
