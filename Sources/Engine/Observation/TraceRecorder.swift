internal import Dispatch
internal import Ranking

internal import Support

/// Writes what endpoints answered into a file that the simulator reads.
///
/// Lines are gathered in memory and written by a queue of their own, so no request waits for the disk. A disk that cannot
/// keep up, or is full, costs lines, which are counted in the trace itself.
final class TraceRecorder: Sendable {
    private let start: ContinuousClock.Instant
    private let writer: BoundedWriter<String>

    /// Makes the file, which must not be there yet.
    init(path: String, start: ContinuousClock.Instant) throws(EngineError) {
        self.start = start
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .trace(path: path, reason: String(cString: strerror(errno)))
        }
        let file = OpenFile(descriptor)
        writer = BoundedWriter(
            on: DispatchQueue(label: "podium.trace"), limit: 4 << 20, delay: .milliseconds(250)
        ) { lines, dropped in
            TraceRecorder.write(lines, dropped: dropped, to: file)
        }
        append("# podium trace: seconds since start, what happened")
    }

    func request(at now: ContinuousClock.Instant) {
        append(OutcomeTrace.requestLine(at: now - start))
    }

    func answer(_ outcome: AttemptOutcome, of name: String, at now: ContinuousClock.Instant, took: Duration) {
        guard let line = OutcomeTrace.line(at: now - start, endpoint: name, outcome: outcome, took: took) else {
            return
        }
        append(line)
    }

    /// Writes what is still in memory, unless the disk stands still for a minute. Call it once, last.
    func finish() {
        writer.flush(within: 60)
    }

    private func append(_ line: String) {
        writer.offer(line, size: line.utf8.count + 1)
    }

    /// - Returns: how many of the lines did not get into the file
    private static func write(_ lines: [String], dropped: Int, to file: OpenFile) -> Int {
        var text: [UInt8] = []
        for line in lines {
            text += line.utf8
            text.append(UInt8(ascii: "\n"))
        }
        if dropped > 0 {
            text += Array("# \(dropped) lines lost here: the file could not be written in time\n".utf8)
        }
        guard let failure = DescriptorIO.write(text, to: file.descriptor) else { return 0 }
        return text[failure.written...].count { $0 == UInt8(ascii: "\n") }
    }
}
