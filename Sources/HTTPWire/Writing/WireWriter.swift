/// Writes protocol text into memory whose size the caller has bounded beforehand.
public struct WireWriter: ~Copyable {
    private let target: UnsafeMutableRawBufferPointer
    /// Bytes written so far.
    public private(set) var count = 0

    /// Writes from the start of `target` on.
    public init(_ target: UnsafeMutableRawBufferPointer) {
        self.target = target
    }

    /// Appends the bytes as they are.
    @inline(__always)
    public mutating func write(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= target.count - count, "the bound given for this head was too small")
        guard let source = bytes.baseAddress, let base = target.baseAddress else { return }
        (base + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Appends the bytes as they are.
    @inline(__always)
    public mutating func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the bytes as they are.
    public mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0) }
    }

    /// Appends the number in decimal digits.
    public mutating func write(decimal value: Int) {
        var value = UInt(max(value, 0))
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var start = buffer.count
            repeat {
                start -= 1
                buffer[start] = UInt8(truncatingIfNeeded: 0x30 + value % 10)
                value /= 10
            } while value > 0
            write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start...]))
        }
    }

    /// In lower case, without leading zeros unless `minimumDigits` asks for them.
    public mutating func write(hexadecimal value: UInt64, minimumDigits: Int = 1) {
        var value = value
        var digits: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &digits) { buffer in
            var start = buffer.count
            repeat {
                start -= 1
                let digit = UInt8(truncatingIfNeeded: value & 15)
                buffer[start] = digit < 10 ? 0x30 + digit : 0x57 + digit
                value >>= 4
            } while value > 0 || buffer.count - start < minimumDigits
            write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[start...]))
        }
    }
}
