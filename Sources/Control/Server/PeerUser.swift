internal import NIOCore
internal import NIOPosix

internal import Support

/// The user at the other end of a Unix socket, as the kernel says.
enum PeerUser {
    /// nil when the kernel does not tell.
    static func id(of channel: any Channel) -> uid_t? {
        guard let options = channel as? any SocketOptionProvider else {
            return nil
        }
        let credentials: EventLoopFuture<Credentials> = options.unsafeGetSocketOption(
            level: .init(rawValue: SOL_SOCKET), name: .init(rawValue: SO_PEERCRED))
        return (try? credentials.nowOrNil())?.user
    }

    /// `struct ucred`
    private struct Credentials {
        var process: pid_t
        var user: uid_t
        var group: gid_t
    }

    /// The name of a user, or `uid 1000` for one without.
    static func name(_ user: uid_t) -> String {
        var entry = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 4_096)
        guard getpwuid_r(user, &entry, &buffer, buffer.count, &result) == 0, result != nil else {
            return "uid \(user)"
        }
        return String(cString: entry.pw_name)
    }
}

extension EventLoopFuture {
    /// The value, where the future is complete already: on its own event loop, options are read at once.
    fileprivate func nowOrNil() throws -> Value? where Value: Sendable {
        eventLoop.preconditionInEventLoop()
        let box = NIOLoopBoundBox<Result<Value, any Error>?>(nil, eventLoop: eventLoop)
        whenComplete { box.value = $0 }
        return try box.value?.get()
    }
}
