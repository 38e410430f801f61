extension ConsoleState {
    /// The help scrolls until something is searched for; what is found can be run.
    mutating func performHelp(
        _ action: ConsoleAction, _ view: HelpView, now: ContinuousClock.Instant
    ) -> [ConsoleEffect] {
        var view = view
        let found = HelpOverlay.found(self, view.search)
        if action == .accept, !view.search.isEmpty {
            guard found.indices.contains(view.selected) else { return [.bell] }
            return runFromHelp(found[view.selected], now: now)
        }
        guard let step = step(action) else {
            overlay = nil
            return []
        }
        if view.search.isEmpty {
            view.scroll = max(0, min(view.scroll + step, HelpOverlay.mostScroll(self, view)))
        } else {
            view.selected = max(0, min(view.selected + step, found.count - 1))
            view.scroll = HelpOverlay.scroll(self, view)
        }
        overlay = .help(view)
        return []
    }

    private mutating func runFromHelp(_ binding: Binding, now: ContinuousClock.Instant) -> [ConsoleEffect] {
        let reason =
            binding.context == .main
            ? obstacle(to: binding.action) : "\(binding.label) works in another place: \(binding.context.rawValue)"
        if let reason {
            say(.note, reason, now: now)
            return [.bell]
        }
        overlay = nil
        return performMain(binding.action, now: now)
    }
}
