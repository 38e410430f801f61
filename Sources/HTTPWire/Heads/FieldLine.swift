/// One header field as offsets into the head's bytes: 16 bytes, no String.
public struct FieldLine: Sendable, Equatable {
    public let nameStart: UInt32
    public let nameLength: UInt16
    public let known: KnownField
    public let valueStart: UInt32
    /// Without surrounding white space.
    public let valueLength: UInt32

    @inline(__always)
    public var name: Range<Int> { Int(nameStart)..<Int(nameStart) + Int(nameLength) }
    @inline(__always)
    public var value: Range<Int> { Int(valueStart)..<Int(valueStart) + Int(valueLength) }
}
