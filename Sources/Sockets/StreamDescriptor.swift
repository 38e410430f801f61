internal import CSystemShim
package import NIOCore
internal import Support

// What is asked of the kernel about a TCP socket, by listeners and by connections, and what is made of its answer about
// what the other side has confirmed.

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

/// What the other side's kernel has confirmed of what was sent to it.
package struct Delivery: Sendable, Equatable {
    /// Jiffies of old kernels, twice.
    private static let granularity = TimeAmount.milliseconds(20)

    package var unconfirmedSegments: Int
    /// That the kernel has, sent or not.
    package var unconfirmedBytes: Int
    /// Since it confirmed anything at all.
    package var sinceConfirmation: TimeAmount
    /// That the kernel has not taken.
    package var queuedBytes: Int

    package init(
        unconfirmedSegments: Int, unconfirmedBytes: Int, sinceConfirmation: TimeAmount, queuedBytes: Int = 0
    ) {
        self.unconfirmedSegments = unconfirmedSegments
        self.unconfirmedBytes = unconfirmedBytes
        self.sinceConfirmation = sinceConfirmation
        self.queuedBytes = queuedBytes
    }

    /// Whether not a single byte of a message was confirmed. In doubt one was: what the other side has may be worked on, and
    /// billed.
    ///
    /// - Parameters:
    ///   - size: of the message, in bytes
    ///   - isExact: there is no more to it; otherwise (encryption, chunks) a part of it may be confirmed though as much as `size`
    ///     is not, and only a side that has confirmed nothing at all since then has confirmed nothing of it
    ///   - age: since the message was written, behind everything that came before it
    package func confirmsNothing(of size: Int, isExact: Bool, writtenBefore age: TimeAmount) -> Bool {
        guard unconfirmedSegments > 0, unconfirmedBytes >= size - queuedBytes else { return false }
        return isExact && queuedBytes == 0 || sinceConfirmation >= age - Self.granularity
    }
}
