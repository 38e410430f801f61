/// Finds in an answer the texts that name the model, so that they can be replaced by the name that the client has asked for while
/// the bytes pass.
///
/// It looks where the APIs have it: at the top of the object, or of what its `message` or `response` holds; in an answer that is no stream
/// and in each event of one. Pure, incremental, and the same however the bytes are cut: nothing is held back.
public struct ModelRestorer {
    /// A stretch that is left out.
    public struct Cut: Equatable, Sendable {
        /// Of the bytes that were read; empty where the text was.
        public var range: Range<Int>
        /// The name comes in its place. A text that is cut by the end of the bytes goes on without.
        public var inserts: Bool
    }

    private enum Shape: UInt8 { case unknown, json, events }

    private let api: LLMAPI
    private var shape: Shape
    private var scanner = JSONScanner()
    private var framing = EventStreamFraming()
    /// The name was put in place of a text whose end has not come yet.
    private var isWithin = false
    /// The rest of the present event has no name of a model any more.
    private var passesEvent = false
    /// The rest of the answer has none.
    public private(set) var isFinished = false

    /// - Parameter isStream: nil: the first byte tells
    public init(api: LLMAPI, isStream: Bool?) {
        self.api = api
        shape = isStream.map { $0 ? .events : .json } ?? .unknown
    }

    /// Reads the next bytes of the body, without a content coding.
    ///
    /// - Parameter cut: is called with each stretch in the order of the bytes
    public mutating func read(_ bytes: UnsafeRawBufferPointer, _ cut: (Cut) -> Void) {
        guard !isFinished else { return }
        if shape == .unknown {
            guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }) else {
                return
            }
            shape = first == UInt8(ascii: "{") ? .json : .events
        }
        guard shape == .events else { return scan(bytes, 0..<bytes.count, cut) }
        var place = 0
        while !isFinished, let part = framing.next(bytes, &place) {
            switch part {
            case .data(let range): if !passesEvent { scan(bytes, range, cut) }
            // Between two lines of data stands white space, as far as JSON goes.
            case .dataBreak, .name, .nameBegins: break
            case .end:
                if !scanner.isUntouched { scanner.begin() }
                isWithin = false
                passesEvent = false
            }
        }
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ cut: (Cut) -> Void) {
        let part = UnsafeRawBufferPointer(rebasing: bytes[range])
        if scanner.isUntouched, let name = Self.modelInFront(part) {
            cut(Cut(range: range.lowerBound + name.lowerBound..<range.lowerBound + name.upperBound, inserts: true))
            return found()
        }
        var place = 0
        while !passesEvent, !isFinished, let token = scanner.next(part, &place) {
            let path = scanner.path
            switch token {
            case .begin:
                if path.count > 2 || path.count == 2 && path[0] != .message && path[0] != .response { scanner.skip() }
            case .string where isModel(path):
                let end = place - 1
                let begin = isWithin ? 0 : max(0, end - scanner.rawLength)
                cut(Cut(range: range.lowerBound + begin..<range.lowerBound + end, inserts: !isWithin))
                isWithin = false
                found()
            default: break
            }
        }
        guard scanner.isWithinText, isModel(scanner.path) else { return }
        let begin = isWithin ? 0 : max(0, part.count - scanner.rawLength)
        cut(Cut(range: range.lowerBound + begin..<range.upperBound, inserts: !isWithin))
        isWithin = true
    }

    private func isModel(_ path: JSONPath) -> Bool {
        guard path.last == .model else { return false }
        return path.count == 1 || path.count == 2 && (path[0] == .message || path[0] == .response)
    }

    /// The quick way for what servers write: an object in which nothing stands before the model but short texts and numbers.
    ///
    /// - Returns: nil where it is not so, or where the model is not whole: the scanner has to find it then
    private static func modelInFront(_ bytes: UnsafeRawBufferPointer) -> Range<Int>? {
        var place = 0
        func next() -> UInt8 {
            while place < bytes.count, bytes[place] == 0x20 || bytes[place] == 0x0A || bytes[place] == 0x0D {
                place += 1
            }
            return place < bytes.count ? bytes[place] : 0
        }
        /// At whose first quotation mark the walk is; nil where it has escapes or is not whole.
        func text() -> Range<Int>? {
            let end = bytes.quoteOrBackslash(from: place + 1)
            guard end < bytes.count, bytes[end] == UInt8(ascii: "\"") else { return nil }
            defer { place = end + 1 }
            return place + 1..<end
        }
        guard next() == UInt8(ascii: "{") else { return nil }
        place += 1
        var isWithin = false
        while next() == UInt8(ascii: "\"") {
            guard let name = text(), next() == UInt8(ascii: ":") else { return nil }
            place += 1
            switch next() {
            case UInt8(ascii: "\""):
                guard let value = text() else { return nil }
                if bytes.holds("model", at: name) { return value }
            case UInt8(ascii: "{"):
                guard !isWithin, bytes.holds("message", at: name) || bytes.holds("response", at: name) else {
                    return nil
                }
                isWithin = true
                place += 1
                continue
            case UInt8(ascii: "["): return nil
            default:
                while place < bytes.count, bytes[place] != UInt8(ascii: ","), bytes[place] != UInt8(ascii: "}") {
                    place += 1
                }
            }
            guard next() == UInt8(ascii: ",") else { return nil }
            place += 1
            _ = next()
        }
        return nil
    }

    /// A stream of Messages names the model once, all others in each event that does.
    private mutating func found() {
        if shape == .json || api == .messages { isFinished = true } else { passesEvent = true }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func holds(_ text: StaticString, at range: Range<Int>) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count where self[range.lowerBound + index] != text.utf8Start[index] { return false }
        return true
    }
}
