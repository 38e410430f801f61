internal import Support

/// Tells the service manager how the service is doing, as sd_notify(3) does. Without one it does nothing.
public struct ServiceNotifier: Sendable {
    private let address: NotifyAddress?
    /// How often `watchdog` has to be told at least; nil where the service manager has no watchdog for it.
    public let watchdogInterval: Duration?

    /// - Parameter environment: where `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` are looked up.
    /// - Parameter processID: of this process; the watchdog may be meant for another one.
    public init(environment: [String: String], processID: Int32) {
        address = environment["NOTIFY_SOCKET"].flatMap(NotifyAddress.init)
        watchdogInterval = Self.watchdogInterval(environment, processID)
    }

    /// Whether there is a service manager to tell.
    public var isSupervised: Bool { address != nil }

    /// What can be told.
    public enum Message: Sendable, Equatable {
        /// Requests are served now; after a reload as well.
        case ready(status: String)
        /// The configuration is being read again, since that moment on the monotonic clock.
        case reloading(monotonicMicroseconds: UInt64)
        /// The service is ending, and needs that long at most.
        case stopping(within: Duration)
        /// The service is alive.
        case watchdog
        /// One line for `systemctl status`.
        case status(String)

        var text: String {
            switch self {
            case .ready(let status): "READY=1\nSTATUS=\(status.oneLine)"
            case .reloading(let moment): "RELOADING=1\nMONOTONIC_USEC=\(moment)"
            case .stopping(let limit):
                "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=\(max(0, limit.components.seconds) * 1_000_000)"
            case .watchdog: "WATCHDOG=1"
            case .status(let status): "STATUS=\(status.oneLine)"
            }
        }
    }

    /// Sends the message without ever waiting.
    ///
    /// - Returns: whether it went out.
    @discardableResult
    public func tell(_ message: Message) -> Bool {
        address?.send(Array(message.text.utf8)) ?? false
    }

    /// The moment for `reloading`.
    public static func monotonicMicroseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
    }

    /// Half of what the manager waits, as systemd advises.
    private static func watchdogInterval(_ environment: [String: String], _ processID: Int32) -> Duration? {
        guard let text = environment["WATCHDOG_USEC"], let microseconds = Int64(text), microseconds > 0 else {
            return nil
        }
        if let text = environment["WATCHDOG_PID"], Int32(text) != processID { return nil }
        return .microseconds(microseconds / 2)
    }
}

extension String {
    fileprivate var oneLine: String {
        String(map { $0.isNewline ? " " : $0 })
    }
}

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
