internal import Support

/// A datagram socket of the file system, or an abstract one of Linux, written `@NAME`.
struct NotifyAddress: Sendable, Equatable {
    private let path: [UInt8]

    /// Nil for what is neither, and for what no address holds.
    init?(_ text: String) {
        var path = Array(text.utf8)
        guard path.count > 1, path.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path) else { return nil }
        switch path[0] {
        case UInt8(ascii: "/"): break
        case UInt8(ascii: "@"): path[0] = 0
        default: return nil
        }
        self.path = path
    }

    /// - Returns: whether it went out; never waits for a reader that does not read.
    func send(_ message: [UInt8]) -> Bool {
        let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        // An abstract name is as long as the address says, not up to a NUL.
        let isAbstract = path[0] == 0
        let header = MemoryLayout.offset(of: \sockaddr_un.sun_path) ?? 2
        let length = socklen_t(header + path.count + (isAbstract ? 0 : 1))
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        let sent = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                sendto(descriptor, message, message.count, flags, generic, length)
            }
        }
        return sent == message.count
    }
}
