internal import LLMWire

/// A part of an answer that the client's API keeps apart from the others.
enum AnswerBlock: Equatable {
    case reasoning, text, refusal
    /// The answer's call of this number.
    case call(Int)
}

/// A call of a tool, as far as it is known.
struct AnswerCall {
    /// The endpoint's number for it.
    var index: Int64?
    /// Both as they stand between quotation marks.
    var id: [UInt8] = []
    var name: [UInt8] = []
    fileprivate var arguments = ArgumentsDepth()
    /// Nothing more can be added to it.
    fileprivate var isClosed = false
}

/// How an answer has ended.
enum AnswerEnding {
    case stop, length, filter, calls
}

/// Writes an answer in an API of the client's, block after block.
protocol AnswerWriter {
    /// What the endpoint's answer says of itself, with the first that comes of it.
    mutating func begin(id: UnsafeRawBufferPointer?, model: UnsafeRawBufferPointer?, created: Int64?, usage: Usage?)
    mutating func open(_ block: AnswerBlock, _ call: AnswerCall?)
    /// - Parameter raw: as it stands between quotation marks; never empty
    mutating func add(_ raw: UnsafeRawBufferPointer)
    mutating func close()
    mutating func end(_ ending: AnswerEnding, _ usage: Usage?)
    /// The answer ends here, and not as it should.
    mutating func fail(_ error: ChatError)
    /// A client must know that something comes.
    mutating func keepAlive()

    /// What is to go to the client.
    var output: [UInt8] { get set }
    /// What the endpoint has sent cannot be written.
    var problem: String? { get }
}

/// Brings what an endpoint sends into blocks, of which one at a time is open. Calls that come mixed wait for each other: the next begins when
/// the arguments of the one before are complete JSON, so that nothing waits in the usual case of one after the other.
struct BlockOrder<Writer: AnswerWriter> {
    /// More is not kept of what waits.
    private static var longestWait: Int { 16 << 20 }
    /// What a piece that waits takes besides its text.
    private static var costOfWaiting: Int { 64 }
    private static var mostCalls: Int { 1024 }
    private static var mostBlanks: Int { 4096 }

    var writer: Writer
    private(set) var hasBegun = false
    private var open: AnswerBlock?
    private(set) var calls: [AnswerCall] = []
    private var waiting: [(block: AnswerBlock, text: [UInt8])] = []
    private var waitingCount = 0
    /// White space that a text would begin with. No client takes a text that is nothing else.
    private var blanks: [UInt8] = []
    private(set) var problem: String?

    init(_ writer: Writer) { self.writer = writer }

    mutating func take(_ chunk: ChatChunk) {
        if !hasBegun {
            hasBegun = true
            writer.begin(id: chunk.id, model: chunk.model, created: chunk.created, usage: chunk.usage)
        }
        for piece in chunk.pieces {
            switch piece {
            case .reasoning(let text): take(.reasoning, text)
            case .text(let text): take(.text, text)
            case .refusal(let text): take(.refusal, text)
            case .call(let piece): take(piece)
            }
        }
    }

    // MARK: Calls

    /// - Returns: the number of the answer's call that the piece is of
    mutating func number(of piece: ChatChunk.CallPiece) -> Int {
        let known: Int? =
            if let index = piece.index { calls.lastIndex { $0.index == index } } else { calls.indices.last }
        guard let known else { return add(piece) }
        // Some number all calls alike; another id with another name is another call.
        if let id = piece.id, !id.isEmpty, let name = piece.name, !name.isEmpty, !calls[known].id.isEmpty,
            !calls[known].id.elementsEqual(id)
        {
            return add(piece)
        }
        return known
    }

    private mutating func add(_ piece: ChatChunk.CallPiece) -> Int {
        guard calls.count < Self.mostCalls else {
            problem = "it calls too many tools"
            return calls.count - 1
        }
        calls.append(AnswerCall(index: piece.index))
        return calls.count - 1
    }

    private mutating func take(_ piece: ChatChunk.CallPiece) {
        let number = number(of: piece)
        // What comes behind complete arguments is white space.
        guard problem == nil, !calls[number].isClosed else { return }
        if let id = piece.id, calls[number].id.isEmpty { calls[number].id = Array(id) }
        if let name = piece.name, calls[number].name.isEmpty { calls[number].name = Array(name) }
        if let object = piece.object {
            var writer = JSONWriter()
            writer.part(plain: object)
            writer.bytes.withUnsafeBytes { take(.call(number), $0) }
        } else {
            take(.call(number), piece.arguments ?? UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    // MARK: Blocks

    /// - Parameter raw: as it stands between quotation marks; of a call it may be empty
    mutating func take(_ block: AnswerBlock, _ raw: UnsafeRawBufferPointer) {
        if block == open, waiting.isEmpty || isCall(block) {
            if !raw.isEmpty { add(raw) }
            if !waiting.isEmpty { goOn() }
            return
        }
        if block == .text {
            if raw.isBlankText {
                if blanks.count + raw.count <= Self.mostBlanks { blanks += raw }
                return
            }
            if !blanks.isEmpty {
                blanks += raw
                let text = blanks
                blanks = []
                text.withUnsafeBytes { take(.text, $0, isNew: true) }
                return
            }
        } else if !blanks.isEmpty {
            blanks = []
        }
        take(block, raw, isNew: true)
    }

    private mutating func take(_ block: AnswerBlock, _ raw: UnsafeRawBufferPointer, isNew: Bool) {
        guard waiting.isEmpty, canClose, canOpen(block) else { return wait(block, raw) }
        begin(block)
        if !raw.isEmpty { add(raw) }
    }

    private func isCall(_ block: AnswerBlock) -> Bool { if case .call = block { true } else { false } }

    private var canClose: Bool {
        if case .call(let number)? = open { calls[number].arguments.isComplete } else { true }
    }

    /// A call begins with its name.
    private func canOpen(_ block: AnswerBlock) -> Bool {
        if case .call(let number) = block { !calls[number].name.isEmpty } else { true }
    }

    private mutating func begin(_ block: AnswerBlock) {
        close()
        open = block
        if case .call(let number) = block {
            nameCall(number)
            writer.open(block, calls[number])
        } else {
            writer.open(block, nil)
        }
    }

    /// Ids have to be there, and to differ.
    private mutating func nameCall(_ number: Int) {
        let id = calls[number].id
        let isTaken = calls[..<number].contains { $0.id == id }
        if id.isEmpty || isTaken { calls[number].id = [] }
    }

    private mutating func add(_ raw: UnsafeRawBufferPointer) {
        if case .call(let number)? = open { calls[number].arguments.read(raw) }
        writer.add(raw)
    }

    private mutating func wait(_ block: AnswerBlock, _ raw: UnsafeRawBufferPointer) {
        let place =
            isCall(block)
            ? waiting.lastIndex { $0.block == block } : waiting.last?.block == block ? waiting.indices.last : nil
        waitingCount += raw.count + (place == nil ? Self.costOfWaiting : 0)
        guard waitingCount <= Self.longestWait else {
            problem = "more of its calls is mixed than can be kept"
            return
        }
        if let place { waiting[place].text += raw } else { waiting.append((block, Array(raw))) }
        writer.keepAlive()
        goOn()
    }

    /// Writes of what waits as much as can be.
    private mutating func goOn(toEnd isEnd: Bool = false) {
        var done = 0
        // All at once, since there may be a great many.
        defer {
            waiting.removeFirst(done)
        }
        while done < waiting.count, isEnd || canClose {
            let next = waiting[done]
            guard canOpen(next.block) else {
                if isEnd { problem = "it calls a tool without a name" }
                return
            }
            done += 1
            waitingCount -= next.text.count + Self.costOfWaiting
            begin(next.block)
            if !next.text.isEmpty { next.text.withUnsafeBytes { add($0) } }
        }
    }

    // MARK: The end

    private mutating func closeAll() {
        goOn(toEnd: true)
        close()
    }

    private mutating func close() {
        guard let closing = open else { return }
        if case .call(let number) = closing { calls[number].isClosed = true }
        open = nil
        writer.close()
    }

    /// - Parameter finish: the endpoint's word; nil where it has said none
    mutating func end(_ finish: String?, _ usage: Usage?) {
        closeAll()
        guard problem == nil else { return }
        let ending: AnswerEnding =
            switch finish {
            case "length", "max_tokens", "model_length": .length
            case "content_filter": .filter
            // Some say `stop` beside calls.
            default: calls.isEmpty ? .stop : .calls
            }
        writer.end(ending, usage)
    }

    mutating func fail(_ error: ChatError) { writer.fail(error) }

    /// The block that is open takes this without more ado.
    @inline(__always)
    mutating func takesDirectly(_ block: AnswerBlock) -> Bool { open == block && waiting.isEmpty }
}

/// Whether the arguments of a call are complete JSON, found out as they come: text within text.
private struct ArgumentsDepth {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    private(set) var isComplete = false

    mutating func read(_ raw: UnsafeRawBufferPointer) {
        var index = 0
        while index < raw.count {
            var byte = raw[index]
            index += 1
            if byte == UInt8(ascii: "\\"), index < raw.count {
                switch raw[index] {
                case UInt8(ascii: "u"):
                    byte = Self.unit(raw, at: index + 1)
                    index = min(index + 5, raw.count)
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
                    byte = raw[index]
                    index += 1
                default:
                    byte = 0x20
                    index += 1
                }
            }
            take(byte)
        }
    }

    /// The byte that such an escape stands for; a blank for all that have no meaning here.
    private static func unit(_ raw: UnsafeRawBufferPointer, at place: Int) -> UInt8 {
        guard place + 4 <= raw.count, raw[place] == UInt8(ascii: "0"), raw[place + 1] == UInt8(ascii: "0") else {
            return 0x20
        }
        let digits = String(decoding: raw[place + 2..<place + 4], as: UTF8.self)
        return UInt8(digits, radix: 16) ?? 0x20
    }

    private mutating func take(_ byte: UInt8) {
        if isInString {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return
        }
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if depth == 0 { isComplete = true }
        default: break
        }
    }
}
