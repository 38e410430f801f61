import Foundation
import NIOCore
import NIOPosix
import Sockets

/// What the proxies of the tests run on: the program's own loops, or with `PODIUM_TEST_LOOPS=nio` those it has where
/// there is no epoll.
enum ProxyLoops {
    static let shared: any EventLoopGroup = {
        #if os(Linux)
            if ProcessInfo.processInfo.environment["PODIUM_TEST_LOOPS"] != "nio",
                let loops = try? SocketLoopGroup(count: 2)
            {
                return loops
            }
        #endif
        return MultiThreadedEventLoopGroup.singleton
    }()
}
