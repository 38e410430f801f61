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
