/// The state in plain lines, for `podium status`, pipes and screen readers: words instead of glyphs, no columns to count.
public enum PlainReport {
    /// One line per fact; endpoints in rank order.
    public static func lines(_ snapshot: DashboardSnapshot) -> [String] {
        var lines = [head(snapshot), traffic(snapshot)]
        lines += snapshot.endpoints.map { endpoint($0, now: snapshot.sampledAt) }
        lines += persister(snapshot)
        if let flush = snapshot.flushes.last { lines.append(line(flush, snapshot)) }
        if let warning = snapshot.server.warning { lines.append("warning: \(SafeText.clean(warning))") }
        return lines
    }

    /// One event as a line, with the date left to the reader's log.
    public static func line(_ event: EventEntry, utcOffset: Int) -> String {
        let time = Quantity.clock(event.time, utcOffset: utcOffset)
        let since = Quantity.clock(event.firstTime, utcOffset: utcOffset)
        let repeats = event.count > 1 ? " (\(Quantity.grouped(event.count)) times since \(since))" : ""
        return "\(time) \(event.level.word) \(SafeText.clean(event.source)): \(SafeText.clean(event.text))\(repeats)"
    }

    private static func head(_ snapshot: DashboardSnapshot) -> String {
        let server = snapshot.server
        var words = ["podium"]
        if !server.version.isEmpty { words.append(SafeText.clean(server.version)) }
        words.append("at \(SafeText.clean(server.address)), up \(Quantity.uptime(server.uptime))")
        if server.isDemo { words.append("(demo)") }
        return words.joined(separator: " ")
    }

    private static func traffic(_ snapshot: DashboardSnapshot) -> String {
        let traffic = snapshot.traffic
        var counts: [String] = []
        for state in EndpointStatus.State.allCases {
            let count = snapshot.endpoints.count { $0.state == state }
            if count > 0 { counts.append("\(count) \(state.rawValue)") }
        }
        let states = counts.isEmpty ? "no endpoints" : counts.joined(separator: ", ")
        let errors = traffic.errorRate.map { Quantity.fixed($0 * 100, 1) + "%" } ?? "none measured"
        return "endpoints: \(states); \(Quantity.rate(traffic.requestsPerSecond)) requests/s, p95 "
            + "\(Quantity.latencyWithUnit(traffic.p95, dash: "none")), errors \(errors), in flight \(traffic.inFlight); "
            + "auto-sort \(snapshot.autoSort ? "on" : "off")"
    }

    private static func endpoint(_ endpoint: EndpointStatus, now: ContinuousClock.Instant) -> String {
        var facts = [endpoint.state.rawValue, endpoint.kind.rawValue]
        if endpoint.isPinned { facts.append("pinned") }
        if let rate = endpoint.successRate { facts.append("ok \(Quantity.percent(rate, dash: ""))%") }
        if endpoint.p50 != nil { facts.append("p50 \(Quantity.latencyWithUnit(endpoint.p50, dash: ""))") }
        if endpoint.p95 != nil { facts.append("p95 \(Quantity.latencyWithUnit(endpoint.p95, dash: ""))") }
        if endpoint.state != .off { facts.append("\(Quantity.rate(endpoint.requestsPerSecond)) requests/s") }
        if let retry = endpoint.retryAt, retry > now { facts.append("tried again in \(Quantity.age(retry - now))") }
        if let error = endpoint.lastError, endpoint.state != .up {
            facts.append("last error: \(SafeText.clean(error.text))")
        } else if endpoint.state == .misconfigured, let reason = endpoint.explanation.first {
            let words = reason.hasSuffix(".") ? reason.dropLast() : Substring(reason)
            facts.append(SafeText.clean(words.prefix(1).lowercased() + words.dropFirst()))
        }
        return "rank \(endpoint.rank): \(SafeText.clean(endpoint.name)), \(facts.joined(separator: ", "))"
    }

    private static func persister(_ snapshot: DashboardSnapshot) -> [String] {
        let status = snapshot.persister
        var text = "persister: "
        if let reason = status.memoryOnly {
            text += "NOT SAVED, changes live in memory only: \(SafeText.clean(reason))"
        } else if status.isDirty {
            text += "\(status.unsavedChanges) unsaved"
            if let age = status.oldestUnsaved { text += ", oldest \(Quantity.age(age))" }
            if let due = status.retryAt ?? status.nextFlush {
                text += ", next write in \(Quantity.age(due - snapshot.sampledAt))"
            }
            if status.isOverdue { text += ", OVERDUE" }
        } else {
            text += "everything saved"
        }
        text += "; \(status.writes) writes, \(status.coalesced) throttled, \(status.failures) failed"
        var lines = [
            text, "file: \(SafeText.clean(status.filePath)), \(Quantity.bytes(status.fileSize, dash: "size unknown"))",
        ]
        // What failed just now is told with the last flush.
        var failedJustNow = false
        if case .failed = snapshot.flushes.last?.result { failedJustNow = true }
        if let failure = status.lastFailure, !failedJustNow {
            let time = Quantity.clock(failure.time, utcOffset: snapshot.utcOffset)
            lines.append("last failed write: \(time) \(SafeText.clean(failure.code)), \(SafeText.clean(failure.text))")
        }
        return lines
    }

    static func line(_ flush: FlushEntry, _ snapshot: DashboardSnapshot) -> String {
        let result =
            switch flush.result {
            case .saved: "saved"
            case .unchanged: "nothing to write"
            case .inMemory: "kept in memory only"
            case .durabilityUnknown: "written, durability unknown"
            case .failed(let code, let text): "failed: \(SafeText.clean(code)), \(SafeText.clean(text))"
            }
        return
            "last flush: \(Quantity.clock(flush.time, utcOffset: snapshot.utcOffset)) \(SafeText.clean(flush.trigger)), "
            + "\(Quantity.counted(flush.changeCount, "change")), \(Quantity.milliseconds(flush.duration)) ms, \(result)"
    }
}
