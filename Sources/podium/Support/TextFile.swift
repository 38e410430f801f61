import Support

/// A whole text file, or standard input.
enum TextFile {
    struct ReadError: Error {
        let reason: String
    }

    /// More than any trace that is of use, and less than the memory of a small machine.
    private static let limit = 1 << 30

    /// - Parameter path: `-` is standard input.
    static func read(_ path: String) throws(ReadError) -> String {
        let descriptor = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ReadError(reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 {
                break
            }
            if count < 0 {
                if errno == EINTR {
                    continue
                }
                throw ReadError(reason: String(cString: strerror(errno)))
            }
            bytes += chunk[..<count]
            guard bytes.count <= limit else {
                throw ReadError(reason: "larger than 1 GiB")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
