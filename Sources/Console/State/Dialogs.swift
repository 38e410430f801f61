internal import PodiumModel

extension ConsoleState {
    mutating func performPrompt(_ action: ConsoleAction) -> [ConsoleEffect] {
        isFilterOpen = false
        if action == .cancel {
            if focus.isLog { eventFilter = LineEditor() } else { filter = LineEditor() }
            arrange()
        }
        return []
    }

    mutating func performCommandLine(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard var line = command else { return [] }
        switch action {
        case .complete: line.complete(endpoints: latest.endpoints.map { SafeText.clean($0.name) })
        case .previousEntry: line.recall(-1)
        case .nextEntry: line.recall(1)
        case .accept:
            command = nil
            return execute(line.text, now: now)
        default:
            command = nil
            return []
        }
        command = line
        return []
    }

    mutating func performDialog(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        switch overlay {
        case .delete(let prompt):
            if action == .accept {
                guard prompt.isReady else {
                    var refused = prompt
                    refused.isRefused = true
                    overlay = .delete(refused)
                    return [.bell]
                }
                overlay = nil
                return runConfirmed(.remove(prompt.endpoint), now: now)
            }
            overlay = nil
        case .confirm(var dialog):
            if action == .nextChoice || action == .previousChoice {
                dialog.isCancelFocused.toggle()
                overlay = .confirm(dialog)
            } else if action == .agree || action == .accept && !dialog.isCancelFocused {
                overlay = nil
                coveredForm = nil
                if case .perform(let command) = dialog.answer { return runConfirmed(command, now: now) }
            } else {
                overlay = coveredForm.map { .form($0) }
                coveredForm = nil
            }
        case .quit(var dialog):
            let buttons = QuitDialog.Button.allCases
            switch action {
            case .nextChoice, .previousChoice:
                let step = action == .nextChoice ? 1 : buttons.count - 1
                dialog.focus = buttons[(dialog.focus.rawValue + step) % buttons.count]
                overlay = .quit(dialog)
            case .stop: return leave(.stop, now: now)
            case .keepServing: return leave(.keepServing, now: now)
            case .accept:
                switch dialog.focus {
                case .stop: return leave(.stop, now: now)
                case .keepServing: return leave(.keepServing, now: now)
                case .cancel: overlay = nil
                }
            default: overlay = nil
            }
        default: break
        }
        return []
    }

    /// While the question was open the connection may have gone.
    private mutating func runConfirmed(_ command: Command, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard let changeObstacle else { return [run(command, now: now)] }
        say(.bad, changeObstacle, now: now)
        return [.bell]
    }

    private mutating func leave(_ choice: QuitChoice, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        overlay = nil
        if choice == .stop, isReadOnly {
            say(.note, "read-only: k leaves the console, the proxy stays", now: now)
            return [.bell]
        }
        return [.quit(choice)]
    }

    mutating func performViewer(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        switch overlay {
        case .help(let view): return performHelp(action, view, now: now)
        case .event(let view): return performEventViewer(action, view, now: now)
        case .flush(var view):
            if action == .copy { return copyFlush(view, now: now) }
            if action == .previousEntry || action == .nextEntry {
                if let index = shown.flushes.lastIndex(where: { $0.number <= view.id }) {
                    let other = index + (action == .nextEntry ? 1 : -1)
                    if shown.flushes.indices.contains(other) {
                        view = FlushView(id: shown.flushes[other].number)
                        selectedFlushID = view.id
                    }
                }
                overlay = .flush(view)
                return []
            }
            guard let step = step(action) else {
                overlay = nil
                return []
            }
            view.scroll = max(0, min(view.scroll + step, FlushOverlay.mostScroll(self, view)))
            overlay = .flush(view)
        default: break
        }
        return []
    }

    private mutating func performEventViewer(
        _ action: ConsoleAction, _ view: EventView, now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        var view = view
        let events = visibleEvents
        switch action {
        case .copy:
            guard let event = events.last(where: { $0.identity == view.id }) else { return [] }
            return copy(PlainReport.line(event, utcOffset: shown.utcOffset), now: now)
        case .previousEntry, .nextEntry:
            if let index = place(of: view.id, in: events) {
                let other = index + (action == .nextEntry ? 1 : -1)
                guard events.indices.contains(other) else { return [] }
                selectEvent(place: events.count - 1 - other, of: events)
                view = EventView(id: events[other].identity)
            }
        default:
            guard let step = step(action) else {
                overlay = nil
                return []
            }
            view.scroll = max(0, min(view.scroll + step, EventOverlay.mostScroll(self, view)))
        }
        overlay = .event(view)
        return []
    }

    private mutating func copyFlush(_ view: FlushView, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard let flush = shown.flushes.last(where: { $0.number == view.id }) else { return [] }
        return copy(PlainReport.line(flush, shown), now: now)
    }

    func step(_ action: ConsoleAction) -> Int? {
        switch action {
        case .cursorUp: -1
        case .cursorDown: 1
        case .pageUp: -max(1, lines / 2)
        case .pageDown: max(1, lines / 2)
        default: nil
        }
    }
}
