internal import PureSupport

/// Byte classes of RFC 9110 §5.5 and §5.6.2.
enum CharacterClass {
    /// One bit per ASCII byte, as `ASCII.tokenLow` has them for tokens. Here they stand for letters, digits and
    /// ``!$%&'()*+-.:;=[]_~``, of which a host with its port may consist.
    private static let hostLow: UInt64 = 0x2FFF_6FF2_0000_0000
    private static let hostHigh: UInt64 = 0x47FF_FFFE_AFFF_FFFE

    @inline(__always)
    static func isHostCharacter(_ byte: UInt8) -> Bool {
        byte < 128 && (byte < 64 ? hostLow : hostHigh) &>> UInt64(byte & 63) & 1 == 1
    }

    /// Index of the first byte from `start` that is no `tchar`, or `bytes.count`.
    @inline(__always)
    static func endOfToken(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let low = ASCII.tokenLow
        let high = ASCII.tokenHigh
        var index = start
        while index &+ 8 <= bytes.count {
            let block = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let common = lettersAndHyphens(block)
            guard common != 0x8080_8080_8080_8080 else {
                index &+= 8
                continue
            }
            index &+= (~common & 0x8080_8080_8080_8080).trailingZeroBitCount &>> 3
            let byte = bytes[index]
            let bits = byte < 64 ? low : high
            guard byte < 128, bits &>> UInt64(byte & 63) & 1 == 1 else { return index }
            index &+= 1
        }
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
        // Eight bytes at a time in one register; comparisons of SIMD vectors are not vectorised without -Ounchecked.
        while index &+ 8 <= bytes.count {
            let block = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let found = controlBytes(block)
            guard found != 0 else {
                index &+= 8
                continue
            }
            index &+= found.trailingZeroBitCount &>> 3
            guard bytes[index] == 0x09 else { return index }
            index &+= 1
        }
        while index < bytes.count {
            let byte = bytes[index]
            if (byte < 0x20 && byte != 0x09) || byte == 0x7F { return index }
            index &+= 1
        }
        return index
    }

    /// The high bit of each byte that is an ASCII letter or a hyphen, which nearly all names consist of.
    @inline(__always)
    private static func lettersAndHyphens(_ block: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        // With the high bits out of the way no sum carries into the next byte.
        let seven = block & ~high
        let lower = seven | ones &* 0x20
        let letters = (lower &+ ones &* (0x80 - 0x61)) & ~(lower &+ ones &* (0x80 - 0x7B))
        let hyphens = ~((seven ^ ones &* 0x2D) &+ ones &* 0x7F)
        return (letters | hyphens) & ~block & high
    }

    /// The high bit of each byte below 0x20 or equal to 0x7F. Bits above the lowest one may be set wrongly, by borrow.
    @inline(__always)
    private static func controlBytes(_ block: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        let low = (block &- ones &* 0x20) & ~block
        let delete = block ^ (ones &* 0x7F)
        return (low | ((delete &- ones) & ~delete)) & high
    }

    /// Index of the first byte from `start` that is not visible ASCII, or `bytes.count`.
    @inline(__always)
    static func endOfVisible(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] > 0x20, bytes[index] < 0x7F { index &+= 1 }
        return index
    }
}
