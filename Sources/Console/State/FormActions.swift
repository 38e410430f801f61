extension ConsoleState {
    mutating func performForm(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard case .form(var form) = overlay else { return [] }
        switch form.perform(action, now: now) {
        case .stay: overlay = .form(form)
        case .cancel: cancel(form)
        case .test:
            guard testCommand == nil else { return [.bell] }
            let effect = run(.testDraft(form.original?.reference, form.draft), now: now)
            if case .perform(let id, _) = effect { testCommand = id }
            form.testReport = .running(since: now)
            overlay = .form(form)
            return [effect]
        case .save: return save(&form, now: now)
        case .refused(let reason):
            say(.note, reason, now: now)
            return [.bell]
        }
        return []
    }

    private mutating func save(_ form: inout EndpointForm, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        defer { overlay = .form(form) }
        if let changeObstacle {
            form.refuse(CommandFailure(message: changeObstacle))
            return []
        }
        guard let command = form.command else { return [] }
        let effect = run(command, now: now)
        if case .perform(let id, _) = effect { formCommand = id }
        form.isSaving = true
        return [effect]
    }

    /// Asks for the difference that saving would make, once what is typed differs from what was last compared.
    mutating func refreshPreview() -> [ConsoleEffect] {
        guard case .form(var form) = overlay, !form.isSaving else { return [] }
        guard form.problems.isEmpty, !form.changes.isEmpty, changeObstacle == nil else {
            if form.preview != nil || form.comparedDraft != nil {
                form.preview = nil
                form.comparedDraft = nil
                overlay = .form(form)
            }
            return []
        }
        let draft = form.draft
        guard previewCommand == nil, form.comparedDraft != draft else { return [] }
        form.comparedDraft = draft
        overlay = .form(form)
        let id = nextIdentifier()
        previewCommand = id
        return [.perform(id, .preview(form.original?.reference, draft))]
    }

    mutating func performDifference(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard case .form(var form) = overlay, let scroll = form.differenceScroll else { return [] }
        if action == .save {
            form.differenceScroll = nil
            overlay = .form(form)
            return performForm(.save, now: now)
        }
        form.differenceScroll = step(action).map {
            max(0, min(scroll + $0, DifferenceOverlay.mostScroll(self, form)))
        }
        overlay = .form(form)
        return []
    }

    private mutating func cancel(_ form: EndpointForm) {
        guard form.hasInput, !form.isSaving else {
            overlay = nil
            formCommand = nil
            return
        }
        coveredForm = form
        overlay = .confirm(
            ConfirmDialog(
                title: "Throw the changes away?", lines: form.summary(limit: 4), button: "Throw away",
                cancel: "Keep editing", answer: .discardForm))
    }

    mutating func finish(_ id: CommandID, _ result: CommandResult, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        if previewCommand == id {
            previewCommand = nil
            if case .form(var form) = overlay {
                form.take(preview: result)
                overlay = .form(form)
            }
            return []
        }
        guard let command = pending.removeValue(forKey: id) else { return [] }
        if testCommand == id {
            testCommand = nil
            if case .form(var form) = overlay, form.testReport != nil {
                form.take(test: result)
                overlay = .form(form)
                return []
            }
        }
        let took = Quantity.milliseconds(now - command.since)
        let isForm = formCommand == id
        if isForm { formCommand = nil }
        switch result {
        case .success(let message):
            if isForm, case .form = overlay { overlay = nil }
            if isForm { coveredForm = nil }
            say(.good, "\(message) (\(took) ms)", now: now)
            if case .add(let draft) = command.command { pendingSelection = draft.name }
            return []
        case .preview: return []
        case .failure(let failure):
            queuedMove = nil
            if isForm, case .form(var form) = overlay {
                form.refuse(failure)
                overlay = .form(form)
            }
            // What is kept has been done, only not written yet.
            let isKept = failure.kind == .keptUnsaved
            say(.bad, isKept ? failure.message : command.failed(failure.message), now: now)
            toast?.endsWhenSaved = isKept
            return [.bell]
        }
    }
}
