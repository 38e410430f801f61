internal import PodiumModel

extension ConsoleState {
    mutating func performForm(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard case .form(var form) = overlay else { return [] }
        switch form.perform(action, now: now) {
        case .stay:
            // Why it showed nothing is of no more use.
            if action == .reveal { toast = nil }
            overlay = .form(form)
        case .cancel: cancel(form)
        case .test:
            guard testCommand == nil else { return [.bell] }
            let effect = run(.testDraft(form.original?.target, form.draft), now: now)
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
            form.refuse(CommandRefusal(.unavailable, changeObstacle), since: now)
            return []
        }
        guard let command = form.command else { return [] }
        let effect = run(command, now: now)
        if case .perform(let id, _) = effect { formCommand = id }
        form.beginSaving()
        return [effect]
    }

    /// Asks for the difference that saving would make, once the form, its endpoint or the file is not what was compared.
    mutating func refreshPreview() -> [ConsoleEffect] {
        guard case .form(var form) = overlay, !form.isSaving else { return [] }
        guard form.problems.isEmpty, !form.changes.isEmpty, changeObstacle == nil else {
            if form.preview != nil || form.compared != nil {
                form.preview = nil
                form.compared = nil
                overlay = .form(form)
            }
            return []
        }
        let draft = form.draft
        let wanted = EndpointForm.Comparison(
            draft: draft, revision: form.original?.revision, file: EndpointForm.FileGeneration(latest.persister))
        guard previewCommand == nil, !form.awaitsRebase, form.compared != wanted else { return [] }
        form.compared = wanted
        overlay = .form(form)
        let id = nextIdentifier()
        previewCommand = id
        return [.perform(id, .preview(form.original?.target, draft))]
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
        guard form.hasInput else {
            overlay = nil
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
                if form.awaitsRebase { form.rebase(in: latest) }
                // Who it was, where that is known.
                if case .failure(let refusal) = result, refusal.isConflict {
                    say(.note, refusal.line, now: now)
                }
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
        if pausedAt != nil, command.command.isExclusive {
            shownThroughUntil = now + Self.showThrough
            showThrough(now: now)
        }
        let isForm = formCommand == id
        if isForm { formCommand = nil }
        switch result {
        case .success(.done(let receipt)):
            var lost = ""
            if isForm, case .form(let form) = overlay {
                overlay = nil
                if !form.held.isEmpty { lost = "; what was typed meanwhile was not taken" }
            }
            if isForm { coveredForm = nil }
            leftForms.removeAll { $0.command == id }
            say(.good, "\(receipt.message)\(lost)", now: now)
            toast?.undo = receipt.undo.map(SafeText.clean)
            if case .add(let draft) = command.command { pendingSelection = draft.name }
            return []
        case .success(.preview):
            return fail(command, id, isForm: isForm, CommandRefusal(.unavailable, "not answered"), now: now)
        case .failure(let failure): return fail(command, id, isForm: isForm, failure, now: now)
        }
    }

    private mutating func fail(
        _ command: PendingCommand, _ id: CommandID, isForm: Bool, _ failure: CommandRefusal,
        now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        queuedMove = nil
        if isForm, case .form(var form) = overlay {
            form.refuse(failure, since: command.since)
            overlay = .form(form)
        }
        refuseLeftForm(of: id, failure, since: command.since)
        // The command has taken effect in memory; only the file does not have it yet.
        let isKept = failure.isKeptUnsaved
        say(.bad, isKept ? failure.line : command.failed(failure.line), now: now)
        toast?.endsWhenSaved = isKept
        if isKept {
            unsavedSince = unsavedSince ?? command.since
            if case .add(let draft) = command.command { pendingSelection = draft.name }
        }
        return [.bell]
    }
}
