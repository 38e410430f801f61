internal import PureSupport

extension RankExplanation {
    /// The explanation as sentences for people, most important first; `name` gives the name of an endpoint.
    ///
    /// - Parameter misconfiguration: why it cannot be used as configured, where the ranking was not told.
    public func lines(
        now: ContinuousClock.Instant, misconfiguration: String? = nil, name: (EndpointID) -> String
    ) -> [String] {
        var lines = [misconfiguration.map { "Cannot be used: \($0)." } ?? stateLine(now)]
        if let pinnedRank { lines.append("Pinned at rank \(pinnedRank).") }
        if let responseTime { lines.append(responseTimeLine(responseTime)) }
        lines += [
            above.flatMap { marginLine($0, "\(name($0.neighbour)) above", isBelow: true, now) },
            below.flatMap { marginLine($0, "\(name($0.neighbour)) below", isBelow: false, now) },
        ].compactMap(\.self)
        if declinedInARow > 0 {
            let requests = declinedInARow == 1 ? "The last request was" : "The last \(declinedInARow) requests were"
            let consequence = isDoubted ? "; others are preferred until one is answered" : ""
            lines.append("\(requests) declined (3xx or 4xx), which is no sample\(consequence).")
        }
        if recentFailures > 0 {
            let last = lastFailure.map { ", last: \($0.text)" } ?? ""
            lines.append("\(recentFailures) of \(recentAttempts) attempts failed in the last minute\(last).")
        }
        let since = "Rank \(rank) for \((now - rankSince).shortText)"
        let times = rankChanges == 1 ? "once" : "\(rankChanges) times"
        lines.append(rankChanges == 0 ? "\(since), as at the start." : "\(since); it changed \(times).")
        if let lastChange { lines.append("Last change: \(lastChange.text(name: name)).") }
        return lines
    }

    private func stateLine(_ now: ContinuousClock.Instant) -> String {
        switch availability {
        case .available: "Available."
        case .probation: "Back on trial: one request at a time until one succeeds."
        case .open(let until, let cause): "Timed out for another \((until - now).shortText): \(cause.text)."
        case .rateLimited(let until): "Rate limited for another \((until - now).shortText)."
        case .misconfigured(let until?, 402):
            "Nothing left on the account (402); tried again in \((until - now).shortText)."
        case .misconfigured(let until?, let status):
            "Credential refused (\(status.map(String.init) ?? "?")); tried again in \((until - now).shortText)."
        case .misconfigured(nil, _): "Cannot be used as configured."
        case .disabled: "Disabled."
        }
    }

    private func responseTimeLine(_ time: ResponseTime) -> String {
        guard let age = time.age else { return "No request measured yet; presumed \(time.average.shortText)." }
        let samples = time.samples == 1 ? "1 request" : "\(time.samples) requests"
        return
            "Response time \(time.average.shortText), usually \(time.usual.shortText) (\(samples), last \(age.shortText) ago)."
    }
}

extension RankChange {
    /// `3 → 1, 22 % faster than NAME`
    public func text(name: (EndpointID) -> String) -> String {
        let places =
            if from == 0 { "at \(to)" } else if to == 0 { "from \(from)" } else { "\(from) → \(to)" }
        return "\(places), \(cause.text(name: name))"
    }
}

extension RankChangeCause {
    /// `22 % faster than NAME`
    public func text(name: (EndpointID) -> String) -> String {
        switch self {
        case .faster(let other, let fraction): "\(Int(fraction * 100 + 0.5)) % faster than \(name(other))"
        case .slower(let other): "slower than \(name(other))"
        case .preferred(let other): "\(name(other)) declines what it is asked"
        case .declining: "declines what it is asked"
        case .unavailable: "could not be used"
        case .recovered: "can be used again"
        case .displaced(let other): "\(name(other)) moved"
        case .moved: "moved by hand"
        case .pinned: "pinned"
        case .unpinned: "unpinned"
        case .enabled: "enabled"
        case .disabled: "disabled"
        case .added: "added"
        case .removed: "removed"
        case .reordered: "new order"
        case .sorted: "sorted"
        case .autoSort: "auto-sort switched"
        case .settings: "settings changed"
        }
    }
}

extension OutageCause {
    /// `3 failures in a row, last: status 502`
    public var text: String {
        switch self {
        case .failuresInARow(let count, let last): "\(count) failures in a row, last: \(last.text)"
        case .failureShare(let failed, let all, let last): "\(failed) of \(all) attempts failed, last: \(last.text)"
        case .trialFailed(let kind): "the trial failed: \(kind.text)"
        case .credentialRefused(402): "nothing left on the account (402)"
        case .credentialRefused(let status): "credential refused (\(status))"
        }
    }
}

extension FailureKind {
    /// What happened, in a few words: `status 502`, `timed out` … The same words in answers to clients, in the event log, in
    /// the console and in the control API, so that one fault can be found everywhere by one search.
    public var text: String {
        switch self {
        case .nameResolution: "name not resolved"
        case .connect: "connection refused or unreachable"
        case .proxy(let fault): fault.text
        case .tlsFailure(let known): known.fault.text.isEmpty ? "TLS failed" : "TLS failed: \(known.fault.text)"
        case .timeout: "timed out"
        case .closed: "connection closed"
        case .badResponse: "malformed response"
        case .status(let status): "status \(status)"
        case .brokenStream: "response broke off"
        }
    }
}
