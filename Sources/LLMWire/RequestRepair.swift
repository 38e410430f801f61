/// What is taken out of a request that an endpoint refuses because another endpoint has signed or encrypted parts of it.
///
/// A conversation that has moved to another endpoint carries what only the first one can read: signed blocks of thinking in the Messages API,
/// encrypted reasoning in the Responses API. Without them it goes on, at the cost of that reasoning. Only the elements concerned are cut out,
/// each with its comma: every other byte stays as the client has written it.
///
/// Pure. Called when an endpoint has refused a request in such words, never before.
public enum RequestRepair {
    /// What an endpoint could not read.
    public enum Kind: String, Sendable, CaseIterable {
        /// Blocks of thinking, or the signatures in them.
        case thinking
        /// Reasoning of the Responses API.
        case encryptedReasoning = "encrypted_reasoning"
    }

    /// - Parameter body: the whole of it, without a content coding
    /// - Returns: what is cut out, in order and without overlaps; empty where there is nothing, or where the body is no JSON object
    public static func cuts(_ kind: Kind, in body: UnsafeRawBufferPointer) -> [Range<Int>] {
        let document = JSONSlices(body)
        guard let top = document.members(in: document.whole) else { return [] }
        let cuts =
            switch kind {
            case .thinking: thinkingCuts(document, top)
            case .encryptedReasoning: reasoningCuts(document, top)
            }
        return cuts.sorted { $0.lowerBound < $1.lowerBound }
    }

    // MARK: Messages

    private static func thinkingCuts(_ document: JSONSlices, _ top: [JSONSlices.Member]) -> [Range<Int>] {
        var cuts: [Range<Int>] = []
        /// The last message of the model calls a tool: its turn goes on, which with thinking switched on has to begin with thinking.
        var callsTool = false
        for member in top where document.text(member.key) == "messages" {
            guard let messages = document.elements(in: member.value) else { continue }
            var items: [JSONSlices.Item] = []
            for message in messages {
                guard let members = document.members(in: message), document.value("role", members) == "assistant",
                    let content = members.last(where: { document.text($0.key) == "content" }),
                    let blocks = document.elements(in: content.value)
                else {
                    items.append(.init(message))
                    continue
                }
                let found = blocks.map { self.block($0, document) }
                callsTool = found.contains { $0.isToolUse }
                let isEmptied = !found.isEmpty && found.allSatisfy { $0.item.isCut }
                // No API takes a message without content.
                items.append(.init(message, isCut: isEmptied))
                guard !isEmptied else { continue }
                cuts += JSONSlices.cuts(found.map(\.item)) + found.flatMap(\.inner)
            }
            cuts += JSONSlices.cuts(items)
        }
        if callsTool { cuts += settingCuts(document, top) }
        return cuts
    }

    private struct Block {
        var item: JSONSlices.Item
        var isToolUse = false
        /// Cuts within it.
        var inner: [Range<Int>] = []
    }

    private static func block(_ range: Range<Int>, _ document: JSONSlices) -> Block {
        guard let members = document.members(in: range), let type = document.value("type", members) else {
            return Block(item: .init(range))
        }
        if type == "thinking" || type == "redacted_thinking" { return Block(item: .init(range, isCut: true)) }
        // Some relays sign other blocks as well.
        let items = members.map { JSONSlices.Item($0.range, isCut: document.text($0.key) == "signature") }
        return Block(item: .init(range), isToolUse: type == "tool_use", inner: JSONSlices.cuts(items))
    }

    /// Thinking is switched off for this request, with the instruction about its blocks that goes with it.
    private static func settingCuts(_ document: JSONSlices, _ top: [JSONSlices.Member]) -> [Range<Int>] {
        let items = top.map { member in
            let isThinking =
                document.text(member.key) == "thinking"
                && document.members(in: member.value).flatMap { document.value("type", $0) } == "enabled"
            return JSONSlices.Item(member.range, isCut: isThinking)
        }
        guard items.contains(where: \.isCut) else { return [] }
        var cuts = JSONSlices.cuts(items)
        for member in top where document.text(member.key) == "context_management" {
            guard let edits = document.members(in: member.value)?.last(where: { document.text($0.key) == "edits" }),
                let elements = document.elements(in: edits.value)
            else { continue }
            cuts += JSONSlices.cuts(
                elements.map { element in
                    let type = document.members(in: element).flatMap { document.value("type", $0) }
                    return .init(element, isCut: type?.hasPrefix("clear_thinking") == true)
                })
        }
        return cuts
    }

    // MARK: Responses

    private static func reasoningCuts(_ document: JSONSlices, _ top: [JSONSlices.Member]) -> [Range<Int>] {
        var cuts: [Range<Int>] = []
        for member in top where document.text(member.key) == "input" {
            guard let elements = document.elements(in: member.value) else { continue }
            var items: [JSONSlices.Item] = []
            for element in elements {
                guard let members = document.members(in: element),
                    members.contains(where: { document.text($0.key) == "encrypted_content" })
                else {
                    items.append(.init(element))
                    continue
                }
                let type = document.value("type", members)
                let isCut = type == "reasoning" || type == "compaction"
                items.append(.init(element, isCut: isCut))
                // What a call has brought has to stay beside the call.
                guard !isCut else { continue }
                cuts += JSONSlices.cuts(
                    members.map { .init($0.range, isCut: document.text($0.key) == "encrypted_content") })
            }
            cuts += JSONSlices.cuts(items)
        }
        return cuts
    }
}
