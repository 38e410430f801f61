internal import Configuration
public import Ranking

extension RankExplanation {
    /// Why the endpoint has its rank: one finished sentence per line.
    ///
    /// - Parameter name: the name of an endpoint, for its neighbours.
    public func lines(now: ContinuousClock.Instant, name: (EndpointID) -> String) -> [String] {
        var lines = ["Rank \(rank) for \((now - rankSince).plainWords)\(changesText)."]
        lines.append("State: \(availability.plainWords(now: now)).")
        if let responseTime {
            lines.append(responseTime.sentence)
        } else {
            lines.append("Not measured yet: keeps its place until it is.")
        }
        if let pinnedRank {
            lines.append("Pinned at rank \(pinnedRank); m releases it.")
        }
        if let above {
            lines.append("Below \(name(above.neighbour)): \(above.reasonBelow(now: now)).")
        }
        if let below {
            lines.append("Above \(name(below.neighbour)): \(below.reasonAbove(now: now)).")
        }
        if let lastChange {
            let ago = (now - lastChange.at).plainWords
            lines.append(
                "Last change \(ago) ago, \(lastChange.from)→\(lastChange.to): \(lastChange.cause.words(name)).")
        }
        return lines
    }

    private var changesText: String {
        switch rankChanges {
        case 0: ""
        case 1: ", changed once"
        default: ", changed \(rankChanges) times"
        }
    }
}

extension RankExplanation.ResponseTime {
    fileprivate var sentence: String {
        guard !isPresumed else {
            return "Response time presumed \(average.plainWords), as the others have it: no request measured yet."
        }
        let last = age.map { ", the last \($0.plainWords) ago" } ?? ""
        return "Response time \(average.plainWords) (usually \(usual.plainWords)), \(samples) measured\(last)."
    }
}

extension RankExplanation.Margin {
    fileprivate func reasonBelow(now: ContinuousClock.Instant) -> String {
        switch kept {
        case .slower: lowerIsFasterBy.map { "it answers \(percent(-$0)) faster" } ?? "it answers faster"
        case .hysteresis(let limit):
            "this one is \(percent(lowerIsFasterBy ?? 0)) faster, \(percent(required)) needed (below \(limit.plainWords))"
        case .dwell(let until): "this one is faster and passes in \((until - now).plainWords)"
        case .pinned: "a pin holds the order"
        case .unavailable: "this one cannot be used now"
        case .unmeasured: "one of them is not measured yet"
        case .manual: "auto-sort is off"
        }
    }

    fileprivate func reasonAbove(now: ContinuousClock.Instant) -> String {
        switch kept {
        case .slower: lowerIsFasterBy.map { "that one is \(percent(-$0)) slower" } ?? "that one is slower"
        case .hysteresis: "that one is \(percent(lowerIsFasterBy ?? 0)) faster, \(percent(required)) needed to pass"
        case .dwell(let until): "that one is faster and passes in \((until - now).plainWords)"
        case .pinned: "a pin holds the order"
        case .unavailable: "that one cannot be used now"
        case .unmeasured: "one of them is not measured yet"
        case .manual: "auto-sort is off"
        }
    }
}

private func percent(_ fraction: Double) -> String {
    guard fraction.isFinite else {
        return "—"
    }
    return "\(Int((min(max(fraction, -99), 99) * 100).rounded())) %"
}

extension RankChangeCause {
    func words(_ name: (EndpointID) -> String) -> String {
        switch self {
        case .faster(let than, let by): "\(percent(by)) faster than \(name(than))"
        case .slower(let than): "slower now than \(name(than))"
        case .unavailable: "not available"
        case .recovered: "available again"
        case .displaced(let by): "made room for \(name(by))"
        case .moved: "moved by the operator"
        case .pinned: "pinned by the operator"
        case .unpinned: "unpinned by the operator"
        case .enabled: "enabled"
        case .disabled: "disabled"
        case .added: "added"
        case .removed: "removed"
        case .sorted: "sorted by the operator"
        case .autoSort: "auto-sort was switched"
        case .settings: "ranking settings changed"
        case .reordered: "reordered in the file"
        }
    }
}
