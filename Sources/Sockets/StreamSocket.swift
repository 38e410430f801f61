internal import CSystemShim
package import NIOCore
internal import Support
internal import Synchronization

/// A TCP connection as a SwiftNIO channel.
///
/// State without a lock belongs to the loop's thread.
package final class StreamSocket: Pollable, @unchecked Sendable {
    enum Phase {
        case created
        case connecting
        case active
        case closed
    }

    let loop: SocketLoop
    let peer: SocketAddress?
    var descriptor: CInt
    private var phase = Phase.created
    private var isRegistered = false
    private var connectPromise: EventLoopPromise<Void>?

    /// Reads in the pipeline's place.
    private var reader: (any SocketReader)?
    private var readsAutomatically = true
    /// The pipeline has asked for a read.
    private var isReadAskedFor = false
    /// The kernel has something, as far as is known.
    private var isReadable = false
    /// It is in the list of sockets that read on in the next tick.
    private var isToReadAgain = false
    /// A reset is reported behind the bytes that came before it, however late those are read. Otherwise it is reported at once
    /// while reading is paused, and those bytes are lost.
    var tellsResetInTurn = false
    /// The kernel has reported the end or an error, behind what can still be read.
    var endIsNear = false
    private var isInputClosed = false
    var keepsOutputOpen = false

    private var outbound = OutboundQueue()
    /// The kernel has taken all it can.
    private var isBlocked = false
    private var watermark = ChannelOptions.Types.WriteBufferWaterMark(low: 32 * 1024, high: 64 * 1024)
    private var isOutputClosed = false
    /// FIN follows when the queue is empty.
    private var finWaits: [EventLoopPromise<Void>] = []

    private let activity = Atomic<Bool>(false)
    let writability = Atomic<Bool>(true)
    private let closePromise: EventLoopPromise<Void>
    package private(set) lazy var pipeline = ChannelPipeline(channel: self)

    /// Takes over the descriptor, which does not block.
    init(loop: SocketLoop, descriptor: CInt, peer: SocketAddress?) {
        self.loop = loop
        self.descriptor = descriptor
        self.peer = peer
        closePromise = loop.makePromise()
        super.init()
        // The pipeline is made here, because other threads may ask for it and a lazy property is not safe for that.
        _ = pipeline
    }

    var isOpen: Bool { phase != .closed }

    /// From now on reads go to `reader`, past the pipeline; nil: through the pipeline again.
    ///
    /// On the loop only.
    package func setReader(_ reader: (any SocketReader)?) {
        self.reader = reader
        if reader == nil { readIfNeeded() } else { goOnReading() }
    }

    /// Closing it will reset the connection: what the kernel has not sent is lost, and the other side knows that
    /// something is missing.
    package func resetOnClose() {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
    }

    /// The kernel looks after a connection on which nothing is said, and gives it up when nothing was confirmed for so
    /// long.
    package func watchOver(patience: TimeAmount) {
        StreamDescriptor.watchOver(descriptor, patience: patience)
    }

    /// Ends the connection at once, past the pipeline: what the kernel has not delivered is never delivered.
    ///
    /// On the loop only.
    package func abort() {
        guard isOpen else { return }
        resetOnClose()
        close0(error: ChannelError.ioOnClosedChannel, mode: .all, promise: nil)
    }

    /// What the other side's kernel has confirmed; nil where it cannot be told.
    package var delivery: Delivery? {
        var found = podium_delivery()
        guard isOpen, podium_delivery(descriptor, &found) == 0 else { return nil }
        return Delivery(
            unconfirmedSegments: Int(found.unconfirmed_segments), unconfirmedBytes: Int(found.unconfirmed_bytes),
            sinceConfirmation: .milliseconds(Int64(found.since_confirmation)), queuedBytes: outbound.byteCount)
    }

    // MARK: Readiness

    override func ready(_ conditions: Condition) {
        switch phase {
        case .created, .closed: return
        case .connecting: return connectEnded(conditions)
        case .active: break
        }
        if isBlocked, !conditions.isDisjoint(with: [.writable, .hungUp, .failed]) {
            isBlocked = false
            writeQueued()
            guard isOpen else { return }
        }
        guard !conditions.isDisjoint(with: [.readable, .inputEnded, .hungUp, .failed]) else { return }
        isReadable = true
        if !conditions.isDisjoint(with: [.inputEnded, .hungUp, .failed]) { endIsNear = true }
        if mayRead {
            readOnce()
        } else if conditions.contains(.failed), isInputClosed || !tellsResetInTurn {
            // Reading is paused, so a read would not bring the error up.
            fail(pendingError() ?? ECONNRESET)
        }
    }

    override func loopEnds() {
        close0(error: EventLoopError.shutdown, mode: .all, promise: nil)
    }

    /// The error the kernel keeps for this socket, which it then forgets.
    private func pendingError() -> CInt? {
        var code: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return errno }
        return code == 0 ? nil : code
    }

    func fail(_ code: CInt, _ call: String = "connection") {
        let error = IOError(errnoCode: code, reason: call)
        pipeline.syncOperations.fireErrorCaught(error)
        close0(error: error, mode: .all, promise: nil)
    }

    // MARK: Beginning

    /// The connection stands.
    func activate() {
        phase = .active
        activity.store(true, ordering: .relaxed)
        pipeline.syncOperations.fireChannelActive()
        // Handlers may have flushed before the connection stood.
        if isOpen { writeQueued() }
        readIfNeeded()
    }

    func register() throws {
        try loop.register(self, descriptor)
        isRegistered = true
        pipeline.syncOperations.fireChannelRegistered()
    }

    private func connectEnded(_ conditions: Condition) {
        if let code = pendingError() {
            close0(error: IOError(errnoCode: code, reason: "connect"), mode: .all, promise: nil)
            return
        }
        let promise = connectPromise
        connectPromise = nil
        activate()
        promise?.succeed()
        // What came together with the connection is not reported again.
        ready(conditions)
    }
}

extension StreamSocket {
    /// Reads one after the other of a socket that has much to say. What its bytes need (its other side, the kernel's
    /// records of both) is at hand meanwhile: with one read a turn, uploads of 1 MiB on 16 connections cost up to twice
    /// as much.
    static let readsPerTick = 4

    /// Whether what the kernel has may be read now.
    private var mayRead: Bool {
        guard !isInputClosed else { return false }
        return reader == nil ? isReadAskedFor : readsAutomatically
    }

    func setReadsAutomatically(_ isOn: Bool) {
        guard readsAutomatically != isOn else { return }
        readsAutomatically = isOn
        if isOn {
            readIfNeeded()
        } else {
            isReadAskedFor = false
        }
    }

    /// Asks the pipeline whether it wants more, and takes up what was left unread.
    private func readIfNeeded() {
        guard phase == .active, readsAutomatically else { return }
        if reader == nil { pipeline.syncOperations.read() } else { goOnReading() }
    }

    /// Reads on in the next tick and not at once: the caller is in the middle of something.
    private func goOnReading() {
        guard isReadable, mayRead, !isToReadAgain else { return }
        isToReadAgain = true
        loop.readNextTick(self)
    }

    func readAgain() {
        isToReadAgain = false
        for _ in 0..<Self.readsPerTick {
            guard phase == .active, isReadable, mayRead else { return }
            readOnce()
        }
    }

    private func readOnce() {
        var buffer = loop.takeReceiveBuffer()
        let descriptor = descriptor
        // The buffer is empty, so that all of its storage can be written to.
        let count = buffer.withVeryUnsafeMutableBytes { podium_receive(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else {
            loop.returnReceiveBuffer(consume buffer)
            return readEnded(CInt(-count))
        }
        // A read that leaves room has emptied the kernel's buffer, unless the end stands there as well.
        isReadable = endIsNear || count == buffer.writableBytes
        buffer.moveWriterIndex(forwardBy: count)
        if let reader {
            reader.socketRead(buffer)
            loop.returnReceiveBuffer(consume buffer)
            guard isOpen else { return }
            if self.reader != nil {
                reader.socketReadComplete()
                if isReadable { goOnReading() }
            } else {
                // A handler of the pipeline reads from now on.
                readIfNeeded()
            }
        } else {
            isReadAskedFor = false
            pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
            loop.returnReceiveBuffer(consume buffer)
            guard isOpen else { return }
            pipeline.syncOperations.fireChannelReadComplete()
            readIfNeeded()
        }
    }

    private func readEnded(_ code: CInt) {
        switch code {
        case 0:
            inputEnded()
        case EAGAIN:
            isReadable = false
        case EINTR:
            goOnReading()
        default:
            fail(code, "recv")
        }
    }

    private func inputEnded() {
        isReadable = false
        isInputClosed = true
        guard keepsOutputOpen, !isOutputClosed else {
            close0(error: ChannelError.eof, mode: .all, promise: nil)
            return
        }
        pipeline.syncOperations.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        // FIN and the refusal of what was written may have come as one.
        if isOpen, endIsNear, let code = pendingError() { fail(code) }
    }

    /// Reads to the end what the other side said before it went.
    private func readToTheEnd() {
        isReadable = true
        while phase == .active, isReadable, mayRead { readOnce() }
    }
}

extension StreamSocket {
    private static let piecesPerCall = 64

    private func enqueue(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        outbound.append(bytes, promise)
        setWritable()
    }

    private func flushQueue() {
        outbound.flush()
        guard phase == .active else { return }
        if !isBlocked { writeQueued() }
    }

    private func writeQueued() {
        while outbound.mayLeave {
            let count = sendPieces()
            if count >= 0 {
                let written = outbound.remove(count)
                setWritable()
                for promise in written { promise.succeed() }
                guard isOpen else { return }
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                isBlocked = true
                return
            default: return writingFailed(errno)
            }
        }
        if outbound.isEmpty, !finWaits.isEmpty { sendFIN() }
    }

    private func sendPieces() -> Int {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.piecesPerCall) { pieces in
            var count = 0
            outbound.forEachPiece(limit: Self.piecesPerCall) { bytes in
                guard !bytes.isEmpty else { return }
                pieces.initializeElement(
                    at: count,
                    to: iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count))
                count += 1
            }
            guard count > 0 else { return 0 }
            var message = msghdr()
            message.msg_iov = pieces.baseAddress
            message.msg_iovlen = count
            return sendmsg(descriptor, &message, CInt(truncatingIfNeeded: MSG_NOSIGNAL))
        }
    }

    private func writingFailed(_ code: CInt) {
        // Bytes that arrived before the error may be unread still, and they may be the answer.
        endIsNear = true
        readToTheEnd()
        if isOpen { close0(error: IOError(errnoCode: code, reason: "send"), mode: .all, promise: nil) }
    }

    /// FIN, now or behind what is queued.
    private func closeOutput(_ promise: EventLoopPromise<Void>) {
        guard !isOutputClosed else { return promise.fail(ChannelError.outputClosed) }
        finWaits.append(promise)
        if outbound.isEmpty { sendFIN() }
    }

    private func sendFIN() {
        isOutputClosed = true
        let status = shutdown(descriptor, CInt(SHUT_WR))
        let waiting = finWaits
        finWaits = []
        for promise in waiting {
            if status == 0 {
                promise.succeed()
            } else {
                promise.fail(IOError(errnoCode: errno, reason: "shutdown"))
            }
        }
        if isOpen, isInputClosed { close0(error: ChannelError.eof, mode: .all, promise: nil) }
    }

    private func setWritable() {
        let isWritable = writability.load(ordering: .relaxed)
        if isWritable, outbound.byteCount > watermark.high {
            writability.store(false, ordering: .relaxed)
        } else if !isWritable, outbound.byteCount < watermark.low {
            writability.store(true, ordering: .relaxed)
        } else {
            return
        }
        pipeline.syncOperations.fireChannelWritabilityChanged()
    }
}

extension StreamSocket: Channel {
    package var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    package var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    package var eventLoop: any EventLoop { loop }
    package var parent: (any Channel)? { nil }
    // swift-format-ignore: NoLeadingUnderscores
    package var _channelCore: any ChannelCore { self }
    /// nil when asked by another thread, for which the descriptor may be another socket's by now.
    package var localAddress: SocketAddress? { loop.inEventLoop ? try? localAddress0() : nil }
    package var remoteAddress: SocketAddress? { peer }
    package var isActive: Bool { activity.load(ordering: .relaxed) }
    package var isWritable: Bool { writability.load(ordering: .relaxed) }
    package var syncOptions: (any NIOSynchronousChannelOptions)? { self }

    package func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        eventLoop.submit { try self.set(option, value) }
    }

    package func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.submit { try self.get(option) }
    }
}

extension StreamSocket: NIOSynchronousChannelOptions {
    package func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
        try set(option, value)
    }

    package func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
        try get(option)
    }

    private func set<Option: ChannelOption>(_ option: Option, _ value: Option.Value) throws {
        switch (option, value) {
        case (is ChannelOptions.Types.AutoReadOption, let isOn as Bool): setReadsAutomatically(isOn)
        case (is ChannelOptions.Types.AllowRemoteHalfClosureOption, let isAllowed as Bool):
            keepsOutputOpen = isAllowed
        case (
            is ChannelOptions.Types.WriteBufferWaterMarkOption,
            let mark as ChannelOptions.Types.WriteBufferWaterMark
        ):
            watermark = mark
        // Whatever it says, all sockets of a loop read into the loop's buffer.
        case (is ChannelOptions.Types.RecvAllocatorOption, _): break
        default: throw ChannelError.operationUnsupported
        }
    }

    private func get<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
        let value: Any? =
            switch option {
            case is ChannelOptions.Types.AutoReadOption: readsAutomatically
            case is ChannelOptions.Types.AllowRemoteHalfClosureOption: keepsOutputOpen
            case is ChannelOptions.Types.WriteBufferWaterMarkOption: watermark
            case is ChannelOptions.Types.BufferedWritableBytesOption: outbound.byteCount
            default: nil
            }
        guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
        return value
    }
}

extension StreamSocket: NIOTransportAccessibleChannelCore {
    /// Lends the descriptor, -1 once it is closed.
    package func withUnsafeTransport<Result>(_ body: (CInt) throws -> Result) throws -> Result {
        try body(descriptor)
    }
}

extension StreamSocket: ChannelCore {
    package func localAddress0() throws -> SocketAddress {
        try StreamDescriptor.localAddress(of: descriptor)
    }

    package func remoteAddress0() throws -> SocketAddress {
        guard let peer else { throw ChannelError.unknownLocalAddress }
        return peer
    }

    package func register0(promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    package func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    /// - Parameter address: tried at once; the promise is completed when the connection stands or cannot.
    package func connect0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
        let descriptor = descriptor
        let status = address.withSockAddr { Glibc.connect(descriptor, $0, socklen_t($1)) }
        let code = errno
        guard status == 0 || code == EINPROGRESS else {
            promise?.fail(IOError(errnoCode: code, reason: "connect"))
            return close0(error: IOError(errnoCode: code, reason: "connect"), mode: .all, promise: nil)
        }
        phase = .connecting
        connectPromise = promise
        do {
            // The kernel tells of the outcome, also where it is known already.
            try register()
        } catch {
            close0(error: error, mode: .all, promise: nil)
        }
    }

    package func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isOpen, !isOutputClosed, finWaits.isEmpty else {
            promise?.fail(isOpen ? ChannelError.outputClosed : ChannelError.ioOnClosedChannel)
            return
        }
        guard let bytes = tryUnwrapData(data, as: ByteBuffer.self) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        enqueue(bytes, promise)
    }

    package func flush0() { flushQueue() }

    package func read0() {
        isReadAskedFor = true
        goOnReading()
    }

    package func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard isOpen else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        switch mode {
        case .output: closeOutput(promise ?? eventLoop.makePromise())
        case .input:
            isInputClosed = true
            shutdown(descriptor, CInt(SHUT_RD))
            promise?.succeed()
        case .all: closeAll(error, promise)
        }
    }

    package func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    package func channelRead0(_ data: NIOAny) {}

    package func errorCaught0(error: any Error) {}

    private func closeAll(_ error: any Error, _ promise: EventLoopPromise<Void>?) {
        let before = phase
        phase = .closed
        activity.store(false, ordering: .relaxed)
        if isRegistered { loop.unregister(self, descriptor) }
        Glibc.close(descriptor)
        descriptor = -1
        let waiting = outbound.removeAll() + finWaits
        finWaits = []
        for promise in waiting { promise.fail(error) }
        connectPromise.take()?.fail(error)
        if before == .active { pipeline.syncOperations.fireChannelInactive() }
        if isRegistered { pipeline.syncOperations.fireChannelUnregistered() }
        reader = nil
        promise?.succeed()
        loop.execute {
            self.removeHandlers(pipeline: self.pipeline)
            self.closePromise.succeed()
        }
    }
}

extension SocketAddress {
    /// nil for what is neither IPv4 nor IPv6.
    init?(_ storage: sockaddr_storage) {
        var storage = storage
        let family = CInt(storage.ss_family)
        let address: SocketAddress? = withUnsafeBytes(of: &storage) { bytes in
            switch family {
            case AF_INET: SocketAddress(bytes.loadUnaligned(as: sockaddr_in.self))
            case AF_INET6: SocketAddress(bytes.loadUnaligned(as: sockaddr_in6.self))
            default: nil
            }
        }
        guard let address else { return nil }
        self = address
    }
}

/// Takes what a socket reads without the detour through the channel's pipeline; everything else still comes through it.
package protocol SocketReader: AnyObject {
    /// - Parameter bytes: lent for this call. A reader that keeps a part of them copies it, or the loop has to
    ///   make a new buffer.
    func socketRead(_ bytes: ByteBuffer)
    /// Nothing more comes in this tick.
    func socketReadComplete()
}
