/// One header field as offsets into the head's bytes: 16 bytes, no String.
public struct FieldLine: Sendable, Equatable {
    /// Offset of the name.
    public let nameStart: UInt32
    /// Bytes of the name.
    public let nameLength: UInt16
    /// Which of the fields that matter here it is.
    public let known: KnownField
    /// Offset of the value behind the white space.
    public let valueStart: UInt32
    /// Without surrounding white space.
    public let valueLength: UInt32

    static let unused = FieldLine(nameStart: 0, nameLength: 0, known: .other, valueStart: 0, valueLength: 0)

    /// Offsets of the name.
    @inline(__always)
    public var name: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
    /// Offsets of the value.
    @inline(__always)
    public var value: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueLength) }
}
