internal import PureSupport

/// What an error's text has to contain: words with `|` between alternatives, `.*` for anything, `.` for one character, `^` and
/// `$` at the beginning and the end of an alternative, and `\` before a sign that is meant as it stands. Case does not matter for
/// the letters of ASCII.
///
/// A small part of regular expressions, on purpose: an endpoint writes the text, and what is understood here takes a time that
/// grows with its length alone, whatever it says. `(`, `[`, `{`, `?`, `+` and `*` are refused, so that no pattern means something
/// else than its author knows from elsewhere.
public struct TextPattern: Sendable, Equatable {
    /// What is wrong with a pattern.
    public struct Problem: Error, Equatable {
        /// How many characters stand before the place.
        public var offset: Int
        /// One sentence without a full stop.
        public var message: String
        public var fix: String
    }

    fileprivate enum Element: Sendable, Equatable {
        case byte(UInt8)
        case anyCharacter
    }

    fileprivate struct Alternative: Sendable, Equatable {
        var beginsText = false
        var endsText = false
        /// What has to follow each other, with anything between.
        var parts: [[Element]] = [[]]

        var isEmpty: Bool { parts.allSatisfy(\.isEmpty) }
    }

    /// A pattern has at most so many bytes.
    public static let limit = 1_000
    private static let foreign = "*+?()[]{}"

    /// As written.
    public let source: String
    private let alternatives: [Alternative]

    /// - Throws: where the pattern says what is not understood, or would match every text.
    public init(_ source: String) throws(Problem) {
        try self.init(source: source, alternatives: Self.parse(source))
    }

    private init(source: String, alternatives: [Alternative]) {
        self.source = source
        self.alternatives = alternatives
    }

    private static func parse(_ source: String) throws(Problem) -> [Alternative] {
        guard source.utf8.count <= Self.limit else {
            throw Problem(
                offset: 0, message: "the pattern is longer than \(Self.limit) bytes", fix: "make several rules of it")
        }
        var alternatives: [Alternative] = []
        var current = Alternative()
        let scalars = Array(source.unicodeScalars)
        var place = 0
        var isAtBeginning = true
        func finish() throws(Problem) {
            guard !current.isEmpty else {
                throw Problem(
                    offset: place, message: "an alternative of the pattern has no words, so that every text matches",
                    fix: "remove the |, or the whole key to match every text")
            }
            alternatives.append(current)
            current = Alternative()
        }
        while place < scalars.count {
            let scalar = scalars[place]
            let next = place + 1 < scalars.count ? scalars[place + 1] : nil
            let isFirst = isAtBeginning
            isAtBeginning = scalar == "|"
            switch scalar {
            case "|": try finish()
            case "^":
                guard isFirst else { throw Self.misplaced("^", "beginning", at: place) }
                current.beginsText = true
            case "$":
                guard next == nil || next == "|" else { throw Self.misplaced("$", "end", at: place) }
                current.endsText = true
            case "." where next == "*":
                current.parts.append([])
                place += 1
            case ".": current.append(.anyCharacter)
            case "\\":
                guard let next, next.isASCII, !next.properties.isAlphabetic, !("0"..."9").contains(next) else {
                    throw Problem(
                        offset: place, message: "\\\(next.map(String.init) ?? "") is not known in a pattern",
                        fix: "write \\ only before a sign that is meant as it stands")
                }
                current.append(next)
                place += 1
            case _ where Self.foreign.unicodeScalars.contains(scalar):
                throw Problem(
                    offset: place, message: "\(scalar) means nothing in a pattern of Podium",
                    fix: "use | .* . ^ and $ only, and write \\\(scalar) for the sign itself")
            default: current.append(scalar)
            }
            place += 1
        }
        try finish()
        return alternatives
    }

    /// For the patterns that are built in: one that is wrong matches nothing, and a test finds it.
    init(builtIn source: String) {
        do throws(Problem) {
            self.init(source: source, alternatives: try Self.parse(source))
        } catch {
            self.init(source: source, alternatives: [])
        }
    }

    var isUsable: Bool { !alternatives.isEmpty }

    private static func misplaced(_ sign: String, _ end: String, at place: Int) -> Problem {
        Problem(
            offset: place, message: "\(sign) stands only at the \(end) of an alternative",
            fix: "write \\\(sign) for the sign itself")
    }

    /// - Parameter text: with the capitals of ASCII made small (`lowered`)
    func matches(_ text: [UInt8]) -> Bool {
        alternatives.contains { Self.matches($0, text) }
    }

    /// ASCII capitals as small letters, at most as much as is looked at.
    static func lowered(_ text: some Sequence<UInt8>) -> [UInt8] {
        text.prefix(Finding.textLimit).map(ASCII.lowercased)
    }

    /// Parts are looked for from left to right, each as early as possible: if there is a way at all, that is one.
    private static func matches(_ alternative: Alternative, _ text: [UInt8]) -> Bool {
        var place = 0
        for (index, part) in alternative.parts.enumerated() {
            let isFixed = index == 0 && alternative.beginsText
            let isLast = index == alternative.parts.count - 1 && alternative.endsText
            if part.isEmpty { continue }
            var found: Int?
            for start in place...max(place, text.count) {
                if let end = end(of: part, in: text, at: start), !isLast || end == text.count {
                    found = end
                    break
                }
                if isFixed { break }
            }
            guard let found else { return false }
            place = found
        }
        return true
    }

    private static func end(of part: [Element], in text: [UInt8], at start: Int) -> Int? {
        var place = start
        for element in part {
            guard place < text.count else { return nil }
            switch element {
            case .byte(let byte):
                guard text[place] == byte else { return nil }
                place += 1
            case .anyCharacter:
                place += 1
                while place < text.count, text[place] & 0xC0 == 0x80 { place += 1 }
            }
        }
        return place
    }
}

extension TextPattern.Alternative {
    fileprivate mutating func append(_ element: TextPattern.Element) {
        parts[parts.count - 1].append(element)
    }

    fileprivate mutating func append(_ scalar: Unicode.Scalar) {
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
            append(.byte(ASCII.lowercased(byte)))
        }
    }
}
