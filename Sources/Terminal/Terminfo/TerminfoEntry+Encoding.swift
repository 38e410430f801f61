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
