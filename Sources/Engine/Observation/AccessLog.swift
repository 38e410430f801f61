internal import Dispatch
internal import PodiumModel
internal import Pricing
internal import Proxy
internal import Ranking
internal import Support
internal import Synchronization

/// Writes one line per request, on a thread of its own.
///
/// Requests never wait for it: they leave their report in a bounded queue. When the disk, or the program at the other end of a
/// pipe, is slower than the requests for long, lines are lost and counted, in the log itself and in an event.
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

    /// Memory for what is not written yet.
    static let limit = 16 << 20

    /// What the writer needs; it must not own the log, which owns it.
    private final class State: Sendable {
        let target = Mutex(Target.off)
        let output: Mutex<AccessLogOutput>
        let listener = Mutex<@Sendable (EventLevel, String) -> Void>({ _, _ in })

        init(configPath: String) {
            output = Mutex(AccessLogOutput(configPath: configPath))
        }
    }

    private let isOn = Atomic<Bool>(false)
    private let state: State
    private let account: UsageAccount
    private let writer: BoundedWriter<Entry>

    /// - Parameters:
    ///   - configPath: this file is never written into, whatever `access_log` says
    ///   - account: says what requests cost
    init(configPath: String, account: UsageAccount) {
        let state = State(configPath: configPath)
        self.state = state
        self.account = account
        // Lines are written in batches.
        writer = BoundedWriter(
            on: DispatchQueue(label: "podium.access-log"), limit: Self.limit, delay: .milliseconds(100)
        ) { entries, lost in
            AccessLog.write(entries, lost: lost, state, account)
            return 0
        }
    }

    /// `note` takes what the operator should know; it is called on the log's own thread.
    func connect(_ note: @escaping @Sendable (EventLevel, String) -> Void) {
        state.listener.withLock { $0 = note }
    }

    /// What a request pays where there is no access log.
    var isEnabled: Bool { isOn.load(ordering: .relaxed) }

    /// Lines of requests that end from now on go there.
    func direct(to target: Target) {
        state.target.withLock { $0 = target }
        isOn.store(target != .off, ordering: .relaxed)
        // Opened at once, so that a folder that is missing is noticed now and not with the first request.
        writer.perform { [state, account] in AccessLog.write([], lost: 0, state, account) }
    }

    func append(_ report: RequestReport, names: [String]) {
        writer.offer(Entry(report: report, names: names), size: report.footprint)
    }

    /// Writes what is left, but waits no longer than this for a program that does not read its end of the pipe.
    func finish(within patience: Duration) {
        isOn.store(false, ordering: .relaxed)
        writer.flush(within: patience.inSeconds)
    }

    private static func write(_ entries: [Entry], lost: Int, _ state: State, _ account: UsageAccount) {
        let note = state.listener.withLock { $0 }
        let (now, wallTime) = (ContinuousClock.now, WallClock.seconds)
        var text: [UInt8] = []
        for entry in entries {
            let age = now - entry.report.at
            let unixTime = wallTime - Double(age.wholeMicroseconds) / 1e6
            let cost = entry.report.usage.flatMap { account.cost(of: $0, endpoint: entry.names.last) }
            text +=
                entry.report.accessLogLine(
                    unixTime: unixTime, names: entry.names, cost: cost.map { Decimal.text(picos: $0) }
                ).utf8
            text.append(UInt8(ascii: "\n"))
        }
        if lost > 0 {
            text += "{\"lost\":\(lost)}\n".utf8
            note(.warning, "access log: \(lost) lines lost, it is written too slowly")
        }
        let target = state.target.withLock { $0 }
        switch state.output.withLock({ $0.write(text, to: target) }) {
        case .fine: break
        case .recovered: note(.info, "access log: written again")
        case .failed(let reason): note(.error, "access log: \(reason); requests are served without it")
        }
    }
}

/// The descriptor behind the access log. Blocks: for the log's own thread.
struct AccessLogOutput: ~Copyable {
    /// What the operator should hear; a trouble that goes on is told once.
    enum Report: Equatable {
        case fine
        case recovered
        case failed(String)
    }

    private let configPath: String
    private var openPath: String?
    private var descriptor: Int32 = -1
    private var isFailing = false

    init(configPath: String) {
        self.configPath = configPath
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    mutating func write(_ bytes: [UInt8], to target: AccessLog.Target) -> Report {
        let failure: String?
        switch target {
        case .off:
            closeFile()
            failure = nil
        case .standardOutput:
            closeFile()
            failure = Self.failure(of: bytes, to: STDOUT_FILENO).map { "cannot write to standard output: \($0)" }
        case .file(let path):
            failure = open(path) ?? Self.failure(of: bytes, to: descriptor).map { "cannot write \(path): \($0)" }
        }
        defer { isFailing = failure != nil }
        switch (failure, isFailing) {
        case (nil, true): return .recovered
        case (nil, false), (.some, true): return .fine
        case (let failure?, false): return .failed(failure)
        }
    }

    /// Makes sure that the descriptor is the file of this name; that of a file that was moved away is closed.
    ///
    /// - Returns: why it cannot be opened
    private mutating func open(_ path: String) -> String? {
        if descriptor >= 0, openPath == path, FileIdentity(path: path) == FileIdentity(descriptor: descriptor) {
            return nil
        }
        closeFile()
        if let config = FileIdentity(path: configPath), config == FileIdentity(path: path) {
            return "\(path) is the configuration file"
        }
        // A pipe whose reader has stopped reading must not hold the thread up for ever.
        descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else { return "cannot open \(path): \(String(cString: strerror(errno)))" }
        openPath = path
        return nil
    }

    private mutating func closeFile() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
        openPath = nil
    }

    /// Waits a second for the reader of a pipe that is full.
    ///
    /// - Returns: why the bytes, or the rest of them, are lost
    private static func failure(of bytes: [UInt8], to descriptor: Int32) -> String? {
        DescriptorIO.write(bytes, to: descriptor, patience: 1_000)?.text
    }
}
