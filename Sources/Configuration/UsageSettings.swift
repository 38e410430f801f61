internal import PodiumModel
public import Pricing
internal import YAMLDocument

/// `history:`, `usage:`, and `cost_multiplier:` of the endpoints' entries: what is kept of usage and cost, and by which prices.
public struct UsageSettings: Sendable, Equatable {
    /// Where the history's files are.
    public enum Place: Sendable, Equatable {
        /// Nothing outlives the process.
        case off
        /// The directory for state that systemd gives, or the user's.
        case auto
        /// As written; a relative path begins at the configuration's folder.
        case folder(String)
    }

    /// Which prices go first.
    public enum Prices: Sendable, Equatable {
        /// Those that Podium brings along.
        case builtIn
        /// There are no costs.
        case off
        /// Before those of Podium's own; as written.
        case file(String)
    }

    /// `history.path`
    public var place = Place.auto
    /// `history.keep_hours`: how long sums by the hour are kept.
    public var keepHours = Duration.seconds(35 * 86_400)
    /// `history.keep_days`: how long sums by the day are kept.
    public var keepDays = Duration.seconds(400 * 86_400)
    /// `history.keep_requests`: how long single requests are kept; zero: there is no log of them.
    public var keepRequests = Duration.seconds(14 * 86_400)
    /// `history.max_size`: bytes that the history's files may take together.
    public var maxSize: Int64 = 1 << 30
    /// `usage.read`: what answers say was used is counted.
    public var reads = true
    /// `usage.ask_for_usage`: streams of Chat Completions are asked for it where their clients do not ask.
    public var asksForUsage = false
    /// `usage.prices`
    public var prices = Prices.builtIn
    /// `cost_multiplier` by the endpoint's name.
    public var multipliers: [String: CostMultiplier] = [:]

    /// Every setting with its default.
    public init() {}
}

extension UsageSettings {
    static let historyKeys = ["path", "keep_requests", "keep_hours", "keep_days", "max_size"]
    static let usageKeys = ["read", "ask_for_usage", "prices"]
    static let endpointKey = "cost_multiplier"

    /// - Parameter endpoints: in file order, each with its node.
    init(
        history: YAMLNode?, usage: YAMLNode?, endpoints: [(settings: EndpointSettings, entry: YAMLNode)],
        sink: DiagnosticSink
    ) {
        self.init()
        let section = SectionReader(history, title: "history", known: Self.historyKeys, sink: sink)
        place =
            switch section.text("path") {
            case nil, "", "auto": .auto
            case "off", "false": .off
            case let folder?: .folder(folder)
            }
        func keep(_ key: String, _ days: ClosedRange<Int64>, mayBeOff: Bool = false) -> Duration? {
            section.value(key) { text throws(ValueProblem) in
                if mayBeOff, ["0", "off"].contains(text.lowercased()) { return .zero }
                let duration = try DurationText.parse(text)
                guard days.contains(duration.components.seconds / 86_400) || (mayBeOff && duration == .zero) else {
                    throw ValueProblem(
                        "\(key) goes from \(days.lowerBound)d to \(days.upperBound)d\(mayBeOff ? ", or is 0" : "")")
                }
                return duration
            }
        }
        keepRequests = keep("keep_requests", 1...3_660, mayBeOff: true) ?? keepRequests
        maxSize =
            section.value("max_size") { text throws(ValueProblem) in
                let bytes = try ByteSizeText.parse(text, largest: 1 << 40)
                guard bytes >= 16 << 20 else { throw ValueProblem("max_size is 16MiB at least") }
                return Int64(bytes)
            } ?? maxSize
        keepHours = keep("keep_hours", 2...400) ?? keepHours
        keepDays = keep("keep_days", 2...3_660) ?? keepDays
        let used = SectionReader(usage, title: "usage", known: Self.usageKeys, sink: sink)
        reads = used.boolean("read") ?? reads
        asksForUsage = used.boolean("ask_for_usage") ?? asksForUsage
        if !reads, asksForUsage, let node = used.keys["ask_for_usage"] {
            sink.report(.warning, at: node, ValueProblem("ask_for_usage has no effect while read is off"))
        }
        prices =
            switch used.text("prices") {
            case nil, "": .builtIn
            case "off", "false": .off
            case let file?: .file(file)
            }
        for (settings, entry) in endpoints {
            guard let node = entry.merged(Self.endpointKey)?.resolved, !node.text.isEmpty else { continue }
            guard node.kind == .scalar, let multiplier = CostMultiplier(node.text) else {
                sink.error(
                    at: node, "cost_multiplier is a number from 0 to 100 with at most four decimals",
                    fix: "write it like 0.3")
                continue
            }
            multipliers[settings.name] = multiplier
        }
    }
}
