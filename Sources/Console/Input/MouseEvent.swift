/// What the mouse did on a cell.
public struct MouseEvent: Sendable, Equatable {
    /// What was done.
    public var kind: Kind
    /// Counted from 0 at the left.
    public var column: Int
    /// Counted from 0 at the top.
    public var line: Int

    /// An event at a place.
    public init(_ kind: Kind, column: Int, line: Int) {
        self.kind = kind
        self.column = column
        self.line = line
    }

    /// The left button or the wheel.
    public enum Kind: Sendable, Equatable {
        case press, release, wheelUp, wheelDown
    }
}
