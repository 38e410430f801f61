internal import PodiumModel
internal import PureSupport

// What is done to several endpoints at once, to copies of one, and to one whose requests are to end first.

extension ConsoleState {
    /// Those that are marked, else those that the filter shows, else the one under the cursor.
    var bulkTargets: [Snapshot.Endpoint] {
        let marked = latest.endpoints.filter { self.marked.contains($0.id) }
        if !marked.isEmpty { return marked }
        guard !filter.text.isEmpty else { return selected.map { [$0] } ?? [] }
        let ids = Set(rows.map { shown.endpoints[$0].id })
        return latest.endpoints.filter { ids.contains($0.id) }
    }

    /// Asks before several endpoints are changed.
    mutating func confirmAll(
        _ change: BatchChange, _ targets: [Snapshot.Endpoint]? = nil, now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        if let changeObstacle {
            say(.note, changeObstacle, now: now)
            return [.bell]
        }
        let targets = targets ?? bulkTargets
        guard !targets.isEmpty else {
            say(.note, endpointObstacle ?? "no endpoint is marked", now: now)
            return [.bell]
        }
        let names = targets.map { SafeText.clean($0.name) }
        let listed = names.prefix(6).joined(separator: ", ") + (names.count > 6 ? " and \(names.count - 6) more" : "")
        var lines = [listed]
        let ids = Set(targets.map(\.id))
        if change == .setEnabled(false),
            !latest.endpoints.contains(where: { !ids.contains($0.id) && $0.state.serves })
        {
            lines.append("No other endpoint is up: every request will be answered with 503.")
        }
        lines.append(
            change == .clear ? "The file keeps nothing of it." : "\(key(.undo)) takes all of it back in one step.")
        overlay = .confirm(
            ConfirmDialog(
                title: "\(targets.count.counted("endpoint")): \(SafeText.clean(change.words))", lines: lines,
                button: "Do it", answer: .perform(.changeAll(targets.map(\.target), change))))
        return []
    }

    /// `space` on marked ones: off where one of them is on.
    mutating func toggleMarked(now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let targets = latest.endpoints.filter { marked.contains($0.id) }
        return confirmAll(.setEnabled(!targets.contains { $0.state != .off }), targets, now: now)
    }

    /// Takes the endpoint out of service, and says when nothing runs there any more.
    mutating func drain(now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard let selected else { return [] }
        draining.insert(selected.id)
        guard selected.state != .off else {
            noteDrained(now: now)
            return []
        }
        return toggle(now: now)
    }

    /// Called with each picture.
    mutating func noteDrained(now: ContinuousClock.Instant) {
        guard !draining.isEmpty else { return }
        for id in draining {
            guard let endpoint = latest.endpoints.first(where: { $0.id == id }) else {
                draining.remove(id)
                continue
            }
            guard endpoint.state == .off, endpoint.traffic.inFlight == 0 else { continue }
            draining.remove(id)
            say(.good, "\(SafeText.clean(endpoint.name)) is off, and nothing runs there any more", now: now)
        }
    }

    /// The verbs behind `:` that several endpoints can be changed by.
    ///
    /// - Returns: nil where it is none of them
    mutating func executeForAll(_ verb: String, _ argument: String, now: ContinuousClock.Instant) -> [ConsoleEffect]? {
        switch verb {
        case "on" where argument.isEmpty: return confirmAll(.setEnabled(true), now: now)
        case "off" where argument.isEmpty: return confirmAll(.setEnabled(false), now: now)
        case "clear-all" where argument.isEmpty: return confirmAll(.clear, now: now)
        case "tag" where !argument.isEmpty: return confirmAll(.addTag(argument), now: now)
        case "untag" where !argument.isEmpty: return confirmAll(.removeTag(argument), now: now)
        case "clone" where !argument.isEmpty:
            if let reason = changeObstacle ?? sightObstacle ?? endpointObstacle {
                say(.bad, reason, now: now)
                return [.bell]
            }
            return selected.map { [run(.clone($0.target, named: argument), now: now)] } ?? []
        default: return nil
        }
    }
}
