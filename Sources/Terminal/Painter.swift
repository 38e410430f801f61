import CNcurses
import Console
import Support

/// Draws the difference between two grids.
struct Painter {
    private var previous: CellGrid?
    private var previousTheme: Theme?
    private var pairs: [PairKey: Int32] = [:]
    private let depth: ColorDepth?
    private let isUTF8: Bool

    private struct PairKey: Hashable {
        var foreground: Int32
        var background: Int32
    }

    /// - Parameter depth: nil draws without colours.
    init(depth: ColorDepth?, isUTF8: Bool) {
        self.depth = depth
        self.isUTF8 = isUTF8
    }

    /// Forgets what is on screen.
    mutating func invalidate() {
        previous = nil
    }

    /// Draws into ncurses' window; false when nothing differs from the frame before.
    mutating func draw(_ grid: CellGrid, theme: Theme) -> Bool {
        if let previous, previous == grid, previousTheme == theme { return false }
        let old =
            previousTheme == theme && previous?.width == grid.width && previous?.height == grid.height ? previous : nil
        if old == nil { werase(podium_stdscr()) }
        for line in 0..<grid.height { draw(line, of: grid, over: old, theme) }
        previous = grid
        previousTheme = theme
        return true
    }

    private mutating func draw(_ line: Int, of grid: CellGrid, over old: CellGrid?, _ theme: Theme) {
        var column = 0
        while column < grid.width {
            if let old, old[column, line] == grid[column, line] {
                column += 1
                continue
            }
            // The right half of a wide character is drawn with its left half.
            var start = column
            if grid[start, line].text == nil, start > 0 { start -= 1 }
            let style = grid[start, line].style
            var text = ""
            var end = start
            while end < grid.width, grid[end, line].style == style {
                if end > column, let old, old[end, line] == grid[end, line], grid[end, line].text != nil { break }
                if let character = grid[end, line].text { text += drawable(character) }
                end += 1
            }
            apply(theme.appearance(of: style), theme == .mono ? nil : depth)
            mvwaddstr(podium_stdscr(), Int32(line), Int32(start), text)
            column = max(end, column + 1)
        }
    }

    /// What the C library takes for another width would shift the rest of the line.
    private func drawable(_ character: Character) -> String {
        if character.isASCII { return String(character) }
        guard isUTF8 else { return "?" }
        guard let base = character.unicodeScalars.first else { return " " }
        let width = podium_wcwidth(base.value)
        let expected: Int32 = CellGrid.columns(of: base) == 2 ? 2 : 1
        if width != expected { return expected == 2 ? "??" : "?" }
        return String(character)
    }

    private mutating func apply(_ appearance: Theme.Appearance, _ depth: ColorDepth?) {
        var attributes: UInt32 = 0
        if appearance.isBold { attributes |= podium_bold() }
        if appearance.isDim { attributes |= podium_dim() }
        if appearance.isReverse { attributes |= podium_reverse() }
        if appearance.isUnderlined { attributes |= podium_underline() }
        _ = podium_set_style(attributes, depth.map { pair(appearance, $0) } ?? 0)
    }

    private mutating func pair(_ appearance: Theme.Appearance, _ depth: ColorDepth) -> Int32 {
        let key = PairKey(
            foreground: appearance.foreground?.index(at: depth) ?? -1,
            background: appearance.background?.index(at: depth) ?? -1)
        // The terminal's own colours get a pair too, since ncurses needs six bytes more to go back to pair 0.
        if let pair = pairs[key] { return pair }
        let next = Int32(pairs.count + 1)
        guard next < podium_color_pairs(), init_extended_pair(next, key.foreground, key.background) == OK else {
            return 0
        }
        pairs[key] = next
        return next
    }
}
