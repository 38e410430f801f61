internal import HTTPWire
internal import Support

/// What has to be known of a request's path before it is joined to a base URL: an endpoint lends its key to what lies below
/// its base path, and to nothing else.
enum RequestPath {
    /// Whether the path holds a dot segment in any of the spellings that a server may take for one.
    ///
    /// Decoded are `%2e`, `%2f` and `%5c`, encoded once or several times over, overlong UTF-8 and `%u002e`; a backslash counts as
    /// a slash, and parameters (`..;x`), a NUL and blanks end the segment's name. Such a path is refused, not resolved: what it
    /// means depends on the server that reads it.
    static func holdsDotSegment(_ path: UnsafeRawBufferPointer) -> Bool {
        guard !isPlain(path) else { return false }
        var reader = DecodedPath(path)
        var dots = 0
        var isNothingElse = true
        var isNameOver = false
        func isDotSegment() -> Bool { isNothingElse && (dots == 1 || dots == 2) }
        while let byte = reader.next() {
            switch byte {
            case UInt8(ascii: "/"), UInt8(ascii: "\\"):
                if isDotSegment() { return true }
                dots = 0
                isNothingElse = true
                isNameOver = false
            case UInt8(ascii: "."): if !isNameOver { dots += 1 }
            case UInt8(ascii: ";"), 0x00, 0x09, 0x0A, 0x0D, 0x20: isNameOver = true
            default: if !isNameOver { isNothingElse = false }
            }
        }
        return isDotSegment()
    }

    /// The path with runs of slashes folded into one and a doubled `/v1` taken once, nil where it is in order already.
    ///
    /// Both come from base URLs that end in what the client adds itself: `http://podium/` and `http://podium/v1`.
    ///
    /// - Parameter isPlain: what `isPlain` says of it, where that is known already.
    static func folded(_ path: UnsafeRawBufferPointer, isPlain: Bool? = nil) -> [UInt8]? {
        guard needsFolding(path, isPlain: isPlain ?? Self.isPlain(path)) else { return nil }
        var result: [UInt8] = []
        result.reserveCapacity(path.count)
        for byte in path where byte != UInt8(ascii: "/") || result.last != byte { result.append(byte) }
        while result.withUnsafeBytes({ beginsWithVersionTwice($0) }) { result.removeFirst(3) }
        return result
    }

    /// Where the path of a request target ends, and whether no segment of it begins with a dot, nothing is encoded, and no slash
    /// follows another: so is nearly every path, and this one look at it is all that a usual request pays.
    ///
    /// Eight bytes at a time: only slashes, dots, percent signs, backslashes, question marks and other signs are looked at.
    ///
    /// - Returns: the end as an offset into `target`
    static func scan(_ target: UnsafeRawBufferPointer) -> (end: Int, isPlain: Bool) {
        var isPlain = true
        var index = 0
        while index < target.count {
            var special: UInt64
            var base = index
            if index &+ 8 <= target.count {
                special = specialBytes(target, at: index)
            } else if target.count >= 8 {
                // The last eight bytes, without those that have been looked at.
                base = target.count &- 8
                special = specialBytes(target, at: base) & (UInt64.max &<< UInt64(8 &* (index &- base)))
            } else {
                // It is shorter than eight bytes: each of them is looked at.
                special = 0x8080_8080_8080_8080 &>> UInt64(8 &* (8 &- target.count))
            }
            while special != 0 {
                let place = base &+ special.trailingZeroBitCount &>> 3
                special &= special &- 1
                switch target[place] {
                case UInt8(ascii: "?"): return (place, isPlain)
                case UInt8(ascii: "%"), UInt8(ascii: "\\"): isPlain = false
                case UInt8(ascii: "/"):
                    guard place &+ 1 < target.count else { break }
                    let next = target[place &+ 1]
                    if next == UInt8(ascii: "/") || next == UInt8(ascii: ".") { isPlain = false }
                case UInt8(ascii: "."): if place == 0 { isPlain = false }
                default: break
                }
            }
            index &+= 8
        }
        return (target.count, isPlain)
    }

    /// The high bit of each byte that is below the digits, a question mark or a backslash.
    @inline(__always)
    private static func specialBytes(_ target: UnsafeRawBufferPointer, at index: Int) -> UInt64 {
        let block = UInt64(littleEndian: target.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        // With the high bits out of the way no sum carries into the next byte.
        let seven = block & ~high
        let notBelowDigits = seven &+ ones &* (0x80 - 0x30)
        let notQuestion = (seven ^ ones &* 0x3F) &+ ones &* 0x7F
        let notBackslash = (seven ^ ones &* 0x5C) &+ ones &* 0x7F
        return ~(notBelowDigits & notQuestion & notBackslash) & ~block & high
    }

    /// What `scan` says of a path that has no query.
    static func isPlain(_ path: UnsafeRawBufferPointer) -> Bool { scan(path).isPlain }

    private static func needsFolding(_ path: UnsafeRawBufferPointer, isPlain: Bool) -> Bool {
        if isPlain { return beginsWithVersionTwice(path) }
        var previous: UInt8 = 0
        for byte in path {
            if byte == UInt8(ascii: "/"), previous == byte { return true }
            previous = byte
        }
        return beginsWithVersionTwice(path)
    }

    private static func beginsWithVersionTwice(_ path: UnsafeRawBufferPointer) -> Bool {
        path.count >= 6 && path[4] == UInt8(ascii: "v") && path.begins(with: "/v1/v1")
            && (path.count == 6 || path[6] == UInt8(ascii: "/"))
    }
}

/// A path byte by byte, percent-decoded as far as any server may decode it.
private struct DecodedPath {
    private let path: UnsafeRawBufferPointer
    private var index = 0

    init(_ path: UnsafeRawBufferPointer) {
        self.path = path
    }

    mutating func next() -> UInt8? {
        guard index < path.count else { return nil }
        guard let (byte, end) = escaped(at: index) else {
            defer { index += 1 }
            return path[index]
        }
        index = end
        // C0 and C1 begin no character of UTF-8, only a longer spelling of an ASCII one.
        guard byte == 0xC0 || byte == 0xC1, let (second, secondEnd) = escaped(at: end) else { return byte }
        index = secondEnd
        return (byte & 0x1F) << 6 | (second & 0x3F)
    }

    /// `%2e`, `%252e`, `%25252e` …, `%u002e`
    private func escaped(at start: Int) -> (byte: UInt8, end: Int)? {
        guard path[start] == UInt8(ascii: "%") else { return nil }
        var digits = start + 1
        while digits + 1 < path.count, path[digits] == UInt8(ascii: "2"), path[digits + 1] == UInt8(ascii: "5") {
            digits += 2
        }
        if digits + 4 < path.count, path[digits] | 0x20 == UInt8(ascii: "u"), let high = number(at: digits + 1),
            high == 0, let low = number(at: digits + 3)
        {
            return (low, digits + 5)
        }
        // `%25` alone is a percent sign.
        guard let byte = number(at: digits) else { return digits > start + 1 ? (UInt8(ascii: "%"), digits) : nil }
        return (byte, digits + 2)
    }

    private func number(at start: Int) -> UInt8? {
        guard start + 1 < path.count, let high = ASCII.hexadecimalValue(path[start]),
            let low = ASCII.hexadecimalValue(path[start + 1])
        else { return nil }
        return high << 4 | low
    }
}

/// The paths that Podium keeps to itself: they never reach an endpoint, whose key a stranger could spend with them.
enum ReservedPath {
    /// - Parameter target: a path, with or without query.
    static func contains(_ target: UnsafeRawBufferPointer) -> Bool {
        guard target.count > 1 else { return false }
        // Nearly every path begins with `/v1`.
        switch target[1] {
        case UInt8(ascii: "a"): return matches(target, "/admin", orBelow: true)
        case UInt8(ascii: "h"): return matches(target, "/healthz")
        case UInt8(ascii: "m"): return matches(target, "/metrics")
        case UInt8(ascii: "r"): return matches(target, "/readyz")
        default: return false
        }
    }

    private static func matches(
        _ target: UnsafeRawBufferPointer, _ path: StaticString, orBelow: Bool = false
    ) -> Bool {
        let length = path.utf8CodeUnitCount
        guard target.count >= length else { return false }
        for index in 0..<length where target[index] != path.utf8Start[index] { return false }
        guard target.count > length else { return true }
        return target[length] == UInt8(ascii: "?") || (orBelow && target[length] == UInt8(ascii: "/"))
    }
}
