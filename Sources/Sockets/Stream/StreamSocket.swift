internal import CSystemShim
internal import Support
package import NIOCore
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
    var phase = Phase.created
    var isRegistered = false
    var connectPromise: EventLoopPromise<Void>?

    /// Reads in the pipeline's place.
    var reader: (any SocketReader)?
    var readsAutomatically = true
    /// The pipeline has asked for a read.
    var isReadAskedFor = false
    /// The kernel has something, as far as is known.
    var isReadable = false
    /// Its turn to read comes again.
    var isToReadAgain = false
    /// A reset is told in its turn, behind what came before it, however late that is read. Otherwise it is told at once
    /// where nobody reads, and what came before it is lost.
    var tellsResetInTurn = false
    /// Of what the kernel has, the end or an error is a part.
    var endIsNear = false
    var isInputClosed = false
    var keepsOutputOpen = false

    var outbound = OutboundQueue()
    /// The kernel has taken all it can.
    var isBlocked = false
    var watermark = ChannelOptions.Types.WriteBufferWaterMark(low: 32 * 1024, high: 64 * 1024)
    var isOutputClosed = false
    /// FIN follows when the queue is empty.
    var finWaits: [EventLoopPromise<Void>] = []

    let activity = Atomic<Bool>(false)
    let writability = Atomic<Bool>(true)
    let closePromise: EventLoopPromise<Void>
    package private(set) lazy var pipeline = ChannelPipeline(channel: self)

    /// Takes over the descriptor, which does not block.
    init(loop: SocketLoop, descriptor: CInt, peer: SocketAddress?) {
        self.loop = loop
        self.descriptor = descriptor
        self.peer = peer
        closePromise = loop.makePromise()
        super.init()
        // Made here: other threads may ask for it.
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
            // Nobody reads, so nobody would learn of it.
            fail(pendingError() ?? ECONNRESET)
        }
    }

    override func loopEnds() {
        close0(error: EventLoopError.shutdown, mode: .all, promise: nil)
    }

    /// The error the kernel keeps for this socket, which it then forgets.
    func pendingError() -> CInt? {
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
        // What was flushed before.
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
