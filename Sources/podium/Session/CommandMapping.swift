import Configuration
import PodiumModel
import Console
import Engine
import Persistence

extension EngineCommand {
    /// nil for what is no command of the engine: a test changes nothing.
    init?(_ command: ConsoleCommand) {
        switch command {
        case .move(let reference, let rank): self = .move(.init(reference), toRank: rank)
        case .setEnabled(let reference, let enabled): self = .setEnabled(.init(reference), enabled)
        case .setPinned(let reference, let pinned): self = .setPinned(.init(reference), pinned)
        case .sortNow: self = .sortNow
        case .setAutoSort(let on): self = .setAutoSort(on)
        case .update(let reference, let draft): self = .update(.init(reference), draft)
        case .add(let draft): self = .add(draft)
        case .remove(let reference): self = .remove(.init(reference))
        case .flush: self = .flush
        case .undo: self = .undo
        case .redo: self = .redo
        case .reload: self = .reload
        case .test, .testDraft, .preview: return nil
        }
    }
}

extension CommandTarget {
    init(_ reference: EndpointReference) {
        self.init(name: reference.name, revision: reference.revision)
    }
}

extension CommandFailure {
    init(_ error: CommandError) {
        self.init(message: error.description, field: nil)
        switch error {
        case .notSaved, .notWritable: kind = .keptUnsaved
        case .revisionConflict: kind = .conflict
        default: break
        }
        if case .invalid(let field, _) = error {
            self.field = field
        }
    }
}

extension DifferenceLine {
    init(_ line: LineDifference.Line) {
        let kind: Kind =
            switch line.kind {
            case .kept: .kept
            case .removed: .removed
            case .added: .added
            }
        self.init(kind: kind, number: line.number, text: line.text)
    }
}
