import Support

/// A pipe that wakes `poll`: signal handlers and other threads write single bytes, a zero or a signal's number.
final class WakeUpPipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) == 0 {
            for end in ends {
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            }
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        if readEnd >= 0 { close(readEnd) }
        if writeEnd >= 0 { close(writeEnd) }
    }

    func signal() {
        var byte: UInt8 = 0
        // A full pipe wakes just as well.
        _ = write(writeEnd, &byte, 1)
    }

    /// Everything that was written since; signals in the order they came.
    func drain() -> [Int32] {
        var signals: [Int32] = []
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            let count = read(readEnd, &buffer, buffer.count)
            guard count > 0 else { return signals }
            signals += buffer.prefix(count).filter { $0 != 0 }.map(Int32.init)
            if count < buffer.count { return signals }
        }
    }
}
