internal import PodiumModel

/// The difference that saving a form would make in the file, as a whole. It is made by the engine with the code that will write the
/// file, so what is shown is what is written; the form itself shows the part of it that it has room for.
enum DifferenceOverlay {
    /// Number and sign before a line.
    private static let margin = 7
    /// What is shown of a long line before the place where it changes.
    private static let lead = 12

    static func draw(_ state: ConsoleState, _ form: EndpointForm, scroll: Int, _ grid: inout CellGrid) {
        TextOverlay.draw(
            state, title: "What saving changes", lines(state, form), scroll: scroll,
            hint: "^S save \(state.setup.glyphs.separator) Esc back", longest: longest(form), &grid)
    }

    static func mostScroll(_ state: ConsoleState, _ form: EndpointForm) -> Int {
        TextOverlay.mostScroll(state, lines(state, form).count)
    }

    private static func longest(_ form: EndpointForm) -> Int {
        guard case .lines(let lines) = form.preview else { return 0 }
        return lines.map { TextWidth.columns(of: SafeText.clean($0.text)) + margin }.max() ?? 0
    }

    private static func lines(_ state: ConsoleState, _ form: EndpointForm) -> [[Segment]] {
        let width = TextOverlay.width(state, longest: longest(form))
        switch form.preview {
        case .lines(let lines) where lines.isEmpty: return [[Segment("Nothing: the file says so already.", .faint)]]
        case .lines(let lines): return lines.flatMap { whole($0, width, state.setup.glyphs) }
        case .unknown: return form.changes.flatMap { DetailPanel.wrap($0, width) }.map { [Segment($0)] }
        case .refused(let text): return DetailPanel.wrap(text, width).map { [Segment($0, .bad)] }
        case nil:
            let text = form.problems.isEmpty ? "Nothing changed yet." : "Fields have to be mended first."
            return [[Segment(form.compared == nil ? text : "Comparing\(state.setup.glyphs.ellipsis)", .faint)]]
        }
    }

    /// A line with all that is in it, where it is long in several.
    private static func whole(_ line: DifferenceLine, _ width: Int, _ glyphs: Glyphs) -> [[Segment]] {
        let role = role(line.kind)
        guard line.kind != .kept else { return [segments(Excerpt(line: line), width, glyphs)] }
        return chunks(SafeText.clean(line.text), max(1, width - margin)).enumerated().map { index, chunk in
            guard index == 0 else { return [Segment("     \(line.kind.sign) \(chunk)", role)] }
            return head(line, glyphs) + [Segment(chunk, role)]
        }
    }

    /// Blanks count in a file: cut where the room ends, not at words.
    private static func chunks(_ text: String, _ width: Int) -> [String] {
        var chunks: [String] = [""]
        var used = 0
        for character in text {
            let columns = TextWidth.columns(of: String(character))
            if used + columns > width, used > 0 {
                chunks.append("")
                used = 0
            }
            chunks[chunks.count - 1].append(character)
            used += columns
        }
        return chunks
    }

    /// A line of a difference, and what has to be seen of it.
    struct Excerpt {
        var line: DifferenceLine
        /// Where it begins to differ from the line whose place it takes, or gives up.
        var place = 0
        /// Characters of the longer of both.
        var length = 0
    }

    /// `12 + priority: 1`, in one line: a long one begins shortly before its change.
    static func segments(_ excerpt: Excerpt, _ width: Int, _ glyphs: Glyphs) -> [Segment] {
        let room = max(1, width - margin)
        var text = SafeText.clean(excerpt.line.text)
        let start = min(excerpt.place - min(lead, room / 3), excerpt.length - room + 1)
        if TextWidth.columns(of: text) > room, start > 0 { text = String(glyphs.ellipsis) + text.dropFirst(start) }
        return head(excerpt.line, glyphs)
            + [Segment(TextField.cut(text, room, glyphs: glyphs), role(excerpt.line.kind))]
    }

    private static func head(_ line: DifferenceLine, _ glyphs: Glyphs) -> [Segment] {
        let number = TextField.fit(String(line.number), 4, align: .right, glyphs: glyphs)
        return [Segment(number + " ", .faint), Segment(line.kind.sign + " ", role(line.kind))]
    }

    private static func role(_ kind: DifferenceLine.Kind) -> CellStyle.Role {
        switch kind {
        case .kept: .faint
        case .removed: .bad
        case .added: .good
        }
    }

    /// The lines that say most in the room there is: what changed, with what stands around it where that fits.
    static func selection(_ lines: [DifferenceLine], room: Int) -> (lines: [Excerpt], left: Int) {
        let all = excerpts(lines)
        if all.count <= room { return (all, 0) }
        let changed = all.filter { $0.line.kind != .kept }
        if changed.count <= room { return (changed, 0) }
        return (Array(changed.prefix(max(0, room - 1))), changed.count - max(0, room - 1))
    }

    private static func excerpts(_ lines: [DifferenceLine]) -> [Excerpt] {
        var excerpts = lines.map { Excerpt(line: $0) }
        var index = 0
        while index < lines.count {
            let removed = lines[index...].prefix { $0.kind == .removed }.indices
            let added = lines[(index + removed.count)...].prefix { $0.kind == .added }.indices
            for (old, new) in zip(removed, added) {
                let (before, after) = (SafeText.clean(lines[old].text), SafeText.clean(lines[new].text))
                // Where they look the same, another secret is what changed.
                let same = before == after ? before.prefix { $0 != "•" } : before.commonPrefix(with: after)
                for line in [old, new] {
                    excerpts[line].place = same.count
                    excerpts[line].length = max(before.count, after.count)
                }
            }
            index += max(1, removed.count + added.count)
        }
        return excerpts
    }
}

extension String {
    fileprivate func commonPrefix(with other: String) -> Substring {
        prefix(zip(self, other).prefix { $0 == $1 }.count)
    }
}
