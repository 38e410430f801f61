internal import LLMWire

/// Makes an answer in the client's API out of one of Chat Completions, while it comes: a stream or one document, whatever the client has
/// asked for.
///
/// Pure, incremental, and the same however the bytes are cut. What it keeps is bounded: an event, calls that come mixed, and for Responses,
/// whose last events hold the whole answer, the answer.
public final class AnswerConversion {
    private enum Shape: UInt8 { case unknown, json, events }

    /// What has become of the answer.
    public enum State: Equatable, Sendable {
        case running
        /// The client has all of it, as soon as it has what was written.
        case ended
        /// The client has been told within the stream that it ends here.
        case failed(String)
        /// What the endpoint sends is no answer. Whether the client has a part of it, and what it is told, is the caller's to know.
        case refused(String)
    }

    /// A longer event, or document, is no answer.
    private static let longestEvent = 16 << 20
    private static let longestDocument = 64 << 20

    private var shape: Shape
    private var framing = EventStreamFraming()
    /// The data of the present event where they came in several pieces, or the document.
    private var kept: [UInt8] = []
    private var messages: BlockOrder<MessagesAnswer>?
    private var responses: BlockOrder<ResponsesAnswer>?
    private let clientTakesStream: Bool
    private var repeated = RepeatedEvent()
    private var finish: String?
    private var usage: Usage?
    private var hasChoices = false
    /// An event was begun, or ended, in what was read last.
    private var sawEvent = false
    /// What has become of it.
    public private(set) var state = State.running

    /// - Parameters:
    ///   - plan: what the request's conversion has brought
    ///   - isStream: whether the endpoint's answer is a stream; nil: the first byte tells
    public init(_ plan: AnswerPlan, isStream: Bool?) {
        shape = isStream.map { $0 ? .events : .json } ?? .unknown
        clientTakesStream = plan.isStream
        if plan.api == .messages {
            messages = BlockOrder(MessagesAnswer(plan))
        } else {
            responses = BlockOrder(ResponsesAnswer(plan))
        }
    }

    /// Whether the client gets a stream.
    public var isStream: Bool { clientTakesStream }

    /// Reads the next bytes of the endpoint's body, without a content coding.
    ///
    /// - Parameter output: what goes to the client is added to it
    public func read(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        guard state == .running, !bytes.isEmpty else { return }
        if shape == .unknown {
            guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 }) else {
                return
            }
            shape = first == UInt8(ascii: "{") || first == UInt8(ascii: "[") ? .json : .events
        }
        if shape == .json {
            guard kept.count + bytes.count <= Self.longestDocument else {
                return fail("its answer is too long", &output)
            }
            kept.append(contentsOf: bytes)
            return
        }
        sawEvent = !kept.isEmpty
        exchange(&output)
        readEvents(bytes)
        exchange(&output)
        deliver(&output)
        // A client waits no longer than it hears something.
        if !sawEvent, state == .running, clientTakesStream, hasBegun { output.append(":\n\n") }
    }

    /// The endpoint's body has ended as it should.
    public func finish(into output: inout [UInt8]) {
        guard state == .running else { return }
        if shape == .json {
            let isChunk = kept.withUnsafeBytes { bytes in
                guard let value = JSONSlice(bytes), let chunk = ChatChunk(value) else { return false }
                exchange(&output)
                take(chunk)
                exchange(&output)
                return true
            }
            kept = []
            guard isChunk, hasChoices || state != .running else { return fail("its answer is none", &output) }
        }
        guard state == .running else { return }
        // Some end without the last event; where the reason of the end is missing as well, so may be more.
        guard finish != nil || shape == .json else { return fail("its stream has ended too early", &output) }
        exchange(&output)
        end()
        exchange(&output)
        deliver(&output)
    }

    // MARK: Events

    private func readEvents(_ bytes: UnsafeRawBufferPointer) {
        var place = 0
        // Of the present event, where all of it so far is in these bytes.
        var data: Range<Int>?
        while state == .running, let part = framing.next(bytes, &place) {
            switch part {
            case .data(let range):
                sawEvent = true
                guard kept.isEmpty, data == nil else {
                    if let first = data.take() { kept.append(contentsOf: bytes[first]) }
                    guard keep(bytes[range]) else { return }
                    continue
                }
                data = range
            case .dataBreak:
                if let first = data.take() { kept.append(contentsOf: bytes[first]) }
                kept.append(0x0A)
            // Chat Completions name no events.
            case .name, .nameBegins: sawEvent = true
            case .end:
                if let range = data.take() {
                    takeEvent(UnsafeRawBufferPointer(rebasing: bytes[range]))
                } else if !kept.isEmpty {
                    let event = kept
                    kept.removeAll(keepingCapacity: true)
                    event.withUnsafeBytes { takeEvent($0) }
                }
            }
        }
        if state == .running, let rest = data { _ = keep(bytes[rest]) }
    }

    private func keep(_ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard kept.count + bytes.count <= Self.longestEvent else {
            fail("an event of its stream is too long")
            return false
        }
        kept.append(contentsOf: bytes)
        return true
    }

    private func takeEvent(_ data: UnsafeRawBufferPointer) {
        if let (block, text) = repeated.match(data), finish == nil {
            if let taken = messages?.takesDirectly(block) ?? responses?.takesDirectly(block), taken {
                messages?.take(block, text)
                responses?.take(block, text)
                return checkProblem()
            }
        }
        if data.begins(with: "[DONE]") {
            // Nothing came before: the endpoint has said nothing.
            guard hasChoices else { return fail("its stream is empty") }
            return end()
        }
        guard let value = JSONSlice(data), let chunk = ChatChunk(value) else {
            return fail("an event of its stream is not JSON")
        }
        take(chunk)
        if state == .running, chunk.finish == nil, chunk.usage == nil, chunk.pieces.count == 1 {
            learn(chunk, data)
        } else {
            repeated.forget()
        }
    }

    private func learn(_ chunk: ChatChunk, _ data: UnsafeRawBufferPointer) {
        switch chunk.pieces[0] {
        case .reasoning(let text): repeated.learn(.reasoning, text, in: data)
        case .text(let text): repeated.learn(.text, text, in: data)
        case .refusal(let text): repeated.learn(.refusal, text, in: data)
        case .call(let piece):
            // The first event of a call is like no other.
            guard let text = piece.arguments, piece.id?.isEmpty ?? true, piece.name?.isEmpty ?? true,
                let number = messages?.number(of: piece) ?? responses?.number(of: piece)
            else { return repeated.forget() }
            repeated.learn(.call(number), text, in: data)
        }
    }

    private func take(_ chunk: ChatChunk) {
        if let error = chunk.error { return fail(error) }
        if chunk.hasChoice { hasChoices = true }
        if let found = chunk.usage { usage = found }
        if chunk.finish == "error" { return fail(ChatError("the endpoint has ended its answer with an error")) }
        // Some begin with an event about the prompt, and end with one about the costs.
        if finish == nil {
            if chunk.hasChoice || hasBegun {
                messages?.take(chunk)
                responses?.take(chunk)
            }
            checkProblem()
            finish = chunk.finish
        } else if shape == .events, !chunk.hasChoice, chunk.usage != nil {
            end()
        }
    }

    private var hasBegun: Bool { messages?.hasBegun ?? responses?.hasBegun ?? false }

    private func checkProblem() {
        guard state == .running,
            let problem = messages?.problem ?? responses?.problem ?? messages?.writer.problem
                ?? responses?.writer.problem
        else { return }
        fail(problem)
    }

    private func end() {
        messages?.end(finish, usage)
        responses?.end(finish, usage)
        checkProblem()
        if state == .running { state = .ended }
    }

    // MARK: Failures

    private func fail(_ reason: String, _ output: inout [UInt8]) {
        exchange(&output)
        fail(reason)
        exchange(&output)
    }

    private func fail(_ reason: String) {
        if state == .running { state = .refused(reason) }
    }

    /// The endpoint names an error.
    private func fail(_ error: ChatError) {
        guard state == .running else { return }
        let words = String(decoding: error.message, as: UTF8.self)
        guard clientTakesStream, hasBegun else {
            state = .refused(words)
            return
        }
        messages?.fail(error)
        responses?.fail(error)
        state = .failed(words)
    }

    /// The output is the writer's while it writes. What is no stream waits until it is complete.
    private func exchange(_ output: inout [UInt8]) {
        guard clientTakesStream else { return }
        if messages != nil {
            messages?.writer.exchange(&output)
        } else {
            responses?.writer.exchange(&output)
        }
    }
}

extension AnswerConversion {
    /// A document that is complete goes to the client.
    private func deliver(_ output: inout [UInt8]) {
        guard !clientTakesStream else { return }
        let count = messages?.writer.output.count ?? responses?.writer.output.count ?? 0
        if state == .running, count > Self.longestDocument { fail("its answer is too long") }
        guard state == .ended else { return }
        output += messages?.writer.output ?? responses?.writer.output ?? []
        messages = nil
        responses = nil
    }
}

extension AnswerWriter {
    fileprivate mutating func exchange(_ other: inout [UInt8]) { swap(&output, &other) }
}

/// The events of a stream differ in their text alone, as a rule. What stands before and behind it is compared with the event before; only
/// where that differs an event is read as JSON.
private struct RepeatedEvent {
    /// Longer ones are no gain.
    private static let longest = 2048

    private var before: [UInt8] = []
    private var behind: [UInt8] = []
    private var block: AnswerBlock?

    mutating func forget() { block = nil }

    /// - Parameter text: within the data
    mutating func learn(_ block: AnswerBlock, _ text: UnsafeRawBufferPointer, in data: UnsafeRawBufferPointer) {
        self.block = nil
        guard let begin = data.baseAddress, let first = text.baseAddress else { return }
        let start = first - begin
        guard start > 0, data.count - text.count <= Self.longest else { return }
        before.removeAll(keepingCapacity: true)
        before.append(contentsOf: data[..<start])
        behind.removeAll(keepingCapacity: true)
        behind.append(contentsOf: data[(start + text.count)...])
        self.block = block
    }

    /// - Returns: the block and its text, as it stands between quotation marks; nil for another event
    @inline(__always)
    func match(_ data: UnsafeRawBufferPointer) -> (AnswerBlock, UnsafeRawBufferPointer)? {
        guard let block, data.count > before.count + behind.count else { return nil }
        let end = data.count - behind.count
        guard Self.equal(data, 0, before), Self.equal(data, end, behind) else { return nil }
        // What stands between must be one text.
        var place = before.count
        while true {
            place = data.quoteOrBackslash(from: place)
            guard place < end else { break }
            guard data[place] == UInt8(ascii: "\\") else { return nil }
            guard Self.isEscape(data, place, end) else { return nil }
            place += 2
        }
        guard place == end else { return nil }
        return (block, UnsafeRawBufferPointer(rebasing: data[before.count..<end]))
    }

    @inline(__always)
    private static func isEscape(_ data: UnsafeRawBufferPointer, _ place: Int, _ end: Int) -> Bool {
        guard place + 1 < end else { return false }
        switch data[place + 1] {
        case UInt8(ascii: "n"), UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "t"), UInt8(ascii: "r"),
            UInt8(ascii: "/"):
            return true
        // All others go the slow way.
        default: return false
        }
    }

    @inline(__always)
    private static func equal(_ data: UnsafeRawBufferPointer, _ start: Int, _ other: [UInt8]) -> Bool {
        other.withUnsafeBytes { other in
            var index = 0
            while index &+ 8 <= other.count {
                if data.loadUnaligned(fromByteOffset: start &+ index, as: UInt64.self)
                    != other.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                {
                    return false
                }
                index &+= 8
            }
            while index < other.count {
                if data[start &+ index] != other[index] { return false }
                index &+= 1
            }
            return true
        }
    }
}
