internal import Cluster
internal import PodiumModel
internal import PureSupport
internal import Ranking

/// A time out as the instances of a cluster tell each other of it: of a refusal that named it, never of a refused credential, which is
/// each host's own.
struct SharedTimeOut: Sendable {
    /// The endpoint's name.
    var endpoint: String
    /// Empty for the whole endpoint.
    var model: String
    var left: Duration
    /// A word, the status, and the operator's rule if there is one.
    var cause: String
}

extension TimeOutReason {
    /// As `SharedTimeOut.cause` has it.
    fileprivate var shared: String {
        "\(cause.rawValue) \(status ?? 0)\(rule.name.map { " \($0)" } ?? "")"
    }

    fileprivate init?(shared text: String) {
        let words = text.split(separator: " ", maxSplits: 2)
        guard words.count > 1, let cause = TimeOutCause(rawValue: String(words[0])), let status = Int(words[1]) else {
            return nil
        }
        let rule = words.count > 2 ? RuleReference(String(words[2])) : .none
        self.init(cause, status: status == 0 ? nil : status, rule: rule)
    }
}

/// What a cluster asks of the engine's state, and makes of it.
extension EngineState {
    func sharedTimeOuts(now: ContinuousClock.Instant) -> [SharedTimeOut] {
        guard ranking.hasStandingTimeOuts(now: now) else { return [] }
        return ranking.standingTimeOuts(now: now).compactMap { timeOut in
            guard case .refusal(let reason) = timeOut.cause, let record = record(timeOut.endpoint) else { return nil }
            return SharedTimeOut(
                endpoint: record.settings.name, model: timeOut.model ?? "", left: timeOut.until - now,
                cause: reason.shared)
        }
    }

    /// Leaves alone what another host was told to leave alone.
    mutating func takeIn(
        _ timeOut: SharedTimeOut, seenBy host: String, now: ContinuousClock.Instant, wallTime: Double
    ) -> EngineEffects {
        var effects = EngineEffects()
        guard let record = record(named: timeOut.endpoint), let reason = TimeOutReason(shared: timeOut.cause) else {
            return effects
        }
        let update = ranking.resume(
            StandingTimeOut(
                endpoint: record.id, model: timeOut.model.isEmpty ? nil : timeOut.model, until: now + timeOut.left,
                cause: .refusal(reason)), now: now)
        guard update.candidatesChanged else { return effects }
        publishRoutes(now: now, &effects)
        setTimer(&effects)
        let subject = timeOut.model.isEmpty ? "" : " for \(timeOut.model)"
        log(
            .warning, source: "cluster", endpoint: timeOut.endpoint,
            "\(reason.text)\(subject), as \(host) was told: left alone for \(timeOut.left.shortText)",
            wallTime: wallTime, &effects)
        return effects
    }

    /// Whether the endpoint may bear that name; nil: it keeps its own.
    private func isFree(_ wanted: String?, for name: String) -> Bool {
        guard let wanted, let holder = record(named: wanted) else { return true }
        return holder.id == record(named: name)?.id
    }

    /// Whether the names that are wanted lead from this one back to it.
    private static func isInCircle(_ name: String, _ wanted: [String: String?]) -> Bool {
        var next = wanted[name] ?? nil
        for _ in wanted {
            if next == name { return true }
            next = next.flatMap { wanted[$0] ?? nil }
        }
        return false
    }

    /// Makes the configuration follow changes that were made on other hosts.
    ///
    /// - Parameter names: the endpoints' names here, by their identities
    /// - Returns: what is to be done, and what could not be followed
    mutating func follow(
        _ changes: [IntentChange], names: [String: String], by author: CommandAuthor, now: ContinuousClock.Instant,
        wallTime: Double
    ) -> (effects: [EngineEffects], problems: [String]) {
        var effects: [EngineEffects] = []
        var problems: [String] = []
        func perform(_ state: inout EngineState, _ command: Command) {
            do throws(CommandRefusal) {
                effects.append(
                    try state.perform(command, by: author, ifRevision: nil, now: now, wallTime: wallTime).effects)
            } catch {
                problems.append(error.detail)
            }
        }
        var patches: [(name: String, fields: [String: String?])] = []
        var additions: [(name: String, fields: [String: String?])] = []
        var places: [(rank: Int, name: String)] = []
        func note(_ place: String?, of name: String) {
            if let rank = place.flatMap({ Int($0) }) { places.append((rank, name)) }
        }
        for change in changes {
            switch change {
            case .set(IntentState.common, SharedIntent.autoSort, _, let new):
                if let new { perform(&self, .setAutoSort(new == "true")) }
            case .set(let identity, let field, _, let new):
                guard let name = names[identity] else { continue }
                let place = patches.firstIndex { $0.name == name } ?? patches.count
                if place == patches.count { patches.append((name, [:])) }
                patches[place].fields[field] = .some(new)
            case .add(_, let settings):
                guard let name = settings[IntentState.name] else { continue }
                additions.append((name, settings.mapValues { Optional($0) }))
            case .remove(let identity, let settings):
                guard let name = names[identity] ?? settings[IntentState.name] else { continue }
                if record(named: name) != nil { perform(&self, .remove(CommandTarget(name: name))) }
            case .clear: break
            }
        }
        func carryOut(_ state: inout EngineState, _ name: String, _ fields: [String: String?]) {
            let patch = SharedIntent.patch(fields, present: state.record(named: name)?.settings)
            if !patch.values.isEmpty { perform(&state, .update(CommandTarget(name: name), patch)) }
            note(fields[SharedIntent.place] ?? nil, of: patch.name ?? name)
        }
        while !patches.isEmpty {
            // A name may be free only after another endpoint has left it.
            if let next = patches.firstIndex(where: { isFree($0.fields[IntentState.name] ?? nil, for: $0.name) }) {
                let (name, fields) = patches.remove(at: next)
                carryOut(&self, name, fields)
                continue
            }
            // Names that go round in a circle: one steps aside.
            let wanted = Dictionary(
                patches.map { ($0.name, $0.fields[IntentState.name] ?? nil) }, uniquingKeysWith: { first, _ in first })
            if let first = patches.firstIndex(where: { Self.isInCircle($0.name, wanted) }) {
                var number = 1
                while record(named: "podium-renames-\(number)") != nil { number += 1 }
                let aside = "podium-renames-\(number)"
                var patch = EndpointPatch()
                patch[.name] = .text(aside)
                perform(&self, .update(CommandTarget(name: patches[first].name), patch))
                if record(named: aside) != nil {
                    patches[first].name = aside
                    continue
                }
            }
            // The name belongs to an endpoint that keeps it.
            let (name, fields) = patches.removeFirst()
            carryOut(&self, name, fields)
        }
        for (name, fields) in additions {
            // It may be here already, as in a file that was written before a crash.
            guard record(named: name) == nil else {
                carryOut(&self, name, fields)
                continue
            }
            perform(&self, .add(SharedIntent.patch(fields, present: nil)))
            note(fields[SharedIntent.place] ?? nil, of: name)
        }
        for (rank, name) in places.sorted(by: { ($0.rank, $0.name) < ($1.rank, $1.name) }) {
            guard let record = record(named: name), ranking.rank(of: record.id) != rank else { continue }
            perform(&self, .move(CommandTarget(name: name), toRank: min(max(rank, 1), ranking.count)))
        }
        return (effects, problems)
    }
}
