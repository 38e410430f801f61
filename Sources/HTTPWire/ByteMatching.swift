extension UnsafeRawBufferPointer {
    /// Compares with a lower-case literal of letters, digits and hyphens; the receiver has to be a token.
    @inline(__always)
    public func equalsIgnoringCase(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && matches(literal, at: 0, caseBit: 0x20)
    }

    /// Compares with regard to case.
    @inline(__always)
    public func equals(_ literal: StaticString) -> Bool {
        count == literal.utf8CodeUnitCount && begins(with: literal)
    }

    /// Whether the first bytes are these.
    @inline(__always)
    public func begins(with literal: StaticString) -> Bool {
        count >= literal.utf8CodeUnitCount && matches(literal, at: 0, caseBit: 0)
    }

    /// The same as `equalsIgnoringCase` for the beginning.
    @inline(__always)
    public func hasPrefixIgnoringCase(_ literal: StaticString) -> Bool {
        count >= literal.utf8CodeUnitCount && matches(literal, at: 0, caseBit: 0x20)
    }

    /// The same for the end.
    @inline(__always)
    public func hasSuffixIgnoringCase(_ literal: StaticString) -> Bool {
        count >= literal.utf8CodeUnitCount
            && matches(literal, at: count - literal.utf8CodeUnitCount, caseBit: 0x20)
    }

    @inline(__always)
    private func matches(_ literal: StaticString, at offset: Int, caseBit: UInt8) -> Bool {
        let expected = UnsafeRawPointer(literal.utf8Start)
        let length = literal.utf8CodeUnitCount
        guard length >= 4 else {
            for index in 0..<length
            where self[offset + index] | caseBit != expected.load(fromByteOffset: index, as: UInt8.self) {
                return false
            }
            return true
        }
        // Four or eight bytes at a time; the last ones may overlap those before.
        let caseBits = UInt64(caseBit) &* 0x0101_0101_0101_0101
        guard length >= 8 else {
            let halfOfThem = UInt32(truncatingIfNeeded: caseBits)
            return matches(expected, at: 0, offset, halfOfThem) && matches(expected, at: length - 4, offset, halfOfThem)
        }
        var index = 0
        while index < length - 8 {
            guard matches(expected, at: index, offset, caseBits) else { return false }
            index += 8
        }
        return matches(expected, at: length - 8, offset, caseBits)
    }

    @inline(__always)
    private func matches<Word: FixedWidthInteger & BitwiseCopyable>(
        _ expected: UnsafeRawPointer, at index: Int, _ offset: Int, _ caseBits: Word
    ) -> Bool {
        loadUnaligned(fromByteOffset: offset + index, as: Word.self) | caseBits
            == expected.loadUnaligned(fromByteOffset: index, as: Word.self)
    }

    /// The bytes of `range` with offsets from zero.
    @inline(__always)
    public func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[range])
    }

    /// Calls `body` with each element of a comma-separated list, empty ones left out, until it returns false.
    public func forEachListElement(_ body: (UnsafeRawBufferPointer) -> Bool) {
        var start = 0
        while start <= count {
            var end = start
            while end < count, self[end] != UInt8(ascii: ",") { end += 1 }
            let element = slice(start..<end).trimmed
            if !element.isEmpty, !body(element) { return }
            start = end + 1
        }
    }

    /// Without spaces and tabs at both ends.
    public var trimmed: UnsafeRawBufferPointer {
        var low = 0
        var high = count
        while low < high, self[low] == 0x20 || self[low] == 0x09 { low += 1 }
        while high > low, self[high - 1] == 0x20 || self[high - 1] == 0x09 { high -= 1 }
        return slice(low..<high)
    }

    /// A non-empty run of at most 18 decimal digits, nothing else.
    public var decimalNumber: Int? {
        guard (1...18).contains(count) else { return nil }
        var result = 0
        for byte in self {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            result = result &* 10 &+ Int(byte &- 0x30)
        }
        return result
    }
}
