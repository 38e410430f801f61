/// A piece of a line.
struct Segment: Sendable, Equatable {
    var text: String
    var role: CellStyle.Role
    /// Pieces of higher weight are left out first where there is no room.
    var weight: Int

    init(_ text: String, _ role: CellStyle.Role = .text, weight: Int = 0) {
        self.text = text
        self.role = role
        self.weight = weight
    }

    var columns: Int { TextWidth.columns(of: text) }

    /// Leaves pieces out, heaviest first and the rightmost of equals, until the rest fits.
    static func fit(_ segments: [Segment], into width: Int) -> [Segment] {
        var kept = segments
        while kept.reduce(0, { $0 + $1.columns }) > width {
            guard let heaviest = kept.map(\.weight).max(), heaviest > 0,
                let index = kept.lastIndex(where: { $0.weight == heaviest })
            else { break }
            kept.remove(at: index)
        }
        return kept
    }
}

extension CellGrid {
    /// Draws pieces one after the other; returns the column after the last.
    @discardableResult
    mutating func put(
        _ segments: [Segment], column: Int, line: Int, limit: Int? = nil, ground: CellStyle.Ground = .plain
    ) -> Int {
        var column = column
        for segment in segments {
            column = put(
                segment.text, column: column, line: line, limit: limit, style: CellStyle(segment.role, on: ground))
        }
        return column
    }

    /// Draws pieces at the left and at the right of one line; the right ones win where both do not fit, except over what
    /// has no weight at the left.
    mutating func put(
        left: [Segment], right: [Segment], frame: Frame, line: Int, ground: CellStyle.Ground = .plain
    ) {
        let least = left.reduce(0) { $1.weight == 0 ? $0 + $1.columns : $0 }
        let rightKept = Segment.fit(right, into: max(0, frame.width - least - 1))
        let rightWidth = rightKept.reduce(0) { $0 + $1.columns }
        let leftKept = Segment.fit(left, into: frame.width - rightWidth - (rightWidth > 0 ? 1 : 0))
        put(leftKept, column: frame.column, line: line, limit: frame.right - rightWidth, ground: ground)
        put(rightKept, column: frame.right - rightWidth, line: line, limit: frame.right, ground: ground)
    }

    /// A title line across a frame, or the top and bottom of a box round it.
    mutating func border(
        _ frame: Frame, isBoxed: Bool, isFocused: Bool, left: [Segment], right: [Segment] = [], bottom: [Segment] = [],
        ground: CellStyle.Ground = .plain
    ) {
        let style = CellStyle(isFocused ? .focusedBorder : .border, on: ground)
        fill(glyphs.horizontal, column: frame.column, line: frame.line, count: frame.width, style: style)
        if isBoxed {
            let last = frame.bottom - 1
            fill(glyphs.horizontal, column: frame.column, line: last, count: frame.width, style: style)
            for line in frame.line + 1..<max(frame.line + 1, last) {
                fill(glyphs.vertical, column: frame.column, line: line, count: 1, style: style)
                fill(glyphs.vertical, column: frame.right - 1, line: line, count: 1, style: style)
            }
            fill(glyphs.topLeft, column: frame.column, line: frame.line, count: 1, style: style)
            fill(glyphs.topRight, column: frame.right - 1, line: frame.line, count: 1, style: style)
            fill(glyphs.bottomLeft, column: frame.column, line: last, count: 1, style: style)
            fill(glyphs.bottomRight, column: frame.right - 1, line: last, count: 1, style: style)
            label(left: [], right: bottom, frame, line: last, isBoxed: true, isMarked: false, ground: ground)
        }
        label(
            left: left, right: right, frame, line: frame.line, isBoxed: isBoxed,
            isMarked: isFocused && ground == .plain, ground: ground)
    }

    private mutating func label(
        left: [Segment], right: [Segment], _ frame: Frame, line: Int, isBoxed: Bool, isMarked: Bool,
        ground: CellStyle.Ground
    ) {
        let edge = isBoxed ? 2 : 1
        let space = frame.width - 2 * edge
        guard space > 4 else { return }
        var rightEnd = frame.right - edge
        let rightKept = Segment.fit(right, into: space / 2)
        if !rightKept.isEmpty {
            let width = rightKept.reduce(2) { $0 + $1.columns }
            let start = max(frame.column + edge, rightEnd - width)
            let column = put(" ", column: start, line: line, style: CellStyle(.border, on: ground))
            let after = put(rightKept, column: column, line: line, limit: rightEnd, ground: ground)
            put(" ", column: after, line: line, limit: rightEnd, style: CellStyle(.border, on: ground))
            rightEnd = start
        }
        guard !left.isEmpty else { return }
        let start = frame.column + edge
        let kept = Segment.fit(left, into: rightEnd - start - 2)
        // The focus is told by a sign, too, not by colour alone.
        let mark = isMarked ? String(glyphs.cursor) : " "
        let column = put(mark, column: start, line: line, style: CellStyle(isMarked ? .accent : .border, on: ground))
        let after = put(kept, column: column, line: line, limit: rightEnd - 1, ground: ground)
        put(" ", column: after, line: line, limit: rightEnd, style: CellStyle(.border, on: ground))
    }
}
