extension EndpointForm {
    mutating func perform(_ action: ConsoleAction, now: ContinuousClock.Instant) -> Outcome {
        switch action {
        case .nextField: step(1)
        case .previousField: step(-1)
        case .reveal: revealedUntil = revealedUntil == nil ? now + .seconds(10) : nil
        case .cancel: return .cancel
        case .save: return trySave()
        case .accept:
            switch focus {
            case .save: return trySave()
            case .cancel: return .cancel
            case .field: step(1)
            }
        default: break
        }
        return .stay
    }

    /// A key that the keymap leaves to the field in focus.
    mutating func handle(_ key: Key) {
        guard !isSaving else { return }
        guard case .field(let field) = focus else {
            if key == .left || key == .right { focus = focus == .save ? .cancel : .save }
            return
        }
        switch field {
        case .authType:
            let types = EndpointStatus.AuthType.allCases
            let index = types.firstIndex(of: authType) ?? 0
            if key == .right || key == .character(" ") { authType = types[(index + 1) % types.count] }
            if key == .left { authType = types[(index + types.count - 1) % types.count] }
            touched.insert(.secret)
        case .enabled: if key == .character(" ") { isEnabled.toggle() }
        case .pinned: if key == .character(" ") { isPinned.toggle() }
        default:
            _ = editors[field]?.handle(key)
            changed(field)
        }
    }

    mutating func insert(_ text: String) {
        guard !isSaving, case .field(let field) = focus, editors[field] != nil else { return }
        var text = Substring(text)
        // A copied line brings its line end along.
        while text.last?.isNewline == true { text.removeLast() }
        editors[field]?.insert(String(text))
        changed(field)
    }

    mutating func tick(now: ContinuousClock.Instant) {
        if let revealedUntil, revealedUntil <= now { self.revealedUntil = nil }
    }

    mutating func refuse(_ failure: CommandFailure) {
        isSaving = false
        refusal = failure
        if let field = failure.field { focus = .field(field) }
    }

    private mutating func changed(_ field: Field) {
        touched.insert(field)
        refusal = nil
    }

    private mutating func step(_ step: Int) {
        if case .field(let field) = focus { touched.insert(field) }
        let order = Self.order
        let index = order.firstIndex(of: focus) ?? 0
        focus = order[(index + step + order.count) % order.count]
    }

    private mutating func trySave() -> Outcome {
        guard !isSaving else { return .stay }
        touched.formUnion(Field.allCases)
        let problems = problems
        if let first = Field.allCases.first(where: { problems[$0] != nil }) {
            focus = .field(first)
            return .stay
        }
        refusal = nil
        return .save
    }
}
