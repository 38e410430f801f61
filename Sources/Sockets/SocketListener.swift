internal import CSystemShim
package import NIOCore
internal import Support

/// Accepts TCP connections on one loop and gives them to all loops of the group, in turn, so that no loop gets all the long-lived
/// ones. The proxy listens with it, by way of its own `Listener`.
package final class SocketListener: Pollable, @unchecked Sendable {
    /// How many connections are accepted in one tick; requests that are running go on in between.
    private static let batch = 16
    /// How long to leave clients waiting when the process or the system has no descriptor left.
    private static let recovery = TimeAmount.milliseconds(100)

    private static let clientPatience = TimeAmount.seconds(300)

    private let group: SocketLoopGroup
    private let loop: SocketLoop
    private let initializer: @Sendable (any Channel) throws -> Void
    private let descriptor: CInt
    /// As bound: with the real port where 0 was asked for.
    package let localAddress: SocketAddress
    private var isOpen = true
    private var isRecovering = false

    /// Binds and begins to accept.
    ///
    /// - Parameters:
    ///   - address: where to listen; port 0 lets the system choose
    ///   - initializer: is called with each connection on its loop, before it becomes active
    /// - Throws: `IOError`, with the error of the call that failed.
    package static func start(
        on group: SocketLoopGroup, address: SocketAddress, backlog: Int,
        initializer: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> SocketListener {
        let loop = group.nextLoop()
        let listener = try SocketListener(group, loop, address, backlog, initializer)
        try await loop.submit { try loop.register(listener, listener.descriptor) }.get()
        return listener
    }

    private init(
        _ group: SocketLoopGroup, _ loop: SocketLoop, _ address: SocketAddress, _ backlog: Int,
        _ initializer: @escaping @Sendable (any Channel) throws -> Void
    ) throws {
        self.group = group
        self.loop = loop
        self.initializer = initializer
        let descriptor = try StreamDescriptor.open(for: address)
        self.descriptor = descriptor
        do {
            StreamDescriptor.switchOn(SO_REUSEADDR, level: SOL_SOCKET, of: descriptor)
            // Accepted connections inherit these options.
            StreamDescriptor.sendAtOnce(descriptor)
            StreamDescriptor.watchOver(descriptor, patience: Self.clientPatience)
            guard address.withSockAddr({ bind(descriptor, $0, socklen_t($1)) }) == 0 else {
                throw IOError(errnoCode: errno, reason: "bind")
            }
            guard listen(descriptor, CInt(clamping: backlog)) == 0 else {
                throw IOError(errnoCode: errno, reason: "listen")
            }
            localAddress = try StreamDescriptor.localAddress(of: descriptor)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Stops accepting. Connections that were accepted live on.
    package func close() async {
        try? await loop.submit { self.closeNow() }.get()
    }

    override func ready(_ conditions: Condition) {
        for _ in 0..<Self.batch {
            guard isOpen else { return }
            var storage = sockaddr_storage()
            let accepted = podium_accept(descriptor, &storage)
            guard accepted >= 0 else { return acceptFailed(-accepted) }
            hand(accepted, SocketAddress(storage))
        }
        // There may be more connections, and the kernel does not report them again: it reports changes only.
        loop.execute { self.ready(.readable) }
    }

    override func loopEnds() { closeNow() }

    private func acceptFailed(_ code: CInt) {
        switch code {
        case EAGAIN: break
        case ECONNABORTED, EINTR, EPROTO, ENETDOWN, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT:
            // That connection alone has failed; others may wait behind it.
            loop.execute { self.ready(.readable) }
        default:
            // No descriptor or memory is left. Connections wait in the kernel's queue until there is.
            guard !isRecovering else { return }
            // One timer is enough, although the kernel reports every connection that comes meanwhile.
            isRecovering = true
            _ = loop.scheduleTask(in: Self.recovery) {
                self.isRecovering = false
                self.ready(.readable)
            }
        }
    }

    private func hand(_ descriptor: CInt, _ peer: SocketAddress?) {
        let target = group.nextLoop()
        let initializer = initializer
        let begin: @Sendable () -> Void = {
            let socket = StreamSocket(loop: target, descriptor: descriptor, peer: peer)
            socket.keepsOutputOpen = true
            do {
                try initializer(socket)
                guard socket.isOpen else { return }
                try socket.register()
                if socket.isOpen { socket.activate() }
            } catch {
                socket.close0(error: error, mode: .all, promise: nil)
            }
        }
        if target === loop { begin() } else { target.execute(begin) }
    }

    private func closeNow() {
        guard isOpen else { return }
        isOpen = false
        loop.unregister(self, descriptor)
        Glibc.close(descriptor)
    }
}
