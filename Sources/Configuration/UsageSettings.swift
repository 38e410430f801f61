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
    /// `history:`
    static var historyTable: [Setting<UsageSettings>] {
        [
            .value("path", \.place) { text throws(ValueProblem) in
                switch text {
                case "auto": .auto
                case "off", "false": .off
                default: .folder(text)
                }
            },
            .value("keep_requests", \.keepRequests) { text throws(ValueProblem) in
                try ["0", "off"].contains(text.lowercased())
                    ? .zero : days("keep_requests", text, 1...3_660, mayBeOff: true)
            },
            .value("keep_hours", \.keepHours) { text throws(ValueProblem) in try days("keep_hours", text, 2...400) },
            .value("keep_days", \.keepDays) { text throws(ValueProblem) in try days("keep_days", text, 2...3_660) },
            .value("max_size", \.maxSize) { text throws(ValueProblem) in
                let bytes = try ByteSizeText.parse(text, largest: 1 << 40)
                guard bytes >= 16 << 20 else { throw ValueProblem("max_size is 16MiB at least") }
                return Int64(bytes)
            },
        ]
    }

    /// `usage:`
    static var usageTable: [Setting<UsageSettings>] {
        [
            .flag("read", \.reads),
            .flag("ask_for_usage", \.asksForUsage),
            .value("prices", \.prices) { text throws(ValueProblem) in
                switch text {
                case "off", "false": .off
                default: .file(text)
                }
            },
        ]
    }

    static let endpointKey = "cost_multiplier"

    /// - Parameter endpoints: in file order, each with its node.
    init(
        history: YAMLNode?, usage: YAMLNode?, endpoints: [(settings: EndpointSettings, entry: YAMLNode)],
        sink: DiagnosticSink
    ) {
        self.init()
        SettingReader.read(history, title: "history", Self.historyTable, into: &self, sink: sink)
        let used = SettingReader.read(usage, title: "usage", Self.usageTable, into: &self, sink: sink)
        if !reads, asksForUsage, let node = used.keys["ask_for_usage"] {
            sink.report(.warning, at: node, ValueProblem("ask_for_usage has no effect while read is off"))
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

    private static func days(
        _ key: String, _ text: String, _ range: ClosedRange<Int64>, mayBeOff: Bool = false
    ) throws(ValueProblem) -> Duration {
        let duration = try DurationText.parse(text)
        guard range.contains(duration.components.seconds / 86_400) || (mayBeOff && duration == .zero) else {
            throw ValueProblem(
                "\(key) goes from \(range.lowerBound)d to \(range.upperBound)d\(mayBeOff ? ", or is 0" : "")")
        }
        return duration
    }
}
