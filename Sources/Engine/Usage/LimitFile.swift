internal import Dispatch
internal import LLMWire
internal import Limits
internal import Proxy
internal import Support
internal import Synchronization

/// Whose limits they are.
enum LimitOwner: Hashable, Sendable {
    /// By its name.
    case endpoint(String)
    /// By its name.
    case client(String)
}

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

    /// What was used by one endpoint or client.
    struct Entry: Sendable, Equatable {
        var owner: LimitOwner
        var saved: LimitLedger.Saved
        /// How the endpoint is reached: where that is another by now, the endpoint has only taken the name. nil for a client, and
        /// where an earlier Podium has written it.
        var reach: UInt64?
    }

    /// What the last process has left.
    func read() -> [LimitOwner: Entry] {
        guard let path, let bytes = try? DescriptorIO.contents(of: path, limit: Self.limit) else { return [:] }
        var found: [LimitOwner: Entry] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            if let entry = Self.entry(line) { found[entry.owner] = entry }
        }
        return found
    }

    /// Writes what `content` gives, soon; never waits.
    func save(
        _ content: @escaping @Sendable () -> [Entry], note: @escaping @Sendable (String) -> Void
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
    func finish(_ content: [Entry], within patience: Duration) {
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
    private func write(_ content: [Entry], syncs: Bool) -> String? {
        guard let path else { return nil }
        let now = ContinuousClock.now
        let isDue = schedule.withLock { schedule in
            let isDue = syncs || schedule.synced.map { now - $0 >= Self.syncInterval } ?? true
            if isDue { schedule.synced = now }
            return isDue
        }
        let text = content.map(Self.line).sorted().joined()
        if let folder = path.lastIndex(of: "/").map({ String(path[..<$0]) }) { mkdir(folder, 0o700) }
        return DescriptorIO.replaceFile(at: path, with: Array(text.utf8), syncs: isDue).map {
            String(cString: strerror($0))
        }
    }

    // MARK: Its lines

    private static let clientMark = "client/"

    /// `NAME requests tokens counted day-start day-end day-used spend-start spend-end spend-used reach`, with `-` for what is not there. The
    /// name of a client has `client/` before it, which no name that is encoded has.
    static func line(_ entry: Entry) -> String {
        func words(_ window: LimitLedger.Window?) -> [String] {
            window.map { ["\($0.start)", "\($0.end)", "\($0.used)"] } ?? ["-", "-", "-"]
        }
        let name =
            switch entry.owner {
            case .endpoint(let name): PercentEncoding.encode(name, keeping: "-_.")
            case .client(let name): clientMark + PercentEncoding.encode(name, keeping: "-_.")
            }
        let saved = entry.saved
        let fields =
            [name, "\(saved.requests)", "\(saved.tokens)", "\(saved.counted)"] + words(saved.day)
            + words(saved.spend) + [entry.reach.map { String($0, radix: 16) } ?? "-"]
        return fields.joined(separator: " ") + "\n"
    }

    /// Until the end of the year 9999, in seconds since 1970: what a damaged line names beyond that could not be counted with.
    private static let times: ClosedRange<Int64> = 0...253_402_300_799
    /// A month, in seconds, with the hour that the clocks may be set back in it.
    private static let longestWindow: Int64 = 31 * 86_400 + 2 * 3_600

    /// nil where the line is none of ours, or a part of one.
    static func entry(_ line: Substring) -> Entry? {
        let fields = line.split(separator: " ")
        guard 10...11 ~= fields.count, let owner = owner(fields[0]), let requests = Int64(fields[1]),
            let tokens = Int64(fields[2]), let counted = Int64(fields[3]),
            times.contains(counted)
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
        let reach = fields.count == 11 ? UInt64(fields[10], radix: 16) : nil
        return Entry(owner: owner, saved: saved, reach: reach)
    }

    private static func owner(_ field: Substring) -> LimitOwner? {
        guard field.hasPrefix(clientMark) else { return PercentEncoding.decode(field).map(LimitOwner.endpoint) }
        return PercentEncoding.decode(field.dropFirst(clientMark.count)).map(LimitOwner.client)
    }
}

extension LimitLedger.Reading {
    /// For the event log.
    ///
    /// - Parameter consequence: what happens until the count begins anew
    func sentence(_ consequence: String = "passed over") -> String {
        let time = CivilTime(unixTime: Int(until))
        let end = "\(time.date) \(time.clock) UTC"
        let amount = "\(text(used)) of \(text(usable))"
        return isReached
            ? "limit \(kind.rawValue) used up (\(amount)): \(consequence) until \(end)"
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
