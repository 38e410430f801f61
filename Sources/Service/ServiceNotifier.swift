internal import Support

// What passes between Podium and the service manager that started it: how Podium is doing, and the secrets that it was handed. Both are
// found by environment variables, and without these nothing happens.

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

/// Secrets that the service manager hands over as files, one per name, in `$CREDENTIALS_DIRECTORY`.
///
/// Unlike environment variables they are readable by the service alone, and no child or `/proc` shows them.
public enum Credentials {
    /// No credential is that long; whatever is, is not read.
    private static let limit = 64 << 10

    /// The environment with every credential added whose name could be a variable's. A variable that the environment
    /// itself sets goes first.
    public static func added(to environment: [String: String]) -> [String: String] {
        guard let folder = environment["CREDENTIALS_DIRECTORY"], !folder.isEmpty else { return environment }
        return environment.merging(all(in: folder)) { variable, credential in variable.isEmpty ? credential : variable }
    }

    private static func all(in folder: String) -> [String: String] {
        guard let stream = opendir(folder) else { return [:] }
        defer { closedir(stream) }
        var found: [String: String] = [:]
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard ASCII.isVariableName(name), let text = contents("\(folder)/\(name)") else { continue }
            found[name] = text
        }
        return found
    }

    /// Without the line end that every editor adds.
    private static func contents(_ path: String) -> String? {
        guard var bytes = try? DescriptorIO.contents(of: path, limit: limit) else { return nil }
        while let last = bytes.last, last == 0x0A || last == 0x0D { bytes.removeLast() }
        return String(validating: bytes, as: UTF8.self)
    }
}
