internal import Configuration
internal import PodiumModel
internal import Ranking

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
    enum Effect: Sendable, Equatable {
        /// nil before: it was added. nil after: it was removed.
        case endpoint(EndpointID, before: EndpointSnapshot?, after: EndpointSnapshot?)
        case autoSort(before: Bool)
        case order(before: [EndpointID], after: [EndpointID])
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
