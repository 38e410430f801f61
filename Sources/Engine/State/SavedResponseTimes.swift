internal import Configuration
internal import PodiumModel
internal import PureSupport
internal import Ranking

/// What a process leaves to the next one of the response times that it has measured, as lines of the file that also has the time outs.
///
/// A line of an endpoint holds the same hash as its time outs: after another key, URL, proxy or CA its times are those of another server.
/// Endpoints are known by their names, and times by the wall clock.
struct SavedResponseTimes: Sendable, Equatable {
    struct Times: Sendable, Equatable {
        var name: String
        /// See `EngineState.reach(of:)`.
        var reach: UInt64
        var kind: AnswerKind
        var value, usual, typical: Double
        var samples: Int
        /// Seconds since 1970.
        var sampled: Double
    }

    /// Times of a process that ended longer ago say nothing about now.
    static let longest = 86_400.0
    /// What is longer was never measured.
    private static let mostSeconds = 1e6

    /// When it was written, in seconds since 1970; nil where nothing was.
    var written: Double?
    var comparedKind = AnswerKind.stream
    var times: [Times] = []
    var fleet: [RankingMemory.Fleet] = []
    var factors: [RankingMemory.Factor] = []

    var isEmpty: Bool { times.isEmpty }

    /// Takes in a line, where it is one of this kind.
    mutating func read(_ fields: [String]) {
        func seconds(_ index: Int) -> Double? {
            guard let value = Double(fields[index]), value.isFinite, value > 0, value <= Self.mostSeconds else {
                return nil
            }
            return value
        }
        guard fields.count > 2, let kind = AnswerKind.allCases.first(where: { $0.word == fields[1] }) else { return }
        switch (fields[0], fields.count) {
        case ("times", 9):
            guard let value = seconds(2), let usual = seconds(3), let typical = seconds(4),
                let samples = Int(fields[5]), samples > 0, let sampled = Double(fields[6]), sampled.isFinite,
                let reach = UInt64(fields[7], radix: 16), !fields[8].isEmpty
            else { return }
            times.append(
                Times(
                    name: fields[8], reach: reach, kind: kind, value: value, usual: usual, typical: typical,
                    samples: min(samples, 1_000_000), sampled: sampled))
        case ("fleet", 5):
            guard let baseline = seconds(2), let typical = seconds(3), let samples = Int(fields[4]), samples > 0
            else { return }
            fleet.append(
                .init(kind: kind, baseline: baseline, typical: typical, samples: min(samples, 1_000_000)))
        case ("factor", 6):
            guard let model = UInt32(fields[2], radix: 16), let samples = UInt32(fields[3]),
                let factor = seconds(5)
            else { return }
            factors.append(
                .init(kind: kind, model: model, samples: samples, isFirst: fields[4] == "first", factor: factor))
        case ("written", 3):
            guard let time = Double(fields[2]), time.isFinite else { return }
            written = time
            comparedKind = kind
        default: break
        }
    }

    /// Empty where there is nothing to be kept.
    var lines: [String] {
        guard let written, !isEmpty else { return [] }
        var lines: [[String]] = [["written", comparedKind.word, "\(written)"]]
        for one in fleet {
            lines.append(["fleet", one.kind.word, "\(one.baseline)", "\(one.typical)", "\(one.samples)"])
        }
        for one in factors {
            lines.append([
                "factor", one.kind.word, String(one.model, radix: 16), "\(one.samples)", one.isFirst ? "first" : "",
                "\(one.factor)",
            ])
        }
        for one in times where !one.name.contains(where: { $0 == "\t" || $0.isNewline }) {
            lines.append([
                "times", one.kind.word, "\(one.value)", "\(one.usual)", "\(one.typical)", "\(one.samples)",
                "\(one.sampled)", String(one.reach, radix: 16), one.name,
            ])
        }
        return lines.map { $0.joined(separator: "\t") }
    }
}

extension SavedResponseTimes {
    /// What the next process is to know.
    init(
        _ memory: RankingMemory, of settings: [EndpointID: EndpointSettings], _ context: ConfigurationContext,
        now: ContinuousClock.Instant, wallTime: Double
    ) {
        (written, comparedKind) = (wallTime, memory.comparedKind)
        (fleet, factors) = (memory.fleet, memory.factors)
        times = memory.times.compactMap { times in
            settings[times.endpoint].map { settings in
                Times(
                    name: settings.name, reach: EngineState.reach(of: settings, context), kind: times.kind,
                    value: times.value, usual: times.usual, typical: times.typical, samples: times.samples,
                    sampled: wallTime - (now - times.sampled).inSeconds)
            }
        }
    }
}

extension EngineState {
    /// Of the endpoints of which something is measured.
    var measuredSettings: [EndpointID: EndpointSettings] {
        var settings: [EndpointID: EndpointSettings] = [:]
        for times in ranking.memory.times { settings[times.endpoint] = record(times.endpoint)?.settings }
        return settings
    }

    /// What an earlier process has learnt of endpoints that are still reached in the same way.
    func memory(
        _ saved: SavedResponseTimes, now: ContinuousClock.Instant, wallTime: Double
    ) -> RankingMemory {
        var memory = RankingMemory()
        guard let written = saved.written, wallTime - written <= SavedResponseTimes.longest else { return memory }
        memory.comparedKind = saved.comparedKind
        (memory.fleet, memory.factors) = (saved.fleet, saved.factors)
        memory.times = saved.times.compactMap { line in
            guard let record = record(named: line.name), reach(of: record.settings) == line.reach else { return nil }
            // A clock that was set back makes no time older than the file.
            let age = min(max(0, wallTime - line.sampled), 1e8)
            return RankingMemory.Times(
                endpoint: record.id, kind: line.kind, value: line.value, usual: line.usual, typical: line.typical,
                samples: line.samples, sampled: now - .seconds(age))
        }
        return memory
    }
}
