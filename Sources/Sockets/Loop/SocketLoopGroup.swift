package import Dispatch
package import NIOCore
internal import Synchronization

/// Loops of which each new connection gets the next.
package final class SocketLoopGroup: EventLoopGroup {
    private let loops: [SocketLoop]
    private let count = Atomic<Int>(0)

    /// - Parameter count: of threads, at least 1
    /// - Throws: `IOError` where the process has no descriptors left.
    package init(count: Int) throws {
        loops = try (0..<max(count, 1)).map { _ in try SocketLoop() }
        for loop in loops { loop.start() }
    }

    package func next() -> any EventLoop { nextLoop() }

    func nextLoop() -> SocketLoop {
        loops[(count.wrappingAdd(1, ordering: .relaxed).oldValue & Int.max) % loops.count]
    }

    package func makeIterator() -> EventLoopIterator { EventLoopIterator(loops) }

    /// Closes all sockets of all loops and ends their threads.
    package func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        let ended = DispatchGroup()
        for loop in loops {
            ended.enter()
            loop.shutdownGracefully(queue: queue) { _ in ended.leave() }
        }
        ended.notify(queue: queue) { callback(nil) }
    }
}
