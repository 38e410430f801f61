internal import PodiumModel

// What keys do: which action a key is in the present context, whether the action can be taken now and if not why, and what it does there.
// `ConsoleState.handle` calls it. Reasons are sentences, because they are shown in place of an effect.

extension ConsoleState {
    /// Which part of the keymap applies now.
    var context: KeyContext {
        switch overlay {
        case .help: return .help
        case .form(let form): return form.differenceScroll == nil ? .form : .difference
        case .delete: return .delete
        case .confirm: return .confirm
        case .quit: return .quit
        case .flush, .event, .request: return .detail
        case .history: return .history
        case .past(let view): return view.isSearching ? .prompt : .past
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
            if case .past(var view) = overlay {
                _ = view.search.handle(key)
                overlay = .past(view)
            } else if focus.isLog {
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
        case .confirm, .quit, .detail, .difference, .history, .past: break
        }
    }

    mutating func paste(_ text: String) {
        // A paste is data: where no text is typed it must not run as keys.
        switch context {
        case .prompt:
            if case .past(var view) = overlay {
                view.search.insert(text)
                overlay = .past(view)
                return
            }
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
        case .delete, .main, .confirm, .quit, .help, .detail, .difference, .history, .past: break
        }
    }

    /// Takes an action, however it was asked for.
    mutating func perform(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        switch context {
        case .main: return performMain(action, now: now)
        case .prompt:
            if case .past = overlay { return finishPastSearch(action == .accept, now: now) }
            return performPrompt(action)
        case .command: return performCommandLine(action, now: now)
        case .form: return performForm(action, now: now)
        case .difference: return performDifference(action, now: now)
        case .delete, .confirm, .quit: return performDialog(action, now: now)
        case .help, .detail, .history, .past: return performViewer(action, now: now)
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
        case .toggle where !marked.isEmpty: return toggleMarked(now: now)
        case .toggle: return toggle(now: now)
        case .drain: return drain(now: now)
        case .copy: if let selected { return copy(selected, now: now) }
        case .clear where !marked.isEmpty:
            return confirmAll(.clear, latest.endpoints.filter { marked.contains($0.id) }, now: now)
        case .clear: if let selected { return [run(.clear(selected.target), now: now)] }
        case .test: if let selected { return [run(.test(selected.target), now: now)] }
        case .undo: return [run(.undo, now: now)]
        case .redo: return [run(.redo, now: now)]
        case .flush: return [run(.flush, now: now)]
        case .sortNow: return [run(.sortNow, now: now)]
        case .autoSort: return [run(.setAutoSort(!latest.autoSort), now: now)]
        case .reload: return [run(.reload, now: now)]
        case .flushDetail: open(telling)
        case .history: return openHistory()
        case .past: return openPast("", now: now)
        default: return performView(action, now: now)
        }
        keepInView()
        return []
    }

    private mutating func goBack() {
        if isZoomed {
            isZoomed = false
        } else if focus == .endpoints, !marked.isEmpty {
            marked = []
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
        case .flushes: open(selectedFlush)
        case .requests: if let row = selectedRequest { overlay = .request(RequestView(row: row)) }
        case .events: if let event = selectedEvent { overlay = .event(EventView(id: event.identity)) }
        case .endpoints, .persister, .detail, .traffic, .journal:
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

    mutating func toggle(now: ContinuousClock.Instant) -> [ConsoleEffect] {
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

extension ConsoleState {
    /// Why an action cannot be taken now; nil when it can.
    func obstacle(to action: ConsoleAction) -> String? {
        if let changeObstacle, Keymap.standard.bindings.contains(where: { $0.action == action && $0.changes }) {
            return changeObstacle
        }
        switch action {
        case .rankUp, .rankDown: return sightObstacle ?? moveObstacle(up: action == .rankUp)
        case .pin, .toggle, .delete, .clear, .test, .copy, .mark, .drain: return sightObstacle ?? endpointObstacle
        case .edit:
            switch focus {
            case .flushes: return flushObstacle
            case .requests: return requestRows.isEmpty ? "no request under the cursor" : nil
            case .events: return visibleEvents.isEmpty ? "no event under the cursor" : nil
            case .endpoints, .persister, .detail, .traffic, .journal: return sightObstacle ?? endpointObstacle
            }
        case .flushDetail: return flushObstacle
        case .cancelRequest:
            guard focus == .requests else { return "no request in this panel: press \(key(.panel7)) first" }
            guard case .open? = selectedRequest else { return "it has ended" }
            return nil
        case .undo: return latest.undo == nil ? "nothing to undo" : nil
        case .redo: return latest.redo == nil ? "nothing to redo" : nil
        case .flush, .sortNow, .autoSort, .reload:
            let running = pending.values.contains { $0.command.isExclusive && $0.command.target == nil }
            return running ? "the command before is still under way" : nil
        case .nextMatch, .previousMatch:
            if focus.isLog { return eventFilter.text.isEmpty ? "no search: press \(key(.filter)) first" : nil }
            return filter.text.isEmpty ? "no filter: press \(key(.filter)) first" : nil
        case .suspend:
            if setup.canSuspend { return nil }
            return latest.isAttached
                ? "there is no shell to come back from: \(key(.quit)) leaves"
                : "the proxy lives in this process: \(key(.quit)), then k leaves the console and serves on"
        case .faster: return refresh <= .milliseconds(200) ? "0.2 s is the fastest" : nil
        case .slower: return refresh >= .seconds(10) ? "10 s is the slowest" : nil
        default: return nil
        }
    }

    /// Why nothing may be changed at all now.
    var changeObstacle: String? {
        if isReadOnly { return "read-only: actions that change the proxy are switched off" }
        return latest.staleSince == nil ? nil : Self.notConnected
    }

    /// Ends with the disconnection.
    static let notConnected = "not connected: this picture is old"

    /// What is done to an endpoint is done where it can be seen: a key must not hit one that no panel in front shows.
    var sightObstacle: String? {
        if layout.size == .tiny { return "no endpoint in sight: 40x10 shows them" }
        if focus == .endpoints || focus == .detail { return nil }
        return "no endpoint in this panel: press \(key(.panel1)) first"
    }

    var endpointObstacle: String? {
        guard let selected else {
            if shown.endpoints.isEmpty { return "no endpoints: press \(key(.add)) to add one" }
            return rows.isEmpty ? "nothing matches the filter: \(key(.back)) shows all" : "it is gone from the proxy"
        }
        return isBusy(selected.id) ? "\(SafeText.clean(selected.name)) is being saved" : nil
    }

    private var flushObstacle: String? {
        shown.flushes.isEmpty ? "nothing has been flushed yet" : nil
    }

    private func moveObstacle(up: Bool) -> String? {
        guard let selected else { return endpointObstacle }
        if sort != .rank { return "sorted by \(sort.title), not by rank: < and > change that" }
        let target = wantedRank(of: selected)
        let allowed = allowedRanks(of: selected)
        let limit = "endpoints that are off come last"
        if up == !isDescending {
            if target > allowed.lowerBound { return nil }
            return allowed.lowerBound == 1 ? "already the first rank" : "no rank above for it: \(limit)"
        }
        if target < allowed.upperBound { return nil }
        return "already the last rank" + (allowed.upperBound == latest.endpoints.count ? "" : ": \(limit)")
    }

    /// Those that are off stand last, and move among themselves.
    func allowedRanks(of endpoint: Snapshot.Endpoint) -> ClosedRange<Int> {
        let count = max(1, latest.endpoints.count)
        let enabled = latest.endpoints.count { $0.enabled }
        return endpoint.enabled ? 1...max(1, enabled) : min(enabled + 1, count)...count
    }

    /// Its rank once all moves asked for so far are done.
    private func wantedRank(of endpoint: Snapshot.Endpoint) -> Int {
        if let queuedMove, queuedMove.id == endpoint.id { return queuedMove.rank }
        for command in pending.values {
            if case .move(_, let rank) = command.command, command.endpoint == endpoint.id { return rank }
        }
        return endpoint.rank
    }
}

extension ConsoleState {
    private mutating func performPrompt(_ action: ConsoleAction) -> [ConsoleEffect] {
        isFilterOpen = false
        if action == .cancel {
            if focus.isLog { eventFilter = LineEditor() } else { filter = LineEditor() }
            arrange()
        }
        return []
    }

    private mutating func performCommandLine(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
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

    private mutating func performDialog(_ action: ConsoleAction, now: ContinuousClock.Instant) -> [ConsoleEffect] {
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
        case .request(let view): return performRequestViewer(action, view, now: now)
        case .history(let view): return performHistory(action, view, now: now)
        case .past(let view): return performPast(action, view, now: now)
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

    private mutating func performRequestViewer(
        _ action: ConsoleAction, _ view: RequestView, now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        var view = view
        switch action {
        case .copy: return copy(view.row.id ?? "", now: now)
        case .previousEntry, .nextEntry:
            moveRequest(action == .nextEntry ? .cursorDown : .cursorUp, page: 1)
            if let row = selectedRequest { view = RequestView(row: row) }
        default:
            guard let step = step(action) else {
                overlay = nil
                return []
            }
            view.scroll = max(0, min(view.scroll + step, RequestOverlay.mostScroll(self, view)))
        }
        overlay = .request(view)
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
