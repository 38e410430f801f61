/// The beginning of a string, at most `capacity` bytes of UTF-8, without an allocation, with the length and the end of the whole.
struct ShortText<let capacity: Int> {
    fileprivate var bytes = InlineArray<capacity, UInt8>(repeating: 0)
    /// Bytes of the whole string.
    private(set) var length = 0
    /// The last eight bytes, the last one lowest.
    private(set) var tail: UInt64 = 0
    /// The first half of a UTF-16 pair, until its second half comes.
    private var highSurrogate: UInt16 = 0

    /// How many bytes are kept.
    var count: Int { min(length, capacity) }
    var isEmpty: Bool { length == 0 }

    /// - Parameter index: below `count`
    subscript(index: Int) -> UInt8 { bytes[index] }

    /// The beginning of another text, as much as fits.
    mutating func take<let other: Int>(_ text: ShortText<other>) {
        removeAll()
        for index in 0..<min(text.count, capacity) { append(text.bytes[index]) }
        length = text.length
        tail = text.tail
    }

    mutating func removeAll() {
        length = 0
        tail = 0
        highSurrogate = 0
    }

    mutating func append(_ byte: UInt8) {
        if length < capacity { bytes[length] = byte }
        length += 1
        tail = tail << 8 | UInt64(byte)
    }

    /// Takes a stretch of bytes; of those that no longer fit, only the length and the end are kept.
    @inline(__always)
    mutating func append(_ more: UnsafeRawBufferPointer) {
        let kept = max(0, min(more.count, capacity - length))
        if kept > 0 {
            withUnsafeMutableBytes(of: &bytes) { all in
                UnsafeMutableRawBufferPointer(rebasing: all[length...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: more[..<kept]))
            }
        }
        length &+= more.count
        if more.count >= 8 {
            tail = UInt64(bigEndian: more.loadUnaligned(fromByteOffset: more.count &- 8, as: UInt64.self))
        } else {
            for byte in more { tail = tail << 8 | UInt64(byte) }
        }
    }

    /// Takes the value of a `\\u` escape. A half of a pair that stays alone becomes a replacement character.
    mutating func append(utf16 unit: UInt16) {
        if UTF16.isLeadSurrogate(unit) {
            highSurrogate = unit
            return
        }
        var scalar = UInt32(unit)
        if UTF16.isTrailSurrogate(unit) {
            scalar =
                highSurrogate == 0 ? 0xFFFD : 0x10000 + (UInt32(highSurrogate - 0xD800) << 10) + UInt32(unit - 0xDC00)
        }
        highSurrogate = 0
        guard let value = Unicode.Scalar(scalar) else { return }
        for byte in UTF8.encode(value) ?? Unicode.UTF8.encodedReplacementCharacter { append(byte) }
    }

    /// Whether the whole string is this text.
    func equals(_ other: StaticString) -> Bool {
        guard length == other.utf8CodeUnitCount, length <= capacity else { return false }
        for index in 0..<length where bytes[index] != other.utf8Start[index] { return false }
        return true
    }

    /// What is kept.
    func withKeptBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: bytes) { body(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }

    /// Whether the whole string is these bytes.
    func equals(_ other: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        guard length == range.count, length <= capacity else { return false }
        for index in 0..<length where bytes[index] != other[range.lowerBound &+ index] { return false }
        return true
    }

    /// Whether the whole string, which has no control characters, is this text.
    func cleanedEquals(_ text: String) -> Bool {
        guard length == text.utf8.count, length <= capacity else { return false }
        var text = text
        return text.withUTF8 { other in
            for index in 0..<other.count where bytes[index] != other[index] { return false }
            return true
        }
    }

    /// Whether the string ends with this text, of at most eight bytes.
    func hasSuffix(_ suffix: StaticString) -> Bool {
        guard length >= suffix.utf8CodeUnitCount else { return false }
        for index in 0..<suffix.utf8CodeUnitCount {
            let shift = UInt64(suffix.utf8CodeUnitCount - 1 - index) * 8
            guard UInt8(truncatingIfNeeded: tail >> shift) == suffix.utf8Start[index] else { return false }
        }
        return true
    }

    /// A 64-bit FNV-1a hash of what is kept.
    var hash: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<count { hash = (hash ^ UInt64(bytes[index])) &* 0x0000_0100_0000_01b3 }
        return hash
    }

    /// What is kept, without control characters and without a character that was cut.
    var cleaned: String {
        var kept: [UInt8] = []
        kept.reserveCapacity(count)
        for index in 0..<count where bytes[index] >= 0x20 && bytes[index] != 0x7F { kept.append(bytes[index]) }
        if length > capacity {
            // The bytes of a character behind the limit are missing: its first ones go as well.
            while let last = kept.last, last & 0xC0 == 0x80 { kept.removeLast() }
            if let last = kept.last, last >= 0xC0 { kept.removeLast() }
        }
        return String(decoding: kept, as: UTF8.self)
    }
}
