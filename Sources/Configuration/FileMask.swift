internal import PodiumModel
internal import YAMLDocument

/// A configuration's text as it may be shown: no credential in it, in whatever layout it is written, and nothing that would
/// steer a terminal. Rather too much is hidden than too little.
///
/// A file that parses is judged by what it means: a value belongs to its key wherever its lines stand, and to every alias of
/// it. One that does not is judged line by line, by much stricter rules.
public enum FileMask {
    /// What stands in the place of a secret.
    public static let hidden = "••••"

    /// The file's lines as they may be shown.
    public static func lines(of bytes: [UInt8]) -> [String] {
        let lines = ranges(of: bytes)
        guard let document = try? YAMLDocument(bytes: bytes) else {
            var mask = BrokenFileMask()
            return lines.map { mask.shown(bytes[$0]) }
        }
        let judge = SecretJudge(document)
        var painter = LinePainter(bytes: bytes, verdicts: judge.verdicts, secrets: judge.secrets)
        return lines.map { painter.line($0) }
    }

    /// The texts that stand under keys that name a secret; shorter ones than `shortestKnown` are words of everyday use as well.
    public static func secrets(in bytes: [UInt8]) -> Set<String> {
        guard let document = try? YAMLDocument(bytes: bytes) else { return [] }
        return SecretJudge(document).secrets
    }

    /// A line without texts that are known to be secret, such as those of another version of the file.
    ///
    /// - Parameter secrets: the longest first, because it may hold a shorter one.
    public static func hiding(_ secrets: [String], in line: String) -> String {
        var shown = line
        for secret in secrets where shown.contains(secret) { shown = shown.replacing(secret, with: hidden) }
        return shown
    }

    fileprivate static let shortestKnown = 8

    private static func ranges(of bytes: [UInt8]) -> [Range<Int>] {
        bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { $0.startIndex..<$0.endIndex }
    }

    /// A carriage return becomes `␍`, an escape `␛`.
    static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control && $0 != "\t" }) else {
            return text
        }
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.properties.generalCategory != .control || scalar == "\t" {
                shown.append(scalar)
            } else {
                shown.append(scalar.value < 0x20 ? Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}" : "\u{FFFD}")
            }
        }
        return String(shown)
    }
}

/// Decides about each scalar of a document.
private struct SecretJudge {
    struct Verdict {
        var span: Range<Int>
        /// Nil: shown as it stands. Else the text in its place, on one line; an empty one hides all its lines.
        var shown: String?
    }

    private(set) var verdicts: [Verdict] = []
    private(set) var secrets: Set<String> = []
    private let bytes: [UInt8]
    /// Nodes that an alias under a secret's key refers to.
    private var shared: Set<Int> = []
    /// Nodes that any alias refers to.
    private var used: Set<Int> = []

    init(_ document: YAMLDocument) {
        bytes = document.bytes
        guard let root = document.root else { return }
        noteShared(root, isSecret: false)
        judge(root, isSecret: false)
    }

    private mutating func noteShared(_ node: YAMLNode, isSecret: Bool) {
        switch node.kind {
        case .alias:
            if let target = node.resolved { used.insert(target.position) }
            if isSecret, let target = node.resolved, shared.insert(target.position).inserted {
                noteShared(target, isSecret: true)
            }
        case .scalar: break
        case .sequence: for entry in node.entries { noteShared(entry, isSecret: isSecret) }
        case .mapping:
            for (key, value) in node.pairs { noteShared(value, isSecret: isSecret || Self.hides(key, in: node)) }
        }
    }

    /// Whether the key names a secret, or is the `value` beside such a `name`.
    private static func hides(_ key: YAMLNode, in mapping: YAMLNode) -> Bool {
        guard let text = key.resolved?.text else { return true }
        if SecretSigns.inKey(text) { return true }
        guard text.lowercased() == "value", let name = mapping["name"]?.resolved else { return false }
        return SecretSigns.inKey(name.text)
    }

    private mutating func judge(_ node: YAMLNode, isSecret: Bool) {
        let isSecret = isSecret || shared.contains(node.position)
        switch node.kind {
        case .alias: break
        case .scalar:
            // An anchor without its alias may be what is left of a credential's: the file can be cut off.
            let isLeft =
                node.anchor != nil && !used.contains(node.position) && node.text.count >= FileMask.shortestKnown
            verdicts.append(Verdict(span: node.span, shown: shown(node, isSecret: isSecret || isLeft)))
        case .sequence: for entry in node.entries { judge(entry, isSecret: isSecret) }
        case .mapping:
            for (key, value) in node.pairs {
                // Of what stands in a secret's place, names are as little to be trusted as values.
                judge(key, isSecret: isSecret)
                judge(value, isSecret: isSecret || Self.hides(key, in: node))
            }
        }
    }

    private mutating func shown(_ node: YAMLNode, isSecret: Bool) -> String? {
        guard !node.span.isEmpty else { return nil }
        let text = node.text
        if isSecret {
            if SecretSigns.isReference(text) || text.isEmpty || node.scalar == .null { return nil }
            if text.count >= FileMask.shortestKnown { secrets.insert(text) }
            return ""
        }
        // Too short for a key, and no user of a URL.
        if node.span.count < 8, !text.contains("@") { return nil }
        let raw = String(decoding: bytes[node.span], as: UTF8.self)
        let masked = SecretSigns.hidingWithURLs(in: text, behind: FileMask.hidden)
        // What is folded over several lines may be one word when it is read.
        func joined() -> String { text.filter { !$0.isWhitespace } }
        let isOnOneLine = !raw.contains("\n")
        let isHarmless =
            masked == text
            && (isOnOneLine || SecretSigns.hidingWithURLs(in: joined(), behind: FileMask.hidden) == joined())
        if isHarmless { return nil }
        guard isOnOneLine, let place = raw.firstRange(of: text) else { return "" }
        return FileMask.printable(Array(raw[..<place.lowerBound].utf8)[...]) + masked + raw[place.upperBound...]
    }
}

/// Puts verdicts and what stands between the scalars together, line by line.
private struct LinePainter {
    let bytes: [UInt8]
    let verdicts: [SecretJudge.Verdict]
    let secrets: Set<String>
    private var next = 0
    private var comments = CommentMask()

    init(bytes: [UInt8], verdicts: [SecretJudge.Verdict], secrets: Set<String>) {
        self.bytes = bytes
        self.verdicts = verdicts
        // In a file of very many keys, comments are judged by their looks alone.
        self.secrets = secrets.count > 500 ? [] : secrets
    }

    mutating func line(_ line: Range<Int>) -> String {
        var shown = ""
        var position = line.lowerBound
        while next < verdicts.count, verdicts[next].span.lowerBound < line.upperBound {
            let verdict = verdicts[next]
            let start = max(verdict.span.lowerBound, line.lowerBound)
            let end = min(verdict.span.upperBound, line.upperBound)
            if position < start { shown += between(position..<start) }
            if start < end || verdict.span.isEmpty { shown += part(verdict, start..<max(start, end), line) }
            position = max(position, end)
            guard verdict.span.upperBound <= line.upperBound else { return shown }
            next += 1
        }
        if position < line.upperBound { shown += between(position..<line.upperBound) }
        return shown
    }

    private func part(_ verdict: SecretJudge.Verdict, _ range: Range<Int>, _ line: Range<Int>) -> String {
        guard let text = verdict.shown else { return FileMask.printable(bytes[range]) }
        if !text.isEmpty { return FileMask.printable(Array(text.utf8)[...]) }
        // Of the lines that follow the first, the indent stays.
        let blanks = range.lowerBound == line.lowerBound ? Array(bytes[range].prefix { $0 == 0x20 }) : []
        guard blanks.count < range.count else { return FileMask.printable(bytes[range]) }
        let isCarriageReturn = blanks.count + 1 == range.count && bytes[range.upperBound - 1] == 0x0D
        return FileMask.printable(blanks[...]) + (isCarriageReturn ? "" : FileMask.hidden)
    }

    /// Signs, anchors and comments.
    private mutating func between(_ range: Range<Int>) -> String {
        let part = bytes[range]
        guard let hash = part.firstIndex(of: UInt8(ascii: "#")) else {
            return SecretSigns.hiding(in: FileMask.printable(part), behind: FileMask.hidden)
        }
        let head = SecretSigns.hiding(in: FileMask.printable(part[..<hash]), behind: FileMask.hidden)
        return head + withoutPieces(comments.shown(FileMask.printable(part[hash...]), column: hash))
    }

    /// Hides words of a comment that are a credential of the file, or a part of one that is long enough to recognise it by.
    private func withoutPieces(_ comment: String) -> String {
        guard !secrets.isEmpty else { return comment }
        return comment.split(separator: " ", omittingEmptySubsequences: false).map { word in
            let isPiece = word.count >= FileMask.shortestKnown && secrets.contains { $0.contains(word) }
            return isPiece ? FileMask.hidden : String(word)
        }.joined(separator: " ")
    }
}

/// Comments hold credentials as well: entries that are commented out, and the old key kept for a while.
private struct CommentMask {
    /// How far the key of a secret is indented within its comment: deeper lines below it are its value.
    private var indent: Int?

    mutating func shown(_ comment: String, column: Int) -> String {
        let marks = comment.prefix { $0 == "#" }
        let body = comment[marks.endIndex...]
        let depth = body.prefix { $0 == " " }.count
        let isItem = body.dropFirst(depth).first == "-"
        if let indent, depth > indent || (depth == indent && isItem), depth < body.count {
            return marks + body.prefix(depth) + FileMask.hidden
        }
        indent = nil
        var search = body.startIndex
        while let sign = body[search...].firstIndex(where: { $0 == ":" || $0 == "=" }) {
            let name = body[..<sign].reversed().drop { " \"'".contains($0) }.prefix {
                $0.isLetter || $0.isNumber || "_-.".contains($0)
            }
            search = body.index(after: sign)
            guard SecretSigns.inKey(String(String(name).reversed())) else { continue }
            let value = body[search...].drop { $0 == " " }
            indent = depth
            if value.isEmpty || SecretSigns.isReference(value.filter { !"\"' ".contains($0) }) { break }
            let head = SecretSigns.hidingWithURLs(in: String(body[..<search]), behind: FileMask.hidden)
            return marks + head + " " + FileMask.hidden
        }
        return marks + SecretSigns.hidingWithURLs(in: String(body), behind: FileMask.hidden)
    }
}

/// Hides credentials in the lines of a file that does not parse. What belongs where cannot be known, so a line is shown only
/// where it is a key of its own with a value that ends on it.
private struct BrokenFileMask {
    /// The column of the last key that names a credential: what is deeper belongs to it.
    private var secretColumn: Int?
    /// The quote that a value above has not closed.
    private var quote: Character?
    /// Brackets that a credential above has not closed.
    private var depth = 0
    private var comments = CommentMask()

    mutating func shown(_ line: ArraySlice<UInt8>) -> String {
        let text = FileMask.printable(line)
        let indent = text.prefix { $0 == " " }
        let body = text[indent.endIndex...]
        let concealed = String(indent) + FileMask.hidden
        guard body.contains(where: { !" \t␍".contains($0) }) else { return text }
        if quote != nil || depth > 0 {
            scan(body, tracksBrackets: true)
            return concealed
        }
        if body.first == "#" { return indent + comments.shown(String(body), column: indent.count) }
        if body.allSatisfy({ "-[]{},. ␍".contains($0) }) { return text }
        guard let pair = Pair(body) else {
            scan(body, tracksBrackets: true)
            return hiddenItem(indent, body)
        }
        let column = indent.count + pair.lead.count
        if let secretColumn, column > secretColumn {
            scan(pair.value, tracksBrackets: true)
            return concealed
        }
        // What an anchor names may be a credential elsewhere.
        let isAnchored = pair.value.first == "&" && pair.value.contains(" ")
        let isSecret = SecretSigns.inKey(pair.key) || isAnchored
        secretColumn = isSecret ? column : nil
        let head = indent + pair.lead + pair.written
        let value = pair.value.prefix { $0 != "␍" }
        let isBlank = value.isEmpty || value.first == "#"
        if !isSecret, value.first == "{" || value.first == "[" {
            if value.dropFirst().allSatisfy({ $0 == " " }) { return text }
            if let flow = FlowMask.masked(text, behind: FileMask.hidden) { return flow }
            scan(pair.value, tracksBrackets: true)
            return head + " " + FileMask.hidden
        }
        scan(pair.value, tracksBrackets: isSecret)
        if isBlank { return text }
        if isSecret {
            let bare = value.prefix { $0 != "#" }.filter { !"\"' ,".contains($0) }
            return SecretSigns.isReference(bare) ? text : head + " " + FileMask.hidden
        }
        if quote != nil { return head + " " + FileMask.hidden }
        return head + pair.blanks + SecretSigns.hidingWithURLs(in: String(pair.value), behind: FileMask.hidden)
    }

    private func hiddenItem(_ indent: Substring, _ body: Substring) -> String {
        let dashes = body.prefix { $0 == "-" || $0 == " " }
        let item = body[dashes.endIndex...].filter { !"\"' ,␍".contains($0) }
        return String(indent) + (SecretSigns.isReference(item) ? String(body) : String(dashes) + FileMask.hidden)
    }

    /// Follows quotes, and brackets where what they hold is not to be shown.
    private mutating func scan(_ text: Substring, tracksBrackets: Bool) {
        var index = text.startIndex
        var previous: Character = " "
        while index < text.endIndex {
            let character = text[index]
            if let open = quote {
                if open == "\"", character == "\\" {
                    index = text.index(after: index)
                    if index == text.endIndex { return }
                } else if character == open {
                    quote = nil
                }
            } else if character == "\"" || character == "'", " ,[{:".contains(previous) {
                quote = character
            } else if character == "#", previous == " " {
                return
            } else if "[{".contains(character), tracksBrackets, depth > 0 || " ,[{:".contains(previous) {
                depth += 1
            } else if "]}".contains(character), depth > 0 {
                depth -= 1
            }
            previous = character
            index = text.index(after: index)
        }
    }

    /// `- key: value`
    private struct Pair {
        var lead: Substring
        /// With quotes and colon.
        var written: Substring
        var key: Substring
        var blanks: Substring
        var value: Substring

        init?(_ body: Substring) {
            lead = body.prefix { $0 == "-" || $0 == " " }
            let rest = body[lead.endIndex...]
            let name: Substring
            if let quote = rest.first, quote == "\"" || quote == "'" {
                name = rest.dropFirst().prefix { $0 != quote && $0 != "\\" }
                key = name
                guard rest[name.endIndex...].first == quote else { return nil }
                written = rest[..<rest.index(after: name.endIndex)]
            } else {
                name = rest.prefix { $0.isLetter || $0.isNumber || "_-.".contains($0) }
                key = name
                written = rest[..<name.endIndex]
            }
            let gap = rest[written.endIndex...].prefix { $0 == " " }
            guard !key.isEmpty, rest[gap.endIndex...].first == ":" else { return nil }
            written = rest[...gap.endIndex]
            let behind = rest[written.endIndex...]
            guard behind.first.map({ " ␍\"'[{".contains($0) }) ?? true else { return nil }
            blanks = behind.prefix { $0 == " " }
            value = behind[blanks.endIndex...]
        }
    }
}

/// Hides single values of mappings that begin and end in one line: `{Cookie: ••••, x-org: blue}`.
///
/// A plain value ends at the comma or the brace there, a quoted one at its quote. A line that is not understood is no mapping of
/// one line: `BrokenFileMask` hides it as a whole.
private struct FlowMask {
    private let text: [Character]
    private let mask: String
    private var index = 0
    private var shown = ""
    private var hasMapping = false

    /// nil where the line holds no whole mapping.
    static func masked(_ line: String, behind mask: String) -> String? {
        guard line.contains("{") else { return nil }
        var scan = FlowMask(text: Array(line), mask: mask)
        guard scan.run(), scan.hasMapping else { return nil }
        return scan.shown
    }

    private init(text: [Character], mask: String) {
        self.text = text
        self.mask = mask
    }

    /// What stands before a mapping, and the mapping; what follows may only be a comment.
    private mutating func run() -> Bool {
        let start = text.firstIndex(of: "{") ?? 0
        let head = String(text[..<start])
        // A brace in a text or a comment begins nothing, and `token: {` belongs to a credential as a whole.
        let before = head.filter { $0 != " " }
        guard before.allSatisfy({ $0 != "\"" && $0 != "'" && $0 != "#" && $0 != "[" }),
            before.isEmpty || before.last == ":" || before.last == "-"
        else { return false }
        let keys = head.split(separator: ":").map { $0.drop { $0 == " " || $0 == "-" } }
        guard !keys.contains(where: { SecretSigns.inKey($0) }) else { return false }
        shown = head
        index = start
        hasMapping = true
        guard mapping() else { return false }
        let tail = String(text[index...])
        let rest = tail.drop { $0 == " " }
        guard rest.isEmpty || rest.first == "#" else { return false }
        shown += SecretSigns.hiding(in: tail, behind: mask)
        return true
    }

    private var next: Character? { index < text.count ? text[index] : nil }

    private mutating func take() {
        guard let next else { return }
        shown.append(next)
        index += 1
    }

    private mutating func mapping() -> Bool { members(until: "}") { $0.entry() } }

    private mutating func members(until end: Character, _ member: (inout FlowMask) -> Bool) -> Bool {
        take()
        while let character = next {
            switch character {
            case end:
                take()
                return true
            case ",", " ": take()
            default: if !member(&self) { return false }
            }
        }
        return false
    }

    private mutating func entry() -> Bool {
        guard let key = scalar(until: [":", ",", "}"]) else { return false }
        shown += key
        guard next == ":" else { return next != nil }
        take()
        while next == " " { take() }
        let isSecret = SecretSigns.inKey(key)
        switch next {
        case "{" where !isSecret: return mapping()
        case "[" where !isSecret: return sequence()
        case "{", "[", nil: return false
        default: break
        }
        guard let value = scalar(until: [",", "}"]) else { return false }
        let bare = value.filter { $0 != "\"" && $0 != "'" }
        if bare.wholeMatch(of: /\s*(\$\{[A-Za-z_][A-Za-z0-9_]*\})?\s*/) != nil {
            shown += value
        } else {
            shown += isSecret ? mask : SecretSigns.hiding(in: value, behind: mask)
        }
        return true
    }

    /// Of texts alone, such as tags.
    private mutating func sequence() -> Bool {
        members(until: "]") { scan in
            guard let item = scan.scalar(until: [",", "]"]) else { return false }
            scan.shown += SecretSigns.hiding(in: item, behind: scan.mask)
            return true
        }
    }

    /// A quoted or a plain text up to one of the characters; nil where a quote does not end, or more follows it.
    private mutating func scalar(until ends: Set<Character>) -> String? {
        var taken = ""
        guard let quote = next, quote == "\"" || quote == "'" else {
            while let character = next, !ends.contains(character) || character == ":" && !endsKey {
                // In a plain text these begin something else.
                if "{}[]#".contains(character) { return nil }
                taken.append(character)
                index += 1
            }
            return next == nil ? nil : taken
        }
        repeat {
            guard let character = next else { return nil }
            taken.append(character)
            index += 1
            if character == "\\", quote == "\"", let escaped = next {
                taken.append(escaped)
                index += 1
            } else if character == quote, taken.count > 1 {
                break
            }
        } while true
        while next == " " {
            taken.append(" ")
            index += 1
        }
        guard let next, ends.contains(next) else { return nil }
        return taken
    }

    /// A colon parts key and value only before a blank.
    private var endsKey: Bool {
        index + 1 >= text.count || [" ", ",", "}"].contains(text[index + 1])
    }
}
