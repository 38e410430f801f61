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

/// The fields that decide where a body ends, gathered while a head is parsed.
struct FramingFields {
    enum Failure: Error {
        case malformedLength
        case repeatedLength
        case lengthAndEncoding
        case malformedEncoding
        case unknownEncoding
    }

    private(set) var length: Int?
    private var lengthCount = 0
    private var encodingCount = 0
    private var encoding = Encoding.chunked
    private var lengthIsMalformed = false

    private enum Encoding {
        case chunked
        case malformed
        case unknown
    }

    mutating func addContentLength(_ value: UnsafeRawBufferPointer) {
        lengthCount += 1
        length = value.decimalNumber
        if length == nil { lengthIsMalformed = true }
    }

    mutating func addTransferEncoding(_ value: UnsafeRawBufferPointer) {
        encodingCount += 1
        guard !value.equalsIgnoringCase("chunked") else { return }
        var codings = 0
        var chunkedCodings = 0
        value.forEachListElement { coding in
            codings += 1
            if coding.equalsIgnoringCase("chunked") { chunkedCodings += 1 }
            return true
        }
        // A well-formed stack such as "gzip, chunked" is merely not implemented; anything else is an attempt at smuggling.
        let endsChunked = value.hasSuffixIgnoringCase("chunked")
        encoding = chunkedCodings == 1 && endsChunked && codings > 1 ? .unknown : .malformed
        if chunkedCodings == 0, codings > 0 { encoding = .unknown }
    }

    /// Content-Length alone, `chunked` alone, or neither.
    func framing(allowsChunked: Bool) throws(Failure) -> BodyFraming? {
        if encodingCount > 0 {
            guard lengthCount == 0 else { throw .lengthAndEncoding }
            guard encodingCount == 1, allowsChunked, encoding != .malformed else { throw .malformedEncoding }
            guard encoding == .chunked else { throw .unknownEncoding }
            return .chunked
        }
        guard lengthCount > 0 else { return nil }
        guard !lengthIsMalformed else { throw .malformedLength }
        guard lengthCount == 1, let length else { throw .repeatedLength }
        return .length(length)
    }
}

/// What the Connection fields of a head ask for.
public struct ConnectionOptions: Sendable, Equatable {
    /// `close` was listed.
    public var close = false
    /// `keep-alive` was listed.
    public var keepAlive = false
    /// `upgrade` was listed: the Upgrade field is meant for this hop.
    public var upgrade = false
    /// Names further fields that belong to this connection only.
    public var namesFields = false

    mutating func add(_ value: UnsafeRawBufferPointer) {
        if value.equalsIgnoringCase("keep-alive") {
            keepAlive = true
            return
        }
        var options = self
        value.forEachListElement { element in
            if element.equalsIgnoringCase("close") {
                options.close = true
            } else if element.equalsIgnoringCase("keep-alive") {
                options.keepAlive = true
            } else if element.equalsIgnoringCase("upgrade") {
                // The Upgrade field goes no further in any case.
                options.upgrade = true
            } else {
                options.namesFields = true
            }
            return true
        }
        self = options
    }
}
