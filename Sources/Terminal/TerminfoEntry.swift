import Console
import Support

// What the system's database says of the terminal that `TERM` names, and what follows from it for the colours. ncurses reads the
// database itself, but sends 24-bit colours only where the description says so, which few descriptions do. So Podium
// reads the description before, and `CursesScreen` hands ncurses a copy with direct colours where the terminal draws them.

/// A compiled description of a terminal, as term(5) lays it out.
struct TerminfoEntry: Equatable {
    /// Name, aliases and a long name, with bars between.
    var names: [UInt8]
    /// By their index in `<term.h>`, as are numbers and strings. Lists may end before an index; what is behind is absent.
    var booleans: [UInt8]
    /// Negative is absent or cancelled.
    var numbers: [Int32]
    /// nil is absent or cancelled.
    var strings: [[UInt8]?]
    /// Capabilities that are known by their name alone.
    var extended = Extended()

    struct Extended: Equatable {
        var booleans: [Named<UInt8>] = []
        var numbers: [Named<Int32>] = []
        var strings: [Named<[UInt8]?>] = []

        var isEmpty: Bool { booleans.isEmpty && numbers.isEmpty && strings.isEmpty }
    }

    struct Named<Value: Equatable>: Equatable {
        var name: [UInt8]
        var value: Value
    }

    /// 16-bit numbers.
    static let legacyMagic = 0o432
    /// 32-bit numbers, which ncurses reads since 6.1.
    static let wideMagic = 0o1036
    /// What ncurses reads of a description.
    static let largestSize = 32_768

    func string(_ index: Int) -> [UInt8]? {
        strings.indices.contains(index) ? strings[index] : nil
    }

    /// Whether a capability goes by that name, of whatever type.
    func hasExtended(_ name: String) -> Bool {
        let name = Array(name.utf8)
        return extended.booleans.contains { $0.name == name && $0.value == 1 }
            || extended.numbers.contains { $0.name == name && $0.value >= 0 }
            || extended.strings.contains { $0.name == name && $0.value != nil }
    }

    private mutating func setNumber(_ index: Int, to value: Int32) {
        while numbers.count <= index { numbers.append(-1) }
        numbers[index] = value
    }

    mutating func setString(_ index: Int, to value: [UInt8]?) {
        while strings.count <= index { strings.append(nil) }
        strings[index] = value
    }
}

extension TerminfoEntry {
    /// Reads a file of the terminfo database; nil if it is none, or damaged.
    init?(_ bytes: [UInt8]) {
        do throws(Malformed) {
            try self.init(decoding: bytes)
        } catch {
            return nil
        }
    }

    fileprivate struct Malformed: Error {}

    private init(decoding bytes: [UInt8]) throws(Malformed) {
        guard bytes.count <= Self.largestSize else { throw Malformed() }
        var reader = Reader(bytes)
        let width: Int
        switch try reader.count() {
        case Self.legacyMagic: width = 2
        case Self.wideMagic: width = 4
        default: throw Malformed()
        }
        let counts = try reader.counts(5)
        let names = try reader.take(counts[0])
        guard names.last == 0 else { throw Malformed() }
        self.names = Array(names.dropLast())
        booleans = Array(try reader.take(counts[1]))
        reader.align()
        numbers = try reader.integers(counts[2], width: width)
        let offsets = try reader.integers(counts[3], width: 2)
        let table = try reader.take(counts[4])
        strings = []
        for offset in offsets { strings.append(try Self.text(offset, in: table)) }
        reader.align()
        if !reader.isAtEnd { extended = try Extended(&reader, width: width) }
    }

    /// nil for the negative offsets of what is absent or cancelled.
    fileprivate static func text(_ offset: Int32, in table: ArraySlice<UInt8>) throws(Malformed) -> [UInt8]? {
        guard offset >= 0 else { return nil }
        let text = table.dropFirst(Int(offset))
        guard let end = text.firstIndex(of: 0) else { throw Malformed() }
        return Array(text[..<end])
    }

    /// Each read throws where the bytes end.
    fileprivate struct Reader {
        private let bytes: [UInt8]
        private var position = 0

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
        }

        var isAtEnd: Bool { position >= bytes.count }

        /// Numbers begin at even offsets.
        mutating func align() {
            position += position % 2
        }

        mutating func take(_ count: Int) throws(Malformed) -> ArraySlice<UInt8> {
            guard count >= 0, position <= bytes.count, count <= bytes.count - position else { throw Malformed() }
            defer { position += count }
            return bytes[position..<position + count]
        }

        mutating func integers(_ count: Int, width: Int) throws(Malformed) -> [Int32] {
            guard count <= bytes.count else { throw Malformed() }
            var values: [Int32] = []
            for _ in 0..<count {
                let word = try take(width).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                values.append(width == 2 ? Int32(Int16(truncatingIfNeeded: word)) : Int32(bitPattern: word))
            }
            return values
        }

        mutating func count() throws(Malformed) -> Int {
            guard let value = try integers(1, width: 2).first, value >= 0 else { throw Malformed() }
            return Int(value)
        }

        mutating func counts(_ count: Int) throws(Malformed) -> [Int] {
            var values: [Int] = []
            for _ in 0..<count { values.append(try self.count()) }
            return values
        }
    }
}

extension TerminfoEntry.Extended {
    /// Values first, then the names of them all, in one table.
    fileprivate init(_ reader: inout TerminfoEntry.Reader, width: Int) throws(TerminfoEntry.Malformed) {
        let counts = try reader.counts(5)
        let flags = Array(try reader.take(counts[0]))
        reader.align()
        let values = try reader.integers(counts[1], width: width)
        let offsets = try reader.integers(counts[2], width: 2)
        let nameOffsets = try reader.integers(counts[0] + counts[1] + counts[2], width: 2)
        let table = try reader.take(counts[4])
        var texts: [[UInt8]?] = []
        for offset in offsets { texts.append(try TerminfoEntry.text(offset, in: table)) }
        let size = texts.reduce(0) { $0 + ($1.map { $0.count + 1 } ?? 0) }
        var names: [[UInt8]] = []
        for offset in nameOffsets {
            guard let name = try TerminfoEntry.text(offset, in: table.dropFirst(size)) else {
                throw TerminfoEntry.Malformed()
            }
            names.append(name)
        }
        booleans = zip(names, flags).map { .init(name: $0, value: $1) }
        numbers = zip(names.dropFirst(flags.count), values).map { .init(name: $0, value: $1) }
        strings = zip(names.dropFirst(flags.count + values.count), texts).map { .init(name: $0, value: $1) }
    }
}

extension TerminfoEntry {
    /// The file's bytes, with 32-bit numbers; nil where they are more than ncurses reads.
    func encoded() -> [UInt8]? {
        let table = StringTable(strings)
        var writer = Writer()
        writer.shorts([
            Self.wideMagic, names.count + 1, booleans.count, numbers.count, strings.count, table.bytes.count,
        ])
        writer.bytes += names + [0] + booleans
        writer.align()
        writer.words(numbers)
        writer.shorts(table.offsets)
        writer.bytes += table.bytes
        if !extended.isEmpty {
            writer.align()
            extended.encode(into: &writer)
        }
        return writer.bytes.count <= Self.largestSize ? writer.bytes : nil
    }

    fileprivate struct StringTable {
        /// -1 for what is absent.
        var offsets: [Int] = []
        var bytes: [UInt8] = []

        init(_ strings: [[UInt8]?]) {
            for string in strings {
                offsets.append(string == nil ? -1 : bytes.count)
                if let string { bytes += string + [0] }
            }
        }
    }

    fileprivate struct Writer {
        var bytes: [UInt8] = []

        mutating func align() {
            if bytes.count % 2 == 1 { bytes.append(0) }
        }

        /// What does not fit makes the whole larger than ncurses reads.
        mutating func shorts(_ values: [Int]) {
            for value in values {
                bytes += [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)]
            }
        }

        mutating func words(_ values: [Int32]) {
            for value in values {
                for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value >> Int32(shift))) }
            }
        }
    }
}

extension TerminfoEntry.Extended {
    fileprivate func encode(into writer: inout TerminfoEntry.Writer) {
        let texts = TerminfoEntry.StringTable(strings.map(\.value))
        let names = TerminfoEntry.StringTable(booleans.map(\.name) + numbers.map(\.name) + strings.map(\.name))
        let inTable = names.offsets.count + strings.count { $0.value != nil }
        writer.shorts([
            booleans.count, numbers.count, strings.count, inTable, texts.bytes.count + names.bytes.count,
        ])
        writer.bytes += booleans.map(\.value)
        writer.align()
        writer.words(numbers.map(\.value))
        writer.shorts(texts.offsets)
        writer.shorts(names.offsets)
        writer.bytes += texts.bytes + names.bytes
    }
}

extension TerminfoEntry {
    /// The same terminal, taken for one that draws 24-bit colours: what xterm-direct is to xterm.
    ///
    /// ncurses sends such colours only where the description says so (`RGB`), while most terminals that draw them go by
    /// descriptions that do not, such as xterm-256color. The separators are semicolons, which more of them understand than
    /// the colons of ISO 8613-6.
    ///
    /// - Returns: nil where the description has direct colours already, or sets colours in a way of its own.
    func withDirectColor() -> TerminfoEntry? {
        guard !hasExtended("RGB"), let foreground = string(Index.setForeground), foreground.starts(with: [0x1B, 0x5B])
        else { return nil }
        var entry = self
        // Numbers are colours, no longer entries of a palette that could be changed.
        if entry.booleans.indices.contains(Index.canChange) { entry.booleans[Index.canChange] = 0 }
        for index in Index.paletteStrings { entry.setString(index, to: nil) }
        entry.setNumber(Index.colors, to: Int32(ColorDepth.direct.rawValue))
        entry.setNumber(Index.pairs, to: 0x10000)
        entry.setString(Index.setForeground, to: Self.setColor("3"))
        entry.setString(Index.setBackground, to: Self.setColor("4"))
        let flag = Array("RGB".utf8)
        entry.extended.booleans.removeAll { $0.name == flag }
        entry.extended.booleans.append(Named(name: flag, value: 1))
        return entry
    }

    /// The first eight stay the terminal's own.
    private static func setColor(_ ground: String) -> [UInt8] {
        let red = "%p1%{65536}%/%d"
        let green = "%p1%{256}%/%{255}%&%d"
        let blue = "%p1%{255}%&%d"
        return Array("\u{1B}[%?%p1%{8}%<%t\(ground)%p1%d%e\(ground)8;2;\(red);\(green);\(blue)%;m".utf8)
    }

    private enum Index {
        static let canChange = 27
        static let colors = 13
        static let pairs = 14
        static let setForeground = 359
        static let setBackground = 360
        /// orig_colors, initialize_color, initialize_pair, set_foreground, set_background.
        static let paletteStrings = [298, 299, 300, 302, 303]
    }
}

/// The folders of compiled terminal descriptions, in the order of terminfo(5).
struct TerminfoDatabase {
    private let folders: [String]

    /// - Parameter variable: gives a variable of the environment; nil where it is not set.
    init(variable: (String) -> String?) {
        let standard = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"]
        var folders: [String] = []
        if let first = variable("TERMINFO") { folders.append(first) }
        if let home = variable("HOME") { folders.append(home + "/.terminfo") }
        for folder in (variable("TERMINFO_DIRS") ?? "").split(separator: ":", omittingEmptySubsequences: false) {
            folders += folder.isEmpty ? standard : [String(folder)]
        }
        self.folders = folders + standard
    }

    /// The description by that name; nil if there is none that can be read.
    func entry(_ name: String) -> TerminfoEntry? {
        guard let initial = name.utf8.first, !name.contains("/"), !name.hasPrefix(".") else { return nil }
        // The variable may hold a description itself, which is what the operator wants.
        if let first = folders.first, first.hasPrefix("b64:") || first.hasPrefix("hex:") { return nil }
        // The second form is used by systems whose file names do not differ by case.
        let subfolders = [String(decoding: [initial], as: UTF8.self), String(initial, radix: 16)]
        for folder in folders where !folder.isEmpty {
            for subfolder in subfolders {
                // A file that is too large for a description, or that is no plain file, is none.
                guard
                    let bytes = try? DescriptorIO.contents(
                        of: "\(folder)/\(subfolder)/\(name)", limit: TerminfoEntry.largestSize)
                else { continue }
                return TerminfoEntry(bytes)
            }
        }
        return nil
    }
}

/// Which colours a terminal is sent, by its description, the environment and the operator.
struct ColorChoice {
    /// What the operator allows; `direct` is also believed to be what the terminal draws.
    var limit: ColorDepth?
    /// Gives a variable of the environment; nil where it is not set.
    var variable: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }

    /// The description of the terminal, compiled, with direct colours put in; nil where it is to be taken as it is.
    func directDescription(of term: String) -> [UInt8]? {
        guard limit == nil || limit == .direct, let entry = TerminfoDatabase(variable: variable).entry(term),
            drawsDirect(term, entry)
        else { return nil }
        return entry.withDirectColor()?.encoded()
    }

    private func drawsDirect(_ term: String, _ entry: TerminfoEntry) -> Bool {
        // tmux's own flag for it, which kitty and others have.
        if limit == .direct || entry.hasExtended("Tc") { return true }
        guard let named = variable("COLORTERM"), named == "truecolor" || named == "24bit" else { return false }
        // GNU screen hands the variable of the terminal around it on, and garbles such colours before version 5; the
        // kernel's console makes sixteen of them. tmux goes by screen's name too, and understands them.
        return variable("TMUX") != nil || !(term.hasPrefix("screen") || term.hasPrefix("linux"))
    }

    /// - Parameters:
    ///   - colors: How many the description names.
    ///   - isDirect: Whether their numbers are the colours themselves, but for the first eight.
    /// - Returns: nil where there are too few.
    func depth(of colors: Int32, isDirect: Bool) -> ColorDepth? {
        if isDirect {
            // The colours of the palette have eight bits for each part.
            let isWhole = colors == ColorDepth.direct.rawValue && limit ?? .direct == .direct
            return isWhole ? .direct : ColorDepth(colors: min(Int(colors), ColorDepth.eight.rawValue))
        }
        let depth = ColorDepth(colors: min(Int(colors), ColorDepth.palette.rawValue))
        return depth.map { min($0, limit ?? $0) }
    }
}
