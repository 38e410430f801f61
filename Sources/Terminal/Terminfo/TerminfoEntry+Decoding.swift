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
