internal import Configuration
internal import Dispatch
internal import LLMWire
internal import Limits
internal import PodiumModel
internal import Proxy
internal import Support
internal import Synchronization

/// The file in which what was used of limits outlives the process, however it ends.
///
/// It is written on a queue of its own as soon as an answer has ended, whole, under another name that then takes its place: a process that is
/// killed loses what was running, and an answer that had ended in the same moment. It is brought to the disk itself only now and then, so
/// a loss of power may cost some seconds more. A write that is still to come takes in what has been counted meanwhile.
final class LimitFile: Sendable {
    private static let limit = 8 << 20
    /// From one time that the disk itself is waited for to the next.
    private static let syncInterval = Duration.seconds(10)

    private struct Schedule {
        var isScheduled = false
        var isFailing = false
        var synced: ContinuousClock.Instant?
    }

    private let path: String?
    private let queue = DispatchQueue(label: "podium.limits")
    private let schedule = Mutex(Schedule())

    /// Nothing is kept where there is no state directory.
    init(configuration: String, environment: [String: String]) {
        let place = HistoryPlace.rollUps(configuration: configuration, environment: environment)
        path = place.map { ($0.hasSuffix(Self.sibling) ? String($0.dropLast(Self.sibling.count)) : $0) + ".limits" }
    }

    private static let sibling = ".history.db"

    /// What the last process has left, by the names of endpoints.
    func read() -> [String: LimitLedger.Saved] {
        guard let path, let bytes = try? DescriptorIO.contents(of: path, limit: Self.limit) else { return [:] }
        var found: [String: LimitLedger.Saved] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            if let (name, saved) = Self.entry(line) { found[name] = saved }
        }
        return found
    }

    /// Writes what `content` gives, soon; never waits.
    func save(
        _ content: @escaping @Sendable () -> [String: LimitLedger.Saved], note: @escaping @Sendable (String) -> Void
    ) {
        guard path != nil else { return }
        let isFirst = schedule.withLock { schedule in
            defer { schedule.isScheduled = true }
            return !schedule.isScheduled
        }
        guard isFirst else { return }
        queue.async { [self] in
            schedule.withLock { $0.isScheduled = false }
            let problem = write(content(), syncs: false)
            let isNew = schedule.withLock { schedule in
                defer { schedule.isFailing = problem != nil }
                return !schedule.isFailing
            }
            if let problem, isNew { note(problem) }
        }
    }

    /// Writes the last state, unless the disk stands still for longer than that.
    func finish(_ content: [String: LimitLedger.Saved], within patience: Duration) {
        guard path != nil, !content.isEmpty else { return }
        let written = DispatchSemaphore(value: 0)
        queue.async { [self] in
            _ = write(content, syncs: true)
            written.signal()
        }
        _ = written.wait(timeout: .now() + patience.inSeconds)
    }

    /// The whole new file or the old one, whatever happens meanwhile.
    ///
    /// - Returns: what went wrong
    private func write(_ content: [String: LimitLedger.Saved], syncs: Bool) -> String? {
        guard let path else { return nil }
        let now = ContinuousClock.now
        let isDue = schedule.withLock { schedule in
            let isDue = syncs || schedule.synced.map { now - $0 >= Self.syncInterval } ?? true
            if isDue { schedule.synced = now }
            return isDue
        }
        let text = content.sorted { $0.key < $1.key }.map { Self.line($0.key, $0.value) }.joined()
        if let folder = path.lastIndex(of: "/").map({ String(path[..<$0]) }) { mkdir(folder, 0o700) }
        return DescriptorIO.replaceFile(at: path, with: Array(text.utf8), syncs: isDue).map {
            String(cString: strerror($0))
        }
    }

    // MARK: Its lines

    /// `NAME requests tokens counted day-start day-end day-used spend-start spend-end spend-used`, with `-` for what is not there.
    static func line(_ name: String, _ saved: LimitLedger.Saved) -> String {
        func words(_ window: LimitLedger.Window?) -> [String] {
            window.map { ["\($0.start)", "\($0.end)", "\($0.used)"] } ?? ["-", "-", "-"]
        }
        let fields =
            [PercentEncoding.encode(name, keeping: "-_."), "\(saved.requests)", "\(saved.tokens)", "\(saved.counted)"]
            + words(saved.day) + words(saved.spend)
        return fields.joined(separator: " ") + "\n"
    }

    /// Until the end of the year 9999, in seconds since 1970: what a damaged line names beyond that could not be counted with.
    private static let times: ClosedRange<Int64> = 0...253_402_300_799
    /// A month, in seconds, with the hour that the clocks may be set back in it.
    private static let longestWindow: Int64 = 31 * 86_400 + 2 * 3_600

    /// nil where the line is none of ours, or a part of one.
    static func entry(_ line: Substring) -> (String, LimitLedger.Saved)? {
        let fields = line.split(separator: " ")
        guard fields.count == 10, let name = PercentEncoding.decode(fields[0]), let requests = Int64(fields[1]),
            let tokens = Int64(fields[2]), let counted = Int64(fields[3]), times.contains(counted)
        else { return nil }
        func window(_ place: Int) -> LimitLedger.Window? {
            guard let start = Int64(fields[place]), let end = Int64(fields[place + 1]),
                let used = Int64(fields[place + 2]), times.contains(start), times.contains(end), start < end,
                end - start <= longestWindow, used >= 0
            else { return nil }
            return LimitLedger.Window(start: start, end: end, used: used)
        }
        var saved = LimitLedger.Saved()
        (saved.requests, saved.tokens, saved.counted) = (max(0, requests), max(0, tokens), counted)
        (saved.day, saved.spend) = (window(4), window(7))
        return (name, saved)
    }
}

/// The rules of the time zones that limits and active hours name, from the system's database.
///
/// They are read before the engine's lock is taken, as files of authorities are, and only looked up under it. A zone is read once: a new
/// version of the database is in force at the next start.
final class ZoneTable: Sendable {
    private static let folders = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"]
    private static let limit = 1 << 20
    /// More are read anew each time.
    private static let capacity = 1_000

    private let machine: String?
    private let known = Mutex<[String: ZoneRules]>([:])

    init(environment: [String: String]) {
        machine = environment["TZ"].map { $0.hasPrefix(":") ? String($0.dropFirst()) : $0 }
    }

    /// Reads what these endpoints name. May block on files.
    func prepare(_ endpoints: [EndpointSettings]) {
        for endpoint in endpoints {
            if let text = endpoint.limits, let rules = try? LimitRules(text) { read(rules.zone) }
            if let text = endpoint.active, let hours = try? ActiveHours(text) { read(hours.zone) }
        }
    }

    /// The rules of a zone, nil being the machine's.
    ///
    /// - Throws: `ValueProblem` where there is no such zone
    func rules(_ name: String?) throws -> ZoneRules {
        if let name, let fixed = ZoneName.fixed(name) { return ZoneRules(fixed: fixed) }
        if let rules = known.withLock({ $0[name ?? ""] }) { return rules }
        guard let name else { return .utc }
        throw ValueProblem("'\(name)' is no time zone that this machine knows", fix: "install tzdata, or write +08:00")
    }

    private func read(_ name: String?) {
        guard name.flatMap({ ZoneName.fixed($0) }) == nil,
            known.withLock({ $0[name ?? ""] == nil && $0.count < Self.capacity })
        else { return }
        let paths: [String]
        if let name {
            paths = Self.folders.map { "\($0)/\(name)" }
        } else if let machine {
            paths = machine.hasPrefix("/") ? [machine] : Self.folders.map { "\($0)/\(machine)" }
        } else {
            paths = ["/etc/localtime"]
        }
        for path in paths {
            guard let bytes = try? DescriptorIO.contents(of: path, limit: Self.limit),
                let rules = ZoneRules(file: bytes)
            else { continue }
            return known.withLock { $0[name ?? ""] = rules }
        }
    }
}

extension LimitLedger.Reading {
    /// For the event log.
    var sentence: String {
        let time = CivilTime(unixTime: Int(until))
        let end = "\(time.year)-\(time.month.twoDigits)-\(time.day.twoDigits) \(time.clock) UTC"
        let amount = "\(text(used)) of \(text(usable))"
        return isReached
            ? "limit \(kind.rawValue) used up (\(amount)): passed over until \(end)"
            : "80 % of limit \(kind.rawValue) used (\(amount)), until \(end)"
    }

    private func text(_ amount: Int64) -> String {
        guard kind == .spend else { return String(amount) }
        // To the next ten-thousandth.
        let rounded = amount / 100_000_000 + (amount % 100_000_000 >= 50_000_000 ? 1 : 0)
        return "\(rounded / 10_000).\(String(10_000 + rounded % 10_000).dropFirst())"
    }
}

extension AnswerUsage {
    /// What limits of tokens count: all kinds, those of caches included.
    var allTokens: Int64 {
        let kinds = [
            figures.input, figures.output, figures.cacheRead, figures.cacheWrite5m, figures.cacheWrite1h,
        ]
        return kinds.reduce(0) { $0 &+ max(0, $1 ?? 0) }
    }
}
