import NIOCore
import Synchronization

@testable import Sockets

/// What came to one end of a connection, in order.
final class Diary: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    struct Pages: Sendable {
        var bytes: [UInt8] = []
        var inputClosed = false
        var errors: [String] = []
        var writability: [Bool] = []
        var isInactive = false
    }

    private struct State {
        var pages = Pages()
        var waiting: [(condition: @Sendable (Pages) -> Bool, continuation: CheckedContinuation<Pages, Never>)] = []
    }

    private let state = Mutex(State())

    var pages: Pages { state.withLock { $0.pages } }

    /// Waits until the diary says so.
    func until(_ condition: @escaping @Sendable (Pages) -> Bool) async -> Pages {
        await withCheckedContinuation { continuation in
            write { _ in
            } and: { state in
                state.waiting.append((condition, continuation))
            }
        }
    }

    private func write(_ change: (inout Pages) -> Void, and more: (inout State) -> Void = { _ in }) {
        let (pages, ready) = state.withLock { state in
            change(&state.pages)
            more(&state)
            let pages = state.pages
            let ready = state.waiting.filter { $0.condition(pages) }.map(\.continuation)
            state.waiting.removeAll { $0.condition(pages) }
            return (pages, ready)
        }
        for continuation in ready { continuation.resume(returning: pages) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data).readableBytesView
        write { $0.bytes += bytes }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        let isWritable = context.channel.isWritable
        write { $0.writability.append(isWritable) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { write { $0.inputClosed = true } }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        write { $0.errors.append("\(error)") }
    }

    func channelInactive(context: ChannelHandlerContext) {
        write { $0.isInactive = true }
    }
}

/// Two ends of a real connection over loopback, each on a loop of its own.
struct SocketPair {
    struct End {
        let channel: any Channel
        let diary: Diary

        func send(_ text: String) async throws {
            try await sending(Array(text.utf8)).get()
        }

        /// The future is kept when the kernel has taken all of it.
        func sending(_ bytes: [UInt8]) -> EventLoopFuture<Void> {
            let promise = channel.eventLoop.makePromise(of: Void.self)
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: promise)
            return promise.futureResult
        }
    }

    let client: End
    let server: End
    let listener: SocketListener

    /// - Parameter prepare: is called with the server's end before it becomes active
    static func connected(
        _ group: SocketLoopGroup, prepare: @escaping @Sendable (any Channel) throws -> Void = { _ in }
    ) async throws -> SocketPair {
        let serverDiary = Diary()
        let (accepted, continuation) = AsyncStream<any Channel>.makeStream()
        let listener = try await SocketListener.start(
            on: group, address: try SocketAddress(ipAddress: "127.0.0.1", port: 0), backlog: 16
        ) { channel in
            try channel.pipeline.syncOperations.addHandler(serverDiary)
            try prepare(channel)
            continuation.yield(channel)
        }
        let client = try await connect(group, [listener.localAddress])
        var iterator = accepted.makeAsyncIterator()
        guard let server = await iterator.next() else { throw ChannelError.eof }
        return SocketPair(client: client, server: End(channel: server, diary: serverDiary), listener: listener)
    }

    static func connect(
        _ group: SocketLoopGroup, _ addresses: [SocketAddress], timeout: TimeAmount = .seconds(30)
    ) async throws -> End {
        let loop = group.nextLoop()
        let diary = Diary()
        let channel = try await loop.flatSubmit {
            SocketConnector.connect(to: loop.makeSucceededFuture(addresses), on: loop, timeout: timeout) { channel in
                try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
                try channel.pipeline.syncOperations.addHandler(diary)
            }
        }.get()
        return End(channel: channel, diary: diary)
    }

    func close() async {
        await listener.close()
        try? await client.channel.close()
        try? await server.channel.close()
    }
}
