internal import PodiumModel
internal import PureSupport

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
    mutating func refuseLeftForm(of id: CommandID, _ failure: CommandRefusal, since: ContinuousClock.Instant) {
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
