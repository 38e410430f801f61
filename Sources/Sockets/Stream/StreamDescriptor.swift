internal import CSystemShim
internal import Support
internal import NIOCore

/// What listeners and connections ask of the kernel alike.
enum StreamDescriptor {
    /// A TCP socket of the address's family, non-blocking and close-on-exec.
    ///
    /// - Throws: `IOError` where the process has no descriptor left.
    static func open(for address: SocketAddress) throws -> CInt {
        let descriptor = podium_stream_socket(address.protocol == .inet6 ? AF_INET6 : AF_INET)
        guard descriptor >= 0 else { throw IOError(errnoCode: -descriptor, reason: "socket") }
        return descriptor
    }

    static func switchOn(_ option: CInt, level: CInt, of descriptor: CInt) {
        var isOn: CInt = 1
        setsockopt(descriptor, level, option, &isOn, socklen_t(MemoryLayout<CInt>.size))
    }

    /// Messages are sent as they are written (`TCP_NODELAY`).
    static func sendAtOnce(_ descriptor: CInt) {
        switchOn(TCP_NODELAY, level: CInt(IPPROTO_TCP), of: descriptor)
    }

    /// Notices within two minutes that the other side has gone without a word, and keeps the memory of firewalls on the
    /// way alive while nothing is said.
    ///
    /// - Parameter patience: how long what was sent may stay unconfirmed. Longer than the proxy itself waits for one
    ///   that takes nothing: a side that does not read confirms nothing either.
    static func watchOver(_ descriptor: CInt, patience: TimeAmount) {
        podium_watch_over(descriptor, 60, 15, 4, UInt32(clamping: patience.nanoseconds / 1_000_000))
    }

    /// - Throws: `IOError` where it is not a socket, or one of neither IPv4 nor IPv6.
    static func localAddress(of descriptor: CInt) throws -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard status == 0, let address = SocketAddress(storage) else {
            throw IOError(errnoCode: status == 0 ? EAFNOSUPPORT : errno, reason: "getsockname")
        }
        return address
    }
}
