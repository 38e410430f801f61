/// Writes protocol text into memory whose size the caller has bounded beforehand.
public struct WireWriter: ~Copyable {
    @usableFromInline let target: UnsafeMutableRawBufferPointer
    @usableFromInline var position = 0

    /// Bytes written so far.
    @inlinable public var count: Int { position }

    /// Writes from the start of `target` on.
    public init(_ target: UnsafeMutableRawBufferPointer) {
        self.target = target
    }

    /// Appends the bytes as they are.
    @inlinable @inline(__always)
    public mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        append(source, bytes.count)
    }

    /// Appends the bytes as they are.
    ///
    /// Inlined into its callers, where the length is known: a few stores instead of a call of `memcpy`.
    @inlinable @inline(__always)
    public mutating func write(_ text: StaticString) {
        append(UnsafeRawPointer(text.utf8Start), text.utf8CodeUnitCount)
    }

    @inlinable @inline(__always)
    mutating func append(_ source: UnsafeRawPointer, _ length: Int) {
        precondition(length <= target.count &- position, "the bound given for this head was too small")
        guard let base = target.baseAddress else { return }
        (base + position).copyMemory(from: source, byteCount: length)
        position &+= length
    }

    /// Appends the bytes as they are.
    public mutating func write(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { write($0) }
    }

    /// Appends the number in decimal digits.
    public mutating func write(decimal value: Int) {
        if value >= 0, value < 10_000, target.count &- position >= 4 { return write(small: UInt32(value)) }
        var value = UInt(max(value, 0))
        let length = Self.decimalLength(value)
        precondition(length <= target.count &- position, "the bound given for this head was too small")
        position &+= length
        var index = position
        repeat {
            index &-= 1
            target[index] = UInt8(truncatingIfNeeded: 0x30 + value % 10)
            value /= 10
        } while value > 0
    }

    /// Statuses and most lengths: all four digits are made at once, and those in front of the number are left out.
    @inline(__always)
    private mutating func write(small value: UInt32) {
        // Division by 100, then of both halves by 10, as multiplications that are exact in these ranges.
        let hundreds = (value &* 10_486) &>> 20
        let pairs = hundreds | (value &- hundreds &* 100) &<< 16
        let tens = (pairs &* 103) &>> 10 & 0x000F_000F
        let digits = tens | (pairs &- tens &* 10) &<< 8
        let leading = min(3, digits.trailingZeroBitCount &>> 3)
        let text = (digits &+ 0x3030_3030) &>> UInt32(8 &* leading)
        target.storeBytes(of: text.littleEndian, toByteOffset: position, as: UInt32.self)
        position &+= 4 &- leading
    }

    private static func decimalLength(_ value: UInt) -> Int {
        var length = 1
        var bound: UInt = 10
        // No number of 64 bits with a sign reaches the last bound, 10¹⁹, which has its place in 64 bits without one.
        while value >= bound {
            length &+= 1
            bound &*= 10
        }
        return length
    }

    /// In lower case, without leading zeros unless `minimumDigits` asks for them.
    public mutating func write(hexadecimal value: UInt64, minimumDigits: Int = 1) {
        let count = min(max((67 - value.leadingZeroBitCount) / 4, minimumDigits, 1), 16)
        // All sixteen are made at once; those in front of the number are left behind.
        let digits = (
            Self.hexadecimal(UInt32(truncatingIfNeeded: value >> 32)),
            Self.hexadecimal(UInt32(truncatingIfNeeded: value))
        )
        if count == 16, target.count &- position >= 16 {
            target.storeBytes(of: digits.0, toByteOffset: position, as: UInt64.self)
            target.storeBytes(of: digits.1, toByteOffset: position &+ 8, as: UInt64.self)
            position &+= 16
            return
        }
        withUnsafeBytes(of: digits) { write(UnsafeRawBufferPointer(rebasing: $0[(16 - count)...])) }
    }

    /// The eight digits of the number, one a byte, as they stand in memory.
    @inline(__always)
    private static func hexadecimal(_ value: UInt32) -> UInt64 {
        // Halves, then bytes, then nibbles change places: the first digit comes to the lowest byte.
        var nibbles = UInt64(value & 0xFFFF) << 32 | UInt64(value >> 16)
        nibbles = (nibbles & 0x0000_00FF_0000_00FF) << 16 | (nibbles & 0x0000_FF00_0000_FF00) >> 8
        nibbles = (nibbles & 0x000F_000F_000F_000F) << 8 | (nibbles & 0x00F0_00F0_00F0_00F0) >> 4
        let ones: UInt64 = 0x0101_0101_0101_0101
        let letters = (nibbles &+ ones &* 6) >> 4 & ones
        return (nibbles &+ ones &* 0x30 &+ letters &* 0x27).littleEndian
    }
}
