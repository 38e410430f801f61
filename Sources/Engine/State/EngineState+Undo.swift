internal import Configuration
internal import Persistence
internal import Ranking

/// Taking back what an operator did, or what a hand edit of the file overruled.
extension EngineState {
    /// Makes what the action touched, and nothing else, what it was before: what others changed since then stays.
    ///
    /// - Returns: the same action, following the identity of an endpoint that came back.
    /// - Throws: `CommandError` where that is no longer possible; then nothing was changed.
    mutating func restore(
        _ action: OperatorAction, now: ContinuousClock.Instant
    ) throws(CommandError) -> OperatorAction {
        switch action.effect {
        case .autoSort(let before):
            setAutoSort(before, now: now)
            return action
        case .order(let before, _):
            _ = ranking.reorder(before, now: now)
            return action
        case .endpoint(let id, nil, let after):
            guard record(id) != nil else {
                throw .noSuchEndpoint(after?.settings.name ?? "")
            }
            remove(id, now: now)
            return action
        case .endpoint(_, let before?, nil):
            return try bringBack(before, action, now: now)
        case .endpoint(let id, let before?, let after?):
            guard let present = record(id)?.settings else {
                throw .noSuchEndpoint(after.settings.name)
            }
            let settings = present.replacing(after.settings, by: before.settings)
            try checkNameIsFree(settings.name, except: id)
            // First the settings: a disabled endpoint cannot be moved to the rank that it had while it was enabled.
            replaceSettings(of: id, with: settings, now: now)
            if before.rank != after.rank {
                place(id, as: before, now: now)
            }
            return action
        }
    }

    private mutating func bringBack(
        _ before: EndpointMemento, _ action: OperatorAction, now: ContinuousClock.Instant
    ) throws(CommandError) -> OperatorAction {
        guard case .endpoint(let id, _, let after) = action.effect else {
            return action
        }
        try checkNameIsFree(before.settings.name, except: nil)
        let target = insert(before.settings, fileIndex: before.fileIndex, now: now)
        actions.replace(id, by: target)
        place(target, as: before, now: now)
        return OperatorAction(label: action.label, effect: .endpoint(target, before: before, after: after))
    }

    private func checkNameIsFree(_ name: String, except id: EndpointID?) throws(CommandError) {
        if let other = record(named: name), other.id != id {
            throw .invalid(field: .name, reason: "there is another endpoint '\(name)' by now")
        }
    }

    private mutating func place(_ id: EndpointID, as before: EndpointMemento, now: ContinuousClock.Instant) {
        // What somebody switched on or off since then stands where that puts it.
        guard let settings = record(id)?.settings, settings.enabled == before.settings.enabled,
            ranking.rank(of: id) != before.rank
        else {
            return
        }
        // A move pins; the pin is the settings' business.
        _ = ranking.move(id, toRank: min(before.rank, ranking.count), now: now)
        _ = ranking.setPinned(settings.pinned, for: id, now: now)
    }

    /// Where the file overruled the operator, undo brings the operator's side back.
    ///
    /// - Parameter ranks: the ranks before the file's edit was taken in.
    mutating func offerUndo(of conflicts: [EditConflict], ranks: [EndpointID: EndpointMemento]) {
        for conflict in conflicts {
            guard let action = action(for: conflict, ranks: ranks) else {
                continue
            }
            actions.did(action)
        }
    }

    private func action(for conflict: EditConflict, ranks: [EndpointID: EndpointMemento]) -> OperatorAction? {
        let label = "file's edit of \(conflict.endpoint)"
        switch (conflict.subject, conflict.ours, conflict.theirs) {
        case (.field(let field), let ours?, _):
            let id = EndpointID(ours.id)
            guard let after = memento(id) else {
                return nil
            }
            var before = after
            before.settings.set(field, to: ours.settings.value(of: field))
            if field == .priority, let rank = ranks[id]?.rank {
                before.rank = rank
            }
            return OperatorAction(
                label: "\(label) (\(field.rawValue))", effect: .endpoint(id, before: before, after: after))
        case (.removedInFile, let ours?, _):
            let id = EndpointID(ours.id)
            guard let before = ranks[id], record(named: ours.settings.name) == nil else {
                return nil
            }
            return OperatorAction(
                label: "removal of \(conflict.endpoint) in the file", effect: .endpoint(id, before: before, after: nil))
        case (.removedHere, _, let theirs?):
            let id = EndpointID(theirs.id)
            return OperatorAction(label: label, effect: .endpoint(id, before: nil, after: memento(id)))
        default:
            return nil
        }
    }
}

extension EndpointSettings {
    /// These settings, with the fields in which `after` differs from `before` as they are in `before`.
    fileprivate func replacing(_ after: EndpointSettings, by before: EndpointSettings) -> EndpointSettings {
        var result = self
        for field in EndpointField.allCases where before.value(of: field) != after.value(of: field) {
            result.set(field, to: before.value(of: field))
        }
        return result
    }
}
