internal import PodiumModel

extension ConsoleState {
    /// Why an action cannot be taken now; nil when it can.
    func obstacle(to action: ConsoleAction) -> String? {
        if let changeObstacle, Keymap.standard.bindings.contains(where: { $0.action == action && $0.changes }) {
            return changeObstacle
        }
        switch action {
        case .rankUp, .rankDown: return sightObstacle ?? moveObstacle(up: action == .rankUp)
        case .pin, .toggle, .delete, .test, .copy: return sightObstacle ?? endpointObstacle
        case .edit:
            switch focus {
            case .flushes, .chart: return flushObstacle
            case .events: return visibleEvents.isEmpty ? "no event under the cursor" : nil
            case .endpoints, .persister, .detail, .journal: return sightObstacle ?? endpointObstacle
            }
        case .flushDetail: return flushObstacle
        case .undo: return latest.undo == nil ? "nothing to undo" : nil
        case .redo: return latest.redo == nil ? "nothing to redo" : nil
        case .flush, .sortNow, .autoSort, .reload:
            let running = pending.values.contains { $0.command.isExclusive && $0.command.target == nil }
            return running ? "the command before is still under way" : nil
        case .nextMatch, .previousMatch:
            if focus.isLog { return eventFilter.text.isEmpty ? "no search: press \(key(.filter)) first" : nil }
            return filter.text.isEmpty ? "no filter: press \(key(.filter)) first" : nil
        case .suspend:
            if setup.canSuspend { return nil }
            return latest.isAttached
                ? "there is no shell to come back from: \(key(.quit)) leaves"
                : "the proxy lives in this process: \(key(.quit)), then k leaves the console and serves on"
        case .faster: return refresh <= .milliseconds(200) ? "0.2 s is the fastest" : nil
        case .slower: return refresh >= .seconds(10) ? "10 s is the slowest" : nil
        default: return nil
        }
    }

    /// Why nothing may be changed at all now.
    var changeObstacle: String? {
        if isReadOnly { return "read-only: actions that change the proxy are switched off" }
        return latest.staleSince == nil ? nil : Self.notConnected
    }

    /// Ends with the disconnection.
    static let notConnected = "not connected: this picture is old"

    /// What is done to an endpoint is done where it can be seen: a key must not hit one that no panel in front shows.
    var sightObstacle: String? {
        if layout.size == .tiny { return "no endpoint in sight: 40x10 shows them" }
        if focus == .endpoints || focus == .detail { return nil }
        return "no endpoint in this panel: press \(key(.panel1)) first"
    }

    var endpointObstacle: String? {
        guard let selected else {
            if shown.endpoints.isEmpty { return "no endpoints: press \(key(.add)) to add one" }
            return rows.isEmpty ? "nothing matches the filter: \(key(.back)) shows all" : "it is gone from the proxy"
        }
        return isBusy(selected.id) ? "\(SafeText.clean(selected.name)) is being saved" : nil
    }

    private var flushObstacle: String? {
        shown.flushes.isEmpty ? "nothing has been flushed yet" : nil
    }

    private func moveObstacle(up: Bool) -> String? {
        guard let selected else { return endpointObstacle }
        if sort != .rank { return "sorted by \(sort.title), not by rank: < and > change that" }
        let target = wantedRank(of: selected)
        let allowed = allowedRanks(of: selected)
        let limit = "endpoints that are off come last"
        if up == !isDescending {
            if target > allowed.lowerBound { return nil }
            return allowed.lowerBound == 1 ? "already the first rank" : "no rank above for it: \(limit)"
        }
        if target < allowed.upperBound { return nil }
        return "already the last rank" + (allowed.upperBound == latest.endpoints.count ? "" : ": \(limit)")
    }

    /// Those that are off stand last, and move among themselves.
    func allowedRanks(of endpoint: Snapshot.Endpoint) -> ClosedRange<Int> {
        let count = max(1, latest.endpoints.count)
        let enabled = latest.endpoints.count { $0.enabled }
        return endpoint.enabled ? 1...max(1, enabled) : min(enabled + 1, count)...count
    }

    /// Its rank once all moves asked for so far are done.
    func wantedRank(of endpoint: Snapshot.Endpoint) -> Int {
        if let queuedMove, queuedMove.id == endpoint.id { return queuedMove.rank }
        for command in pending.values {
            if case .move(_, let rank) = command.command, command.endpoint == endpoint.id { return rank }
        }
        return endpoint.rank
    }
}
