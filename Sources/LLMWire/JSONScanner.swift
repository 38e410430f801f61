/// Reads JSON byte by byte, in pieces of any size, and says what it meets. It keeps the names of the first eight levels it is
/// in, nothing else: a document of any size and depth costs the same memory.
///
/// It is lenient, since it only watches bytes that pass: what is not JSON stops it (`isBroken`) until `reset`.
///
///     var scanner = JSONScanner()
///     var place = 0
///     while let token = scanner.next(bytes, &place) { … scanner.path … }
struct JSONScanner {
    /// What was met, in the first eight levels; what lies deeper is only passed over. The path tells where: its last name is the
    /// value's own. Of an opening bracket it is the last but one, since the path is in it already.
    enum Token: Equatable {
        case begin
        case end(isObject: Bool)
        /// A string value; its text is in `text`, as far as that is kept.
        case string
        /// A whole number of 0 to 10¹², written with digits and at most a fraction of zeros.
        case number(Int64)
        /// Any other number.
        case oddNumber
        case `true`
        case `false`
        case null
    }

    private enum State: UInt8 {
        case value, firstKey, key, colon, separator
        case string, escape, unicode
        case number, literal
        case skipping, skippingString, skippingEscape
        case done, broken
    }

    static let levels = 8
    private static let largestNumber: Int64 = 1_000_000_000_000

    /// The names on the way to the present value, outermost first; the elements of a list are `.element`.
    private(set) var path = JSONPath()
    /// The string that was met last.
    private(set) var text = JSONText()
    /// How many bytes it takes between its quotation marks, escapes as they are written.
    private(set) var rawLength = 0

    private var state = State.value
    private var isKey = false
    /// A bit for each of the first eight levels: whether it is an object.
    private var objects: UInt8 = 0
    private var depth = 0
    private var escapeValue: UInt32 = 0
    private var escapeDigits: UInt8 = 0
    private var number: Int64 = 0
    private var numberState = NumberState.whole
    private var literal = Token.null
    private var literalRest: StaticString = ""
    private var literalPlace = 0
    /// How many brackets are open within the one that is passed over, with that one.
    private var skipped = 0

    private enum NumberState: UInt8 { case whole, fraction, odd }

    /// Whether a document was read to the bracket, or the end of the scalar, that closes it.
    var isDone: Bool { state == .done }
    /// Whether something came that no JSON has there.
    var isBroken: Bool { state == .broken }
    /// Whether nothing but white space has come.
    var isUntouched: Bool { state == .value && depth == 0 }

    /// Whether the bytes have ended within a string that is a value.
    var isWithinText: Bool {
        switch state {
        case .string, .escape, .unicode: !isKey
        default: false
        }
    }

    /// Begins a new document.
    mutating func reset() {
        state = .value
        depth = 0
        path.count = 0
    }

    /// The same after a document that was cut anywhere.
    mutating func begin() {
        reset()
        text.removeAll()
        isKey = false
        objects = 0
        escapeValue = 0
        escapeDigits = 0
        number = 0
        numberState = .whole
        literalPlace = 0
        skipped = 0
    }

    /// Passes over what is within the bracket that was just met (`.begin`): the next token is its end. Only brackets and strings
    /// are looked at on the way, which is many times faster, and what is not JSON there is not noticed.
    mutating func skip() {
        skipped = 1
        state = .skipping
    }

    /// Goes on to the next token.
    ///
    /// - Parameter place: where to go on, from 0; moved behind what was read.
    /// - Returns: nil at the end of the bytes, of the document, or of what is JSON.
    mutating func next(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> Token? {
        while place < bytes.count {
            let byte = bytes[place]
            switch state {
            case .string:
                if let token = readString(bytes, &place) { return token }
                continue
            case .number:
                guard !Self.isOfNumber(byte) else {
                    readNumber(byte)
                    place += 1
                    continue
                }
                let token: Token = numberState == .odd ? .oddNumber : .number(number)
                afterValue()
                if depth <= Self.levels { return token }
                continue
            case .skipping, .skippingString, .skippingEscape:
                guard passOver(bytes, &place) else { return nil }
                return close(isObject: isInObject)
            case .escape: readEscape(byte)
            case .unicode: readUnicode(byte)
            case .literal:
                guard byte == literalRest.utf8Start[literalPlace] else {
                    state = .broken
                    return nil
                }
                literalPlace += 1
                if literalPlace == literalRest.utf8CodeUnitCount {
                    place += 1
                    afterValue()
                    if depth <= Self.levels { return literal }
                    continue
                }
            case .done, .broken: return nil
            default:
                if byte != 0x20, byte != 0x0A, byte != 0x0D, byte != 0x09, let token = readStructure(byte) {
                    place += 1
                    return token
                }
            }
            place += 1
        }
        return nil
    }

    /// A number at the very end of a document has no byte behind it that ends it.
    mutating func finish() -> Token? {
        guard state == .number, depth == 0 else { return nil }
        afterValue()
        return numberState == .odd ? .oddNumber : .number(number)
    }

    // MARK: Structure

    private var isInObject: Bool { depth > 0 && depth <= Self.levels && objects & (1 << UInt8(depth - 1)) != 0 }

    private mutating func readStructure(_ byte: UInt8) -> Token? {
        switch (state, byte) {
        case (.value, UInt8(ascii: "{")): return open(isObject: true)
        case (.value, UInt8(ascii: "[")): return open(isObject: false)
        case (.value, UInt8(ascii: "]")) where depth > 0 && !isInObject: return close(isObject: false)
        // Below the levels that are kept, a list and an object look the same.
        case (.value, UInt8(ascii: "}")) where depth > Self.levels: return close(isObject: false)
        case (.firstKey, UInt8(ascii: "}")), (.separator, UInt8(ascii: "}")): return close(isObject: true)
        case (.separator, UInt8(ascii: "]")): return close(isObject: false)
        case (.value, UInt8(ascii: "\"")): beginString(isKey: false)
        case (.firstKey, UInt8(ascii: "\"")), (.key, UInt8(ascii: "\"")): beginString(isKey: true)
        case (.colon, UInt8(ascii: ":")): state = .value
        case (.separator, UInt8(ascii: ",")): state = isInObject ? .key : .value
        case (.separator, UInt8(ascii: ":")) where depth > Self.levels: state = .value
        case (.value, UInt8(ascii: "t")): beginLiteral(.true, "rue")
        case (.value, UInt8(ascii: "f")): beginLiteral(.false, "alse")
        case (.value, UInt8(ascii: "n")): beginLiteral(.null, "ull")
        case (.value, _) where Self.isOfNumber(byte):
            number = 0
            numberState = .whole
            state = .number
            readNumber(byte)
        default: state = .broken
        }
        return nil
    }

    private mutating func open(isObject: Bool) -> Token? {
        depth += 1
        if depth <= Self.levels {
            let bit: UInt8 = 1 << UInt8(depth - 1)
            objects = isObject ? objects | bit : objects & ~bit
        }
        state = isInObject ? .firstKey : .value
        // The bracket's own name is on the path already; what is in it comes behind.
        guard depth <= Self.levels else { return nil }
        path.push(.element)
        return .begin
    }

    private mutating func close(isObject: Bool) -> Token? {
        guard depth > 0, depth > Self.levels || isInObject == isObject else {
            state = .broken
            return nil
        }
        let isKept = depth <= Self.levels
        if isKept { path.pop() }
        depth -= 1
        afterValue()
        return isKept ? .end(isObject: isObject) : nil
    }

    private mutating func afterValue() {
        state = depth == 0 ? .done : .separator
    }

    // MARK: Strings

    private mutating func beginString(isKey: Bool) {
        self.isKey = isKey
        text.removeAll()
        rawLength = 0
        state = .string
    }

    private mutating func readString(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> Token? {
        let end = bytes.quoteOrBackslash(from: place)
        // Nearly all names are whole, and need not be kept.
        if isKey, rawLength == 0, end < bytes.count, bytes[end] == UInt8(ascii: "\"") {
            path.rename(JSONKey(UnsafeRawBufferPointer(rebasing: bytes[place..<end])))
            place = end + 1
            state = .colon
            return nil
        }
        text.append(UnsafeRawBufferPointer(rebasing: bytes[place..<end]))
        rawLength &+= end &- place
        place = end
        guard end < bytes.count else { return nil }
        place += 1
        if bytes[end] == UInt8(ascii: "\\") {
            rawLength &+= 1
            state = .escape
            return nil
        }
        guard isKey else {
            afterValue()
            return depth <= Self.levels ? .string : nil
        }
        path.rename(JSONKey(text))
        state = .colon
        return nil
    }

    /// - Returns: whether the bracket that is passed over was closed; `place` is behind it then.
    private mutating func passOver(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> Bool {
        var index = place
        var open = skipped
        var isInString = state == .skippingString
        if state == .skippingEscape {
            index += 1
            isInString = true
        }
        state = .skipping
        defer {
            place = index
            skipped = open
        }
        while index < bytes.count {
            if isInString {
                index = bytes.quoteOrBackslash(from: index)
                guard index < bytes.count else { break }
                guard bytes[index] == UInt8(ascii: "\\") else {
                    index += 1
                    isInString = false
                    continue
                }
                index += 2
                if index > bytes.count {
                    index = bytes.count
                    state = .skippingEscape
                    return false
                }
                continue
            }
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\"") {
                isInString = true
            } else if byte | 0x20 == UInt8(ascii: "{") {
                // A square bracket differs from a curly one in this bit alone.
                open += 1
            } else if byte | 0x20 == UInt8(ascii: "}") {
                open -= 1
                if open == 0 { return true }
            }
        }
        if isInString { state = .skippingString }
        return false
    }

    private mutating func readEscape(_ byte: UInt8) {
        rawLength &+= 1
        state = .string
        switch byte {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "u"):
            state = .unicode
            escapeValue = 0
            escapeDigits = 0
        default: text.append(byte)
        }
    }

    private mutating func readUnicode(_ byte: UInt8) {
        rawLength &+= 1
        let digit: UInt8
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
        default:
            state = .broken
            return
        }
        escapeValue = escapeValue << 4 | UInt32(digit)
        escapeDigits += 1
        if escapeDigits == 4 {
            text.append(utf16: UInt16(truncatingIfNeeded: escapeValue))
            state = .string
        }
    }

    // MARK: Scalars

    static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    private mutating func readNumber(_ byte: UInt8) {
        switch (numberState, byte) {
        case (.whole, UInt8(ascii: "0")...UInt8(ascii: "9")):
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
            if number > Self.largestNumber { numberState = .odd }
        case (.whole, UInt8(ascii: ".")): numberState = .fraction
        case (.fraction, UInt8(ascii: "0")): break
        default: numberState = .odd
        }
    }

    private mutating func beginLiteral(_ token: Token, _ rest: StaticString) {
        literal = token
        literalRest = rest
        literalPlace = 0
        state = .literal
    }
}

/// The names on the way to a JSON value, as far as they mean something here.
struct JSONPath {
    private var keys = InlineArray<8, JSONKey>(repeating: .other)
    fileprivate(set) var count = 0

    /// The name at a level, outermost 0; `.other` beyond the levels there are.
    subscript(level: Int) -> JSONKey { level >= 0 && level < count ? keys[level] : .other }

    /// The innermost name.
    var last: JSONKey { self[count - 1] }

    fileprivate mutating func push(_ key: JSONKey) {
        guard count < JSONScanner.levels else { return }
        keys[count] = key
        count += 1
    }

    fileprivate mutating func pop() {
        if count > 0 { count -= 1 }
    }

    /// Gives the present level its name: that of the value which comes next.
    fileprivate mutating func rename(_ key: JSONKey) {
        guard count > 0 else { return }
        keys[count - 1] = key
    }
}

/// The text of a string as far as it is kept: enough for the longest names and identifiers, and for what most errors say.
typealias JSONText = ShortText<256>

extension UnsafeRawBufferPointer {
    /// The place of the next quotation mark or backslash; the end of the bytes where there is none.
    @inline(__always)
    package func quoteOrBackslash(from begin: Int) -> Int { place(of: 0x22, or: 0x5C, from: begin) }

    /// The place of the next line feed or carriage return; the end of the bytes where there is none.
    @inline(__always)
    func lineEnd(from begin: Int) -> Int { place(of: 0x0A, or: 0x0D, from: begin) }

    /// The place of the next byte that is one of the two; the end of the bytes where there is none.
    ///
    /// Sixty-four bytes at a time, then thirty-two, then eight: texts are most of what requests and answers consist of.
    @inline(__always)
    private func place(of one: UInt8, or other: UInt8, from begin: Int) -> Int {
        let (firsts, seconds) = (SIMD16(repeating: one), SIMD16(repeating: other))
        var index = begin
        @inline(__always)
        func found(at index: Int) -> SIMDMask<SIMD16<Int8>> {
            let bytes = loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
            return (bytes .== firsts) .| (bytes .== seconds)
        }
        while index &+ 64 <= count {
            let all = found(at: index) .| found(at: index &+ 16) .| found(at: index &+ 32) .| found(at: index &+ 48)
            let marks = unsafeBitCast(all, to: SIMD2<UInt64>.self)
            if marks[0] | marks[1] != 0 { break }
            index &+= 64
        }
        while index &+ 32 <= count {
            let low = loadUnaligned(fromByteOffset: index, as: SIMD16<UInt8>.self)
            let high = loadUnaligned(fromByteOffset: index &+ 16, as: SIMD16<UInt8>.self)
            let found = (low .== firsts) .| (low .== seconds) .| (high .== firsts) .| (high .== seconds)
            // The standard library's own question for any mark looks at one byte after the other.
            let marks = unsafeBitCast(found, to: SIMD2<UInt64>.self)
            if marks[0] | marks[1] != 0 { break }
            index &+= 32
        }
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        while index &+ 8 <= count {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let first = word ^ (ones &* UInt64(one))
            let second = word ^ (ones &* UInt64(other))
            // A byte that is zero borrows from the one above it, so that the lowest mark is always a true one.
            let marks = (((first &- ones) & ~first) | ((second &- ones) & ~second)) & highs
            if marks != 0 { return index &+ marks.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < count, self[index] != one, self[index] != other { index &+= 1 }
        return index
    }
}
