#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Lines to standard output and standard error, whole, whatever the other threads print.
enum StandardStreams {
    static func output(_ line: String) {
        write(line, to: STDOUT_FILENO)
    }

    static func error(_ line: String) {
        write(line, to: STDERR_FILENO)
    }

    static var isInteractive: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    }

    private static func write(_ line: String, to descriptor: Int32) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                unistdWrite(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
            }
            if count < 0 {
                if errno == EINTR {
                    continue
                }
                // Nobody can be told that nobody listens.
                return
            }
            sent += count
        }
    }
}

private func unistdWrite(_ descriptor: Int32, _ base: UnsafeRawPointer?, _ count: Int) -> Int {
    guard let base else {
        return 0
    }
    return write(descriptor, base, count)
}
