/// Turns libyaml's positions, which count code points, into byte offsets.
///
/// Positions come almost in order, so it walks from the last one; in ASCII there is nothing to walk.
struct CodePointCursor {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let isASCII: Bool
    private var codePoint = 0
    private var offset = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        var bits: UInt8 = 0
        for byte in bytes { bits |= byte }
        isASCII = bits < 0x80
    }

    mutating func byteOffset(of target: Int) -> Int {
        if isASCII { return min(target, bytes.count) }
        while codePoint < target, offset < bytes.count {
            offset += 1
            while offset < bytes.count, bytes[offset] & 0xC0 == 0x80 { offset += 1 }
            codePoint += 1
        }
        while codePoint > target, offset > 0 {
            offset -= 1
            while offset > 0, bytes[offset] & 0xC0 == 0x80 { offset -= 1 }
            codePoint -= 1
        }
        return offset
    }
}
