internal import PureSupport
internal import Synchronization

// Refusals that ask for a time out: what the endpoint refused by, for how long it is left alone, and whether that is about all it does or
// about one of its models.

/// A refusal after which an endpoint, or one of its models, is left alone for a while. It is part of an outcome, which is copied for every
/// request: a few plain numbers and nothing that has to be counted or freed.
public struct TimeOutRequest: Sendable, Equatable {
    private let shortStatus: UInt16
    /// The operator's rule that asked for it, where one did.
    public let rule: RuleReference
    private let firstMilliseconds: UInt32
    private let limitMilliseconds: UInt32
    private let modelNumber: UInt32
    /// Why. Behind the rest, where it fills no gap: the whole is copied for every request.
    public let cause: TimeOutCause

    /// A time out whose length doubles with each further one in a row, without a good answer between.
    ///
    /// - Parameters:
    ///   - status: of the answer, or the one that an error within it stands for; 0 where there was none
    ///   - first: the length of the first one
    ///   - limit: the longest; equal to `first` where all are to be of the same length
    ///   - model: the model that it is about; nil where it is about the endpoint
    ///   - rule: the operator's rule that asked for it
    public init(
        cause: TimeOutCause, status: Int, first: Duration, limit: Duration, model: ModelReference? = nil,
        rule: RuleReference = .none
    ) {
        self.cause = cause
        self.rule = rule
        shortStatus = UInt16(clamping: status)
        firstMilliseconds = Self.milliseconds(first)
        limitMilliseconds = max(firstMilliseconds, Self.milliseconds(limit))
        modelNumber = model?.number ?? 0
    }

    /// One of the same length each time.
    public init(cause: TimeOutCause, status: Int, _ length: Duration, model: ModelReference? = nil) {
        self.init(cause: cause, status: status, first: length, limit: length, model: model)
    }

    /// Of the answer; 0 where there was none.
    public var status: Int { Int(shortStatus) }
    /// The length of the first one.
    public var first: Duration { .milliseconds(Int64(firstMilliseconds)) }
    /// The longest.
    public var limit: Duration { .milliseconds(Int64(limitMilliseconds)) }
    /// The model that it is about; nil where it is about the endpoint.
    public var model: ModelReference? { modelNumber == 0 ? nil : ModelReference(number: modelNumber) }

    /// `rate limited (429), wait 20 s`
    public var text: String {
        let about = model.map { " for \($0.name ?? "a model")" } ?? ""
        return "\(TimeOutReason(self).text)\(about), wait \(first.shortText)"
    }

    /// Whether each one in a row is longer than the one before.
    var doubles: Bool { limitMilliseconds > firstMilliseconds }

    /// - Parameter earlier: how many there were in a row before it
    func length(after earlier: Int) -> Duration {
        var length = UInt64(firstMilliseconds)
        // Sixty times twice as long is more than any limit.
        for _ in 0..<max(0, min(earlier, 60)) where length < limitMilliseconds {
            length = min(UInt64(limitMilliseconds), max(1, length) * 2)
        }
        return .milliseconds(Int64(length))
    }

    /// Rounded up, so that nothing is asked before its time. A number of 32 bits is 49 days, which is more than any time out may last.
    private static func milliseconds(_ length: Duration) -> UInt32 {
        let (milliseconds, rest) = length.wholeNanoseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return UInt32(clamping: milliseconds + (rest > 0 ? 1 : 0))
    }
}

/// What a refusal that asks for a time out is about. The raw values are the words of the control API and of the metrics.
public enum TimeOutCause: String, Sendable, Hashable, CaseIterable {
    /// Balance, quota or billing.
    case quota
    case rateLimited = "rate_limited"
    case overloaded
    /// It does not have this model.
    case model
    /// A rule of the operator's.
    case rule

    /// Too much was asked of the account or of the servers, which other models may share.
    public var isLoad: Bool { self == .rateLimited || self == .overloaded }
}

/// Why an endpoint or a model is timed out, for those who are shown it.
public struct TimeOutReason: Sendable, Hashable {
    /// In one word.
    public let cause: TimeOutCause
    /// Of the answer that brought it about; nil where that is not known.
    public let status: Int?
    /// The operator's rule that asked for it, where one did and it is known.
    public let rule: RuleReference

    /// As its parts.
    public init(_ cause: TimeOutCause, status: Int? = nil, rule: RuleReference = .none) {
        self.cause = cause
        self.status = status
        self.rule = rule
    }

    init(_ request: TimeOutRequest) {
        self.init(request.cause, status: request.status == 0 ? nil : request.status, rule: request.rule)
    }

    /// `quota used up (402)`
    public var text: String {
        let words =
            switch cause {
            case .quota: "quota used up"
            case .rateLimited: "rate limited"
            case .overloaded: "overloaded"
            case .model: "model not available"
            case .rule: "timed out by \(rule.name ?? "a rule")"
            }
        return status.map { "\(words) (\($0))" } ?? words
    }

    /// `Quota used up (402) for another 5m00s.`
    func sentence(left: Duration) -> String {
        "\(text.prefix(1).uppercased())\(text.dropFirst()) for another \(left.shortText)."
    }
}

/// Stands for the name of an operator's rule, such as `failover.rules 2`, in a value that is copied for every request: two bytes that need no
/// reference counting. Names come from the configuration alone, and are the places of rules in its lists, so there are few; beyond a thousand
/// they have none.
public struct RuleReference: Sendable, Hashable {
    private static let capacity = 1_000
    private static let longest = 128
    private static let known = Mutex<[String]>([])

    /// No rule.
    public static let none = RuleReference(number: 0)

    private let number: UInt16

    private init(number: UInt16) { self.number = number }

    /// The reference of a name; equal names have equal references. A rule of one endpoint has that one's name in its own, so it is cut, and
    /// control characters are left out.
    public init(_ name: String) {
        let name = String(
            String.UnicodeScalarView(
                name.unicodeScalars.lazy.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(Self.longest)))
        number = Self.known.withLock { known in
            if let place = known.firstIndex(of: name) { return UInt16(place + 1) }
            guard known.count < Self.capacity else { return 0 }
            known.append(name)
            return UInt16(known.count)
        }
    }

    /// What it stands for; nil for none.
    public var name: String? {
        number == 0 ? nil : Self.known.withLock { $0[Int(number) - 1] }
    }
}

/// Stands for the name of a model in a value that is copied for every request: four bytes that need no reference counting.
///
/// The names come from clients, so only the last thousand are kept. A reference whose name has been given up, or that was made of a name
/// that no model has, has no name: a refusal that is about it times nothing out, least of all another model.
public struct ModelReference: Sendable, Equatable {
    /// 0 stands for no reference at all, 1 for one without a name, 2 for `ofTraces`.
    fileprivate let number: UInt32

    /// A trace does not say what clients asked for: all that is about a model is about this one, whose name is never given up.
    public static let ofTraces = ModelReference(number: KnownModels.ofTraces)

    private static let known = Mutex(KnownModels())

    fileprivate init(number: UInt32) { self.number = number }

    /// The reference of a name; equal names have equal references while the name is kept.
    public init(_ name: String) {
        number = Self.known.withLock { $0.number(of: name) }
    }

    /// What it stands for; nil where that has been given up.
    public var name: String? { Self.known.withLock { $0.name(of: number) } }
}

/// The names that model references stand for.
struct KnownModels {
    private static let capacity = 1_000
    /// No model has a longer name.
    private static let longest = 256
    private static let unnamed: UInt32 = 1
    fileprivate static let ofTraces: UInt32 = 2

    private var names: [String] = []
    private var numbers: [String: UInt32] = [:]
    private var next: UInt32 = 3

    mutating func number(of name: String) -> UInt32 {
        if let number = numbers[name] { return number }
        guard !name.isEmpty, name.utf8.count <= Self.longest, next < .max else { return Self.unnamed }
        let number = next
        next += 1
        let place = Int(number) % Self.capacity
        if names.isEmpty { names = Array(repeating: "", count: Self.capacity) }
        numbers[names[place]] = nil
        names[place] = name
        numbers[name] = number
        return number
    }

    func name(of number: UInt32) -> String? {
        if number == Self.ofTraces { return "the model" }
        guard !names.isEmpty else { return nil }
        let name = names[Int(number) % Self.capacity]
        return numbers[name] == number ? name : nil
    }
}

/// A model that an endpoint is not asked for now.
public struct LimitedModel: Sendable, Equatable {
    /// As clients name it.
    public let name: String
    /// When it is asked for it again.
    public let until: ContinuousClock.Instant
    /// Why not now.
    public let reason: TimeOutReason

    /// As its parts.
    public init(name: String, until: ContinuousClock.Instant, reason: TimeOutReason) {
        self.name = name
        self.until = until
        self.reason = reason
    }
}

/// The models that endpoints are not asked for now, by endpoint. Kept apart from the endpoints' records, which have to stay free of
/// anything that is counted; nearly always it is empty.
struct ModelTimeOuts: Sendable {
    /// One model of one endpoint.
    struct Entry: Sendable, Equatable {
        let name: String
        var until: RankingTime
        var reason: TimeOutReason
        /// Time outs in a row, of those that double.
        var timesInARow = 0
        /// It is over, and kept for its row.
        var isOver = true
    }

    /// So many models of one endpoint are remembered: clients choose the names.
    static let perEndpoint = 64

    private var entries: [Int: [Entry]] = [:]

    var isEmpty: Bool { entries.isEmpty }

    /// When the first of them ends.
    private(set) var nextEnd = RankingTime.never

    /// Those that are running, in the order in which they were first heard of.
    func running(ofSlot slot: Int, at now: RankingTime) -> [Entry] {
        entries.isEmpty ? [] : (entries[slot] ?? []).filter { $0.until > now }
    }

    /// - Returns: the entry, where the model was not timed out before
    mutating func begin(
        _ request: TimeOutRequest, of name: String, slot: Int, atMost: Duration, at now: RankingTime
    ) -> Entry? {
        var known = entries[slot] ?? []
        let index = known.firstIndex { $0.name == name }
        var entry = index.map { known[$0] } ?? Entry(name: name, until: now, reason: TimeOutReason(request))
        let wasRunning = entry.until > now
        // What was under way when the time out began is no further one.
        if request.doubles, !wasRunning || entry.timesInARow == 0 { entry.timesInARow += 1 }
        let until = now + min(request.length(after: entry.timesInARow - 1), atMost)
        guard until > entry.until else { return nil }
        entry.until = until
        entry.reason = TimeOutReason(request)
        entry.isOver = false
        if let index {
            known[index] = entry
        } else {
            if known.count >= Self.perEndpoint, let first = known.indices.min(by: { known[$0].until < known[$1].until })
            {
                known.remove(at: first)
            }
            known.append(entry)
        }
        entries[slot] = known
        findNextEnd(after: now)
        return wasRunning ? nil : entry
    }

    /// Goes on with a time out that an earlier process began.
    mutating func resume(_ entry: Entry, slot: Int, at now: RankingTime) {
        guard entries[slot, default: []].count < Self.perEndpoint else { return }
        entries[slot, default: []].append(entry)
        findNextEnd(after: now)
    }

    /// Takes in what another process has seen; it never shortens what runs.
    ///
    /// - Returns: whether the model was not timed out before
    mutating func extend(
        _ name: String, slot: Int, until: RankingTime, _ reason: TimeOutReason, at now: RankingTime
    ) -> Bool {
        let known = entries[slot, default: []]
        guard let index = known.firstIndex(where: { $0.name == name }) else {
            resume(Entry(name: name, until: until, reason: reason, isOver: false), slot: slot, at: now)
            return known.count < Self.perEndpoint
        }
        guard until > known[index].until else { return false }
        let wasRunning = known[index].until > now
        entries[slot]?[index].until = until
        entries[slot]?[index].reason = reason
        entries[slot]?[index].isOver = false
        findNextEnd(after: now)
        return !wasRunning
    }

    /// - Returns: what has ended since this was called last
    mutating func end(at now: RankingTime) -> [(slot: Int, entry: Entry)] {
        guard nextEnd <= now else { return [] }
        var ended: [(slot: Int, entry: Entry)] = []
        for (slot, known) in entries {
            var left: [Entry] = []
            for var entry in known {
                if entry.until <= now, !entry.isOver {
                    entry.isOver = true
                    ended.append((slot, entry))
                }
                if !entry.isOver || entry.timesInARow > 0 { left.append(entry) }
            }
            entries[slot] = left.isEmpty ? nil : left
        }
        findNextEnd(after: now)
        return ended.sorted { ($0.slot, $0.entry.name) < ($1.slot, $1.entry.name) }
    }

    /// The endpoint has answered well: its rows are at an end.
    mutating func endRows(ofSlot slot: Int) {
        guard let known = entries[slot], known.contains(where: \.isOver) else { return }
        let left = known.filter { !$0.isOver }
        entries[slot] = left.isEmpty ? nil : left
    }

    /// - Returns: what was running
    mutating func forget(slot: Int, at now: RankingTime) -> [Entry] {
        guard let known = entries.removeValue(forKey: slot) else { return [] }
        findNextEnd(after: now)
        return known.filter { !$0.isOver }
    }

    private mutating func findNextEnd(after now: RankingTime) {
        nextEnd = entries.values.joined().lazy.map(\.until).filter { $0 > now }.min() ?? .never
    }
}
