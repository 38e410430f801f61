/// Byte classes of RFC 9110 §5.5 and §5.6.2.
enum CharacterClass {
    /// One bit per ASCII byte: `tchar`.
    private static let tokenLow: UInt64 = mask("!#$%&'*+-.0123456789", from: 0)
    private static let tokenHigh: UInt64 = mask(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~", from: 64)

    private static func mask(_ text: String, from base: UInt8) -> UInt64 {
        text.utf8.reduce(0) { $0 | 1 << UInt64($1 - base) }
    }

    /// Index of the first byte from `start` that is no `tchar`, or `bytes.count`.
    @inline(__always)
    static func endOfToken(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let low = tokenLow
        let high = tokenHigh
        var index = start
        while index < bytes.count {
            let byte = bytes[index]
            let bits = byte < 64 ? low : high
            guard byte < 128, bits &>> UInt64(byte & 63) & 1 == 1 else { return index }
            index &+= 1
        }
        return index
    }

    /// Index of the first control character other than a tab from `start`, or `bytes.count`.
    @inline(__always)
    static func endOfText(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index &+ 16 <= bytes.count {
            let block = bytes.loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
            let control = (block .< 0x20) .| (block .== 0x7F)
            if any(control) { break }
            index &+= 16
        }
        while index < bytes.count {
            let byte = bytes[index]
            if (byte < 0x20 && byte != 0x09) || byte == 0x7F { return index }
            index &+= 1
        }
        return index
    }

    /// Index of the first byte from `start` that is not visible ASCII, or `bytes.count`.
    @inline(__always)
    static func endOfVisible(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] > 0x20, bytes[index] < 0x7F { index &+= 1 }
        return index
    }
}
