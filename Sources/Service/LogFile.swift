internal import Synchronization

internal import Support

/// A log file that others rotate: once its name stands for another file, or for none, it is opened again.
public final class LogFile: Sendable {
    private let path: String
    private let descriptor: Mutex<Int32>

    /// Why a log file cannot be used.
    public struct OpenError: Error, CustomStringConvertible {
        /// One line for the operator.
        public let description: String
    }

    /// Opens the file for appending and creates it, for its owner only, where it is missing.
    ///
    /// - Throws: `OpenError`.
    public init(path: String) throws(OpenError) {
        self.path = path
        let opened = Self.open(path)
        guard opened >= 0 else {
            let reason = errno == ENXIO ? "it is a pipe that nobody reads" : String(cString: strerror(errno))
            throw OpenError(description: "\(path): the log cannot be written there: \(reason)")
        }
        descriptor = Mutex(opened)
    }

    deinit {
        descriptor.withLock { _ = close($0) }
    }

    /// Writes the bytes to whatever the path names now.
    ///
    /// - Returns: why not all of them were written.
    public func write(_ bytes: [UInt8]) -> String? {
        descriptor.withLock { descriptor in
            if Self.hasMoved(path, descriptor) {
                Self.reopen(path, &descriptor)
            }
            return DescriptorIO.write(bytes, to: descriptor)?.text
        }
    }

    /// Opens the path again, as after a rotation. The old file goes on where the new one cannot be opened.
    public func reopen() {
        descriptor.withLock { Self.reopen(path, &$0) }
    }

    private static func reopen(_ path: String, _ descriptor: inout Int32) {
        let fresh = open(path)
        guard fresh >= 0 else { return }
        close(descriptor)
        descriptor = fresh
    }

    private static func hasMoved(_ path: String, _ descriptor: Int32) -> Bool {
        guard let named = FileIdentity(path: path) else { return errno == ENOENT }
        return named != FileIdentity(descriptor: descriptor)
    }

    private static func open(_ path: String) -> Int32 {
        // It is opened without waiting, so that a pipe without a reader cannot hold up the start.
        systemOpen(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o600)
    }
}

private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
    open(path, flags, mode)
}
