/// The quick way for the events that streams consist of: a piece of text, of reasoning or of a tool's input, whole in one read.
///
/// Such an event can neither end an answer nor name an error nor carry figures, so nothing of it has to be kept. It is matched in
/// one walk over its bytes, without state. Whatever is not exactly of the expected form (another type, a name that means
/// something elsewhere, an odd escape, more than one line of data) is no match, and goes the whole way through
/// `EventStreamFraming`, `JSONScanner` and `EventInfo`. Where it matches, it says what they would say; tests hold the two
/// against each other.
struct DeltaEvent {
    /// Behind the first byte of the empty line that ends it, as `EventStreamFraming.Part.end`.
    let end: Int
    /// That byte is a carriage return: a line feed behind it belongs to it.
    let endsWithReturn: Bool
    /// It has output that is not empty.
    let hasContent: Bool
    /// Where the model is named, without escapes. Only where it is the one that the answer has named by now is it a match.
    let model: Range<Int>?

    /// - Parameter begin: of its first line
    init?(_ bytes: UnsafeRawBufferPointer, from begin: Int, _ api: LLMAPI) {
        var walk = Walk(bytes: bytes, place: begin)
        // The name says what the type in the data says; where the data have none it counts.
        if api != .chatCompletions, walk.takes("event:") { walk.skipLine() }
        guard walk.takes("data:") else { return nil }
        walk.skipBlanks()
        guard walk.takeDocument(api) else { return nil }
        walk.skipBlanks()
        guard walk.takeLineEnd(), walk.place < bytes.count else { return nil }
        let last = bytes[walk.place]
        guard last == 0x0A || last == 0x0D else { return nil }
        end = walk.place + 1
        endsWithReturn = last == 0x0D
        model = walk.model
        hasContent = walk.hasText
        // It says something of a kind that is not known.
        guard walk.hasText || (api == .messages ? walk.isPlainDelta : !walk.hasOtherText) else { return nil }
    }

    /// A string's bytes as they stand, without the quotation marks.
    private struct Text {
        var begin: Int
        var end: Int
        var hasEscapes: Bool

        var isEmpty: Bool { begin == end }
    }

    /// The names of a document's own members that mean something to the readers, and all others.
    private enum Member {
        case other, type, delta, text, choices, model, odd
    }

    private struct Walk {
        let bytes: UnsafeRawBufferPointer
        var place: Int
        var hasText = false
        /// Of Chat Completions: a text under a name that is no output's.
        var hasOtherText = false
        /// The delta is of a kind that may be empty.
        var isPlainDelta = false
        var model: Range<Int>?

        // MARK: Lines

        @inline(__always)
        mutating func takes(_ text: StaticString) -> Bool {
            guard isThere(text, at: place) else { return false }
            place &+= text.utf8CodeUnitCount
            return true
        }

        @inline(__always)
        private func isThere(_ text: StaticString, at begin: Int) -> Bool {
            let count = text.utf8CodeUnitCount
            guard begin &+ count <= bytes.count else { return false }
            for index in 0..<count where bytes[begin &+ index] != text.utf8Start[index] { return false }
            return true
        }

        @inline(__always)
        private func equals(_ text: Text, _ other: StaticString) -> Bool {
            text.end &- text.begin == other.utf8CodeUnitCount && isThere(other, at: text.begin)
        }

        mutating func skipLine() {
            place = bytes.lineEnd(from: place)
            _ = takeLineEnd()
        }

        @inline(__always)
        mutating func skipBlanks() {
            while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x09 { place &+= 1 }
        }

        @inline(__always)
        mutating func takeLineEnd() -> Bool {
            guard place < bytes.count else { return false }
            switch bytes[place] {
            case 0x0A: break
            case 0x0D: if place &+ 1 < bytes.count, bytes[place &+ 1] == 0x0A { place &+= 1 }
            default: return false
            }
            place &+= 1
            return true
        }

        // MARK: Tokens

        /// The next byte that is no blank; 0 at the end.
        @inline(__always)
        private mutating func next() -> UInt8 {
            skipBlanks()
            return place < bytes.count ? bytes[place] : 0
        }

        /// A string, at whose first quotation mark the walk is.
        @inline(__always)
        private mutating func takeText() -> Text? {
            var index = place &+ 1
            var text = Text(begin: index, end: index, hasEscapes: false)
            while true {
                index = bytes.quoteBackslashOrControl(from: index)
                guard index < bytes.count else { return nil }
                switch bytes[index] {
                case UInt8(ascii: "\""):
                    text.end = index
                    place = index &+ 1
                    return text
                case UInt8(ascii: "\\"):
                    text.hasEscapes = true
                    guard let behind = escapeEnd(index) else { return nil }
                    index = behind
                default: return nil
                }
            }
        }

        /// Behind an escape that stands for at least a byte: half of a pair may stand for none.
        private func escapeEnd(_ index: Int) -> Int? {
            guard index &+ 1 < bytes.count else { return nil }
            let byte = bytes[index &+ 1]
            guard byte == UInt8(ascii: "u") else { return byte < 0x20 ? nil : index &+ 2 }
            guard index &+ 6 <= bytes.count else { return nil }
            for place in index &+ 2..<index &+ 6 where !Self.isHexadecimal(bytes[place]) { return nil }
            return bytes[index &+ 2] | 0x20 == UInt8(ascii: "d") ? nil : index &+ 6
        }

        private static func isHexadecimal(_ byte: UInt8) -> Bool {
            byte &- UInt8(ascii: "0") < 10 || (byte | 0x20) &- UInt8(ascii: "a") < 6
        }

        /// A name and its colon.
        @inline(__always)
        private mutating func takeName() -> Text? {
            guard next() == UInt8(ascii: "\""), let name = takeText(), !name.hasEscapes, next() == UInt8(ascii: ":")
            else { return nil }
            place &+= 1
            return name
        }

        /// A comma or the bracket that closes.
        ///
        /// - Returns: whether another follows; nil if it is neither.
        @inline(__always)
        private mutating func takeSeparator(_ closing: UInt8) -> Bool? {
            let byte = next()
            guard byte == UInt8(ascii: ",") || byte == closing else { return nil }
            place &+= 1
            return byte != closing
        }

        /// A number, `true`, `false` or `null`.
        private mutating func takeScalar() -> Bool {
            guard place < bytes.count else { return false }
            switch bytes[place] {
            case UInt8(ascii: "t"): return takes("true")
            case UInt8(ascii: "f"): return takes("false")
            case UInt8(ascii: "n"): return takes("null")
            default:
                let begin = place
                while place < bytes.count, JSONScanner.isOfNumber(bytes[place]) { place &+= 1 }
                return place > begin
            }
        }

        // MARK: The document

        @inline(__always)
        private func member(_ name: Text) -> Member {
            switch name.end &- name.begin {
            case 4:
                if equals(name, "type") { return .type }
                if equals(name, "text") { return .text }
                if equals(name, "code") { return .odd }
            case 5:
                if equals(name, "delta") { return .delta }
                if equals(name, "model") { return .model }
                if equals(name, "input") { return .text }
                if equals(name, "error") || equals(name, "usage") { return .odd }
            case 6: if equals(name, "status") || equals(name, "detail") { return .odd }
            case 7:
                if equals(name, "choices") { return .choices }
                if equals(name, "refusal") { return .text }
                if equals(name, "message") { return .odd }
            case 8: if equals(name, "response") { return .odd }
            case 9: if equals(name, "arguments") { return .text }
            case 11: if equals(name, "stop_reason") { return .odd }
            case 13: if equals(name, "content_block") { return .odd }
            default: break
            }
            return .other
        }

        /// - Returns: whether it is a delta's.
        mutating func takeDocument(_ api: LLMAPI) -> Bool {
            guard takes("{") else { return false }
            var isDelta = false
            while true {
                guard let name = takeName() else { return false }
                let member = member(name)
                switch next() {
                case UInt8(ascii: "\""):
                    guard let text = takeText() else { return false }
                    switch member {
                    case .type:
                        guard isType(text, api) else { return false }
                        isDelta = true
                    case .model:
                        guard !text.hasEscapes, model == nil else { return false }
                        model = text.begin..<text.end
                    case .delta, .text: if api == .responses, !text.isEmpty { hasText = true }
                    case .odd: return false
                    case .other, .choices: break
                    }
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    switch (member, api) {
                    case (.delta, .messages): guard takeDelta() else { return false }
                    case (.choices, .chatCompletions):
                        guard takeChoices() else { return false }
                        isDelta = true
                    case (.other, _): guard takes("[]") || takes("{}") else { return false }
                    default: return false
                    }
                default:
                    // `error: true` is one.
                    guard takeScalar(), member != .odd || equals(name, "usage") else { return false }
                }
                guard let goesOn = takeSeparator(UInt8(ascii: "}")) else { return false }
                if !goesOn { return isDelta }
            }
        }

        @inline(__always)
        private func isType(_ text: Text, _ api: LLMAPI) -> Bool {
            switch api {
            case .messages: equals(text, "content_block_delta")
            case .responses: !text.hasEscapes && text.end &- text.begin > 6 && isThere(".delta", at: text.end &- 6)
            case .chatCompletions: false
            }
        }

        /// Messages: `{"type": "text_delta", "text": "…"}`.
        private mutating func takeDelta() -> Bool {
            guard takes("{") else { return false }
            while true {
                guard let name = takeName() else { return false }
                if next() == UInt8(ascii: "\"") {
                    guard let text = takeText(), !equals(name, "stop_reason") else { return false }
                    if equals(name, "type") {
                        isPlainDelta =
                            equals(text, "text_delta") || equals(text, "input_json_delta")
                            || equals(text, "thinking_delta") || equals(text, "signature_delta")
                        if text.hasEscapes { return false }
                    } else if !text.isEmpty {
                        hasText = true
                    }
                } else {
                    guard takeScalar() else { return false }
                }
                guard let goesOn = takeSeparator(UInt8(ascii: "}")) else { return false }
                if !goesOn { return true }
            }
        }

        /// Chat Completions: `[{"index": 0, "delta": {"content": "…"}, "finish_reason": null}]`.
        private mutating func takeChoices() -> Bool {
            guard takes("[") else { return false }
            while true {
                guard next() == UInt8(ascii: "{") else { return false }
                place &+= 1
                while true {
                    guard let name = takeName() else { return false }
                    switch next() {
                    case UInt8(ascii: "\""):
                        guard let text = takeText() else { return false }
                        if !text.isEmpty {
                            if equals(name, "finish_reason") { return false }
                            if equals(name, "text") { hasText = true }
                        }
                    case UInt8(ascii: "{"):
                        guard equals(name, "delta"), takeBracket(level: 4) else { return false }
                    case UInt8(ascii: "["): return false
                    default: guard takeScalar() else { return false }
                    }
                    guard let goesOn = takeSeparator(UInt8(ascii: "}")) else { return false }
                    if !goesOn { break }
                }
                guard let goesOn = takeSeparator(UInt8(ascii: "]")) else { return false }
                if !goesOn { return true }
            }
        }

        /// A text that is not empty stands in a choice's delta.
        ///
        /// - Parameter name: its own; nil for an element of a list
        @inline(__always)
        private mutating func noteText(under name: Text?, isRolePossible: Bool) {
            guard let name else { return hasOtherText = true }
            if isOutput(name) {
                hasText = true
            } else if !isRolePossible || !equals(name, "role") {
                hasOtherText = true
            }
        }

        /// The same names as those of `EventInfo.isOutput`.
        @inline(__always)
        private func isOutput(_ name: Text) -> Bool {
            switch name.end &- name.begin {
            case 4: equals(name, "text") || equals(name, "name") || equals(name, "data")
            case 5: equals(name, "input")
            case 7: equals(name, "content") || equals(name, "refusal")
            case 8: equals(name, "thinking")
            case 9: equals(name, "arguments") || equals(name, "reasoning")
            case 10: equals(name, "transcript")
            case 17: equals(name, "reasoning_content")
            default: false
            }
        }

        /// What stands in a choice's delta, at whose opening bracket the walk is.
        ///
        /// - Parameter level: how many brackets are open with this one; as many as the scanner keeps, and no more.
        private mutating func takeBracket(level: Int) -> Bool {
            guard level <= JSONScanner.levels else { return false }
            let isObject = bytes[place] == UInt8(ascii: "{")
            place &+= 1
            let closing = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
            if next() == closing {
                place &+= 1
                return true
            }
            while true {
                var name: Text?
                if isObject {
                    name = takeName()
                    if name == nil { return false }
                }
                switch next() {
                case UInt8(ascii: "\""):
                    guard let text = takeText() else { return false }
                    if !text.isEmpty { noteText(under: name, isRolePossible: level == 4) }
                case UInt8(ascii: "{"), UInt8(ascii: "["): guard takeBracket(level: level + 1) else { return false }
                default: guard takeScalar() else { return false }
                }
                guard let goesOn = takeSeparator(closing) else { return false }
                if !goesOn { return true }
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The place of the next quotation mark, backslash or control character; the end of the bytes where there is none.
    @inline(__always)
    fileprivate func quoteBackslashOrControl(from begin: Int) -> Int {
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        var index = begin
        while index &+ 8 <= count {
            let word = UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // What borrows, borrows from the byte above it, so that the lowest mark is always a true one.
            let marks =
                (((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word))
                & highs
            if marks != 0 { return index &+ marks.trailingZeroBitCount &>> 3 }
            index &+= 8
        }
        while index < count, self[index] != 0x22, self[index] != 0x5C, self[index] >= 0x20 { index &+= 1 }
        return index
    }
}
