internal import Support
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A TCP client that sends and expects exact bytes.
public final class RawClient: Sendable {
    private let channel: any Channel
    private let received: Received

    /// What has come so far, and who waits for more.
    private final class Received: Sendable {
        struct State {
            var bytes: [UInt8] = []
            var isClosed = false
            var wasReset = false
            var waiters: [(until: @Sendable ([UInt8], Bool) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
                []
            /// A test that ran out of time must not wait on.
            var isCancelled = false
        }

        let state = Mutex(State())

        func update(_ change: (inout State) -> Void) {
            let ready = state.withLock { state in
                change(&state)
                let bytes = state.bytes
                let isClosed = state.isClosed
                let isCancelled = state.isCancelled
                let ready = state.waiters.filter { isCancelled || $0.until(bytes, isClosed) }.map(\.continuation)
                state.waiters.removeAll { isCancelled || $0.until(bytes, isClosed) }
                return ready
            }
            for continuation in ready { continuation.resume() }
        }

        func wait(until condition: @escaping @Sendable ([UInt8], Bool) -> Bool) async {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isReady = state.withLock { state in
                        if state.isCancelled || condition(state.bytes, state.isClosed) { return true }
                        state.waiters.append((condition, continuation))
                        return false
                    }
                    if isReady { continuation.resume() }
                }
            } onCancel: {
                update { $0.isCancelled = true }
            }
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let received: Received

        init(received: Received) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data).readableBytesView
            received.update { $0.bytes += bytes }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed { received.update { $0.isClosed = true } }
        }

        func channelInactive(context: ChannelHandlerContext) { received.update { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if (error as? IOError)?.errnoCode == ECONNRESET { received.update { $0.wasReset = true } }
            context.close(promise: nil)
        }
    }

    private init(channel: any Channel, received: Received) {
        self.channel = channel
        self.received = received
    }

    /// Connects to a port of this machine.
    public static func connect(host: String = "127.0.0.1", port: Int) async throws -> RawClient {
        try await connect { $0.connect(host: host, port: port) }
    }

    /// Connects to a Unix socket.
    public static func connect(socket path: String) async throws -> RawClient {
        try await connect { $0.connect(unixDomainSocketPath: path) }
    }

    private static func connect(
        _ connect: (ClientBootstrap) -> EventLoopFuture<any Channel>
    ) async throws -> RawClient {
        let received = Received()
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(received: received))
                }
            }
        return RawClient(channel: try await connect(bootstrap).get(), received: received)
    }

    /// Returns when the kernel has taken the text, or when the connection has ended.
    public func send(_ text: String) async throws { try await send(Array(text.utf8)) }

    /// Returns when the kernel has taken the bytes, or when the connection has ended.
    public func send(_ bytes: [UInt8]) async throws {
        try await whileOpen { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }
    }

    /// Says FIN, unless the connection has ended, and goes on reading.
    public func finish() async throws { try await whileOpen { try await channel.close(mode: .output).get() } }

    /// Podium may answer and close before a slow machine has sent all. That is no error of the test: what it expects
    /// of the answer tells whether it was right.
    private func whileOpen(_ say: () async throws -> Void) async throws {
        do {
            try await say()
        } catch ChannelError.alreadyClosed, ChannelError.ioOnClosedChannel, ChannelError.outputClosed {
            return
        } catch let error as IOError where [EPIPE, ECONNRESET, ENOTCONN].contains(error.errnoCode) {
            return
        }
    }

    /// Closes both ways.
    public func close() async throws { try? await channel.close().get() }

    /// Stops or resumes taking bytes from the socket.
    public func setReading(_ reads: Bool) async throws {
        try await channel.setOption(.autoRead, value: reads).get()
    }

    /// Everything received so far.
    public var text: String { String(decoding: received.state.withLock { $0.bytes }, as: UTF8.self) }
    /// Bytes received so far.
    public var byteCount: Int { received.state.withLock { $0.bytes.count } }
    /// Whether the other side has said FIN or worse.
    public var isClosed: Bool { received.state.withLock { $0.isClosed } }

    /// Whether the other side ended the connection by a reset.
    public var wasReset: Bool { received.state.withLock { $0.wasReset } }

    /// Waits for the other side to close, closes too, and returns all that came before.
    public func untilClosed() async -> String {
        await received.wait { _, isClosed in isClosed }
        try? await channel.close().get()
        return text
    }

    /// The same for what is no text.
    public func bytesUntilClosed() async -> [UInt8] {
        _ = await untilClosed()
        return received.state.withLock { $0.bytes }
    }

    /// Waits for `part` (or the end) and returns all that came.
    public func until(_ part: String) async -> String {
        let wanted = Array(part.utf8)
        await received.wait { bytes, isClosed in isClosed || bytes.contains(wanted) }
        return text
    }

    /// Waits for one response framed by Content-Length (or the end) and returns it, whatever it says.
    public func response() async -> String {
        await received.wait { bytes, isClosed in
            guard !isClosed else { return true }
            guard let headEnd = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return false }
            let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).lowercased().split(separator: "\r\n")
            let length = lines.first { $0.hasPrefix("content-length: ") }.flatMap { Int($0.dropFirst(16)) }
            return bytes.count >= headEnd + (length ?? 0)
        }
        return text
    }

    /// Waits for so many bytes (or the end).
    public func until(count: Int) async -> Int {
        await received.wait { bytes, isClosed in isClosed || bytes.count >= count }
        return byteCount
    }

    /// Forgets what was received, so that the next answer stands alone.
    public func clear() { received.update { $0.bytes = [] } }
}
