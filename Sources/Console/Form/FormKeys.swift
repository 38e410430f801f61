internal import PodiumModel

extension EndpointForm {
    mutating func perform(_ action: ConsoleAction, now: ContinuousClock.Instant) -> Outcome {
        switch action {
        case .nextField: step(1)
        case .previousField: step(-1)
        case .reveal: return reveal(now: now)
        case .cancel: return .cancel
        case .save: return trySave()
        case .test: return tryTest()
        case .difference: differenceScroll = 0
        case .accept:
            switch focus {
            case .save: return trySave()
            case .test: return tryTest()
            case .cancel: return .cancel
            case .field: step(1)
            }
        default: break
        }
        return .stay
    }

    /// Only what is typed here can be shown: armed for later, it would show a secret that nobody asked to see.
    private mutating func reveal(now: ContinuousClock.Instant) -> Outcome {
        guard secret.isEmpty else {
            revealedUntil = revealedUntil == nil ? now + .seconds(10) : nil
            return .stay
        }
        let isStored =
            focus == .field(Self.secretField)
            ? original?.maskedSecret != nil : Self.fields.contains { $0.kind == .headers && text($0).contains("•") }
        return .refused(isStored ? "a stored secret cannot be shown, only a typed one" : "no secret is typed yet")
    }

    /// A key that the keymap leaves to the field in focus.
    mutating func handle(_ key: Key) {
        guard case .field(let field) = focus else {
            let buttons: [Focus] = [.save, .test, .cancel]
            let index = buttons.firstIndex(of: focus) ?? 0
            if key == .right { focus = buttons[(index + 1) % buttons.count] }
            if key == .left { focus = buttons[(index + buttons.count - 1) % buttons.count] }
            return
        }
        switch field.kind {
        case .choice(let words):
            let before = choices[field]
            choices[field] = Self.choose(from: words, before, by: key)
            noteChoice(of: field, before: before)
            changed(field)
        case .flag: if key == .character(" ") { flags[field]?.toggle() }
        default:
            _ = editors[field]?.handle(key)
            changed(field)
        }
    }

    private static func choose(from all: [String], _ word: String?, by key: Key) -> String? {
        let index = all.firstIndex { $0 == word } ?? 0
        switch key {
        case .right, .character(" "): return all[(index + 1) % all.count]
        case .left: return all[(index + all.count - 1) % all.count]
        default: return word
        }
    }

    mutating func insert(_ text: String) {
        guard case .field(let field) = focus, editors[field] != nil else { return }
        var text = Substring(text)
        // A copied line brings its line end along.
        while text.last?.isNewline == true { text.removeLast() }
        editors[field]?.insert(String(text))
        changed(field)
    }

    mutating func tick(now: ContinuousClock.Instant) {
        if let revealedUntil, revealedUntil <= now { self.revealedUntil = nil }
    }

    /// A save begins, of what is typed now.
    mutating func beginSaving() {
        isSaving = true
        isAskedToLeave = false
        saved = Typed(
            name: name, editors: editors, choices: choices, flags: flags)
    }

    /// The save has failed; what was typed meanwhile goes to where it was typed.
    mutating func refuse(_ failure: CommandRefusal, since: ContinuousClock.Instant) {
        isSaving = false
        let held = held
        self.held = []
        for input in held {
            switch input {
            case .key(let key): handle(key)
            case .step(let action): step(action == .previousField ? -1 : 1)
            case .paste(let text): insert(text)
            }
        }
        refusal = failure
        awaitsRebase = failure.isKeptUnsaved || failure.isConflict
        if failure.isKeptUnsaved { keptSince = since }
        if let field = failure.endpointField { focus = .field(field) }
    }

    private mutating func changed(_ field: Field) {
        touched.insert(field)
        refusal = nil
        testReport = nil
        if secret.isEmpty { revealedUntil = nil }
        suggestAuth()
    }

    mutating func take(preview result: CommandResult) {
        guard compared != nil else { return }
        switch result {
        case .success(.preview(let difference)): preview = .lines(difference.lines)
        case .failure(let failure) where failure.isConflict:
            preview = nil
            awaitsRebase = true
        case .failure(let failure): preview = .refused(SafeText.clean(failure.line))
        case .success(.done): preview = .unknown
        }
    }

    mutating func take(test result: CommandResult) {
        let name = name + ": "
        // Whose form it is stands above.
        func text(_ message: String) -> String {
            SafeText.clean(message.hasPrefix(name) ? String(message.dropFirst(name.count)) : message)
        }
        switch result {
        case .success(.done(let receipt)): testReport = .done(isGood: true, text: text(receipt.message))
        case .failure(let failure): testReport = .done(isGood: false, text: text(failure.line))
        case .success(.preview): break
        }
    }

    /// A test needs less than saving does: a place to go to.
    private mutating func tryTest() -> Outcome {
        let problems = problems
        let needed = Self.fields.filter { $0.kind == .file || $0.takesReferences }
        guard let first = needed.first(where: { problems[$0] != nil }) else { return .test }
        touched.insert(first)
        focus = .field(first)
        return .stay
    }

    private mutating func step(_ step: Int) {
        if case .field(let field) = focus { touched.insert(field) }
        let order = Self.order
        let index = order.firstIndex(of: focus) ?? 0
        focus = order[(index + step + order.count) % order.count]
    }

    private mutating func trySave() -> Outcome {
        guard !isSaving else { return .stay }
        touched.formUnion(Self.fields)
        let problems = problems
        if let first = Self.fields.first(where: { problems[$0] != nil }) {
            focus = .field(first)
            return .stay
        }
        refusal = nil
        return .save
    }
}
