public import PodiumModel
internal import PureSupport

/// The state in plain lines, for `podium status`, pipes and screen readers: words instead of glyphs, no columns to count.
public enum PlainReport {
    /// One line per fact; endpoints in rank order.
    public static func lines(_ snapshot: ConsolePicture) -> [String] {
        var lines = [head(snapshot), traffic(snapshot)]
        lines += snapshot.endpoints.map { endpoint($0, snapshot) }
        lines += persister(snapshot)
        if let flush = snapshot.flushes.last { lines.append(line(flush, snapshot)) }
        if let warning = snapshot.server.warning { lines.append("warning: \(SafeText.clean(warning))") }
        return lines
    }

    /// One event as a line, with the date left to the reader's log.
    public static func line(_ event: Snapshot.Event, utcOffset: Int) -> String {
        let time = Quantity.clock(event.time, utcOffset: utcOffset)
        let since = Quantity.clock(event.since, utcOffset: utcOffset)
        let repeats = event.times > 1 ? " (\(Quantity.grouped(event.times)) times since \(since))" : ""
        return
            "\(time) \(event.severity.rawValue) \(SafeText.clean(event.source)): \(SafeText.clean(event.line))\(repeats)"
    }

    /// The way of one request: what came of it, then a line for each endpoint in the order in which they were gone through.
    public static func lines(_ walk: RequestWalk, utcOffset: Int) -> [String] {
        let time = Quantity.preciseClock(walk.time, utcOffset: utcOffset)
        var lines = [
            "request \(SafeText.clean(walk.id)), ended \(time): \(SafeText.clean(walk.method + " " + walk.path))"
        ]
        let answer = walk.status.map { "answered \($0)" } ?? "not answered"
        let author =
            walk.endpoint.map { " by \(SafeText.clean($0))" } ?? (walk.status == nil ? "" : " by Podium itself")
        var facts = ["\(answer)\(author)", SafeText.clean(walk.ending.replacing("_", with: " "))]
        if let queued = walk.queuedSeconds { facts.append("waited \(duration(queued)) for a place") }
        if let first = walk.firstByteSeconds { facts.append("first byte after \(duration(first))") }
        facts.append("\(duration(walk.seconds)) in all")
        facts.append("\(Quantity.grouped(UInt64(max(0, walk.bytesUp)))) bytes up")
        facts.append("\(Quantity.grouped(UInt64(max(0, walk.bytesDown)))) bytes down")
        lines.append(facts.joined(separator: ", "))
        if let route = walk.route { lines.append("not by the order alone: \(routeText(route))") }
        if let refusal = walk.refusal { lines.append("went to no endpoint: \(SafeText.clean(refusal))") }
        lines += walk.steps.map { line($0, utcOffset: utcOffset) }
        if walk.unlisted > 0 { lines.append("and \(walk.unlisted) more") }
        if !walk.knowsAll, walk.refusal == nil {
            lines.append(
                walk.steps.isEmpty ? "no endpoint was chosen for it" : "which others there were is no longer known")
        }
        if walk.sameID > 0 { lines.append("\(walk.sameID) earlier with the same id") }
        return lines
    }

    private static func routeText(_ route: String) -> String {
        switch route {
        case "session": "its session stayed where its cache is"
        case "broken_stream": "a stream of its session from the endpoint that is first had just broken"
        case "made_id": "it names a response, a file or a batch that the endpoint asked first has made"
        case "explored": "the endpoint asked first had not been measured lately, and its session was new"
        default: SafeText.clean(route.replacing("_", with: " "))
        }
    }

    private static func line(_ step: RequestWalk.Step, utcOffset: Int) -> String {
        let name = SafeText.clean(step.endpoint)
        let text = step.text.isEmpty ? "" : ": \(SafeText.clean(step.text))"
        switch step.result {
        case .asked:
            var facts: [String] = []
            if let verdict = step.verdict { facts.append("verdict: \(SafeText.clean(verdict))") }
            if let status = step.status, !step.text.contains("\(status)") { facts.append("status \(status)") }
            if let first = step.firstByteSeconds { facts.append("first byte after \(duration(first))") }
            if let first = step.firstContentSeconds { facts.append("first content after \(duration(first))") }
            if let speed = step.tokensPerSecond { facts.append("\(Quantity.fixed(speed, 1)) tokens/s") }
            if let seconds = step.seconds { facts.append("\(duration(seconds)) in all") }
            return "asked \(name)\(text)" + facts.map { ", \($0)" }.joined()
        case .skipped: return "passed over \(name)\(text)"
        case .notNeeded: return "not needed: \(name)"
        case .out:
            let until = step.until.map { ", until \(Quantity.clock($0, utcOffset: utcOffset))" } ?? ""
            return "out: \(name)\(text)\(until)"
        }
    }

    private static func duration(_ seconds: Double) -> String { Duration.seconds(seconds).shortText }

    private static func head(_ snapshot: ConsolePicture) -> String {
        let server = snapshot.server
        var words = ["podium"]
        if !server.version.isEmpty { words.append(SafeText.clean(server.version)) }
        words.append("at \(SafeText.clean(server.address)), up \(Quantity.uptime(snapshot.uptime))")
        if server.isDemo { words.append("(demo)") }
        return words.joined(separator: " ")
    }

    private static func traffic(_ snapshot: ConsolePicture) -> String {
        let traffic = snapshot.traffic
        var counts: [String] = []
        for state in Snapshot.Endpoint.State.allCases {
            let count = snapshot.endpoints.count { $0.state == state }
            if count > 0 { counts.append("\(count) \(state.rawValue)") }
        }
        let states = counts.isEmpty ? "no endpoints" : counts.joined(separator: ", ")
        let errors = traffic.errorRate.map { Quantity.fixed($0 * 100, 1) + "%" } ?? "none measured"
        return "endpoints: \(states); \(Quantity.rate(traffic.perSecond)) requests/s, p95 "
            + "\(Quantity.latencyWithUnit(traffic.p95, dash: "none")), errors \(errors), in flight \(traffic.inFlight); "
            + "auto-sort \(snapshot.autoSort ? "on" : "off")\(replay(traffic))"
    }

    /// What is kept of requests for another endpoint, where anything is, and how many could not be.
    private static func replay(_ traffic: Snapshot.Traffic) -> String {
        var text = ""
        if let bytes = traffic.replayBytes, bytes > 0 {
            text += "; kept for replay \(Quantity.bytes(UInt64(bytes), dash: ""))B"
        }
        if let count = traffic.unreplayable, count > 0 {
            text += "; \(Quantity.grouped(UInt64(count))) without replay, since replay_memory was used up"
        }
        return text
    }

    private static func endpoint(_ endpoint: Snapshot.Endpoint, _ picture: ConsolePicture) -> String {
        var facts = [endpoint.state.rawValue, endpoint.kind.rawValue]
        if endpoint.pinned { facts.append("pinned") }
        if let rate = endpoint.traffic.successRatio { facts.append("ok \(Quantity.percent(rate, dash: ""))%") }
        if endpoint.traffic.p50 != nil {
            facts.append("p50 \(Quantity.latencyWithUnit(endpoint.traffic.p50, dash: ""))")
        }
        if endpoint.traffic.p95 != nil {
            facts.append("p95 \(Quantity.latencyWithUnit(endpoint.traffic.p95, dash: ""))")
        }
        if endpoint.state != .off { facts.append("\(Quantity.rate(endpoint.traffic.perSecond)) requests/s") }
        if let retry = picture.retry(of: endpoint), retry > picture.receivedAt {
            facts.append("tried again in \(Quantity.age(retry - picture.receivedAt))")
        }
        if endpoint.state == .cooling, let cause = endpoint.availability.cause { facts.append(SafeText.clean(cause)) }
        facts += picture.limitedModels(of: endpoint, now: picture.receivedAt).map { "without \(SafeText.clean($0))" }
        if let error = endpoint.lastError, endpoint.state != .up {
            facts.append("last error: \(SafeText.clean(error.text))")
        } else if endpoint.state == .misconfigured, let reason = endpoint.sentences.first {
            let words = reason.hasSuffix(".") ? reason.dropLast() : Substring(reason)
            facts.append(SafeText.clean(words.prefix(1).lowercased() + words.dropFirst()))
        }
        return "rank \(endpoint.rank): \(SafeText.clean(endpoint.name)), \(facts.joined(separator: ", "))"
    }

    private static func persister(_ snapshot: ConsolePicture) -> [String] {
        let status = snapshot.persister
        var text = "persister: "
        if let reason = status.memoryOnly {
            text += "NOT SAVED, changes live in memory only: \(SafeText.clean(reason))"
        } else if status.isDirty {
            text += "\(status.unsavedChanges) unsaved"
            if let age = status.oldestUnsaved { text += ", oldest \(Quantity.age(age))" }
            if let due = snapshot.nextFlush {
                text += ", next write in \(Quantity.age(due - snapshot.receivedAt))"
            }
            if status.isOverdue { text += ", OVERDUE" }
        } else {
            text += "everything saved"
        }
        text += "; \(status.writes) writes, \(status.coalesced) throttled, \(status.failures) failed"
        var lines = [
            text,
            "file: \(SafeText.clean(snapshot.server.configPath)), \(Quantity.bytes(status.file?.size, dash: "size unknown"))",
        ]
        // What failed just now is told with the last flush.
        if let failure = snapshot.lastFailure, snapshot.flushes.last?.result != .failed {
            let time = Quantity.clock(failure.time, utcOffset: snapshot.utcOffset)
            lines.append(
                "last failed write: \(time) \(SafeText.clean(failure.errorCode ?? "")), \(SafeText.clean(failure.error ?? ""))"
            )
        }
        return lines
    }

    static func line(_ flush: Snapshot.Flush, _ snapshot: ConsolePicture) -> String {
        let result =
            switch flush.result {
            case .written: "saved"
            case .unchanged: "nothing to write"
            case .inMemory: "kept in memory only"
            case .durabilityUnknown: "written, durability unknown"
            case .failed: "failed: \(SafeText.clean(flush.errorCode ?? "")), \(SafeText.clean(flush.error ?? ""))"
            }
        return
            "last flush: \(Quantity.clock(flush.time, utcOffset: snapshot.utcOffset)) \(SafeText.clean(flush.trigger)), "
            + "\(flush.changes.count.counted("change")), \(Quantity.milliseconds(flush.duration)) ms, \(result)"
    }
}

extension PlainReport {
    /// The requests that run, a line each.
    public static func lines(_ report: OpenRequestReport) -> [String] {
        guard !report.requests.isEmpty else { return ["nothing runs"] }
        let lines = report.requests.map { row in
            var words = [row.key, Quantity.age(.seconds(row.age)), row.phase.rawValue, row.client, row.endpoint ?? "-"]
            words += [
                row.model ?? "-", row.attempts.counted("attempt"), "\(row.bytesUp) B up", "\(row.bytesDown) B down",
            ]
            return SafeText.clean((words + ["req \(row.id)"]).joined(separator: "  "))
        }
        return lines + (report.unlisted > 0 ? ["and \(report.unlisted) more"] : [])
    }
}
