public import Coding

/// Reads an answer of an LLM's API as its bytes pass: what each event of a stream means, the first content, the error that it
/// names, the tokens that it says were used, the model that answered, and whether it came to its end.
///
/// Pure and incremental: no I/O, no clock, no allocation for an event, and the same result however the bytes are cut. It
/// never fails: what it does not know passes. It keeps a kilobyte and a half, whatever comes, and what a content coding takes to be undone.
///
///     var reader = AnswerReader(api: .messages, status: 200, contentType: "text/event-stream")
///     reader.read(bytes) { event, end in … }      // for each piece of the body
///     reader.finish(isClean: true) { event, end in … }
///     reader.usage, reader.ending, reader.model, reader.error
///
/// Both the gate that holds an answer until it has content and the accounting of tokens use it, so that they cannot disagree.
public struct AnswerReader {
    /// What an event of a stream means, or a whole answer that is no stream.
    public enum EventClass: Sendable, Equatable {
        /// Nothing that a user sees yet: the announcement of a message, a ping, an empty delta.
        case neutral
        /// The first or further output.
        case content
        /// Of no known type, or no JSON. The proxy, which decides whether to pass an answer on, has to take it for content
        /// (`isOutput`), so that a new event never breaks traffic; for measurements it is none.
        case unknown
        /// The endpoint says that it failed.
        case error
        /// The API's last event.
        case end

        /// Whether the client must have it.
        public var isOutput: Bool { self == .content || self == .unknown }
    }

    /// How an answer ended.
    public enum Ending: Sendable, Equatable {
        case complete
        /// It broke off, or was left, before its API's last event. Its figures are kept: they were billed.
        case partial
        case error
    }

    /// How far the body could be looked into.
    public enum Legibility: Sendable, Equatable {
        case legible
        /// Neither JSON nor an event stream by its media type.
        case foreign
        /// Under a content coding that is not known here, or that takes more to be undone than there is for it. What is so encoded is judged
        /// by its status and head alone.
        case encoded
        /// It is not what its content coding says: the reading has ended there.
        case broken
    }

    /// What an error says of itself.
    public struct NamedError: Sendable, Equatable {
        /// Such as `overloaded_error`; empty where none is named.
        public var type: String
        /// Such as `insufficient_quota`, or a number as text; empty where none is named.
        public var code: String
        /// The message, its beginning.
        public var message: String

        /// An error that calls itself so.
        public init(type: String, code: String, message: String) {
            self.type = type
            self.code = code
            self.message = message
        }
    }

    private enum Shape: UInt8 { case unknown, json, events, markup }

    /// The kinds of media that are told apart.
    public enum Media: UInt8, Sendable {
        /// None is named, or one that says nothing, such as `text/plain`: the first byte tells.
        case unknown
        case json
        case eventStream
        /// HTML.
        case page
        /// Neither JSON nor an event stream.
        case foreign
        /// Under a content coding that cannot be undone.
        case encoded
    }

    // What every event touches comes first, within two lines of the processor's cache.
    private var api: LLMAPI
    private var shape = Shape.unknown
    /// Undoes the content coding; nil where there is none, or none any more.
    private var decoder: ContentDecoder?
    /// How far the body can be looked into.
    public private(set) var legibility = Legibility.legible
    /// Whether anything came that the client must have.
    public private(set) var hasOutput = false
    /// An event of a type that the API has was seen.
    private var knowsEvents = false
    /// How many names lead to the usage object that is open; 0: none is.
    private var usageLevel: Int8 = 0
    private var status: Int16
    private var total = 0
    /// How many bytes of a stream had come when its first content was known.
    public private(set) var firstContent: Int?
    private var framing = EventStreamFraming()
    /// The media type says that it is an event stream; else the first bytes have to be trusted.
    private var isDeclaredStream = false
    /// It says JSON, which is never a page.
    private var isDeclaredJSON = false
    /// Of an answer that is no stream: where its words would stand has been seen, and a word.
    private var hasPlaceForWords = false
    private var hasWords = false
    /// What may be the first byte of a page has come.
    private var sawAngle = false
    private var markBytes: UInt8 = 0
    private var scanner = JSONScanner()
    private var event = EventInfo()
    private var object = UsageObject()
    private var hasEnd = false
    /// A choice has said why it ended.
    private var hasFinished = false
    private var hasError = false
    private var modelText = ShortText<128>()
    private var finishText = ShortText<32>()
    private var errorType = ShortText<48>()
    private var errorCode = ShortText<48>()
    private var errorMessage = JSONText()

    /// The tokens used, as far as the answer said by now.
    public private(set) var usage = Usage()

    /// - Parameters:
    ///   - api: which API was asked.
    ///   - status: of the answer.
    ///   - contentType: its media type with parameters; nil or empty where there is none.
    ///   - contentEncoding: its content codings; nil, empty or `identity` where there is none.
    public init(api: LLMAPI, status: Int, contentType: String?, contentEncoding: String? = nil) {
        let media = Self.media(contentType ?? "")
        self.init(api: api, status: status, media: media)
        // A page is one under any coding.
        guard legibility == .legible else { return }
        do {
            let codings = try ContentCodings((contentEncoding ?? "").utf8)
            decoder = try Self.decoder(of: codings, media)
        } catch {
            declare(.encoded)
        }
    }

    /// So much of an answer that is no stream is decoded: a few bytes can stand for gigabytes.
    public static let decodedLimit = 64 << 20
    /// A stream comes event by event, and may go on for hours.
    private static let decodedStreamLimit = 4 << 30
    /// So much of a stream is decoded for one piece that comes in. Events that were written by a model do not shrink to a hundredth of their
    /// length; what stands for more would hold up the other connections of its loop.
    private static let decodedAtOnce = 8 << 20

    /// What undoes these codings; nil where there are none.
    public static func decoder(
        of codings: ContentCodings, _ media: Media
    ) throws(DecodingError) -> ContentDecoder? {
        guard !codings.isIdentity else { return nil }
        return media == .eventStream
            ? try ContentDecoder(codings, budget: decodedStreamLimit, perPiece: decodedAtOnce)
            : try ContentDecoder(codings, budget: decodedLimit)
    }

    /// The same for an answer whose head has been read.
    public init(api: LLMAPI, status: Int, media: Media) {
        self.api = api
        self.status = Int16(clamping: status)
        declare(media)
    }

    private mutating func declare(_ media: Media) {
        isDeclaredStream = media == .eventStream
        isDeclaredJSON = media == .json
        shape = media == .page ? .markup : .unknown
        switch media {
        case .unknown, .json, .eventStream: legibility = .legible
        case .page, .foreign: legibility = .foreign
        case .encoded: legibility = .encoded
        }
    }

    /// Begins anew with another answer. The reader is large, and most of it need not be touched for that.
    ///
    /// - Parameter decoder: undoes its content coding
    public mutating func begin(api: LLMAPI, status: Int, media: Media, decoder: ContentDecoder? = nil) {
        if self.decoder != nil || decoder != nil { self.decoder = decoder }
        self.api = api
        self.status = Int16(clamping: status)
        declare(media)
        knowsEvents = false
        hasPlaceForWords = false
        hasWords = false
        sawAngle = false
        markBytes = 0
        framing.begin()
        scanner.begin()
        event = EventInfo()
        object = UsageObject()
        usageLevel = 0
        total = 0
        hasEnd = false
        hasFinished = false
        hasError = false
        modelText.removeAll()
        finishText.removeAll()
        errorType.removeAll()
        errorCode.removeAll()
        errorMessage.removeAll()
        usage = Usage()
        firstContent = nil
        hasOutput = false
    }

    /// Whether it is a page of HTML, by its media type or its first byte, where JSON or a stream was due.
    public var isMarkup: Bool { shape == .markup }

    /// Whether it is neither JSON nor an event stream nor a page, by its media type or by what has come: what it says is not known.
    public var isForeign: Bool {
        switch legibility {
        case .encoded, .broken: true
        case .foreign: !isMarkup
        case .legible: shape == .events && !isDeclaredStream && !knowsEvents
        }
    }

    /// Whether it is read as a stream of events.
    public var isStream: Bool { shape == .events }

    /// Whether the events of a stream are those of its API, so that a missing end means something.
    public var hasKnownEvents: Bool { knowsEvents }

    /// Whether nothing but white space has come, as far as that can be known.
    public var isEmpty: Bool { legibility == .legible && shape == .unknown }

    /// Why the model stopped, in the API's own word, such as `end_turn` or `length`; nil where that was not said.
    public var finishReason: String? {
        let text = finishText.cleaned
        return text.isEmpty ? nil : text
    }

    /// The model that answered; nil where none was named.
    public var model: String? {
        let text = modelText.cleaned
        return text.isEmpty ? nil : text
    }

    /// Tells the model that answered from others, whatever name a relay gives it; 0 where none was named.
    public var modelFamily: UInt32 { modelText.isEmpty ? 0 : ModelFamily(modelText).number }

    /// Whether the model that answered is named so, without making its name.
    public func modelIs(_ name: String) -> Bool { modelText.cleanedEquals(name) }

    /// What the error said; nil while there was none.
    public var error: NamedError? {
        guard hasError || (shape == .json && status >= 400) else { return nil }
        return NamedError(type: errorType.cleaned, code: errorCode.cleaned, message: errorMessage.cleaned)
    }

    private static func media(_ contentType: String) -> Media {
        let type = contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
        switch type {
        case "", "text/plain", "application/octet-stream": return .unknown
        case "application/json": return .json
        case "text/event-stream": return .eventStream
        default:
            if type.hasPrefix("text/html") || type.hasPrefix("application/xhtml") { return .page }
            return type.hasSuffix("+json") ? .json : .foreign
        }
    }

    // MARK: Bytes

    /// Reads the next bytes of the body.
    ///
    /// - Parameters:
    ///   - onEvent: is called for each event of a stream that is complete, with its meaning and the number of bytes of
    ///     `bytes` up to its end, of bytes under a content coding that of all of them. A JSON answer is one event.
    ///   - onPlain: gets the bytes without their content coding where they have one, before they are read.
    public mutating func read(
        _ bytes: UnsafeRawBufferPointer, onEvent: (EventClass, _ end: Int) -> Void = { _, _ in },
        onPlain: (UnsafeRawBufferPointer) -> Void = { _ in }
    ) {
        guard let decoder else { return readPlain(bytes, onEvent: onEvent) }
        do throws(DecodingError) {
            try decoder.decode(bytes) { plain in
                onPlain(plain)
                readPlain(plain) { meaning, _ in onEvent(meaning, bytes.count) }
            }
        } catch {
            switch error {
            case .corrupt, .truncated: endReading(.broken)
            case .tooLarge, .outOfMemory: endReading(.encoded)
            }
        }
    }

    /// Bytes that are taken for undoing the content coding.
    public var decoderMemory: Int { decoder?.memory ?? 0 }

    /// There is no room for undoing the content coding: what was read until now is all that is known.
    public mutating func stopDecoding() { if decoder != nil { endReading(.encoded) } }

    private mutating func endReading(_ reason: Legibility) {
        decoder = nil
        if legibility == .legible { legibility = reason }
    }

    private mutating func readPlain(
        _ bytes: UnsafeRawBufferPointer, onEvent: (EventClass, _ end: Int) -> Void
    ) {
        guard legibility == .legible else { return }
        var place = 0
        if shape == .unknown {
            place = recognise(bytes)
            if shape == .markup {
                hasError = true
                onEvent(.error, place + 1)
            }
        }
        switch shape {
        case .unknown, .markup: break
        case .json: readJSON(bytes, from: place, onEvent)
        case .events: readEvents(bytes, from: place, onEvent)
        }
        total += bytes.count
    }

    /// Says that nothing more comes.
    ///
    /// - Parameter isClean: whether the body ended as its framing said.
    /// - Returns: how the answer ended; nil where it was not looked into.
    public mutating func finish(
        isClean: Bool, onEvent: (EventClass, _ end: Int) -> Void = { _, _ in }
    ) -> Ending? {
        // That the coding's own end is missing says nothing: servers that send each event at once often never write it.
        if decoder != nil { decoder = nil }
        if legibility == .foreign { return nil }
        if shape == .json, let token = scanner.finish() { take(token) }
        // An event without its empty line counts, as a file without its last line end has its last line. A client does not get it.
        if legibility == .legible, shape == .events, event.hasData || event.hasName {
            let hadOutput = hasOutput
            conclude(at: 0, onEvent)
            hasOutput = hadOutput
        }
        // A page is no answer that says of itself that it is none; nothing of its end is known.
        if shape == .markup { return .partial }
        if hasError { return .error }
        if shape == .json {
            if status >= 400 { return .error }
            return scanner.isDone ? .complete : .partial
        }
        if hasEnd { return .complete }
        return hasFinished && isClean && shape == .events && legibility == .legible ? .complete : .partial
    }

    /// JSON begins with a bracket and HTML with an angle; everything else is read as an event stream. White space in front keeps a connection alive.
    private mutating func recognise(_ bytes: UnsafeRawBufferPointer) -> Int {
        let mark: StaticString = "\u{FEFF}"
        for (place, byte) in bytes.enumerated() {
            if markBytes < 3, byte == mark.utf8Start[Int(markBytes)] {
                markBytes += 1
                continue
            }
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0D: continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                shape = .json
                return place
            case UInt8(ascii: "<") where isDeclaredStream || isDeclaredJSON:
                shape = .markup
                return place
            case UInt8(ascii: "<") where !sawAngle: sawAngle = true
            // `<!doctype`, `<html`, `<head`: of what has no media type, an angle alone says nothing.
            case UInt8(ascii: "!"), UInt8(ascii: "h"), UInt8(ascii: "H"):
                shape = sawAngle ? .markup : .events
                return place
            default:
                shape = .events
                return place
            }
        }
        return bytes.count
    }

    private mutating func readJSON(
        _ bytes: UnsafeRawBufferPointer, from begin: Int, _ onEvent: (EventClass, Int) -> Void
    ) {
        guard !scanner.isDone else { return }
        var place = begin
        while let token = scanner.next(bytes, &place) { take(token) }
        guard scanner.isDone else { return }
        if event.hasErrorObject || event.type == .error || event.hasFailedStatus { hasError = true }
        // What has no place for words is of a kind that is not known.
        if !hasError, status < 400, hasWords || !hasPlaceForWords { hasOutput = true }
        onEvent(hasError || status >= 400 ? .error : .content, place)
    }

    private mutating func readEvents(
        _ bytes: UnsafeRawBufferPointer, from begin: Int, _ onEvent: (EventClass, Int) -> Void
    ) {
        var place = begin
        while true {
            if framing.isBetweenEvents(bytes, &place),
                let delta = DeltaEvent(bytes, from: place, api),
                delta.model.map({ modelText.equals(bytes, $0) }) ?? true
            {
                place = delta.end
                framing.passed(endsWithReturn: delta.endsWithReturn)
                note(delta.hasContent ? .content : .neutral, end: place)
                onEvent(delta.hasContent ? .content : .neutral, place)
                continue
            }
            guard let part = framing.next(bytes, &place) else { return }
            switch part {
            case .nameBegins:
                event.name.removeAll()
                event.hasName = true
            case .name(let range): event.name.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
            case .data(let range): readData(UnsafeRawBufferPointer(rebasing: bytes[range]))
            case .dataBreak: withUnsafeBytes(of: UInt8(0x0A)) { readData($0) }
            case .end(let end): if event.hasData || event.hasName { conclude(at: end, onEvent) }
            }
        }
    }

    private mutating func readData(_ bytes: UnsafeRawBufferPointer) {
        event.hasData = true
        event.watchForDone(bytes)
        var place = 0
        while let token = scanner.next(bytes, &place) { take(token) }
    }

    /// An event that is of its API has this meaning.
    @inline(__always)
    private mutating func note(_ meaning: EventClass, end: Int) {
        if meaning.isOutput { hasOutput = true }
        knowsEvents = true
        if meaning == .content, firstContent == nil { firstContent = total + end }
    }

    /// An event has ended: what it said becomes part of the whole.
    private mutating func conclude(at end: Int, _ onEvent: (EventClass, Int) -> Void) {
        let meaning = event.meaning(api, dataKind)
        if let meaning {
            if meaning.isOutput { hasOutput = true }
            // A sign of life without data is of no API.
            if meaning != .unknown, scanner.isDone || meaning == .end { knowsEvents = true }
        }
        switch meaning {
        case .content: if firstContent == nil { firstContent = total + end }
        case .error: if !hasEnd { hasError = true }
        case .end: if !hasError { hasEnd = true }
        case .neutral, .unknown, nil: break
        }
        if meaning != nil, event.isEndOfMessage, !hasError { hasEnd = true }
        if let meaning { onEvent(meaning, end) }
        if meaning != nil, event.hasFinished { hasFinished = true }
        event = EventInfo()
        usageLevel = 0
        scanner.reset()
    }

    private var dataKind: EventInfo.DataKind {
        if scanner.isBroken { return .foreign }
        return scanner.isDone ? .json : scanner.isUntouched ? .none : .cut
    }

    // MARK: JSON

    private mutating func take(_ token: JSONScanner.Token) {
        let path = scanner.path
        if shape == .json, !hasWords { watchForWords(token, path) }
        switch token {
        case .begin:
            if usageLevel == 0, isUsage(path, path.count - 1) {
                usageLevel = Int8(path.count - 1)
                object = UsageObject()
            }
            event.takeBracket(path, api)
            // A response's first events echo the whole request: instructions, tools.
            if path[path.count - 2] == .other, path.count == 2 || (path.count == 3 && path[0] == .response) {
                scanner.skip()
            }
        case .end:
            if usageLevel > 0 {
                if path.count == usageLevel {
                    takeOver()
                } else {
                    object.close(at: path, below: Int(usageLevel))
                }
            }
        case .number(let number):
            if usageLevel > 0 { object.take(number, at: path, below: Int(usageLevel)) }
            takeErrorNumber(number, path)
        case .string:
            if usageLevel > 0 {
                object.take(scanner.text, at: path, below: Int(usageLevel))
                takeNoNumber(path)
            }
            takeString(path)
        case .oddNumber, .true, .false:
            takeNoNumber(path)
            if path.count == 1, path[0] == .error { event.hasErrorObject = true }
        case .null: takeNoNumber(path)
        }
    }

    /// Of a figure that is there twice the last one counts, also where it is none.
    private mutating func takeNoNumber(_ path: JSONPath) {
        if usageLevel > 0 { object.take(-1, at: path, below: Int(usageLevel)) }
    }

    /// `content` of a message, `choices` of a completion. What a response's `output` holds is passed over.
    private mutating func watchForWords(_ token: JSONScanner.Token, _ path: JSONPath) {
        let isWord = token == .string && !scanner.text.isEmpty && path.last != .type && path.last != .role
        switch (api, path[0]) {
        case (.messages, .content):
            hasPlaceForWords = true
            if isWord, path.count == 1 || path.count >= 3 { hasWords = true }
        case (.chatCompletions, .choices):
            hasPlaceForWords = true
            if isWord, (path.count >= 4 && path[2] == .message) || (path.count == 3 && path.last == .text) {
                hasWords = true
            }
        default: break
        }
    }

    private func isUsage(_ path: JSONPath, _ count: Int) -> Bool {
        guard count >= 1, path[count - 1] == .usage else { return false }
        switch (api, count) {
        case (_, 1): return true
        case (.messages, 2): return path[0] == .message
        case (.chatCompletions, 2): return path[0] == .xGroq
        case (.chatCompletions, 3): return path[0] == .choices && path[1] == .element
        case (.responses, 2): return path[0] == .response
        default: return false
        }
    }

    private mutating func takeOver() {
        usageLevel = 0
        switch api {
        case .messages: object.takeOverMessages(into: &usage)
        case .chatCompletions, .responses: object.takeOverOpenAI(into: &usage)
        }
    }

    private mutating func takeErrorNumber(_ number: Int64, _ path: JSONPath) {
        let isOfError = (path.count == 2 && path[0] == .error) || (path.count == 3 && path[1] == .error)
        guard isOfError, path.last == .code, errorCode.isEmpty else { return }
        for byte in String(number).utf8 { errorCode.append(byte) }
    }

    private mutating func takeString(_ path: JSONPath) {
        event.take(scanner.text, at: path, api)
        guard !scanner.text.isEmpty else { return }
        switch (path.count, path[0], path.last) {
        case (1, .model, _): modelText.take(scanner.text)
        case (2, .message, .model) where api == .messages: modelText.take(scanner.text)
        case (2, .response, .model) where api == .responses: modelText.take(scanner.text)
        case (2, .delta, .stopReason), (1, .stopReason, _), (3, .choices, .finishReason): finishText.take(scanner.text)
        case (1, .status, _), (2, .response, .status): if api == .responses { finishText.take(scanner.text) }
        case (2, .incompleteDetails, .reason): finishText.take(scanner.text)
        case (3, .response, .reason) where path[1] == .incompleteDetails: finishText.take(scanner.text)
        case (1, .error, _), (1, .message, _), (1, .detail, _), (2, .error, .message):
            if errorMessage.isEmpty { errorMessage = scanner.text }
        case (2, .error, .type): if errorType.isEmpty { errorType.take(scanner.text) }
        case (2, .error, .code), (1, .code, _): if errorCode.isEmpty { errorCode.take(scanner.text) }
        case (3, .response, .message) where path[1] == .error: if errorMessage.isEmpty { errorMessage = scanner.text }
        case (3, .response, .code) where path[1] == .error: if errorCode.isEmpty { errorCode.take(scanner.text) }
        case (3, .response, .type) where path[1] == .error: if errorType.isEmpty { errorType.take(scanner.text) }
        default: break
        }
    }

}
