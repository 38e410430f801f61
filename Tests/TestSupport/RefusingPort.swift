internal import Support

/// A port of this machine where connections are refused for as long as the object lives: bound, never listened on.
///
/// The port of a server that was stopped may belong to somebody else a moment later.
public final class RefusingPort: Sendable {
    /// On 127.0.0.1.
    public let port: Int
    private let descriptor: Int32

    /// nil when the system has no port left.
    public init?() {
        var address = sockaddr_in()
        let (descriptor, isBound) = boundSocket(&address)
        self.descriptor = descriptor
        port = Int(UInt16(bigEndian: address.sin_port))
        guard isBound else {
            close(descriptor)
            return nil
        }
    }

    deinit { close(descriptor) }
}

/// A port of this machine that never answers a connection: its queue is full, so the kernel drops what comes.
public final class UnresponsivePort: Sendable {
    /// On 127.0.0.1.
    public let port: Int
    private let descriptors: [Int32]

    /// nil when the system does not lend itself to it.
    public init?() {
        var address = sockaddr_in()
        let (listener, isBound) = boundSocket(&address)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = isBound && listen(listener, 0) == 0
        var descriptors = [listener]
        var isFull = false
        while isListening, !isFull, descriptors.count < 16 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            descriptors.append(client)
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(client, $0, length) }
            }
            var poll = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
            isFull = Glibc.poll(&poll, 1, 50) == 0
        }
        self.descriptors = descriptors
        port = Int(UInt16(bigEndian: address.sin_port))
        guard isFull else {
            for descriptor in descriptors { close(descriptor) }
            return nil
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}

/// A socket at a free port of 127.0.0.1, which `address` then names.
private func boundSocket(_ address: inout sockaddr_in) -> (descriptor: Int32, isBound: Bool) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
        }
    }
    return (descriptor, isBound)
}
