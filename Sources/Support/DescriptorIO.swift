/// Whole files and whole buffers through plain descriptors, with interrupted calls made again.
///
/// For logs, secrets, descriptions and the like. The configuration file has its own calls, whose faults tests inject.
public enum DescriptorIO {
    /// Why something was not read.
    public enum ReadFailure: Error, Equatable, Sendable {
        /// The number of the error.
        case system(Int32)
        /// There is more than the limit.
        case tooLarge

        /// For the operator.
        public var text: String {
            switch self {
            case .system(let number): String(cString: strerror(number))
            case .tooLarge: "too large"
            }
        }
    }

    /// Why not all was written.
    public struct WriteFailure: Error, Equatable, Sendable {
        /// ETIMEDOUT where a pipe was full for too long.
        public var errno: Int32
        /// How many bytes were written before.
        public var written: Int

        /// For the operator.
        public var text: String { errno == ETIMEDOUT ? "nobody reads" : String(cString: strerror(errno)) }
    }

    /// The whole file.
    ///
    /// - Parameters:
    ///   - limit: a larger file is not what it should be, and is not read
    ///   - waits: for the other end of a pipe; otherwise a pipe without one is empty
    public static func contents(of path: String, limit: Int, waits: Bool = false) throws(ReadFailure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK))
        guard descriptor >= 0 else { throw .system(errno) }
        defer { close(descriptor) }
        return try contents(of: descriptor, limit: limit)
    }

    /// All that comes until the end.
    public static func contents(of descriptor: Int32, limit: Int) throws(ReadFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit + 1, 1 << 16))
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            if count < 0 {
                guard errno == EINTR else { throw .system(errno) }
                continue
            }
            bytes += chunk[..<count]
            guard bytes.count <= limit else { throw .tooLarge }
        }
    }

    /// Puts a file in the place of another: the whole new one or the old one is there, whatever happens meanwhile.
    ///
    /// - Parameter syncs: the new one is brought to the disk first
    /// - Returns: the error's number; nil where the new one is there
    public static func replaceFile(at path: String, with bytes: [UInt8], syncs: Bool) -> Int32? {
        let temporary = path + ".tmp"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return errno }
        var problem = write(bytes, to: descriptor)?.errno
        if problem == nil, syncs, fsync(descriptor) != 0 { problem = errno }
        close(descriptor)
        if problem == nil, rename(temporary, path) != 0 { problem = errno }
        if problem != nil { unlink(temporary) }
        return problem
    }

    /// Writes all the bytes.
    ///
    /// - Parameter patience: milliseconds to wait each time the descriptor takes nothing, -1 for ever. Descriptors that block
    ///   wait for ever in any case. A shell's other jobs can make one non-blocking that was not.
    /// - Returns: nil where all was written
    public static func write(_ bytes: [UInt8], to descriptor: Int32, patience: Int32 = -1) -> WriteFailure? {
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
                if count >= 0 {
                    written += count
                } else if errno == EAGAIN {
                    var readiness = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    if poll(&readiness, 1, patience) == 0 { return WriteFailure(errno: ETIMEDOUT, written: written) }
                } else if errno != EINTR {
                    return WriteFailure(errno: errno, written: written)
                }
            }
            return nil
        }
    }
}

/// Which file something is, whatever name it has by now.
public struct FileIdentity: Equatable, Sendable {
    /// The number of the device.
    public let device: UInt64
    /// The number of the file on it.
    public let inode: UInt64

    /// nil where no file has this name.
    public init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(status)
    }

    /// nil where the descriptor is closed.
    public init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }
}

/// A descriptor that is closed when nothing refers to it any more.
public final class OpenFile: Sendable {
    /// The number of the descriptor.
    public let descriptor: Int32

    /// Takes the descriptor over.
    public init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        // Everything that matters was synced before. A close is never made again, since the number may be in use again.
        close(descriptor)
    }
}
