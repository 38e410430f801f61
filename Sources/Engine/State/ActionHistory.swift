internal import Configuration
internal import Ranking

/// One endpoint as an operator's action found or left it.
struct EndpointMemento: Sendable, Equatable {
    var settings: EndpointSettings
    var rank: Int
    var fileIndex: Int
}

/// What an operator did, with what is needed to take it back.
struct OperatorAction: Sendable, Equatable {
    enum Effect: Sendable, Equatable {
        /// nil before: it was added. nil after: it was removed.
        case endpoint(EndpointID, before: EndpointMemento?, after: EndpointMemento?)
        case autoSort(before: Bool)
        case order(before: [EndpointID], after: [EndpointID])
    }

    /// Such as `move openai-team 4→3`.
    var label: String
    var effect: Effect

    var inverse: OperatorAction {
        switch effect {
        case .endpoint(let id, let before, let after):
            OperatorAction(label: label, effect: .endpoint(id, before: after, after: before))
        case .autoSort(let before):
            OperatorAction(label: label, effect: .autoSort(before: !before))
        case .order(let before, let after):
            OperatorAction(label: label, effect: .order(before: after, after: before))
        }
    }
}

/// Undo and redo: two stacks of bounded depth.
struct ActionHistory: Sendable {
    static let depth = 100

    private(set) var undoable: [OperatorAction] = []
    private(set) var redoable: [OperatorAction] = []
    /// Counts what has become undoable, so that a command's own entry can be told from an older one.
    private(set) var made: UInt64 = 0

    mutating func did(_ action: OperatorAction) {
        push(action, to: &undoable)
        made += 1
        redoable.removeAll()
    }

    mutating func popUndo() -> OperatorAction? {
        undoable.popLast()
    }

    mutating func popRedo() -> OperatorAction? {
        redoable.popLast()
    }

    mutating func undid(_ action: OperatorAction) {
        push(action, to: &redoable)
    }

    mutating func redid(_ action: OperatorAction) {
        push(action, to: &undoable)
        made += 1
    }

    /// An endpoint that comes back gets a new identity; older actions follow it.
    mutating func replace(_ old: EndpointID, by new: EndpointID) {
        func renamed(_ action: OperatorAction) -> OperatorAction {
            switch action.effect {
            case .endpoint(old, let before, let after):
                return OperatorAction(label: action.label, effect: .endpoint(new, before: before, after: after))
            case .order(let before, let after):
                let renamed = [before, after].map { $0.map { $0 == old ? new : $0 } }
                return OperatorAction(label: action.label, effect: .order(before: renamed[0], after: renamed[1]))
            case .endpoint, .autoSort:
                return action
            }
        }
        undoable = undoable.map(renamed)
        redoable = redoable.map(renamed)
    }

    private func push(_ action: OperatorAction, to stack: inout [OperatorAction]) {
        stack.append(action)
        if stack.count > Self.depth {
            stack.removeFirst()
        }
    }
}
