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
        case .update(let reference, let draft): self = .update(.init(reference), .init(draft))
        case .add(let draft): self = .add(.init(draft))
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

extension EndpointPatch {
    /// All the fields of the form: a field that is empty there has none here.
    init(_ draft: EndpointDraft) {
        self.init()
        self[.name] = .text(draft.name)
        self[.url] = draft.url.map(FieldValue.text) ?? .absent
        self[.urlAnthropic] = draft.urlAnthropic.map(FieldValue.text) ?? .absent
        self[.urlOpenAI] = draft.urlOpenAI.map(FieldValue.text) ?? .absent
        self[.authType] = .text(draft.authType.rawValue)
        switch draft.secret {
        case .unchanged: break
        case .set(let value): self[.authValue] = .text(value)
        case .removed: self[.authValue] = .absent
        }
        self[.priority] = draft.priority.map(FieldValue.integer)
        self[.tags] = .list(draft.tags)
        self[.enabled] = .boolean(draft.isEnabled)
        self[.pinned] = .boolean(draft.isPinned)
        self[.headers] = draft.headers.map { headers in
            .headers(headers.map { HeaderField(name: $0.name, value: $0.value ?? Self.keptSecret) })
        }
        self[.openAIPreference] = .text(draft.openAIPreference.rawValue)
        switch draft.proxy {
        case .unchanged: break
        case .set(let text): self[.proxy] = .text(text)
        case .removed: self[.proxy] = .absent
        }
    }
}

extension EndpointDraft.Field {
    /// The form's row for a field; nil for one that it does not have.
    init?(_ field: EndpointField) {
        switch field {
        case .authValue: self = .secret
        case .urlAnthropic: self = .urlAnthropic
        case .urlOpenAI: self = .urlOpenAI
        case .authType: self = .authType
        case .openAIPreference: self = .openAIPreference
        default: self.init(rawValue: field.key)
        }
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
            self.field = EndpointDraft.Field(field)
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
