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

extension EndpointEdit {
    init(_ draft: EndpointDraft) {
        let secret: Secret =
            switch draft.secret {
            case .unchanged: .unchanged
            case .set(let value): .set(value)
            case .removed: .removed
            }
        self.init(
            name: draft.name, url: draft.url, urlAnthropic: draft.urlAnthropic, urlOpenAI: draft.urlOpenAI,
            authType: AuthType(rawValue: draft.authType.rawValue) ?? .none, secret: secret, rank: draft.priority,
            tags: draft.tags, enabled: draft.isEnabled, pinned: draft.isPinned)
        headers = draft.headers?.map { Header(name: $0.name, value: $0.value) }
        openAIPreference = OpenAIPreference(rawValue: draft.openAIPreference.rawValue)
        proxy =
            switch draft.proxy {
            case .unchanged: .unchanged
            case .set(let text): .set(text)
            case .removed: .removed
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
            self.field =
                switch field {
                case .name: .name
                case .url: .url
                case .urlAnthropic: .urlAnthropic
                case .urlOpenAI: .urlOpenAI
                case .authType: .authType
                case .authValue: .secret
                case .priority: .priority
                case .tags: .tags
                case .enabled: .enabled
                case .pinned: .pinned
                case .headers: .headers
                case .openAIPreference: .openAIPreference
                case .proxy: .proxy
                default: nil
                }
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
