internal import PodiumModel

/// The two lines at the top of the screen: which Podium this is and how it is doing. Where they do not fit, what matters least is
/// left out, so every piece has a weight.
enum Header {
    static func draw(
        _ state: ConsoleState, _ layout: DashboardLayout, _ now: ContinuousClock.Instant, _ grid: inout CellGrid
    ) {
        let frame = layout.header
        grid.fill(" ", column: 0, line: 0, count: frame.width, style: CellStyle(.text, on: .bar))
        grid.put(
            left: first(state, layout, now, frame), right: mode(state, layout, now), frame: frame, line: 0, ground: .bar
        )
        if frame.height > 1 {
            grid.fill(" ", column: 0, line: 1, count: frame.width, style: CellStyle(.text, on: .bar))
            grid.put(left: second(state), right: [], frame: frame, line: 1, ground: .bar)
        }
    }

    private static func first(
        _ state: ConsoleState, _ layout: DashboardLayout, _ now: ContinuousClock.Instant, _ frame: Frame
    ) -> [Segment] {
        let snapshot = state.shown
        let glyphs = state.setup.glyphs
        let isWide = layout.size == .wide
        var head = [Segment(" podium", .title)]
        if isWide, !snapshot.server.version.isEmpty {
            head.append(Segment(" " + SafeText.clean(snapshot.server.version), .faint, weight: 50))
        }
        head.append(Segment(" " + SafeText.clean(snapshot.server.address), .strong, weight: 30))
        if isWide { head.append(Segment("  up " + Quantity.uptime(snapshot.uptime), .faint, weight: 60)) }
        var tail: [Segment] = []
        if isWide {
            tail = persister(state, now)
        } else {
            tail.append(Segment("  " + Quantity.rate(snapshot.traffic.perSecond) + " r/s", .strong, weight: 20))
            let p95 = Quantity.latencyWithUnit(snapshot.traffic.p95, dash: String(glyphs.dash))
            tail.append(Segment(" p95 " + p95, .text, weight: 25))
        }
        // The words go before anything else does: which host this is matters more.
        let room = frame.width - mode(state, layout, now).reduce(1) { $0 + $1.columns }
        let long = head + counts(state, isTerse: false, isWide: isWide) + tail
        if layout.size != .compact, long.reduce(0, { $0 + $1.columns }) <= room { return long }
        return head + counts(state, isTerse: true, isWide: false) + tail
    }

    private static func counts(_ state: ConsoleState, isTerse: Bool, isWide: Bool) -> [Segment] {
        let glyphs = state.setup.glyphs
        var segments = [Segment(" ")]
        for (states, word) in counted {
            let count = states.reduce(0) { $0 + (state.stateCounts[$1] ?? 0) }
            guard let first = states.first, count > 0 || first == .up else { continue }
            // Where there is room the wide screen shows what is off, too.
            if first == .off, !isWide { continue }
            let text = isTerse ? " \(glyphs.state(first))\(count)" : " \(glyphs.state(first)) \(count) \(word)"
            segments.append(Segment(text, role(first), weight: weight(first)))
            if isWide { segments.append(Segment(" ", weight: 54)) }
        }
        return segments
    }

    /// Where not all of them fit, the counts of endpoints that have a problem stay.
    private static func weight(_ state: Snapshot.Endpoint.State) -> Int {
        switch state {
        case .down: 2
        case .misconfigured: 3
        case .cooling: 4
        case .slow: 5
        case .up: 6
        case .untested: 7
        case .off: 55
        }
    }

    private static let counted: [([Snapshot.Endpoint.State], String)] = [
        ([.up], "up"), ([.slow], "slow"), ([.down], "down"), ([.cooling], "cooling"),
        ([.misconfigured], "misconfigured"), ([.untested], "untested"), ([.off], "off"),
    ]

    private static func persister(_ state: ConsoleState, _ now: ContinuousClock.Instant) -> [Segment] {
        let status = state.shown.persister
        let glyphs = state.setup.glyphs
        let summary = PersisterPanel.summary(status, glyphs: glyphs)
        var text = "   \(summary.glyph) \(summary.word)"
        if status.isDirty { text += " \(status.unsavedChanges)" }
        if let due = state.shown.nextFlush, status.isDirty {
            text += " \(glyphs.separator) next flush \(Quantity.age(due - now))"
        }
        return [Segment(text, summary.role, weight: 15)]
    }

    /// Live or paused, the rate, the warnings that must not be missed.
    private static func mode(
        _ state: ConsoleState, _ layout: DashboardLayout, _ now: ContinuousClock.Instant
    ) -> [Segment] {
        var segments: [Segment] = []
        let server = state.shown.server
        if server.isDemo { segments.append(Segment("DEMO ", .accent, weight: 20)) }
        if state.shown.isAttached { segments.append(Segment("ATTACHED ", .accent, weight: 30)) }
        if state.isReadOnly { segments.append(Segment("READ-ONLY ", .warning, weight: 10)) }
        if let since = state.latest.staleSince {
            segments.append(Segment("RECONNECTING \(Quantity.age(max(.zero, now - since))) ", .bad))
        } else if state.pausedAt != nil {
            segments.append(Segment("PAUSED ", .warning))
        } else {
            segments.append(Segment("LIVE ", .good, weight: 8))
            segments.append(Segment(ConsoleState.name(state.refresh) + " ", .faint, weight: 40))
        }
        if layout.size == .wide {
            let clock = Quantity.clock(state.shown.takenAt, utcOffset: state.shown.utcOffset)
            segments.append(Segment("    " + clock + " ", .text, weight: 35))
        }
        return segments
    }

    private static func second(_ state: ConsoleState) -> [Segment] {
        let traffic = state.shown.traffic
        let glyphs = state.setup.glyphs
        let dash = String(glyphs.dash)
        var segments = [
            Segment(" \(Quantity.rate(traffic.perSecond)) req/s ", .strong),
            Segment(
                Sparkline.text(traffic.perSecondSeries.map(Double.init), width: 20, glyphs: glyphs), .graph, weight: 50),
            Segment("   p50 " + Quantity.latencyWithUnit(traffic.p50, dash: dash)),
            Segment("  p95 " + Quantity.latencyWithUnit(traffic.p95, dash: dash)),
            Segment("  p99 " + Quantity.latencyWithUnit(traffic.p99, dash: dash), weight: 10),
        ]
        let errors = traffic.errorRate ?? 0
        let errorText = traffic.errorRate.map { Quantity.fixed($0 * 100, 1) + "%" } ?? dash
        segments.append(Segment("   err " + errorText, errors >= 0.05 ? .bad : errors > 0 ? .warning : .text))
        segments.append(Segment("   in-flight \(traffic.inFlight)", weight: 5))
        if let count = traffic.unreplayable, count > 0 {
            segments.append(Segment("  no replay \(Quantity.grouped(UInt64(count)))", .warning, weight: 19))
        }
        if let bytes = traffic.replayBytes, bytes > 0 {
            segments.append(Segment("  kept " + Quantity.bytes(UInt64(bytes), dash: dash) + "B", .faint, weight: 32))
        }
        segments.append(Segment("   in " + Quantity.byteRate(traffic.bytesInPerSecond), .faint, weight: 20))
        segments.append(Segment("  out " + Quantity.byteRate(traffic.bytesOutPerSecond), .faint, weight: 21))
        if let cpu = state.shown.load {
            segments.append(Segment("   cpu \(Quantity.fixed(cpu * 100, 0))%", .faint, weight: 30))
        }
        if let bytes = state.shown.server.residentBytes {
            segments.append(Segment("  rss " + Quantity.bytes(bytes, dash: dash) + "B", .faint, weight: 31))
        }
        return segments
    }

    static func role(_ state: Snapshot.Endpoint.State) -> CellStyle.Role {
        switch state {
        case .up: .good
        case .slow, .cooling: .warning
        case .down, .misconfigured: .bad
        case .off: .faint
        case .untested: .accent
        }
    }
}
