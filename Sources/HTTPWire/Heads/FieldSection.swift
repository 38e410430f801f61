/// The field lines of one head, in storage that is used again for the next head.
public struct FieldSection: Sendable {
    enum Failure: Error {
        case incomplete
        case bareLineFeed
        case malformedName
        case malformedValue
        case folded
        case tooMany
        case tooLarge
    }

    /// As many as a head may have; the first `count` are those of this head.
    @usableFromInline var storage: ContiguousArray<FieldLine> = []
    /// How many lines there are.
    public private(set) var count = 0

    /// Stands before the first byte.
    public init() {}

    /// In the order received.
    public var lines: ContiguousArray<FieldLine>.SubSequence { storage[..<count] }

    /// One line, without counting a reference to all of them.
    @inlinable public subscript(index: Int) -> FieldLine { storage[index] }

    /// Parses up to and with the empty line; returns the offset behind it.
    @inline(__always)
    mutating func parse(
        _ bytes: UnsafeRawBufferPointer, from start: Int, limits: HTTPLimits, atMost maximum: Int,
        visit: (FieldLine) -> Void
    ) throws(Failure) -> Int {
        if storage.count < maximum {
            storage = ContiguousArray(repeating: .unused, count: maximum)
        }
        count = 0
        var found = 0
        let end = try storage.withUnsafeMutableBufferPointer { lines throws(Failure) in
            try Self.parse(bytes, from: start, limits: limits, atMost: maximum, into: lines, &found, visit: visit)
        }
        count = found
        return end
    }

    @inline(__always)
    private static func parse(
        _ bytes: UnsafeRawBufferPointer, from start: Int, limits: HTTPLimits, atMost maximum: Int,
        into lines: UnsafeMutableBufferPointer<FieldLine>, _ found: inout Int, visit: (FieldLine) -> Void
    ) throws(Failure) -> Int {
        var index = start
        while true {
            guard index < bytes.count else { throw .incomplete }
            if bytes[index] == 0x0D {
                guard index + 1 < bytes.count else { throw .incomplete }
                guard bytes[index + 1] == 0x0A else { throw .malformedName }
                return index + 2
            }
            let nameEnd = CharacterClass.endOfToken(bytes, from: index)
            guard nameEnd < bytes.count else {
                throw nameEnd - index > limits.fieldLine ? .tooLarge : .incomplete
            }
            guard bytes[nameEnd] == UInt8(ascii: ":"), nameEnd > index else {
                throw nameFailure(bytes, at: nameEnd, lineStart: index)
            }
            var valueStart = nameEnd + 1
            while valueStart < bytes.count, bytes[valueStart] == 0x20 || bytes[valueStart] == 0x09 { valueStart += 1 }
            let textEnd = CharacterClass.endOfText(bytes, from: valueStart)
            guard textEnd - index <= limits.fieldLine, nameEnd - index <= Int(UInt16.max) else { throw .tooLarge }
            guard textEnd + 1 < bytes.count else {
                guard textEnd < bytes.count, bytes[textEnd] != 0x0D else { throw .incomplete }
                throw bytes[textEnd] == 0x0A ? .bareLineFeed : .malformedValue
            }
            guard bytes[textEnd] == 0x0D, bytes[textEnd + 1] == 0x0A else {
                throw bytes[textEnd] == 0x0A ? .bareLineFeed : .malformedValue
            }
            var valueEnd = textEnd
            while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 { valueEnd -= 1 }
            guard found < maximum else { throw .tooMany }
            let line = FieldLine(
                nameStart: UInt32(truncatingIfNeeded: index), nameLength: UInt16(truncatingIfNeeded: nameEnd - index),
                known: .recognise(bytes.slice(index..<nameEnd)), valueStart: UInt32(truncatingIfNeeded: valueStart),
                valueLength: UInt32(truncatingIfNeeded: valueEnd - valueStart))
            visit(line)
            lines[found] = line
            found &+= 1
            index = textEnd + 2
        }
    }

    private static func nameFailure(_ bytes: UnsafeRawBufferPointer, at index: Int, lineStart: Int) -> Failure {
        let byte = bytes[index]
        if index == lineStart, byte == 0x20 || byte == 0x09 { return .folded }
        return byte == 0x0A ? .bareLineFeed : .malformedName
    }
}
