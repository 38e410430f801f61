/// What saving a document would do to the file, as `…/preview` answers it.
public struct FilePreview: Codable, Sendable, Equatable {
    /// One line of the difference.
    public struct Line: Codable, Sendable, Equatable {
        /// What becomes of a line.
        public enum Kind: String, Codable, Sendable, CaseIterable {
            case kept, removed, added
        }

        /// What becomes of it.
        public var kind: Kind
        /// 1-based; in the new file for added lines, else in the present one.
        public var number: Int
        /// Secrets masked.
        public var text: String

        public init(kind: Kind, number: Int, text: String) {
            self.kind = kind
            self.number = number
            self.text = text
        }
    }

    /// Changed lines with up to three unchanged ones around them; none where nothing would change.
    public var lines: [Line]

    /// From its lines.
    public init(lines: [Line]) {
        self.lines = lines
    }
}

/// The body of `POST …/move`.
public struct MoveRequest: Codable, Sendable, Equatable {
    /// 1 is tried first.
    public var rank: Int

    /// To that rank.
    public init(rank: Int) {
        self.rank = rank
    }
}

/// The body of `PUT /admin/api/config/auto-sort`.
public struct AutoSortRequest: Codable, Sendable, Equatable {
    /// Whether the ranking sorts itself.
    public var enabled: Bool

    /// On or off.
    public init(enabled: Bool) {
        self.enabled = enabled
    }
}
