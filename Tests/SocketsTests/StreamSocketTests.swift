import NIOCore
@testable import Sockets
import Support
import Synchronization
import TestSupport
import Testing

/// Real sockets on real loops; what is waited for is an event, never a time.
@Suite(.timeLimit(.minutes(15)))
struct StreamSocketTests {
    private let group: SocketLoopGroup

    init() throws {
        group = try SocketLoopGroup(count: 2)
    }

    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) } }

    @Test func bytesGoBothWays() async throws {
        let pair = try await SocketPair.connected(group)
        try await pair.client.send("question")
        #expect(await pair.server.diary.until { $0.bytes.count == 8 }.bytes == Array("question".utf8))
        try await pair.server.send("answer")
        #expect(await pair.client.diary.until { $0.bytes.count == 6 }.bytes == Array("answer".utf8))
        let client = pair.client.channel
        #expect(try await client.eventLoop.submit { client.localAddress }.get() == pair.server.channel.remoteAddress)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// Far more than the kernel takes at once: it leaves in many parts, in order, and both marks are passed.
    @Test func muchIsWrittenInPartsAndWritabilityFollows() async throws {
        let pair = try await SocketPair.connected(group)
        let sent = bytes(20_000_000)
        try await pair.server.channel.setOption(.autoRead, value: false).get()
        let writing = pair.client.sending(sent)
        _ = await pair.client.diary.until { $0.writability == [false] }
        #expect(!pair.client.channel.isWritable)
        try await pair.server.channel.setOption(.autoRead, value: true).get()
        try await writing.get()
        let received = await pair.server.diary.until { $0.bytes.count >= sent.count }
        #expect(received.bytes == sent)
        #expect(await pair.client.diary.until { $0.writability.count == 2 }.writability == [false, true])
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func whoHasSaidEverythingMayStillListen() async throws {
        let pair = try await SocketPair.connected(group)
        // Not waited for: the end is written behind it.
        pair.client.channel.writeAndFlush(ByteBuffer(string: "last"), promise: nil)
        try await pair.client.channel.close(mode: .output)
        let heard = await pair.server.diary.until { $0.inputClosed }
        #expect(heard.bytes == Array("last".utf8))
        #expect(!heard.isInactive)
        try await pair.server.send("answer")
        try await pair.server.channel.close(mode: .output)
        #expect(await pair.client.diary.until { $0.isInactive }.bytes == Array("answer".utf8))
        _ = await pair.server.diary.until { $0.isInactive }
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func theEndBehindMuchThatWasNotReadIsSeenAfterIt() async throws {
        let pair = try await SocketPair.connected(group)
        let sent = bytes(200_000)
        try await pair.server.channel.setOption(.autoRead, value: false).get()
        try await pair.client.sending(sent).get()
        try await pair.client.channel.close(mode: .output)
        // Something comes back, so the end has arrived as well; nobody has read it.
        try await pair.server.send("x")
        _ = await pair.client.diary.until { !$0.bytes.isEmpty }
        #expect(pair.server.diary.pages.bytes.isEmpty)
        #expect(!pair.server.diary.pages.inputClosed)
        try await pair.server.channel.setOption(.autoRead, value: true).get()
        let heard = await pair.server.diary.until { $0.inputClosed }
        #expect(heard.bytes == sent)
        await pair.close()
        try await group.shutdownGracefully()
    }

    private final class TurnCounter: SocketReader, Sendable {
        private let loop: SocketLoop
        private let reads = Mutex<[UInt64: [Int]]>([:])
        private let expected: Int
        private let done: EventLoopPromise<Void>

        init(_ loop: SocketLoop, expecting expected: Int) {
            self.loop = loop
            self.expected = expected
            done = loop.makePromise()
        }

        func socketRead(_ bytes: ByteBuffer) {
            let total = reads.withLock { reads in
                reads[loop.tick, default: []].append(bytes.readableBytes)
                return reads.values.joined().reduce(0, +)
            }
            if total == expected { done.succeed() }
        }

        func socketReadComplete() {}

        /// Sizes of the reads of each turn, in order, when all has come.
        func turns() async throws -> [[Int]] {
            try await done.futureResult.get()
            return reads.withLock { reads in reads.sorted { $0.key < $1.key }.map(\.value) }
        }
    }

    /// Who has much to say is read several times a turn, and then the others have theirs.
    @Test func aTurnReadsABoundedPartOfWhatThereIs() async throws {
        let pair = try await SocketPair.connected(group)
        let server = try #require(pair.server.channel as? StreamSocket)
        let loop = server.loop
        try await server.setOption(.autoRead, value: false).get()
        // All of it is in the kernel, and something that comes back says that it has arrived.
        let sent = 6 * SocketLoop.receiveCapacity + 1
        try await pair.client.sending(bytes(sent)).get()
        try await pair.server.send("x")
        _ = await pair.client.diary.until { !$0.bytes.isEmpty }
        let counter = TurnCounter(loop, expecting: sent)
        try await loop.submit {
            server.setReader(counter)
            server.setReadsAutomatically(true)
        }.get()
        let turns = try await counter.turns()
        #expect(turns.first?.count == StreamSocket.readsPerTick)
        #expect(turns.allSatisfy { $0.count <= StreamSocket.readsPerTick + 1 })
        #expect(turns.count > 1)
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func aResetIsNoticedWhereNobodyReads() async throws {
        let pair = try await SocketPair.connected(group)
        try await pair.server.channel.setOption(.autoRead, value: false).get()
        let client = try #require(pair.client.channel as? StreamSocket)
        try await client.eventLoop.submit { client.resetOnClose() }.get()
        try await client.close()
        let heard = await pair.server.diary.until { $0.isInactive }
        #expect(heard.errors.count == 1)
        #expect(heard.errors.first?.contains("reset") == true)
        await pair.close()
        try await group.shutdownGracefully()
    }

    /// Linux keeps what was received before a reset; who has asked for it gets it, and then learns of the reset.
    @Test func whatCameBeforeAResetIsReadFirstByWhoHasAsked() async throws {
        let pair = try await SocketPair.connected(group)
        try await pair.client.channel.setOption(.autoRead, value: false).get()
        let sent = bytes(100_000)
        try await pair.server.sending(sent).get()
        let server = try #require(pair.server.channel as? StreamSocket)
        try await server.eventLoop.submit { server.resetOnClose() }.get()
        try await server.close()
        let client = try #require(pair.client.channel as? StreamSocket)
        // It has come: there is an error to be had, and nobody has been told.
        try await eventually { try await client.eventLoop.submit { client.endIsNear }.get() }
        #expect(!pair.client.diary.pages.isInactive)
        try await client.setOption(.autoRead, value: true).get()
        let heard = await pair.client.diary.until { $0.isInactive }
        #expect(heard.bytes == sent)
        #expect(heard.errors.count == 1 && heard.errors.first?.contains("reset") == true)
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func writesOfAClosedSocketFail() async throws {
        let pair = try await SocketPair.connected(group)
        try await pair.client.channel.setOption(.autoRead, value: false).get()
        let stuck = pair.server.sending(bytes(20_000_000))
        _ = await pair.server.diary.until { $0.writability == [false] }
        try await pair.server.channel.close()
        await #expect(throws: (any Error).self) { try await stuck.get() }
        await #expect(throws: (any Error).self) { try await pair.server.send("more") }
        await #expect(throws: ChannelError.self) { try await pair.server.channel.close() }
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func theAnswerOfWhoDoesNotReadIsReadBeforeTheEnd() async throws {
        let pair = try await SocketPair.connected(group)
        // The server answers and goes with bytes unread, which resets the connection.
        pair.client.channel.writeAndFlush(ByteBuffer(string: "a long question"), promise: nil)
        _ = await pair.server.diary.until { !$0.bytes.isEmpty }
        try await pair.server.send("413")
        try await pair.server.channel.close()
        let heard = await pair.client.diary.until { $0.inputClosed || $0.isInactive }
        #expect(heard.bytes == Array("413".utf8))
        await pair.close()
        try await group.shutdownGracefully()
    }

    // MARK: Connecting

    @Test func whereNobodyListensIsSaid() async throws {
        let port = try #require(RefusingPort())
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: port.port)
        let error = await #expect(throws: SocketConnectError.self) {
            try await SocketPair.connect(group, [address, address])
        }
        #expect(error?.failures.map { ($0 as? IOError)?.errnoCode } == [ECONNREFUSED, ECONNREFUSED])
        try await group.shutdownGracefully()
    }

    @Test func theSecondAddressAnswersWhereTheFirstIsSilent() async throws {
        let silent = try #require(UnresponsivePort())
        let pair = try await SocketPair.connected(group)
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: silent.port)
        let end = try await SocketPair.connect(group, [address, pair.listener.localAddress])
        #expect(end.channel.remoteAddress == pair.listener.localAddress)
        try await end.channel.close()
        await pair.close()
        try await group.shutdownGracefully()
    }

    @Test func silenceEndsWithTheTimeout() async throws {
        let silent = try #require(UnresponsivePort())
        let address = try SocketAddress(ipAddress: "127.0.0.1", port: silent.port)
        await #expect(throws: ChannelError.self) {
            try await SocketPair.connect(group, [address], timeout: .milliseconds(10))
        }
        try await group.shutdownGracefully()
    }

    @Test func aNameWithoutAddressIsSaid() async throws {
        let error = await #expect(throws: SocketConnectError.self) { try await SocketPair.connect(group, []) }
        #expect(error?.failures.isEmpty == true)
        try await group.shutdownGracefully()
    }
}

struct OutboundQueueTests {
    private func leaving(_ queue: OutboundQueue, limit: Int = 64) -> String {
        var text = ""
        queue.forEachPiece(limit: limit) { text += String(decoding: $0, as: UTF8.self) + "|" }
        return text
    }

    @Test func onlyWhatIsFlushedMayLeave() {
        var queue = OutboundQueue()
        queue.append(ByteBuffer(string: "ab"), nil)
        queue.append(ByteBuffer(string: "cde"), nil)
        #expect(leaving(queue) == "")
        queue.flush()
        queue.append(ByteBuffer(string: "f"), nil)
        #expect(leaving(queue) == "ab|cde|")
        #expect(leaving(queue, limit: 1) == "ab|")
        #expect(queue.byteCount == 6)
    }

    @Test func whatTheKernelTookIsGoneAndTheRestStays() {
        var queue = OutboundQueue()
        for text in ["ab", "cde", "f"] { queue.append(ByteBuffer(string: text), nil) }
        queue.flush()
        _ = queue.remove(3)
        #expect(leaving(queue) == "de|f|")
        #expect(queue.byteCount == 3)
        _ = queue.remove(3)
        #expect(queue.isEmpty)
        #expect(!queue.mayLeave)
        #expect(queue.byteCount == 0)
    }

    @Test func eachPromiseIsKeptWhenTheLastOfItsBytesHasLeft() async throws {
        let loop = try SocketLoopGroup(count: 1)
        var queue = OutboundQueue()
        let promises = (0..<3).map { _ in loop.next().makePromise(of: Void.self) }
        for (text, promise) in zip(["ab", "", "cd"], promises) { queue.append(ByteBuffer(string: text), promise) }
        queue.flush()
        #expect(queue.remove(1).isEmpty)
        // The empty piece has left when what stands before it has.
        #expect(queue.remove(1).map(\.futureResult) == promises[..<2].map(\.futureResult))
        #expect(queue.remove(1).isEmpty)
        #expect(queue.removeAll().map(\.futureResult) == promises[2...].map(\.futureResult))
        for promise in promises { promise.succeed() }
        try await loop.shutdownGracefully()
    }
}

/// What may be sent again, judged by what the other side's kernel has confirmed.
struct DeliveryTests {
    private func nothing(
        _ segments: Int, _ bytes: Int, since: Int64, queued: Int = 0, of size: Int, isExact: Bool = true
    ) -> Bool {
        Delivery(
            unconfirmedSegments: segments, unconfirmedBytes: bytes, sinceConfirmation: .milliseconds(since),
            queuedBytes: queued
        ).confirmsNothing(of: size, isExact: isExact, writtenBefore: .milliseconds(1_000))
    }

    @Test func whatIsConfirmedInPartIsConfirmed() {
        #expect(nothing(1, 100, since: 5_000, of: 100))
        #expect(!nothing(0, 0, since: 990, of: 100))
        #expect(!nothing(1, 99, since: 5_000, of: 100))
        // The other side repeats itself, and does not hear.
        #expect(nothing(1, 100, since: 10, of: 100))
    }

    @Test func encryptedItHasToBeSilentAsWell() {
        #expect(nothing(3, 4_300, since: 5_000, of: 4_096, isExact: false))
        #expect(nothing(3, 4_300, since: 981, of: 4_096, isExact: false))
        #expect(!nothing(3, 4_300, since: 979, of: 4_096, isExact: false))
        #expect(!nothing(3, 4_000, since: 5_000, of: 4_096, isExact: false))
    }

    /// What the kernel has not taken cannot be confirmed; how much of what it has taken is of this message cannot be told.
    @Test func whatIsQueuedHereIsNotThere() {
        #expect(nothing(9, 60_000, since: 5_000, queued: 40_000, of: 100_000))
        #expect(!nothing(9, 60_000, since: 10, queued: 40_000, of: 100_000))
        #expect(!nothing(9, 50_000, since: 5_000, queued: 40_000, of: 100_000))
    }
}
