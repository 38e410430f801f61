// The screen as a value, and what is put on it. Every panel draws into one `CellGrid`; the terminal draws the difference of two of them,
// and tests compare them with pictures as text. So no part of the console has to know a terminal.

/// One column of one line.
public struct Cell: Sendable, Equatable {
    /// The character drawn here, with its marks; nil in the right half of a wide one.
    public var text: Character?
    /// How it is drawn.
    public var style: CellStyle

    /// An empty column.
    public static let blank = Cell(text: " ", style: CellStyle())
}

/// What a cell means, which the theme turns into colours and attributes.
public struct CellStyle: Sendable, Hashable {
    /// The meaning of the text.
    public var role = Role.text
    /// What it stands on.
    public var ground = Ground.plain

    init(_ role: Role = .text, on ground: Ground = .plain) {
        self.role = role
        self.ground = ground
    }

    /// The meaning of a text.
    public enum Role: UInt8, Sendable, CaseIterable {
        case text, strong, faint, title, border, focusedBorder, good, warning, bad, accent, key, graph, input
    }

    /// What a text stands on.
    public enum Ground: UInt8, Sendable, CaseIterable {
        case plain, selected, bar, overlay, button, focusedButton
    }
}

/// A whole screen as a value.
public struct CellGrid: Sendable, Equatable {
    /// Columns.
    public let width: Int
    /// Lines.
    public let height: Int
    /// Line by line.
    public private(set) var cells: [Cell]
    /// Where the terminal's own cursor stands.
    public var cursor: Cursor?
    let glyphs: Glyphs

    /// The terminal's own cursor.
    public struct Cursor: Sendable, Equatable {
        /// Counted from 0 at the left.
        public var column: Int
        /// Counted from 0 at the top.
        public var line: Int
        /// Shown while text is typed.
        public var isVisible: Bool
    }

    init(width: Int, height: Int, glyphs: Glyphs) {
        self.width = max(0, width)
        self.height = max(0, height)
        self.glyphs = glyphs
        cells = Array(repeating: .blank, count: self.width * self.height)
    }

    /// The cell at a place that is inside the grid.
    public subscript(column: Int, line: Int) -> Cell {
        cells[line * width + column]
    }

    /// Writes cleaned text from `column` on, at most to `limit` (exclusive) and the right edge. A wide character that
    /// would stick out becomes a blank. Returns the column after the text.
    @discardableResult
    mutating func put(_ text: String, column: Int, line: Int, limit: Int? = nil, style: CellStyle = CellStyle()) -> Int
    {
        var column = column
        let end = min(limit ?? width, width)
        guard line >= 0, line < height, column >= 0 else { return column }
        for scalar in text.unicodeScalars {
            let columns = TextWidth.columns(of: scalar)
            if columns == 0 {
                mark(scalar, column: column, line: line)
                continue
            }
            guard column < end else { break }
            if column + columns > end {
                set(Cell(text: " ", style: style), column, line)
                column += 1
                break
            }
            set(Cell(text: Character(glyphs.twin(of: scalar)), style: style), column, line)
            if columns == 2 {
                set(Cell(text: glyphs.isASCII ? "?" : nil, style: style), column + 1, line)
            }
            column += columns
        }
        return column
    }

    /// Repeats a character.
    mutating func fill(_ character: Character, column: Int, line: Int, count: Int, style: CellStyle = CellStyle()) {
        guard line >= 0, line < height, count > 0 else { return }
        for position in max(0, column)..<max(max(0, column), min(width, column + count)) {
            set(Cell(text: character, style: style), position, line)
        }
    }

    /// Blanks a rectangle.
    mutating func clear(_ frame: Frame, ground: CellStyle.Ground = .plain) {
        for line in frame.lines {
            fill(" ", column: frame.column, line: line, count: frame.width, style: CellStyle(.text, on: ground))
        }
    }

    /// Puts what is already drawn on another ground.
    mutating func setGround(_ ground: CellStyle.Ground, column: Int, line: Int, count: Int) {
        guard line >= 0, line < height else { return }
        for position in max(0, column)..<max(max(0, column), min(width, column + count)) {
            cells[line * width + position].style.ground = ground
        }
    }

    /// Draws everything from that line on as faint, whatever it was.
    mutating func fade(from line: Int) {
        for index in cells.indices.dropFirst(line * width) { cells[index].style.role = .faint }
    }

    private mutating func set(_ cell: Cell, _ column: Int, _ line: Int) {
        let index = line * width + column
        // Half a wide character must never stay behind.
        if cells[index].text == nil, cell.text != nil, column > 0 { cells[index - 1].text = " " }
        if column + 1 < width, cells[index + 1].text == nil { cells[index + 1].text = " " }
        cells[index] = cell
    }

    private mutating func mark(_ scalar: Unicode.Scalar, column: Int, line: Int) {
        guard !glyphs.isASCII, column > 0, column <= width else { return }
        var index = line * width + column - 1
        if cells[index].text == nil, column > 1 { index -= 1 }
        guard let base = cells[index].text else { return }
        var scalars = String.UnicodeScalarView(base.unicodeScalars)
        scalars.append(scalar)
        let joined = String(scalars)
        if joined.count == 1, let character = joined.first { cells[index].text = character }
    }

    /// The columns this grid gives a scalar.
    public static func columns(of scalar: Unicode.Scalar) -> Int { TextWidth.columns(of: scalar) }

    /// The text of one line, without the right halves of wide characters.
    public func text(line: Int) -> String {
        var text = ""
        for column in 0..<width {
            if let character = self[column, line].text { text.append(character) }
        }
        return text
    }

    /// The whole screen as text.
    public var text: String {
        (0..<height).map { text(line: $0) }.joined(separator: "\n")
    }
}

/// A rectangle of the screen.
struct Frame: Sendable, Equatable {
    var column: Int
    var line: Int
    var width: Int
    var height: Int

    var lines: Range<Int> { line..<(line + max(0, height)) }
    /// Without a border of one.
    var inner: Frame { Frame(column: column + 1, line: line + 1, width: max(0, width - 2), height: max(0, height - 2)) }
    var right: Int { column + width }
    var bottom: Int { line + height }

    func contains(column: Int, line: Int) -> Bool {
        column >= self.column && column < right && line >= self.line && line < bottom
    }
}

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

/// Text cut and padded to columns.
enum TextField {
    enum Side { case left, right }

    /// Exactly `width` columns of cleaned text; cut text ends in an ellipsis.
    static func fit(_ text: String, _ width: Int, align: Side = .left, glyphs: Glyphs) -> String {
        guard width > 0 else { return "" }
        let columns = TextWidth.columns(of: text)
        if columns <= width {
            let padding = String(repeating: " ", count: width - columns)
            return align == .left ? text + padding : padding + text
        }
        var result = String.UnicodeScalarView()
        var used = 0
        for scalar in text.unicodeScalars {
            let next = TextWidth.columns(of: scalar)
            if used + next > width - 1 { break }
            result.append(scalar)
            used += next
        }
        return String(result) + String(glyphs.ellipsis) + String(repeating: " ", count: width - 1 - used)
    }

    /// At most `width` columns.
    static func cut(_ text: String, _ width: Int, glyphs: Glyphs) -> String {
        TextWidth.columns(of: text) <= width ? text : fit(text, width, glyphs: glyphs)
    }
}
