/// What has been seen of one event of a stream, or of a JSON answer, and what that means.
struct EventInfo {
    /// The types that mean something. The values in JSON and the names in `event:` lines are the same words.
    enum Kind: UInt8 {
        /// None was said.
        case none
        case unknown
        case error
        // Messages
        case messageStart, messageDelta, messageStop, ping
        case blockStart, blockDelta, blockStop
        // Responses
        case responseBegun, responseEnded, responseFailed
        case itemAdded, itemDone, partAdded
        /// Any other that ends in `.delta` or `.done`.
        case responseText

        init<let capacity: Int>(_ text: ShortText<capacity>) {
            self = .unknown
            for (word, kind) in Self.words where text.equals(word) {
                self = kind
                return
            }
            if text.hasSuffix(".delta") || text.hasSuffix(".done") { self = .responseText }
            if text.isEmpty { self = .none }
        }

        private static let words: [(StaticString, Kind)] = [
            ("content_block_delta", .blockDelta), ("message_start", .messageStart), ("message_delta", .messageDelta),
            ("message_stop", .messageStop), ("ping", .ping), ("content_block_start", .blockStart),
            ("content_block_stop", .blockStop), ("error", .error),
            ("response.created", .responseBegun), ("response.in_progress", .responseBegun),
            ("response.queued", .responseBegun), ("response.completed", .responseEnded),
            ("response.incomplete", .responseEnded), ("response.failed", .responseFailed),
            ("response.error", .responseFailed), ("response.output_item.added", .itemAdded),
            ("response.output_item.done", .itemDone), ("response.content_part.added", .partAdded),
            ("response.reasoning_summary_part.added", .partAdded),
            ("keepalive", .ping), ("codex.rate_limits", .ping),
        ]
    }

    /// The `event:` line.
    var name = ShortText<48>()
    var hasName = false
    var hasData = false
    /// `type` of the JSON.
    private(set) var type = Kind.none
    /// A non-null `error`.
    var hasErrorObject = false
    /// `status: failed` of a response.
    private(set) var hasFailedStatus = false
    /// A choice with a reason for its end.
    private(set) var hasFinished = false
    private var hasText = false
    /// Of Chat Completions: a text under a name that none of the known kinds of output has, such as the id of a call.
    private var hasOtherText = false
    private var hasStopReason = false
    /// `choices` or `usage`.
    private var isChatChunk = false
    private var blockIsPlain = false
    /// Of a kind that may be empty.
    private var deltaIsPlain = false
    private var doneBytes: UInt8 = 0
    private var isOnlyDone = true

    private static let done: StaticString = "[DONE]"

    /// Whether the event says that the message has ended though it is not the API's last.
    var isEndOfMessage: Bool { hasStopReason && kind == .messageDelta }

    private var kind: Kind { type != .none ? type : Kind(name) }

    /// The data `[DONE]` is no JSON.
    mutating func watchForDone(_ bytes: UnsafeRawBufferPointer) {
        guard isOnlyDone else { return }
        for byte in bytes {
            if Int(doneBytes) < Self.done.utf8CodeUnitCount {
                guard byte == Self.done.utf8Start[Int(doneBytes)] else {
                    isOnlyDone = false
                    return
                }
                doneBytes += 1
            } else if byte != 0x20 {
                isOnlyDone = false
                return
            }
        }
    }

    private var isDone: Bool { isOnlyDone && Int(doneBytes) == Self.done.utf8CodeUnitCount }

    /// Takes in a string of the event's JSON.
    mutating func take(_ text: JSONText, at path: JSONPath, _ api: LLMAPI) {
        let isEmpty = text.isEmpty
        switch path[0] {
        case .type where path.count == 1: type = Kind(text)
        case .error where path.count == 1: hasErrorObject = true
        case .status where path.count == 1: hasFailedStatus = text.equals("failed")
        case .response where path.count == 2 && path.last == .status: hasFailedStatus = text.equals("failed")
        case .delta where api == .messages && path.count == 2:
            if path.last == .stopReason {
                hasStopReason = true
            } else if path.last == .type {
                deltaIsPlain = Self.plainDeltas.contains { text.equals($0) }
            } else if !isEmpty {
                hasText = true
            }
        case .contentBlock where path.count == 2:
            if path.last == .type {
                blockIsPlain = text.equals("text") || text.equals("thinking")
            } else if !isEmpty {
                hasText = true
            }
        case .choices: takeChoice(isEmpty, path)
        case .delta, .text, .arguments, .refusal, .input, .code:
            if api == .responses, path.count == 1, !isEmpty { hasText = true }
        default: break
        }
    }

    private static let plainDeltas: [StaticString] = [
        "text_delta", "thinking_delta", "signature_delta", "input_json_delta",
    ]

    private mutating func takeChoice(_ isEmpty: Bool, _ path: JSONPath) {
        guard path.count >= 3, !isEmpty else { return }
        if path.count == 3 {
            if path.last == .finishReason { hasFinished = true }
            if path.last == .text { hasText = true }
        } else if path[2] == .delta {
            if Self.isOutput(path.last) {
                hasText = true
            } else if path.count > 4 || path.last != .role {
                // Whatever a model may say one day, the client gets; only the time of the first content is not told by it.
                hasOtherText = true
            }
        } else if path[2] == .message {
            hasOtherText = true
        }
    }

    /// Whether the texts of a delta that have this name are what a model has written.
    static func isOutput(_ name: JSONKey) -> Bool {
        switch name {
        case .content, .reasoningContent, .reasoning, .refusal, .text, .thinking, .name, .arguments, .data, .input,
            .transcript:
            true
        default: false
        }
    }

    /// Takes in that a bracket was opened.
    mutating func takeBracket(_ path: JSONPath, _ api: LLMAPI) {
        guard path.count == 2 else { return }
        switch path[0] {
        // A delta that is no text is one of a kind that is not known.
        case .delta: if api == .responses { hasText = true }
        case .error: hasErrorObject = true
        case .choices, .usage: isChatChunk = true
        default: break
        }
    }

    /// - Parameter json: what the data was.
    /// - Returns: nil for an event that says nothing: without data, or cut off.
    func meaning(_ api: LLMAPI, _ json: DataKind) -> AnswerReader.EventClass? {
        if isDone { return .end }
        // What an event said that broke off is not known, whatever it calls itself.
        if json == .cut { return nil }
        let kind = kind
        if kind == .error || kind == .responseFailed { return hasData ? .error : nil }
        guard hasData else { return nil }
        switch json {
        // `data:` and nothing more is a sign of life.
        case .none: return .neutral
        case .foreign: return .unknown
        case .json, .cut: break
        }
        if hasErrorObject || (hasFailedStatus && kind != .responseText) { return .error }
        switch api {
        case .messages: return messagesMeaning(kind)
        case .responses: return responsesMeaning(kind)
        case .chatCompletions:
            if hasText { return .content }
            return !hasOtherText && (isChatChunk || kind == .ping) ? .neutral : .unknown
        }
    }

    /// What the data of an event was.
    enum DataKind {
        /// Nothing, or white space.
        case none
        /// A whole document.
        case json
        /// The beginning of a document.
        case cut
        /// Something else.
        case foreign
    }

    private func messagesMeaning(_ kind: Kind) -> AnswerReader.EventClass {
        switch kind {
        case .messageStop: .end
        case .blockDelta: hasText ? .content : deltaIsPlain ? .neutral : .unknown
        case .blockStart: hasText || !blockIsPlain ? .content : .neutral
        case .messageStart, .messageDelta, .blockStop, .ping: .neutral
        default: .unknown
        }
    }

    private func responsesMeaning(_ kind: Kind) -> AnswerReader.EventClass {
        switch kind {
        case .responseEnded: .end
        case .responseText: hasText ? .content : .neutral
        case .itemDone: .content
        case .responseBegun, .itemAdded, .partAdded, .ping: .neutral
        default: .unknown
        }
    }
}
