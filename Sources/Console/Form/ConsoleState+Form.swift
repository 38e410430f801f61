internal import PodiumModel
internal import PureSupport

// What the console does with the open form: keys, saving, testing, comparing with the file, and what comes back of it. `EndpointForm` knows
// what was typed and what is wrong with it; here is what depends on the rest of the console and on commands under way.

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
        if walk?.command == id {
            walk?.take(result)
            return []
        }
        if let effects = takeHistory(id, result) { return effects }
        if let effects = takePast(id, result) { return effects }
        if traffic.take(id, result) { return [] }
        if requests.take(id, result) {
            keepRequestInView()
            return []
        }
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
            if case .clone(_, let name) = command.command { pendingSelection = name }
            if case .changeAll = command.command { marked = [] }
            return []
        case .success:
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

/// A form between ^S and the disk.
extension ConsoleState {
    private static let mostHeld = 1_000

    /// A form that was left while it saved: it comes back if that fails, for nothing typed may be lost.
    struct LeftForm: Sendable, Equatable {
        var form: EndpointForm
        /// The save; nil once it has failed.
        var command: CommandID?
    }

    /// A key for a form that is being saved. What edits is kept, for it would be lost with the form or be refused with it;
    /// what acts waits for the operator to see how the save ended.
    mutating func hold(_ key: Key, _ form: EndpointForm, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        switch setup.keymap.binding(for: key, in: .form)?.action {
        case nil: return hold(.key(key), form)
        case .nextField?: return hold(.step(.nextField), form)
        case .previousField?: return hold(.step(.previousField), form)
        case .cancel? where form.isAskedToLeave:
            leftForms.append(LeftForm(form: form, command: formCommand))
            formCommand = nil
            overlay = nil
            toast = nil
            return []
        case .cancel?:
            var form = form
            form.isAskedToLeave = true
            overlay = .form(form)
            say(.note, "still saving: Esc again leaves the form; it comes back if the save is refused", now: now)
            return [.bell]
        default:
            say(.note, "still saving: the form closes once it is on disk", now: now)
            return [.bell]
        }
    }

    @discardableResult
    mutating func hold(_ input: EndpointForm.Held, _ form: EndpointForm) -> [ConsoleEffect] {
        guard form.held.count < Self.mostHeld else { return [.bell] }
        var form = form
        form.held.append(input)
        overlay = .form(form)
        return []
    }

    /// What is kept in memory needs no form, unless something was typed that is nowhere else.
    private mutating func refuseLeftForm(of id: CommandID, _ failure: CommandRefusal, since: ContinuousClock.Instant) {
        guard let index = leftForms.firstIndex(where: { $0.command == id }) else { return }
        if failure.isKeptUnsaved, leftForms[index].form.held.isEmpty {
            leftForms.remove(at: index)
            return
        }
        leftForms[index].form.refuse(failure, since: since)
        leftForms[index].command = nil
    }

    /// Opens a form again that was left and could not be saved, but not under a finger.
    mutating func bringBackLeftForm(now: ContinuousClock.Instant) {
        guard context == .main, orderHeldUntil.map({ $0 <= now }) ?? true,
            let index = leftForms.firstIndex(where: { $0.command == nil })
        else { return }
        overlay = .form(leftForms.remove(at: index).form)
    }

    /// Holds the open form against a new picture, and says so when what could not be written is on disk at last.
    mutating func followSaving(_ snapshot: ConsolePicture, now: ContinuousClock.Instant) {
        let isSaved = !snapshot.persister.isDirty && snapshot.server.warning == nil
        if case .form(var form) = overlay, !form.isSaving {
            if form.refusal?.line == Self.notConnected, snapshot.staleSince == nil { form.refusal = nil }
            if form.awaitsRebase { form.rebase(in: snapshot) }
            overlay = .form(form)
            if isSaved, let since = form.keptSince, !form.awaitsRebase {
                confirm(form, since: since, snapshot, now: now)
                return
            }
        }
        guard isSaved, let since = unsavedSince else { return }
        unsavedSince = nil
        say(.good, "Everything is on disk now (\(Self.after(now - since)))", now: now)
    }

    private mutating func confirm(
        _ form: EndpointForm, since: ContinuousClock.Instant, _ snapshot: ConsolePicture,
        now: ContinuousClock.Instant
    ) {
        var form = form
        form.keptSince = nil
        unsavedSince = nil
        if form.refusal?.isKeptUnsaved == true { form.refusal = nil }
        guard form.isKept(in: snapshot) else {
            form.rebase(in: snapshot)
            overlay = .form(form)
            say(.note, "The file is written, but somebody changed it meanwhile: look", now: now)
            return
        }
        let rest = form.changes.isEmpty ? "" : "; what you typed since is not"
        overlay = form.changes.isEmpty ? nil : .form(form)
        let name = form.original?.name ?? form.name
        say(.good, "\(name) is on disk now (\(Self.after(now - since)))\(rest)", now: now)
    }

    private static func after(_ duration: Duration) -> String {
        let seconds = duration.inMilliseconds / 1_000
        return "after " + (seconds < 99.5 ? "\(Int(seconds.rounded())) s" : Quantity.age(duration))
    }
}
