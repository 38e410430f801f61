internal import Configuration
internal import Persistence
internal import PodiumModel
internal import Ranking

/// Taking back what an operator did, or what a hand edit of the file overruled.
///
/// An action is kept as it was before and after, not as a command to be run backwards: by the time it is taken back, the ranking or
/// other operators may have moved the endpoint, and only what the action itself changed is put back.
extension EngineState {
    /// The newest action that can be taken back now. One whose endpoint is gone is passed over and kept: the endpoint may come
    /// back, and what was done before it is not out of reach.
    ///
    /// - Throws: `CommandRefusal.nothingToUndo`, or why not one of them can be taken back.
    mutating func nextUndo(now: ContinuousClock.Instant) throws(CommandRefusal) -> OperatorAction {
        guard let newest = actions.undoable.last else {
            throw .nothingToUndo
        }
        guard let action = actions.undoable.last(where: { missing(for: $0) == nil }) else {
            throw refusal(for: newest)
        }
        return action
    }

    /// The same for what can be done again.
    mutating func nextRedo(now: ContinuousClock.Instant) throws(CommandRefusal) -> OperatorAction {
        guard let newest = actions.redoable.last else {
            throw .nothingToRedo
        }
        guard let action = actions.redoable.last(where: { missing(for: $0.inverse) == nil }) else {
            throw refusal(for: newest.inverse)
        }
        return action
    }

    /// What undo and redo would do, for the programs that offer them.
    var undoLabel: String? {
        (actions.undoable.last { missing(for: $0) == nil } ?? actions.undoable.last)?.label
    }

    /// See ``undoLabel``.
    var redoLabel: String? {
        (actions.redoable.last { missing(for: $0.inverse) == nil } ?? actions.redoable.last)?.label
    }

    private func refusal(for action: OperatorAction) -> CommandRefusal {
        let name = missing(for: action) ?? ""
        if case .client = action.effect { return .noSuchClient(name) }
        return .noSuchEndpoint(name)
    }

    /// The endpoint or client that has to be there for the action to be taken back, and is not.
    private func missing(for action: OperatorAction) -> String? {
        if case .client(_, let after?, _) = action.effect {
            return configuration.clients.contains { $0.name == after.name } ? nil : after.name
        }
        if case .several(let effects) = action.effect {
            let names = effects.map { missing(for: OperatorAction(label: action.label, effect: $0)) }
            return names.contains(nil) ? nil : names.first ?? nil
        }
        guard case .endpoint(let id, let before, let after?) = action.effect, record(id) == nil else {
            return nil
        }
        return (before ?? after).settings.name
    }

    /// Makes what the action touched, and nothing else, what it was before: what others changed since then stays. Where nothing
    /// else has moved since, the whole order and its numbers are again exactly as they were.
    ///
    /// - Throws: `CommandRefusal` where that is not possible now; then nothing was changed.
    mutating func restore(_ action: OperatorAction, now: ContinuousClock.Instant) throws(CommandRefusal) {
        let present = orderSnapshot()
        switch action.effect {
        case .autoSort(let before):
            setAutoSort(before, now: now)
        case .order(let before, _):
            _ = ranking.reorder(before, now: now)
        case .client(let before, let after, let index):
            try restoreClient(before, after, index: index)
        case .several(let effects):
            for effect in effects.reversed() {
                let part = OperatorAction(label: action.label, effect: effect)
                if missing(for: part) == nil { try restore(part, now: now) }
            }
        case .endpoint(let id, nil, let after):
            guard record(id) != nil else {
                throw .noSuchEndpoint(after?.settings.name ?? "")
            }
            remove(id, now: now)
        case .endpoint(let id, let before?, nil):
            try bringBack(id, before, action, now: now)
        case .endpoint(let id, let before?, let after?):
            guard let present = record(id)?.settings else {
                throw .noSuchEndpoint(after.settings.name)
            }
            let settings = present.replacing(after.settings, by: before.settings)
            try checkNameIsFree(settings.name, except: id)
            // First the settings: a disabled endpoint cannot be moved to the rank that it had while it was enabled.
            replaceSettings(of: id, with: settings, now: now)
            renameForClients(present.name, to: settings.name)
            if before.rank != after.rank {
                place(id, as: before, now: now)
            }
        }
        if let orders = action.orders, orders.after == present {
            restore(orders.before, now: now)
        }
    }

    private mutating func restore(_ order: OrderSnapshot, now: ContinuousClock.Instant) {
        if Set(order.fileOrder) == Set(fileOrder) {
            setFileOrder(order.fileOrder)
        }
        for (id, priority) in zip(order.fileOrder, order.priorities) {
            withRecord(id) { $0.settings.priority = priority }
        }
        _ = ranking.restore(order.arrangement, now: now)
    }

    private mutating func bringBack(
        _ id: EndpointID, _ before: EndpointSnapshot, _ action: OperatorAction, now: ContinuousClock.Instant
    ) throws(CommandRefusal) {
        guard record(id) == nil else {
            throw .invalid(.name, "there is another endpoint '\(before.settings.name)' by now")
        }
        try checkNameIsFree(before.settings.name, except: nil)
        let place = filePlace(of: id, action.orders?.before.fileOrder ?? []) ?? before.fileIndex
        _ = insert(before.settings, as: id, fileIndex: place, now: now)
        self.place(id, as: before, now: now)
    }

    /// Behind the nearest of those that stood before it in the file and are still there.
    private func filePlace(of id: EndpointID, _ order: [EndpointID]) -> Int? {
        guard let index = order.firstIndex(of: id) else {
            return nil
        }
        for neighbour in order[..<index].reversed() {
            if let place = fileOrder.firstIndex(of: neighbour) { return place + 1 }
        }
        return 0
    }

    private func checkNameIsFree(_ name: String, except id: EndpointID?) throws(CommandRefusal) {
        if let other = record(named: name), other.id != id {
            throw .invalid(.name, "there is another endpoint '\(name)' by now")
        }
    }

    private mutating func place(_ id: EndpointID, as before: EndpointSnapshot, now: ContinuousClock.Instant) {
        // An endpoint that was switched on or off since then stands where that has put it.
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
    mutating func offerUndo(of conflicts: [EditConflict], ranks: [EndpointID: EndpointSnapshot]) {
        for conflict in conflicts {
            guard let action = action(for: conflict, ranks: ranks) else {
                continue
            }
            actions.did(action)
        }
    }

    private func action(for conflict: EditConflict, ranks: [EndpointID: EndpointSnapshot]) -> OperatorAction? {
        let label = "file's edit of \(conflict.endpoint)"
        switch (conflict.subject, conflict.ours, conflict.theirs) {
        case (.field(let field), let ours?, _):
            let id = EndpointID(ours.id)
            guard let after = snapshot(id) else {
                return nil
            }
            var before = after
            before.settings.set(field, to: ours.settings.value(of: field))
            if field == .priority, let rank = ranks[id]?.rank {
                before.rank = rank
            }
            return OperatorAction(
                label: "\(label) (\(field.key))", effect: .endpoint(id, before: before, after: after))
        case (.removedInFile, let ours?, _):
            let id = EndpointID(ours.id)
            guard let before = ranks[id], record(named: ours.settings.name) == nil else {
                return nil
            }
            return OperatorAction(
                label: "removal of \(conflict.endpoint) in the file", effect: .endpoint(id, before: before, after: nil))
        case (.removedHere, _, let theirs?):
            let id = EndpointID(theirs.id)
            return OperatorAction(label: label, effect: .endpoint(id, before: nil, after: snapshot(id)))
        default:
            return nil
        }
    }
}

extension EndpointSettings {
    /// These settings, with the fields in which `after` differs from `before` as they are in `before`.
    fileprivate func replacing(_ after: EndpointSettings, by before: EndpointSettings) -> EndpointSettings {
        var result = self
        // The priority follows from the rank.
        for field in EndpointField.all
        where field != .priority && before.value(of: field) != after.value(of: field) {
            result.set(field, to: before.value(of: field))
        }
        return result
    }
}

/// One endpoint as an operator's action found or left it.
struct EndpointSnapshot: Sendable, Equatable {
    var settings: EndpointSettings
    var rank: Int
    var fileIndex: Int
}

/// The whole order at one moment: what stands where in the ranking and in the file, and by which numbers.
struct OrderSnapshot: Sendable, Equatable {
    var arrangement: EndpointRanking.Arrangement
    var fileOrder: [EndpointID]
    /// By place in `fileOrder`.
    var priorities: [Int?]
}

/// What an operator did, with what is needed to take it back.
struct OperatorAction: Sendable, Equatable {
    indirect enum Effect: Sendable, Equatable {
        /// nil before: it was added. nil after: it was removed.
        case endpoint(EndpointID, before: EndpointSnapshot?, after: EndpointSnapshot?)
        case autoSort(before: Bool)
        case order(before: [EndpointID], after: [EndpointID])
        /// The same of a client, with the place in the list that it had.
        case client(before: ClientSettings?, after: ClientSettings?, index: Int)
        /// In the order in which they came; endpoints that are gone are passed over.
        case several([Effect])
    }

    /// Such as `move openai-team 4→3`.
    var label: String
    var effect: Effect
    /// The order before and after it. While nothing else has moved since, an undo puts the order back exactly. nil for
    /// what a hand edit overruled.
    var orders: Orders?
    /// Names the action for as long as it is kept, also while it goes from one stack to the other.
    var number: UInt64 = 0

    struct Orders: Sendable, Equatable {
        var before: OrderSnapshot
        var after: OrderSnapshot
    }

    init(label: String, effect: Effect) {
        self.label = label
        self.effect = effect
    }

    var inverse: OperatorAction {
        var inverse = self
        inverse.orders = orders.map { Orders(before: $0.after, after: $0.before) }
        switch effect {
        case .endpoint(let id, let before, let after): inverse.effect = .endpoint(id, before: after, after: before)
        case .autoSort(let before): inverse.effect = .autoSort(before: !before)
        case .order(let before, let after): inverse.effect = .order(before: after, after: before)
        case .client(let before, let after, let index):
            inverse.effect = .client(before: after, after: before, index: index)
        case .several(let effects):
            inverse.effect = .several(
                effects.reversed().map { OperatorAction(label: label, effect: $0).inverse.effect })
        }
        return inverse
    }
}

/// Undo and redo: two stacks of bounded depth. What cannot be taken back now stays where it is.
struct ActionHistory: Sendable {
    static let depth = 100

    private(set) var undoable: [OperatorAction] = []
    private(set) var redoable: [OperatorAction] = []
    /// Counts what has become undoable, so that a command's own entry can be told from an older one.
    private(set) var made: UInt64 = 0

    mutating func did(_ action: OperatorAction) {
        made += 1
        var action = action
        action.number = made
        push(action, to: &undoable)
        redoable.removeAll()
    }

    /// The order before and after what was done last.
    mutating func completeLast(_ orders: OperatorAction.Orders) {
        guard !undoable.isEmpty else { return }
        undoable[undoable.count - 1].orders = orders
    }

    /// An action was taken back: from now on it can be done again.
    mutating func undid(_ number: UInt64) {
        guard let index = undoable.lastIndex(where: { $0.number == number }) else { return }
        push(undoable.remove(at: index), to: &redoable)
    }

    /// An action was done again.
    mutating func redid(_ number: UInt64) {
        guard let index = redoable.lastIndex(where: { $0.number == number }) else { return }
        push(redoable.remove(at: index), to: &undoable)
        made += 1
        undoable[undoable.count - 1].number = made
    }

    private func push(_ action: OperatorAction, to stack: inout [OperatorAction]) {
        stack.append(action)
        if stack.count > Self.depth {
            stack.removeFirst()
        }
    }
}
