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

/// Where the parts of a JSON text stand. Values are passed over without a look inside, so that each level that is looked at costs one walk.
struct JSONSlices {
    struct Member {
        /// Between its quotation marks.
        let key: Range<Int>
        let value: Range<Int>

        /// From its key's quotation mark to the end of its value.
        var range: Range<Int> { key.lowerBound - 1..<value.upperBound }
    }

    /// An element of an array, or a member of an object, that stays or is cut out.
    struct Item {
        let range: Range<Int>
        let isCut: Bool

        init(_ range: Range<Int>, isCut: Bool = false) {
            self.range = range
            self.isCut = isCut
        }
    }

    /// Names and types that are compared are shorter.
    private static let longestText = 64

    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Without a byte order mark.
    var whole: Range<Int> {
        let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
        return (hasMark ? 3 : 0)..<bytes.count
    }

    /// What is cut out so that the others stay a list: with each run of parts that go, one comma goes.
    static func cuts(_ items: [Item]) -> [Range<Int>] {
        var cuts: [Range<Int>] = []
        var lastKept: Item?
        var runBegin: Item?
        for item in items {
            if item.isCut {
                runBegin = runBegin ?? item
                continue
            }
            if let first = runBegin { cuts.append(first.range.lowerBound..<item.range.lowerBound) }
            runBegin = nil
            lastKept = item
        }
        if let first = runBegin, let last = items.last {
            cuts.append((lastKept?.range.upperBound ?? first.range.lowerBound)..<last.range.upperBound)
        }
        return cuts
    }

    /// The members of the object that stands there; nil for what is none.
    func members(in range: Range<Int>) -> [Member]? {
        var place = skipBlank(range.lowerBound)
        guard byte(place) == UInt8(ascii: "{") else { return nil }
        var members: [Member] = []
        place = skipBlank(place + 1)
        if byte(place) == UInt8(ascii: "}") { return members }
        while true {
            guard let keyEnd = endOfString(place) else { return nil }
            let colon = skipBlank(keyEnd)
            guard byte(colon) == UInt8(ascii: ":") else { return nil }
            let begin = skipBlank(colon + 1)
            guard let end = endOfValue(begin) else { return nil }
            members.append(Member(key: place + 1..<keyEnd - 1, value: begin..<end))
            place = skipBlank(end)
            if byte(place) == UInt8(ascii: "}") { return members }
            guard byte(place) == UInt8(ascii: ",") else { return nil }
            place = skipBlank(place + 1)
        }
    }

    /// The elements of the array that stands there; nil for what is none.
    func elements(in range: Range<Int>) -> [Range<Int>]? {
        var place = skipBlank(range.lowerBound)
        guard byte(place) == UInt8(ascii: "[") else { return nil }
        var elements: [Range<Int>] = []
        place = skipBlank(place + 1)
        if byte(place) == UInt8(ascii: "]") { return elements }
        while true {
            guard let end = endOfValue(place) else { return nil }
            elements.append(place..<end)
            place = skipBlank(end)
            if byte(place) == UInt8(ascii: "]") { return elements }
            guard byte(place) == UInt8(ascii: ",") else { return nil }
            place = skipBlank(place + 1)
        }
    }

    /// A short text between quotation marks, escapes undone; nil for one that is longer, or that is broken.
    func text(_ range: Range<Int>, limit: Int = longestText) -> String? {
        guard range.count <= limit else { return nil }
        let raw = bytes[range]
        guard raw.contains(UInt8(ascii: "\\")) else { return String(decoding: raw, as: UTF8.self) }
        var units: [UInt16] = []
        var rest = String(decoding: raw, as: UTF8.self).unicodeScalars[...]
        while let next = rest.popFirst() {
            guard next == "\\" else {
                units += String(next).utf16
                continue
            }
            switch rest.popFirst() {
            case "u":
                guard let unit = UInt16(String(rest.prefix(4)), radix: 16) else { return nil }
                units.append(unit)
                rest = rest.dropFirst(4)
            case "n": units.append(0x0A)
            case "t": units.append(0x09)
            case "r": units.append(0x0D)
            case "b": units.append(0x08)
            case "f": units.append(0x0C)
            case let sign?: units += String(sign).utf16
            case nil: return nil
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    /// The text of the last member of the name, which is the one that counts; nil where that is no text.
    func value(_ name: String, _ members: [Member], limit: Int = longestText) -> String? {
        guard let member = members.last(where: { text($0.key) == name }),
            byte(member.value.lowerBound) == UInt8(ascii: "\"")
        else { return nil }
        return text(member.value.lowerBound + 1..<member.value.upperBound - 1, limit: limit)
    }

    /// A whole number; nil for everything else.
    func integer(_ range: Range<Int>) -> Int? {
        range.count <= 19 ? Int(String(decoding: bytes[range], as: UTF8.self)) : nil
    }

    // MARK: Walking

    private func byte(_ place: Int) -> UInt8? { place < bytes.count ? bytes[place] : nil }

    private func skipBlank(_ place: Int) -> Int {
        var place = place
        while place < bytes.count, bytes[place] == 0x20 || (0x09...0x0D).contains(bytes[place]) { place += 1 }
        return place
    }

    /// - Returns: the place behind the closing quotation mark; nil where there is no text
    private func endOfString(_ begin: Int) -> Int? {
        guard byte(begin) == UInt8(ascii: "\"") else { return nil }
        var place = begin + 1
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""): return place + 1
            case UInt8(ascii: "\\"): place += 2
            default: place += 1
            }
        }
        return nil
    }

    /// - Returns: the place behind the value, however deep it is; nil where it does not end
    private func endOfValue(_ begin: Int) -> Int? {
        var place = begin
        var depth = 0
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                guard let end = endOfString(place) else { return nil }
                place = end
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                place += 1
                continue
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { return nil }
                depth -= 1
                place += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09...0x0D:
                guard depth > 0 else { return nil }
                place += 1
                continue
            default:
                // A number, or one of the three words.
                while place < bytes.count, !Self.endsWord(bytes[place]) { place += 1 }
            }
            if depth == 0 { return place }
        }
        return nil
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: "{"),
            UInt8(ascii: "["), UInt8(ascii: "\""), 0x20, 0x09...0x0D:
            true
        default: false
        }
    }
}
