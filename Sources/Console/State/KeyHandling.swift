internal import PodiumModel

extension ConsoleState {
    /// Which part of the keymap applies now.
    var context: KeyContext {
        switch overlay {
        case .help: return .help
        case .form(let form): return form.differenceScroll == nil ? .form : .difference
        case .delete: return .delete
        case .confirm: return .confirm
        case .quit: return .quit
        case .flush, .event: return .detail
        case nil: break
        }
        if command != nil { return .command }
        return isFilterOpen ? .prompt : .main
    }

    mutating func handleKey(_ key: Key, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        orderHeldUntil = now + Self.orderHold
        if case .form(let form) = overlay, form.isSaving { return hold(key, form, now: now) }
        // Leaving must always be possible, also where nothing else fits on the screen.
        if let binding = setup.keymap.binding(for: key, in: context) {
            return perform(isPaging(key, binding) ? .pageDown : binding.action, now: now)
        }
        type(key, now: now)
        return []
    }

    /// As in less, where there is no endpoint to switch.
    func isPaging(_ key: Key?, _ binding: Binding) -> Bool {
        key == .character(" ") && binding.action == .toggle && binding.context == .main && focus.isRead
    }

    private mutating func type(_ key: Key, now: ContinuousClock.Instant) {
        switch context {
        case .prompt:
            if focus.isLog {
                if eventFilter.handle(key) { followEvents() }
            } else if filter.handle(key) {
                arrange()
            }
        case .command:
            if var line = command {
                line.edit(key)
                command = line
            }
        case .form:
            if case .form(var form) = overlay {
                form.handle(key)
                overlay = .form(form)
            }
        case .delete:
            if case .delete(var prompt) = overlay {
                _ = prompt.editor.handle(key)
                prompt.isRefused = false
                overlay = .delete(prompt)
            }
        case .help:
            if case .help(var view) = overlay {
                if case .character(let character) = key { view.search.append(SafeText.clean(String(character))) }
                if key == .backspace { view.search = String(view.search.dropLast()) }
                view.scroll = 0
                view.selected = 0
                overlay = .help(view)
            }
        case .main:
            if case .character = key {
                say(.note, "\(key.name) does nothing here; \(self.key(.help)) shows the keys", now: now)
            }
        case .confirm, .quit, .detail, .difference: break
        }
    }

    mutating func paste(_ text: String) {
        // A paste is data: where no text is typed it must not run as keys.
        switch context {
        case .prompt:
            if focus.isLog { eventFilter.insert(text) } else { filter.insert(text) }
            arrange()
        case .command: command?.insert(text)
        case .form:
            if case .form(var form) = overlay {
                guard !form.isSaving else {
                    hold(.paste(text), form)
                    return
                }
                form.insert(text)
                overlay = .form(form)
            }
        case .delete, .main, .confirm, .quit, .help, .detail, .difference: break
        }
    }

    /// Takes an action, however it was asked for.
    mutating func perform(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        switch context {
        case .main: return performMain(action, now: now)
        case .prompt: return performPrompt(action)
        case .command: return performCommandLine(action, now: now)
        case .form: return performForm(action, now: now)
        case .difference: return performDifference(action, now: now)
        case .delete, .confirm, .quit: return performDialog(action, now: now)
        case .help, .detail: return performViewer(action, now: now)
        }
    }

    mutating func performMain(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        if let reason = obstacle(to: action) {
            say(.note, reason, now: now)
            return [.bell]
        }
        switch action {
        case .cursorUp, .cursorDown, .pageUp, .pageDown, .first, .last: move(action)
        case .filter: isFilterOpen = true
        case .nextMatch where focus.isLog: move(.cursorDown)
        case .previousMatch where focus.isLog: move(.cursorUp)
        case .nextMatch: select(row: (selectedRow + 1) % max(1, rows.count))
        case .previousMatch: select(row: (selectedRow + max(1, rows.count) - 1) % max(1, rows.count))
        case .back: goBack()
        case .edit: openSelected()
        case .add: overlay = .form(EndpointForm(adding: latest))
        case .delete: if let selected { overlay = .delete(DeletePrompt(endpoint: selected.target)) }
        case .rankUp, .rankDown: return moveRank(up: (action == .rankUp) != isDescending, now: now)
        case .pin: if let selected { return [run(.setPinned(selected.target, !selected.pinned), now: now)] }
        case .toggle: return toggle(now: now)
        case .copy: if let selected { return copy(selected, now: now) }
        case .test: if let selected { return [run(.test(selected.target), now: now)] }
        case .undo: return [run(.undo, now: now)]
        case .redo: return [run(.redo, now: now)]
        case .flush: return [run(.flush, now: now)]
        case .sortNow: return [run(.sortNow, now: now)]
        case .autoSort: return [run(.setAutoSort(!latest.autoSort), now: now)]
        case .reload: return [run(.reload, now: now)]
        case .flushDetail: open(telling)
        default: return performView(action, now: now)
        }
        keepInView()
        return []
    }

    private mutating func goBack() {
        if isZoomed {
            isZoomed = false
        } else if focus.isLog, !eventFilter.text.isEmpty {
            eventFilter = LineEditor()
            followEvents()
        } else if !filter.text.isEmpty {
            filter = LineEditor()
            arrange()
        } else {
            focus = .endpoints
            toast = nil
        }
    }

    private mutating func openSelected() {
        switch focus {
        case .flushes, .chart: open(selectedFlush)
        case .events: if let event = selectedEvent { overlay = .event(EventView(id: event.identity)) }
        case .endpoints, .persister, .detail, .journal:
            if let selected { overlay = .form(EndpointForm(editing: selected, in: latest)) }
        }
    }

    private mutating func open(_ flush: Snapshot.Flush?) {
        guard let flush else { return }
        overlay = .flush(FlushView(id: flush.number))
    }

    /// The flush that was chosen, else the last one that there is something to tell about.
    private var telling: Snapshot.Flush? {
        guard selectedFlushID == nil else { return selectedFlush }
        return shown.flushes.last { $0.result != .unchanged } ?? shown.flushes.last
    }

    private mutating func moveRank(up: Bool, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard let selected else { return [] }
        let allowed = allowedRanks(of: selected)
        let rank = max(allowed.lowerBound, min(allowed.upperBound, wantedRank(of: selected) + (up ? -1 : 1)))
        orderHeldUntil = nil
        guard isBusy(selected.id) else { return [run(.move(selected.target, toRank: rank), now: now)] }
        queuedMove = QueuedMove(id: selected.id, rank: rank)
        return []
    }

    private mutating func toggle(now: ContinuousClock.Instant) -> [ConsoleEffect] {
        guard let selected else { return [] }
        let command = Command.setEnabled(selected.target, !selected.enabled)
        let others = latest.endpoints.contains { $0.id != selected.id && $0.enabled && $0.state.serves }
        if selected.enabled, selected.state.serves, !others {
            overlay = .confirm(
                ConfirmDialog(
                    title: "Switch off \(SafeText.clean(selected.name))",
                    lines: ["No other endpoint is up: every request will be answered with 503."],
                    button: "Switch off", answer: .perform(command)))
            return []
        }
        return [run(command, now: now)]
    }

    private mutating func copy(_ endpoint: Snapshot.Endpoint, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        copy(endpoint.settings.baseURLs.first ?? endpoint.name, now: now)
    }

    mutating func copy(_ text: String, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let text = SafeText.clean(text)
        say(.note, "Copied \(text)", now: now)
        return [.copy(text)]
    }
}

extension Snapshot.Endpoint.State {
    /// Whether requests go to it.
    var serves: Bool { self == .up || self == .slow || self == .untested }
}
