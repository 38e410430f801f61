internal import PodiumModel
internal import PureSupport

/// Everything about the endpoint under the cursor, with why it has its rank. The sentences come from the ranking itself
/// (`RankExplanation`), so that the console cannot give another reason than the one that counted.
enum DetailPanel {
    static func draw(
        _ state: ConsoleState, _ layout: DashboardLayout, _ now: ContinuousClock.Instant, _ grid: inout CellGrid
    ) {
        guard let frame = layout.frames[.detail] else { return }
        let content = layout.content(of: .detail)
        let endpoint = endpoint(state)
        var left = state.title(.detail)
        if let endpoint { left = [Segment("5 \(SafeText.clean(endpoint.name))", left[0].role)] }
        let text = words(state, content, now: now)
        let graph = endpoint.map { graphs($0, content, state.setup.glyphs) } ?? []
        // The graph stays in sight while the words above it scroll, where both have some room.
        let isHeld = text.count + graph.count > content.height && content.height >= graph.count + 6
        let room = isHeld ? content.height - graph.count : content.height
        let scrolled = isHeld ? text : text + graph
        let top = min(state.scroll[.detail] ?? 0, max(0, scrolled.count - room))
        let separator = state.setup.glyphs.separator
        let more = scrolled.count - top > room ? "\(state.key(.panel5)) more \(separator) " : ""
        let place = "\(top + 1)-\(min(scrolled.count, top + room)) of \(scrolled.count)"
        let range = layout.isBoxed || scrolled.count <= room ? [] : [Segment(place, .faint, weight: 10)]
        let gap = range.isEmpty ? "" : " \(separator) "
        let hints = [Segment("\(more)\(state.key(.edit)) edit \(separator) \(state.key(.copy)) copy", .faint)]
        grid.border(
            frame, isBoxed: layout.isBoxed, isFocused: state.focus == .detail, left: left,
            right: range + (endpoint.map { [Segment("\(gap)rank \($0.rank)", weight: 20)] } ?? []), bottom: hints)
        let shown = scrolled.dropFirst(top).prefix(max(0, room)) + (isHeld ? graph[...] : [])
        for (offset, line) in shown.enumerated() {
            grid.put(line, column: content.column, line: content.line + offset, limit: content.right)
        }
    }

    private static func endpoint(_ state: ConsoleState) -> Snapshot.Endpoint? {
        state.rows.indices.contains(state.selectedRow) ? state.shown.endpoints[state.rows[state.selectedRow]] : nil
    }

    static func lines(_ state: ConsoleState, _ content: Frame, now: ContinuousClock.Instant) -> [[Segment]] {
        words(state, content, now: now) + (endpoint(state).map { graphs($0, content, state.setup.glyphs) } ?? [])
    }

    private static func words(_ state: ConsoleState, _ content: Frame, now: ContinuousClock.Instant) -> [[Segment]] {
        let width = content.width
        // Blank lines are drawn only where there is room for them.
        let gap: [[Segment]] = content.height < 20 ? [] : [[]]
        guard let endpoint = endpoint(state) else { return [[Segment(" No endpoint under the cursor.", .faint)]] }
        let glyphs = state.setup.glyphs
        let dash = String(glyphs.dash)
        var lines: [[Segment]] = []
        func add(_ label: String, _ text: String, _ role: CellStyle.Role = .text) {
            let room = max(1, width - 10)
            for (index, part) in wrap(SafeText.clean(text), room).enumerated() {
                lines.append([
                    Segment(" " + TextField.fit(index == 0 ? label : "", 8, glyphs: glyphs), .faint),
                    Segment(part, role),
                ])
            }
        }
        if let url = endpoint.url { add("URL", url) }
        if let url = endpoint.urlAnthropic { add("Anthr.", url) }
        if let url = endpoint.urlOpenAI { add("OpenAI", url) }
        let credential = EndpointField.credential.map { $0.text(of: endpoint.settings.effectiveValue(of: $0)) }
        add("Auth", credential.filter { !$0.isEmpty }.joined(separator: "  "))
        add("Tags", endpoint.tags.isEmpty ? dash : endpoint.tags.joined(separator: ", "))
        add("Pinned", (endpoint.pinned ? "yes" : "no") + ", rank changed \(endpoint.rankChanges.times)")
        // The file does not say whether Podium has found it out or the operator has set it.
        if endpoint.openAIPreference != .auto { add("Speaks", endpoint.openAIPreference.rawValue) }
        lines += gap
        add("State", stateText(endpoint, state.shown, now), Header.role(endpoint.state))
        let limited = state.shown.limitedModels(of: endpoint, now: now)
        for (index, text) in limited.enumerated() { add(index == 0 ? "Without" : "", text, .warning) }
        add("Health", health(endpoint, dash))
        for (index, limit) in endpoint.usedLimits.enumerated() {
            let isNear = limit.used >= limit.usable * 0.8
            add(index == 0 ? "Limits" : "", limit.text, limit.isReached || isNear ? .warning : .text)
        }
        if endpoint.settings.maxInFlight > 0 {
            let queued = endpoint.traffic.queued.map { ", \($0) wait" } ?? ""
            let isFull = endpoint.traffic.inFlight >= endpoint.settings.maxInFlight
            add(
                "Places", "\(endpoint.traffic.inFlight) of \(endpoint.settings.maxInFlight) taken" + queued,
                isFull ? .warning : .text)
        }
        if let sessions = endpoint.traffic.sessions, sessions > 0 { add("Sessions", "\(sessions) running") }
        for (index, text) in speed(endpoint.traffic, dash).enumerated() { add(index == 0 ? "Speed" : "", text) }
        if let error = endpoint.lastError {
            let time = Quantity.clock(error.time, utcOffset: state.shown.utcOffset)
            add("Error", "\(time) \(error.text)", .bad)
        }
        let sentences = endpoint.sentences
        if !sentences.isEmpty {
            lines += gap
            lines.append([Segment(" Why rank \(endpoint.rank)", .title)])
            for sentence in sentences {
                for (index, part) in wrap(SafeText.clean(sentence), max(1, width - 4)).enumerated() {
                    lines.append([Segment(index == 0 ? " \(glyphs.bullet) " : "   ", .accent), Segment(part)])
                }
            }
        }
        return lines
    }

    private static func stateText(
        _ endpoint: Snapshot.Endpoint, _ picture: ConsolePicture, _ now: ContinuousClock.Instant
    ) -> String {
        let cause = endpoint.state == .cooling ? endpoint.availability.cause.map { ": \($0)" } ?? "" : ""
        guard let retry = picture.retry(of: endpoint), retry > now else { return endpoint.state.rawValue + cause }
        return "\(endpoint.state.rawValue)\(cause), tried again in \(Quantity.age(retry - now))"
    }

    private static func health(_ endpoint: Snapshot.Endpoint, _ dash: String) -> String {
        guard endpoint.traffic.total > 0 else { return "no requests yet" }
        let rate = Quantity.percent(endpoint.traffic.successRatio, dash: dash)
        let good = Quantity.grouped(endpoint.traffic.total - min(endpoint.traffic.failures, endpoint.traffic.total))
        return "OK \(rate)%  \(good) of \(Quantity.grouped(endpoint.traffic.total))  streak \(endpoint.successStreak)"
    }

    /// First byte, first content, whole answers and the speed of writing, each apart: they mean different things.
    private static func speed(_ traffic: Snapshot.Traffic, _ dash: String) -> [String] {
        func spread(_ label: String, _ median: Double?, _ worst: Double?) -> String? {
            guard let median, let worst else { return nil }
            let (usual, slow) = (Duration.seconds(median), Duration.seconds(worst))
            return
                "\(label) \(Quantity.latencyWithUnit(usual, dash: dash)), p95 \(Quantity.latencyWithUnit(slow, dash: dash))"
        }
        let content = spread("first content", traffic.firstContentP50Seconds, traffic.firstContentP95Seconds)
        let whole = spread("whole answer", traffic.wholeAnswerP50Seconds, traffic.wholeAnswerP95Seconds)
        let speed = traffic.tokensPerSecondP50.map { "\(Quantity.fixed($0, 0)) tokens/s" }
        guard content != nil || whole != nil else { return [] }
        // The time to the first byte is compared with nothing, and of interest beside the others.
        return [spread("first byte", traffic.p50Seconds, traffic.p95Seconds), content, whole, speed].compactMap(\.self)
    }

    private static func graphs(_ endpoint: Snapshot.Endpoint, _ content: Frame, _ glyphs: Glyphs) -> [[Segment]] {
        let width = content.width
        let room = max(1, width - 2)
        let series = endpoint.latencySeries
        guard let peak = series.max(), peak > 0 else { return [] }
        let label = " first byte ms, last 60 s"
        let values = "max \(Int(peak)) "
        var lines: [[Segment]] = content.height < 20 ? [] : [[]]
        lines.append([
            Segment(label, .faint),
            Segment(TextField.fit(values, max(1, width - label.count), align: .right, glyphs: glyphs)),
        ])
        lines.append([
            Segment(" " + Sparkline.text(series, width: room, glyphs: glyphs), .graph)
        ])
        let failures = endpoint.traffic.failuresPerSecondSeries
        guard failures.contains(where: { $0 > 0 }) else { return lines }
        let errors = Sparkline.text(failures.map(Double.init), width: max(1, room - 4), glyphs: glyphs)
        lines.append([Segment(" err ", .faint), Segment(errors, .bad)])
        return lines
    }

    /// Cuts text into lines at blanks, and inside words that are longer than a line.
    static func wrap(_ text: String, _ width: Int) -> [String] {
        guard width > 0, TextWidth.columns(of: text) > width else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in words(of: text) {
            var word = word
            let joined = line.isEmpty ? word : line + " " + word
            if TextWidth.columns(of: joined) <= width {
                line = joined
                continue
            }
            if !line.isEmpty { lines.append(line) }
            while TextWidth.columns(of: word) > width {
                var head = ""
                for character in word {
                    guard TextWidth.columns(of: head + String(character)) <= width || head.isEmpty else { break }
                    head.append(character)
                }
                lines.append(head)
                word = String(word.dropFirst(head.count))
            }
            line = word
        }
        if !line.isEmpty { lines.append(line) }
        return lines
    }

    /// A figure and its unit are one word.
    private static func words(of text: String) -> [String] {
        var words: [String] = []
        for part in text.split(separator: " ") {
            let unit = part.prefix { $0.isLetter || $0 == "%" }
            if units.contains(String(unit)), let last = words.last, last.last?.isNumber == true {
                words[words.count - 1] = last + " " + part
            } else {
                words.append(String(part))
            }
        }
        return words
    }

    private static let units: Set<String> = ["%", "ms", "s", "min", "h"]
}
