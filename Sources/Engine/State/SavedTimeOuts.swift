internal import PodiumModel
internal import PureSupport
internal import Ranking

/// What a process leaves to the next one of the time outs that run: one line for each, apart from the configuration, which they are no part of.
///
/// A line names its endpoint, and holds a hash of all that decides which server is asked and as whom: after another key, URL, proxy or CA
/// the time out is nobody's. What cannot be read is left out, so that a damaged file costs a few refusals and never a start.
struct SavedTimeOuts: Sendable, Equatable {
    struct Line: Sendable, Equatable {
        var name: String
        /// See `EngineState.reach(of:)`.
        var reach: UInt64
        var model: String?
        /// Seconds since 1970.
        var until: Double
        var cause: StandingTimeOut.Cause
        var timesInARow: Int
    }

    static let title = "podium time outs 1"
    private static let credential = "credential"

    var lines: [Line] = []
    /// Stand in the same file.
    var times = SavedResponseTimes()
    /// So do they.
    var catalogues = SavedCatalogues()

    init(lines: [Line] = []) { self.lines = lines }

    init(reading text: some StringProtocol) {
        var rest = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard let first = rest.popFirst(), String(first) == Self.title else { return }
        for text in rest {
            let fields = text.split(separator: "\t", omittingEmptySubsequences: false)
            if let line = Self.line(fields) {
                lines.append(line)
            } else {
                times.read(fields.map { String($0) })
                catalogues.read(fields.map { String($0) })
            }
        }
    }

    private static func line(_ fields: [some StringProtocol]) -> Line? {
        guard fields.count == 7, let until = Double(fields[0]), until.isFinite, let status = Int(fields[2]),
            let times = Int(fields[3]), let reach = UInt64(fields[4], radix: 16), !fields[5].isEmpty
        else { return nil }
        let cause: StandingTimeOut.Cause
        if String(fields[1]) == credential {
            cause = .credential(status: status)
        } else {
            // The operator's rule stands behind the word, with a blank between them.
            let words = fields[1].split(separator: " ", maxSplits: 1)
            guard let word = words.first.flatMap({ TimeOutCause(rawValue: String($0)) }) else { return nil }
            let rule = words.count > 1 ? RuleReference(String(words[1])) : .none
            cause = .refusal(TimeOutReason(word, status: status == 0 ? nil : status, rule: rule))
        }
        return Line(
            name: String(fields[5]), reach: reach, model: fields[6].isEmpty ? nil : String(fields[6]), until: until,
            cause: cause, timesInARow: min(max(0, times), 60))
    }

    /// Empty where there is nothing to be kept.
    var text: String {
        let written = lines.compactMap { line -> String? in
            // A name with a line's own marks in it cannot be written, and is hardly anybody's.
            guard !(line.name + (line.model ?? "")).contains(where: { $0 == "\t" || $0.isNewline }) else { return nil }
            let (word, status) =
                switch line.cause {
                case .credential(let status): (Self.credential, status)
                case .refusal(let reason):
                    (reason.cause.rawValue + (reason.rule.name.map { " \($0)" } ?? ""), reason.status ?? 0)
                }
            let reach = String(line.reach, radix: 16)
            return [
                "\(line.until)", word, "\(status)", "\(line.timesInARow)", reach, line.name, line.model ?? "",
            ].joined(separator: "\t")
        }
        let all = written + times.lines + catalogues.text
        return all.isEmpty ? "" : ([Self.title] + all).joined(separator: "\n") + "\n"
    }
}

extension EngineState {
    /// What the next process is to know.
    func savedTimeOuts(now: ContinuousClock.Instant, wallTime: Double) -> SavedTimeOuts {
        SavedTimeOuts(
            lines: ranking.standingTimeOuts(now: now).compactMap { timeOut in
                record(timeOut.endpoint).map { record in
                    SavedTimeOuts.Line(
                        name: record.settings.name, reach: reach(of: record.settings), model: timeOut.model,
                        until: wallTime + (timeOut.until - now).inSeconds, cause: timeOut.cause,
                        timesInARow: timeOut.timesInARow)
                }
            })
    }

    /// The time outs that an earlier process has left to endpoints that are still reached in the same way.
    func standing(
        _ saved: SavedTimeOuts, now: ContinuousClock.Instant, wallTime: Double
    ) -> [StandingTimeOut] {
        saved.lines.compactMap { line in
            guard let record = record(named: line.name), reach(of: record.settings) == line.reach,
                case let left = line.until - wallTime, left > 0, left < 1e9
            else { return nil }
            return StandingTimeOut(
                endpoint: record.id, model: line.model, until: now + .seconds(left), cause: line.cause,
                timesInARow: line.timesInARow)
        }
    }

    /// A hash of what decides which server is asked, by which way and as whom, with placeholders replaced: a restart is how another value
    /// comes into the environment.
    func reach(of settings: EndpointSettings) -> UInt64 { Self.reach(of: settings, context) }

    static func reach(of settings: EndpointSettings, _ context: ConfigurationContext) -> UInt64 {
        var hash = FNV1a()
        for field in EndpointField.reach {
            hash.add("\(field.key)=\(field.text(of: settings.effectiveValue(of: field)))\n".utf8)
        }
        if let secret = settings.authValue { hash.add(((try? context.expanded(secret)) ?? secret).utf8) }
        return hash.value
    }
}
