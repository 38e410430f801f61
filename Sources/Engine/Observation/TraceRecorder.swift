internal import Dispatch
internal import Ranking
internal import Synchronization

internal import Support

/// Writes what endpoints answered into a file that the simulator reads.
///
/// Lines are gathered in memory and written by a queue of their own, so no request waits for the disk. A disk that cannot
/// keep up, or is full, costs lines, which are counted in the trace itself.
final class TraceRecorder: Sendable {
    private struct Pending {
        var text: [UInt8] = []
        var lost = 0
        var isScheduled = false
    }

    private static let limit = 4 << 20

    private let start: ContinuousClock.Instant
    private let descriptor: Int32
    private let pending = Mutex(Pending())
    private let queue = DispatchQueue(label: "podium.trace")

    /// Makes the file, which must not be there yet.
    init(path: String, start: ContinuousClock.Instant) throws(EngineError) {
        self.start = start
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .trace(path: path, reason: String(cString: strerror(errno)))
        }
        append("# podium trace: seconds since start, what happened")
    }

    deinit {
        close(descriptor)
    }

    func request(at now: ContinuousClock.Instant) {
        append(OutcomeTrace.requestLine(at: now - start))
    }

    func answer(_ outcome: AttemptOutcome, of name: String, at now: ContinuousClock.Instant) {
        guard let line = OutcomeTrace.line(at: now - start, endpoint: name, outcome: outcome) else {
            return
        }
        append(line)
    }

    /// Writes what is still in memory. Call it once, last.
    func finish() {
        queue.sync { drain() }
    }

    private func append(_ line: String) {
        let schedule = pending.withLock { pending in
            guard pending.text.count < Self.limit else {
                pending.lost += 1
                return false
            }
            pending.text += line.utf8
            pending.text.append(UInt8(ascii: "\n"))
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        if schedule {
            queue.asyncAfter(deadline: .now() + .milliseconds(250)) { [weak self] in self?.drain() }
        }
    }

    private func drain() {
        var (text, lost) = pending.withLock { pending in
            defer { pending = Pending() }
            return (pending.text, pending.lost)
        }
        if lost > 0 {
            text += Array("# \(lost) lines lost here: the file could not be written in time\n".utf8)
        }
        var rest = text[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR {
                continue
            }
            guard count > 0 else {
                let left = rest.count { $0 == UInt8(ascii: "\n") }
                pending.withLock { $0.lost += left }
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}
