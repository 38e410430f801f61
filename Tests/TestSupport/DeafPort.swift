internal import Glibc

/// A port of this machine where a connection is neither made nor refused: its queue is full and nobody accepts.
public final class DeafPort: Sendable {
    /// On 127.0.0.1.
    public let port: Int
    private let descriptors: [Int32]

    /// nil when the system has no port left.
    public init?() {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var callers: [Int32] = []
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(listener, address, length) == 0, getsockname(listener, address, &length) == 0,
                    listen(listener, 0) == 0
                else { return false }
                // The first is taken into the queue; what follows it is ignored, SYN after SYN.
                for _ in 0..<3 {
                    let caller = socket(
                        AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
                    _ = connect(caller, address, length)
                    callers.append(caller)
                }
                return true
            }
        }
        descriptors = callers + [listener]
        port = Int(UInt16(bigEndian: address.sin_port))
        guard isListening else {
            for descriptor in descriptors { close(descriptor) }
            return nil
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
