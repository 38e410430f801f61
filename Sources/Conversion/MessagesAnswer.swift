internal import LLMWire
internal import PureSupport

/// Writes an answer of Messages: its events, or its document.
struct MessagesAnswer: AnswerWriter {
    var output: [UInt8] = []
    private(set) var problem: String?

    private let plan: AnswerPlan
    /// Of the block that is open, or comes next.
    private var index = 0
    private var block: AnswerBlock?
    /// What stands before each piece of the open block.
    private var prefix: [UInt8] = []
    /// Arguments of a call, where they are to become a document's object, as they stand between quotation marks.
    private var arguments: [UInt8] = []
    private var hasText = false
    private var droppedCall = false
    private var ids: [UInt8] = []
    private var calls = 0

    init(_ plan: AnswerPlan) { self.plan = plan }

    mutating func begin(
        id: UnsafeRawBufferPointer?, model: UnsafeRawBufferPointer?, created: Int64?, usage: Usage?
    ) {
        ids = plan.id(id)
        if plan.isStream {
            output.append("event: message_start\ndata: {\"type\":\"message_start\",\"message\":")
        }
        output.append(#"{"id":"msg_"#)
        output += ids
        output.append(#"","type":"message","role":"assistant","model":""#)
        if plan.restoresModel || model == nil {
            output += plan.model
        } else if let model {
            output.append(contentsOf: model)
        }
        output.append(#"","content":["#)
        guard plan.isStream else { return }
        output.append(#"],"stop_reason":null,"stop_sequence":null,"usage":"#)
        write(usage, withOutput: true)
        output.append("}}\n\n")
    }

    // MARK: Blocks

    mutating func open(_ block: AnswerBlock, _ call: AnswerCall?) {
        self.block = block
        hasText = false
        if plan.isStream {
            output.append("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":")
            output += String(index).utf8
            output.append(#","content_block":"#)
        } else if index > 0 {
            output.append(",")
        }
        let kind: StaticString
        switch block {
        case .reasoning:
            output.append(
                plan.isStream
                    ? #"{"type":"thinking","thinking":"","signature":""}"#
                    : #"{"type":"thinking","signature":"","thinking":""#)
            kind = #""thinking_delta","thinking":""#
        case .text, .refusal:
            output.append(plan.isStream ? #"{"type":"text","text":""}"# : #"{"type":"text","text":""#)
            kind = #""text_delta","text":""#
        case .call:
            open(call)
            kind = #""input_json_delta","partial_json":""#
        }
        guard plan.isStream else { return }
        output.append("}\n\n")
        prefix.removeAll(keepingCapacity: true)
        prefix.append("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":")
        prefix += String(index).utf8
        prefix.append(#","delta":{"type":"#)
        prefix.append(kind)
    }

    private mutating func open(_ call: AnswerCall?) {
        guard let call else { return }
        calls += 1
        output.append(#"{"type":"tool_use","id":""#)
        if call.id.isEmpty {
            output.append("toolu_")
            output += ids
            output.append("_")
            output += String(calls).utf8
        } else {
            output += AnswerPlan.plain(call.id)
        }
        output.append(#"","name":""#)
        output += plan.tools[call.name]?.name ?? call.name
        output.append(#"","input":"#)
        if plan.isStream { output.append("{}}") }
        arguments.removeAll()
    }

    @inline(__always)
    mutating func add(_ raw: UnsafeRawBufferPointer) {
        hasText = true
        if plan.isStream {
            output.append(contentsOf: prefix)
            output.append(contentsOf: raw)
            output.append("\"}}\n\n")
        } else if case .call? = block {
            arguments.append(contentsOf: raw)
        } else {
            output.append(contentsOf: raw)
        }
    }

    mutating func close() {
        if plan.isStream {
            if case .call? = block, !hasText {
                output += prefix
                output.append("{}\"}}\n\n")
            }
            output.append("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":")
            output += String(index).utf8
            output.append("}\n\n")
        } else if case .call? = block {
            writeInput()
            output.append("}")
        } else {
            output.append("\"}")
        }
        block = nil
        index += 1
    }

    /// The arguments as an object. What was cut is none: the reason of the end says so.
    private mutating func writeInput() {
        var text: [UInt8] = []
        arguments.withUnsafeBytes { JSONEscapes.undo($0, into: &text) }
        let isObject = text.withUnsafeBytes { JSONSlice($0)?.kind == .object }
        if isObject {
            output += text
        } else {
            output.append("{}")
            if !arguments.withUnsafeBytes({ $0.isBlankText }) { droppedCall = true }
        }
    }

    mutating func keepAlive() {
        if plan.isStream { output.append("event: ping\ndata: {\"type\":\"ping\"}\n\n") }
    }

    // MARK: The end

    mutating func end(_ ending: AnswerEnding, _ usage: Usage?) {
        if droppedCall, ending != .length {
            problem = "the arguments of a call are not a JSON object"
            return
        }
        let reason: StaticString =
            switch ending {
            case .stop: "end_turn"
            case .length: "max_tokens"
            case .filter: "refusal"
            case .calls: "tool_use"
            }
        if plan.isStream {
            output.append("event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{")
        } else {
            output.append("],")
        }
        output.append(#""stop_reason":""#)
        output.append(reason)
        output.append(#"","stop_sequence":null"#)
        output.append(plan.isStream ? #"},"usage":"# : #","usage":"#)
        write(usage, withOutput: false)
        output.append("}")
        if plan.isStream { output.append("\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n") }
    }

    /// What was read from caches is not part of `input_tokens` here.
    ///
    /// - Parameter isStart: nothing was written by the model
    private mutating func write(_ usage: Usage?, withOutput isStart: Bool) {
        output.append(#"{"input_tokens":"#)
        output += String(usage?.input ?? 0).utf8
        output.append(#","cache_creation_input_tokens":"#)
        output += String((usage?.cacheWrite5m ?? 0) + (usage?.cacheWrite1h ?? 0)).utf8
        output.append(#","cache_read_input_tokens":"#)
        output += String(usage?.cacheRead ?? 0).utf8
        output.append(#","output_tokens":"#)
        output += String(isStart ? 0 : usage?.output ?? 0).utf8
        output.append("}")
    }

    mutating func fail(_ error: ChatError) {
        output.append("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"")
        output.append(error.messagesType)
        output.append(#"","message":""#)
        output += error.message
        output.append("\"}}\n\n")
    }
}
