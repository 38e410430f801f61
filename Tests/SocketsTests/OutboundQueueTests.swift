import NIOCore
import Testing

@testable import Sockets

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
