import Foundation
import NIOCore
import NIOPosix
import Sockets

/// What the proxies of the tests run on: the program's own loops, or with `PODIUM_TEST_LOOPS=nio` those it has where
/// there is no epoll.
enum ProxyLoops {
    /// Whether they are the program's own, which know what has been looked at in their present turn.
    static var areOurs: Bool { !(shared is MultiThreadedEventLoopGroup) }

    static let shared: any EventLoopGroup = {
        if ProcessInfo.processInfo.environment["PODIUM_TEST_LOOPS"] != "nio",
            let loops = try? SocketLoopGroup(count: 2)
        {
            return loops
        }
        return MultiThreadedEventLoopGroup.singleton
    }()
}
