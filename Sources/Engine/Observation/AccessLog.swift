internal import PodiumModel
internal import Ranking
internal import Dispatch
internal import Proxy
internal import Synchronization

internal import Support

/// Writes one line per request, on a thread of its own.
///
/// Requests never wait for it: they leave their report in a bounded queue. When the disk, or whoever reads the pipe, is
/// slower than the requests for long, lines are lost and counted, in the log itself and in an event.
final class AccessLog: Sendable {
    /// Where lines go.
    enum Target: Sendable, Equatable {
        case off
        case standardOutput
        /// Opened again when it was moved away or removed, as logrotate does.
        case file(path: String)
    }

    private struct Entry {
        var report: RequestReport
        var names: [String]
    }

    private struct Pending {
        var target = Target.off
        var entries: [Entry] = []
        var footprint = 0
        var lost = 0
        var isScheduled = false
    }

    /// Memory for what is not written yet.
    static let limit = 16 << 20
    /// Lines are written in batches.
    private static let delay = DispatchTimeInterval.milliseconds(100)

    private let pending = Mutex(Pending())
    private let isOn = Atomic<Bool>(false)
    private let queue = DispatchQueue(label: "podium.access-log")
    private let output: Mutex<AccessLogOutput>
    private let listener = Mutex<@Sendable (EventLevel, String) -> Void>({ _, _ in })

    /// - Parameter configPath: this file is never written into, whatever `access_log` says
    init(configPath: String) {
        output = Mutex(AccessLogOutput(configPath: configPath))
    }

    /// `note` takes what the operator should know; it is called on the log's own thread.
    func connect(_ note: @escaping @Sendable (EventLevel, String) -> Void) {
        listener.withLock { $0 = note }
    }

    /// What a request pays where there is no access log.
    var isEnabled: Bool { isOn.load(ordering: .relaxed) }

    /// Lines of requests that end from now on go there.
    func direct(to target: Target) {
        pending.withLock { $0.target = target }
        isOn.store(target != .off, ordering: .relaxed)
        // Opened at once, so that a folder that is missing is noticed now and not with the first request.
        queue.async { self.drain(opensFirst: true) }
    }

    func append(_ report: RequestReport, names: [String]) {
        let schedule = pending.withLock { pending in
            guard pending.footprint < Self.limit else {
                pending.lost += 1
                return false
            }
            pending.entries.append(Entry(report: report, names: names))
            pending.footprint += report.footprint
            defer { pending.isScheduled = true }
            return !pending.isScheduled
        }
        if schedule {
            queue.asyncAfter(deadline: .now() + Self.delay) { self.drain() }
        }
    }

    /// Writes what is left, but waits no longer than this for whoever does not read.
    func finish(within patience: Duration) {
        isOn.store(false, ordering: .relaxed)
        let done = DispatchSemaphore(value: 0)
        queue.async {
            self.drain()
            done.signal()
        }
        _ = done.wait(timeout: .now() + .milliseconds(Int(patience.wholeMicroseconds / 1_000)))
    }

    private func note(_ level: EventLevel, _ text: String) {
        listener.withLock { $0 }(level, text)
    }

    /// - Parameter opensFirst: also where there is nothing to write
    private func drain(opensFirst: Bool = false) {
        let batch = pending.withLock { pending in
            defer {
                pending.entries = []
                pending.footprint = 0
                pending.lost = 0
                pending.isScheduled = false
            }
            return pending
        }
        let (now, wallTime) = (ContinuousClock.now, WallClock.seconds)
        var text: [UInt8] = []
        for entry in batch.entries {
            let age = now - entry.report.at
            let unixTime = wallTime - Double(age.wholeMicroseconds) / 1e6
            text += entry.report.accessLogLine(unixTime: unixTime, names: entry.names).utf8
            text.append(UInt8(ascii: "\n"))
        }
        if batch.lost > 0 {
            text += "{\"lost\":\(batch.lost)}\n".utf8
            note(.warning, "access log: \(batch.lost) lines lost, it is written too slowly")
        }
        guard opensFirst || !text.isEmpty else {
            return
        }
        switch output.withLock({ $0.write(text, to: batch.target) }) {
        case .fine: break
        case .recovered: note(.info, "access log: written again")
        case .failed(let reason): note(.error, "access log: \(reason); requests are served without it")
        }
    }
}
