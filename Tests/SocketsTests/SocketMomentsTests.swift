import Support
import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Sockets

/// What happens within a call, between two calls, and when nothing can be taken: moments where a socket of its own goes wrong.
@Suite(.timeLimit(.minutes(15)))
struct SocketMomentsTests {
    private let group: SocketLoopGroup

    init() throws {
        group = try SocketLoopGroup(count: 2)
    }

    /// Does something at a moment, on the loop.
    private final class Actor: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias Act = @Sendable (ChannelHandlerContext) -> Void

        let onActive: Act
        let onRead: Act
        let onReadComplete: Act
        let onWritability: Act
        let onInactive: Act

        init(
            onActive: @escaping Act = { _ in }, onRead: @escaping Act = { _ in },
            onReadComplete: @escaping Act = { _ in }, onWritability: @escaping Act = { _ in },
            onInactive: @escaping Act = { _ in }
        ) {
            self.onActive = onActive
            self.onRead = onRead
            self.onReadComplete = onReadComplete
            self.onWritability = onWritability
            self.onInactive = onInactive
        }

        func channelActive(context: ChannelHandlerContext) {
            onActive(context)
            context.fireChannelActive()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.fireChannelRead(data)
            onRead(context)
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            onReadComplete(context)
            context.fireChannelReadComplete()
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            onWritability(context)
            context.fireChannelWritabilityChanged()
        }

        func channelInactive(context: ChannelHandlerContext) {
            onInactive(context)
            context.fireChannelInactive()
        }
    }

    private final class Drain: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
    }

    private final class Shared: Sendable {
        let count = Mutex(0)
        let isSet = Atomic<Bool>(false)
    }

    /// A pattern that does not repeat where buffers do.
    private func bytes(_ count: Int) -> [UInt8] {
        let block = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        return [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            for start in stride(from: 0, to: count, by: block.count) {
                let length = min(block.count, count - start)
                _ = UnsafeMutableBufferPointer(rebasing: target[start..<start + length]).initialize(
                    fromContentsOf: block[..<length])
            }
            initialized = count
        }
    }

    /// The kernel's send buffer, as small as it lets it be.
    private func makeSmall(_ channel: any Channel) throws {
        let socket = try #require(channel as? StreamSocket)
        var size: CInt = 1
        setsockopt(socket.descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<CInt>.size))
    }

    // MARK: Writing

    /// Every write is partial, and what is written while others are on their way comes behind them.
    @Test func manySmallWritesThroughTheSmallestBufferKeepTheirOrder() async throws {
        let pair = try await SocketPair.connected(group)
        let client = pair.client.channel
        try await client.eventLoop.submit { try makeSmall(client) }.get()
        var random = SeededRandom(seed: 7)
        let all = bytes(600_000)
        var sent: [UInt8] = []
        var futures: [EventLoopFuture<Void>] = []
        for _ in 0..<400 {
            let piece = Array(all[sent.count..<sent.count + Int.random(in: 0...1_500, using: &random)])
            sent += piece
            futures.append(pair.client.sending(piece))
        }
        for future in futures { try await future.get() }
        let count = sent.count
        #expect(await pair.server.diary.until { $0.bytes.count >= count }.bytes == sent)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// More pieces than one call takes, none of which leaves before it is flushed.
    @Test func aHundredPiecesLeaveWithOneFlush() async throws {
        let pair = try await SocketPair.connected(group)
        let client = pair.client.channel
        let pieces = (0..<300).map { number in [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 3)
        }
        try await client.eventLoop.submit {
            for piece in pieces { client.write(ByteBuffer(bytes: piece), promise: nil) }
            #expect((try? client.syncOptions?.getOption(.bufferedWritableBytes)) == pieces.joined().count)
            client.flush()
            #expect((try? client.syncOptions?.getOption(.bufferedWritableBytes)) == 0)
        }.get()
        let sent = Array(pieces.joined())
        #expect(await pair.server.diary.until { $0.bytes.count >= sent.count }.bytes == sent)
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func theEndWaitsForWhatTheKernelHasNotTaken() async throws {
        let pair = try await SocketPair.connected(group)
        let sent = bytes(10_000_000)
        try await pair.server.channel.setOption(.autoRead, value: false).get()
        let writing = pair.client.sending(sent)
        _ = await pair.client.diary.until { $0.writability == [false] }
        let ended = pair.client.channel.eventLoop.makePromise(of: Void.self)
        pair.client.channel.close(mode: .output, promise: ended)
        await #expect(throws: ChannelError.self) { try await pair.client.send("behind the end") }
        try await pair.server.channel.setOption(.autoRead, value: true).get()
        try await writing.get()
        try await ended.futureResult.get()
        #expect(await pair.server.diary.until { $0.inputClosed }.bytes == sent)
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func whatIsFlushedBeforeTheConnectionStandsLeavesWhenItDoes() async throws {
        let diary = Diary()
        let listener = try await SocketListener.start(
            on: group, address: try SocketAddress(ipAddress: "127.0.0.1", port: 0), backlog: 16
        ) { try $0.pipeline.syncOperations.addHandler(diary) }
        let loop = group.nextLoop()
        let address = listener.localAddress
        let channel = try await loop.flatSubmit {
            SocketConnector.connect(
                to: loop.makeSucceededFuture([address]), on: loop, timeout: .seconds(30)
            ) { channel in
                // The first moment at which somebody could write.
                channel.writeAndFlush(ByteBuffer(string: "early"), promise: nil)
            }
        }.get()
        #expect(await diary.until { $0.bytes.count == 5 }.bytes == Array("early".utf8))
        try await channel.close()
        await listener.close()
        try await group.shutdownGracefully()
    }

    @Test func aResetEndsAWriteThatIsStuck() async throws {
        let pair = try await SocketPair.connected(group)
        try await pair.server.channel.setOption(.autoRead, value: false).get()
        let stuck = pair.client.sending(bytes(20_000_000))
        _ = await pair.client.diary.until { $0.writability == [false] }
        let server = try #require(pair.server.channel as? StreamSocket)
        try await server.eventLoop.submit { server.resetOnClose() }.get()
        try await server.close()
        await #expect(throws: (any Error).self) { try await stuck.get() }
        _ = await pair.client.diary.until { $0.isInactive }
        await pair.close()
        try await group.shutdownGracefully()
    }

    // MARK: Within a call

    @Test func closingWhileReadingEndsEverythingOnce() async throws {
        let shared = Shared()
        let pair = try await SocketPair.connected(group) { channel in
            try channel.pipeline.syncOperations.addHandler(
                Actor(
                    onRead: { $0.close(promise: nil) }, onReadComplete: { _ in Issue.record("read on after the end") },
                    onInactive: { _ in shared.count.withLock { $0 += 1 } }),
                position: .first)
        }
        try? await pair.client.sending(bytes(500_000)).get()
        _ = await pair.client.diary.until { $0.isInactive || $0.inputClosed }
        #expect(await pair.server.diary.until { $0.isInactive }.bytes.count <= SocketLoop.receiveCapacity)
        #expect(shared.count.withLock { $0 } == 1)
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func closingWhenWritabilityChangesFailsWhatIsLeft() async throws {
        let pair = try await SocketPair.connected(group)
        let client = pair.client.channel
        try await client.pipeline.addHandler(Actor(onWritability: { $0.close(promise: nil) }), position: .first).get()
        await #expect(throws: (any Error).self) { try await pair.client.sending(bytes(30_000_000)).get() }
        #expect(await pair.client.diary.until { $0.isInactive }.isInactive)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// A promise is kept within the write that sent its bytes, and whoever waits for it writes the next.
    @Test func writingWhenAWriteIsDoneGoesOnWithoutDeepCalls() async throws {
        let pair = try await SocketPair.connected(group)
        let channel = pair.client.channel
        let count = 20_000
        let done = channel.eventLoop.makePromise(of: Void.self)
        @Sendable func next(_ number: Int) {
            guard number < count else { return done.succeed() }
            let promise = channel.eventLoop.makePromise(of: Void.self)
            promise.futureResult.whenSuccess { channel.eventLoop.execute { next(number + 1) } }
            channel.writeAndFlush(ByteBuffer(bytes: [UInt8(truncatingIfNeeded: number)]), promise: promise)
        }
        channel.eventLoop.execute { next(0) }
        try await done.futureResult.get()
        let received = await pair.server.diary.until { $0.bytes.count >= count }
        #expect(received.bytes == (0..<count).map { UInt8(truncatingIfNeeded: $0) })
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func answeringWithinTheReadSendsAnswersInOrder() async throws {
        let pair = try await SocketPair.connected(group) { channel in
            try channel.pipeline.syncOperations.addHandler(
                Actor(onRead: { context in
                    context.writeAndFlush(NIOAny(ByteBuffer(string: "answer;")), promise: nil)
                }), position: .first)
        }
        for _ in 0..<50 {
            let before = pair.client.diary.pages.bytes.count
            try await pair.client.send("question")
            _ = await pair.client.diary.until { $0.bytes.count > before }
        }
        let text = String(decoding: pair.client.diary.pages.bytes, as: UTF8.self)
        #expect(text.split(separator: ";").allSatisfy { $0 == "answer" })
        await pair.close()
        try await group.shutdownGracefully()
    }

    // MARK: Standing still

    @Test func theEndThatComesWhileNobodyReadsIsSeenLater() async throws {
        let pair = try await SocketPair.connected(group)
        try await pair.server.channel.setOption(.autoRead, value: false).get()
        try await pair.client.channel.close(mode: .output)
        // It has come: the connection is half open, and nobody has been told.
        try await pair.server.send("still here")
        _ = await pair.client.diary.until { $0.bytes.count == 10 }
        #expect(!pair.server.diary.pages.inputClosed)
        try await pair.server.channel.setOption(.autoRead, value: true).get()
        #expect(await pair.server.diary.until { $0.inputClosed }.bytes.isEmpty)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// Switched off in the middle of what the kernel has, within the read, and on again from elsewhere: nothing is lost or twice.
    @Test func readingInStepsMissesNothing() async throws {
        let shared = Shared()
        let pair = try await SocketPair.connected(group) { channel in
            try channel.pipeline.syncOperations.addHandler(
                Actor(onRead: { context in
                    shared.count.withLock { $0 += 1 }
                    let channel = context.channel
                    try? channel.syncOptions?.setOption(.autoRead, value: false)
                    channel.eventLoop.scheduleTask(in: .microseconds(50)) {
                        try? channel.syncOptions?.setOption(.autoRead, value: true)
                    }
                }), position: .first)
        }
        let sent = bytes(3_000_000)
        try await pair.client.sending(sent).get()
        try await pair.client.channel.close(mode: .output)
        let heard = await pair.server.diary.until { $0.inputClosed }
        #expect(heard.bytes == sent)
        #expect(shared.count.withLock { $0 } >= sent.count / SocketLoop.receiveCapacity)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// One who sends without end must not keep the others of its loop waiting.
    @Test func whoSendsMuchHoldsUpNobody() async throws {
        let one = try SocketLoopGroup(count: 1)
        let flood = try await SocketPair.connected(one) { channel in
            try channel.pipeline.syncOperations.addHandler(Drain(), position: .first)
        }
        let other = try await SocketPair.connected(one)
        let shared = Shared()
        let channel = flood.client.channel
        let block = ByteBuffer(bytes: bytes(1 << 20))
        @Sendable func more() {
            guard !shared.isSet.load(ordering: .relaxed) else { return }
            let promise = channel.eventLoop.makePromise(of: Void.self)
            promise.futureResult.whenSuccess { channel.eventLoop.execute(more) }
            channel.writeAndFlush(block, promise: promise)
        }
        channel.eventLoop.execute(more)
        for number in 1...50 {
            try await other.client.send("x")
            _ = await other.server.diary.until { $0.bytes.count == number }
        }
        shared.isSet.store(true, ordering: .relaxed)
        await flood.close()
        await other.close()
        try await one.shutdownGracefully()
        try await group.shutdownGracefully()
    }

    // MARK: Connecting

    @Test func theOtherFamilyAnswersWhereTheFirstRefuses() async throws {
        let pair = try await SocketPair.connected(group)
        let port = try #require(pair.listener.localAddress.port)
        let six = try SocketAddress(ipAddress: "::1", port: port)
        let end = try await SocketPair.connect(group, [six, pair.listener.localAddress])
        #expect(end.channel.remoteAddress == pair.listener.localAddress)
        try await end.channel.close()
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func aNameThatIsNotFoundInTimeIsATimeout() async throws {
        let loop = group.nextLoop()
        let never = loop.makePromise(of: [SocketAddress].self)
        await #expect(throws: ChannelError.self) {
            _ = try await loop.flatSubmit {
                SocketConnector.connect(to: never.futureResult, on: loop, timeout: .milliseconds(10)) { _ in }
            }.get()
        }
        // Too late: nothing is connected to.
        never.succeed([try SocketAddress(ipAddress: "127.0.0.1", port: 1)])
        try await group.shutdownGracefully()
    }

    @Test func anInitializerThatThrowsIsAFailure() async throws {
        struct Refused: Error {}
        let pair = try await SocketPair.connected(group)
        let loop = group.nextLoop()
        let address = pair.listener.localAddress
        let error = await #expect(throws: SocketConnectError.self) {
            _ = try await loop.flatSubmit {
                SocketConnector.connect(to: loop.makeSucceededFuture([address]), on: loop, timeout: .seconds(30)) { _ in
                    throw Refused()
                }
            }.get()
        }
        #expect(error?.failures.first is Refused)
        await pair.close()
        try await group.shutdownGracefully()
    }
}
