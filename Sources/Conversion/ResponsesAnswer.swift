internal import LLMWire

/// Writes an answer of Responses: its events, or its document. The last event holds the whole answer, and each item's last event the item, so
/// that all of it is kept.
struct ResponsesAnswer: AnswerWriter {
    private static let longest = 64 << 20

    var output: [UInt8] = []
    private(set) var problem: String?

    private let plan: AnswerPlan
    private var ids: [UInt8] = []
    private var model: [UInt8] = []
    private var created: Int64 = 0
    private var sequence = 0
    /// The items that are complete, with commas between.
    private var items: [UInt8] = []
    /// Of the item that is open, or comes next.
    private var index = 0
    private var block: AnswerBlock?
    private var itemID: [UInt8] = []
    /// A call's, as they are in the item.
    private var head: [UInt8] = []
    private var isCustom = false
    /// Of the open item, as it stands between quotation marks.
    private var text: [UInt8] = []
    /// What stands before and behind the number of each piece of the open item.
    private var prefix: [UInt8] = []
    private var middle: [UInt8] = []

    init(_ plan: AnswerPlan) { self.plan = plan }

    mutating func begin(
        id: UnsafeRawBufferPointer?, model: UnsafeRawBufferPointer?, created: Int64?, usage: Usage?
    ) {
        ids = plan.id(id)
        self.created = created ?? plan.time
        self.model = plan.restoresModel ? plan.model : model.map(Array.init) ?? plan.model
        guard plan.isStream else { return }
        for name: StaticString in ["response.created", "response.in_progress"] {
            event(name)
            output.append(#","response":"#)
            writeResponse("in_progress")
            endEvent()
        }
    }

    // MARK: Events

    /// Without the bracket that closes it.
    private mutating func event(_ name: StaticString) {
        output.append("event: ")
        output.append(name)
        output.append("\ndata: {\"type\":\"")
        output.append(name)
        output.append(#"","sequence_number":"#)
        append(sequence)
        sequence += 1
    }

    private mutating func endEvent() { output.append("}\n\n") }

    private mutating func append(_ number: Int) { output += String(number).utf8 }

    /// - Parameter part: the place of the part in the item, where the event has one
    private mutating func itemEvent(_ name: StaticString, part: StaticString? = nil) {
        event(name)
        output.append(#","item_id":""#)
        output += itemID
        output.append(#"","output_index":"#)
        append(index)
        if let part { output.append(part) }
    }

    private mutating func writeItemEvent(_ name: StaticString, _ item: [UInt8]) {
        guard plan.isStream else { return }
        event(name)
        output.append(#","output_index":"#)
        append(index)
        output.append(#","item":"#)
        output += item
        endEvent()
    }

    // MARK: Items

    mutating func open(_ block: AnswerBlock, _ call: AnswerCall?) {
        self.block = block
        text.removeAll(keepingCapacity: true)
        isCustom = false
        let sort: StaticString
        let delta: StaticString
        var part: StaticString?
        switch block {
        case .reasoning:
            (sort, delta, part) = ("rs_", "response.reasoning_summary_text.delta", #","summary_index":0"#)
        case .text: (sort, delta, part) = ("msg_", "response.output_text.delta", #","content_index":0"#)
        case .refusal: (sort, delta, part) = ("msg_", "response.refusal.delta", #","content_index":0"#)
        case .call:
            isCustom = call.flatMap { plan.tools[$0.name] }?.isCustom ?? false
            (sort, delta) = isCustom ? ("ctc_", "") : ("fc_", "response.function_call_arguments.delta")
        }
        itemID.removeAll(keepingCapacity: true)
        itemID.append(sort)
        itemID += ids
        itemID.append("_")
        itemID += String(index).utf8
        head = call.map(head) ?? []
        writeItemEvent("response.output_item.added", item(isDone: false))
        guard plan.isStream else { return }
        switch block {
        case .reasoning: partEvent("response.reasoning_summary_part.added", part, isDone: false)
        case .text, .refusal: partEvent("response.content_part.added", part, isDone: false)
        case .call: break
        }
        prefix.removeAll(keepingCapacity: true)
        prefix.append("event: ")
        prefix.append(delta)
        prefix.append("\ndata: {\"type\":\"")
        prefix.append(delta)
        prefix.append(#"","sequence_number":"#)
        middle.removeAll(keepingCapacity: true)
        middle.append(#","item_id":""#)
        middle += itemID
        middle.append(#"","output_index":"#)
        middle += String(index).utf8
        if let part { middle.append(part) }
        if block == .text { middle.append(#","logprobs":[]"#) }
        middle.append(#","delta":""#)
    }

    private func head(_ call: AnswerCall) -> [UInt8] {
        var head: [UInt8] = []
        head.append(#","call_id":""#)
        if call.id.isEmpty {
            head.append("call_")
            head += ids
            head.append("_")
            head += String(index).utf8
        } else {
            head += call.id
        }
        let tool = plan.tools[call.name]
        head.append(#"","name":""#)
        head += tool?.name ?? call.name
        head.append("\"")
        if let namespace = tool?.namespace {
            head.append(#","namespace":""#)
            head += namespace
            head.append("\"")
        }
        return head
    }

    @inline(__always)
    mutating func add(_ raw: UnsafeRawBufferPointer) {
        guard items.count + text.count + raw.count <= Self.longest else {
            problem = "its answer is too long"
            return
        }
        text.append(contentsOf: raw)
        // The input of a custom tool stands within its arguments: it is known when these are complete.
        guard plan.isStream, !isCustom else { return }
        output.append(contentsOf: prefix)
        appendSequence()
        output.append(contentsOf: middle)
        output.append(contentsOf: raw)
        output.append("\"}\n\n")
    }

    private mutating func appendSequence() {
        append(sequence)
        sequence += 1
    }

    mutating func close() {
        switch block {
        case .reasoning?: closePart("response.reasoning_summary_text.done", "response.reasoning_summary_part.done")
        case .text?: closePart("response.output_text.done", "response.content_part.done")
        case .refusal?: closePart("response.refusal.done", "response.content_part.done")
        case .call?: closeCall()
        case nil: return
        }
        let item = item(isDone: true)
        writeItemEvent("response.output_item.done", item)
        if !items.isEmpty { items.append(",") }
        items += item
        index += 1
        block = nil
    }

    private mutating func closePart(_ textDone: StaticString, _ partDone: StaticString) {
        guard plan.isStream else { return }
        let part: StaticString = block == .reasoning ? #","summary_index":0"# : #","content_index":0"#
        itemEvent(textDone, part: part)
        if block == .text { output.append(#","logprobs":[]"#) }
        output.append(block == .refusal ? #","refusal":""# : #","text":""#)
        output += text
        output.append("\"")
        endEvent()
        partEvent(partDone, part, isDone: true)
    }

    private mutating func partEvent(_ name: StaticString, _ part: StaticString?, isDone: Bool) {
        itemEvent(name, part: part)
        output.append(#","part":"#)
        output += self.part(isDone: isDone)
        endEvent()
    }

    private func part(isDone: Bool) -> [UInt8] {
        var part: [UInt8] = []
        switch block {
        case .reasoning?: part.append(#"{"type":"summary_text","text":""#)
        case .refusal?: part.append(#"{"type":"refusal","refusal":""#)
        default: part.append(#"{"type":"output_text","annotations":[],"logprobs":[],"text":""#)
        }
        if isDone { part += text }
        part.append("\"}")
        return part
    }

    private mutating func closeCall() {
        if isCustom {
            text = Self.input(of: text)
            guard plan.isStream else { return }
            if !text.isEmpty {
                itemEvent("response.custom_tool_call_input.delta")
                output.append(#","delta":""#)
                output += text
                output.append("\"")
                endEvent()
            }
            itemEvent("response.custom_tool_call_input.done")
            output.append(#","input":""#)
        } else {
            let hadText = !text.isEmpty
            if text.withUnsafeBytes({ $0.isBlankText }) { text = Array("{}".utf8) }
            guard plan.isStream else { return }
            if !hadText {
                itemEvent("response.function_call_arguments.delta")
                output.append(#","delta":"{}""#)
                endEvent()
            }
            itemEvent("response.function_call_arguments.done")
            output.append(#","arguments":""#)
        }
        output += text
        output.append("\"")
        endEvent()
    }

    /// The one text of an object, or all of what is none.
    private static func input(of arguments: [UInt8]) -> [UInt8] {
        var document: [UInt8] = []
        arguments.withUnsafeBytes { JSONEscapes.undo($0, into: &document) }
        return document.withUnsafeBytes { bytes in
            guard let value = JSONSlice(bytes) else { return arguments }
            if let text = value.rawText { return Array(text) }
            guard let members = value.members else { return arguments }
            let texts = members.compactMap(\.value.rawText)
            return (value["input"]?.rawText ?? (texts.count == 1 ? texts.first : nil)).map(Array.init)
                ?? (members.isEmpty ? [] : arguments)
        }
    }

    private func item(isDone: Bool) -> [UInt8] {
        var item: [UInt8] = []
        item.append(#"{"id":""#)
        item += itemID
        item.append("\"")
        switch block {
        case .reasoning?:
            item.append(#","type":"reasoning","summary":["#)
            if isDone { item += part(isDone: true) }
            item.append("]")
        case .text?, .refusal?:
            item.append(#","type":"message","role":"assistant","status":""#)
            item.append(isDone ? #"completed","content":["# : #"in_progress","content":["#)
            if isDone { item += part(isDone: true) }
            item.append("]")
        case .call?, nil:
            item.append(isCustom ? #","type":"custom_tool_call""# : #","type":"function_call""#)
            item += head
            item.append(isDone ? #","status":"completed""# : #","status":"in_progress""#)
            item.append(isCustom ? #","input":""# : #","arguments":""#)
            if isDone { item += text }
            item.append("\"")
        }
        item.append("}")
        return item
    }

    mutating func keepAlive() {
        if plan.isStream { output.append(":\n\n") }
    }

    // MARK: The end

    mutating func end(_ ending: AnswerEnding, _ usage: Usage?) {
        let reason: StaticString? =
            switch ending {
            case .stop, .calls: nil
            case .length: "max_output_tokens"
            case .filter: "content_filter"
            }
        let status: StaticString = reason == nil ? "completed" : "incomplete"
        guard plan.isStream else { return writeResponse(status, reason: reason, usage: usage) }
        event(reason == nil ? "response.completed" : "response.incomplete")
        output.append(#","response":"#)
        writeResponse(status, reason: reason, usage: usage)
        endEvent()
    }

    mutating func fail(_ error: ChatError) {
        event("response.failed")
        output.append(#","response":"#)
        writeResponse("failed", error: error)
        endEvent()
    }

    private mutating func writeResponse(
        _ status: StaticString, reason: StaticString? = nil, usage: Usage? = nil, error: ChatError? = nil
    ) {
        output.append(#"{"id":"resp_"#)
        output += ids
        output.append(#"","object":"response","created_at":"#)
        append(Int(created))
        output.append(#","status":""#)
        output.append(status)
        output.append(#"","background":false,"error":"#)
        if let error {
            output.append(#"{"code":""#)
            output += error.responsesCode.utf8
            output.append(#"","message":""#)
            output += error.message
            output.append("\"}")
        } else {
            output.append("null")
        }
        output.append(#","incomplete_details":"#)
        if let reason {
            output.append(#"{"reason":""#)
            output.append(reason)
            output.append("\"}")
        } else {
            output.append("null")
        }
        output.append(#","instructions":null,"max_output_tokens":null,"model":""#)
        output += model
        output.append(#"","output":["#)
        output += items
        output.append(
            #"],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"#)
        output.append(
            #""store":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"#)
        output.append(#""top_p":null,"truncation":"disabled","usage":"#)
        write(usage)
        output.append(#","user":null,"metadata":{}}"#)
    }

    private mutating func write(_ usage: Usage?) {
        guard let usage else { return output.append("null") }
        let cached = usage.cacheRead ?? 0
        let input = (usage.input ?? 0) + cached + (usage.cacheWrite5m ?? 0) + (usage.cacheWrite1h ?? 0)
        let written = usage.output ?? 0
        for (name, number) in [
            (#"{"input_tokens":"#, input), (#","input_tokens_details":{"cached_tokens":"#, cached),
            (#"},"output_tokens":"#, written),
            (#","output_tokens_details":{"reasoning_tokens":"#, usage.reasoning ?? 0),
            (#"},"total_tokens":"#, input + written),
        ] as [(StaticString, Int64)] {
            output.append(name)
            output += String(number).utf8
        }
        output.append("}")
    }
}
