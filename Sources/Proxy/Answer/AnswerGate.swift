internal import HTTPWire
internal import LLMWire
internal import Verdicts

/// Looks into an endpoint's answer on its way to the client: whether it says anything yet, whether it names an error, and whether
/// it came to its proper end. Until it says something, the client gets nothing of it, so that another endpoint can be asked.
///
/// A part of `CurrentResponse`. The bytes are read by `AnswerReader`; what they mean for client and endpoint is `VerdictTable`'s affair.
struct AnswerGate {
    private var reader = AnswerReader(api: .messages, status: 0, media: .foreign)
    private var ending: AnswerReader.Ending?
    private var commit = CommitPoint.content
    private var sawEvent = false
    /// Its media type says nothing: the first byte tells.
    private var isUntyped = false
    /// It is of no kind that can be looked into.
    private var isForeign = false
    /// The answer is looked into.
    private(set) var isLooking = false
    /// It is a model's: errors within it and a missing end count.
    private var judges = false

    /// Nothing is looked into.
    mutating func close() {
        isLooking = false
        judges = false
    }

    /// An answer begins.
    ///
    /// - Parameters:
    ///   - head: of the answer
    ///   - operation: what was asked
    mutating func open(_ head: borrowing ResponseHead, to operation: LLMOperation, commit: CommitPoint) {
        ending = nil
        sawEvent = false
        isForeign = false
        isUntyped = head.media == .unknown
        self.commit = commit
        judges = operation.isInference
        guard head.framing != .none, !head.isEncoded else { return close() }
        let api: LLMAPI
        switch operation {
        case .inference(let asked) where head.media != .other: api = asked
        // Of other answers nothing is known but that a stream has events.
        case _ where head.isEventStream: api = .chatCompletions
        default: return close()
        }
        if case .inference = operation {} else { judges = false }
        reader = AnswerReader(api: api, status: head.status, media: Self.media(head))
        isLooking = true
    }

    /// What a head says of the body that follows.
    static func media(_ head: borrowing ResponseHead) -> AnswerReader.Media {
        if head.media == .page { return .page }
        if head.isEncoded { return .encoded }
        return switch head.media {
        case .unknown: .unknown
        case .eventStream: .eventStream
        case .json: .json
        case .page: .page
        case .other: .foreign
        }
    }

    /// Looks into the next bytes of the body.
    @inline(__always)
    mutating func look(_ bytes: UnsafeRawBufferPointer) {
        if isUntyped, recognises(bytes) { return }
        reader.read(bytes) { _, _ in sawEvent = true }
    }

    /// What has no media type is looked into where it begins as JSON or HTML does. Everything else passes without a further look.
    ///
    /// - Returns: whether nothing is to be read of it
    private mutating func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }) else {
            return false
        }
        isUntyped = false
        switch first {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "<"): return false
        default:
            close()
            isForeign = true
            return true
        }
    }

    /// Whether something came that the client must have.
    var hasOutput: Bool {
        isForeign || reader.hasOutput || reader.isForeign || (commit != .content && sawEvent)
    }

    /// Whether it says that the endpoint failed.
    var hasFailed: Bool { judges && commit == .content && (reader.error != nil || reader.isMarkup) }

    /// Whether another endpoint would have been asked, had the client not had the beginning already (`failover.commit: shadow`).
    var wouldHaveMovedOn: Bool { commit == .shadow && judges && !isGood && !reader.hasOutput }

    /// Nothing more comes.
    ///
    /// - Parameter isClean: the body ended as its framing said
    mutating func finish(isClean: Bool) {
        guard isLooking else { return }
        ending = reader.finish(isClean: isClean)
    }

    /// Whether a stream, of which the client has the beginning, stopped before its API's last event.
    var isBrokenOff: Bool { judges && reader.isStream && reader.hasKnownEvents && ending == .partial }

    /// Whether the answer, as far as it has come, is one that nothing is to be said against.
    var isGood: Bool {
        !judges
            || (reader.error == nil && !reader.isMarkup && (ending == nil || ending == .complete || reader.isForeign))
    }

    /// Whether it has come to its API's own end.
    var hasEnded: Bool { ending == .complete }

    /// What the error within the answer says of itself.
    var error: AnswerReader.NamedError? { reader.error }

    /// What a verdict goes by.
    ///
    /// - Parameter isFinished: nothing more comes
    func finding(
        _ operation: LLMOperation, status: Int, place: Finding.Place, isFinished: Bool, wait: Duration?,
        isCredentialClients: Bool
    ) -> Finding {
        Finding(
            operation: operation, status: status, place: place, reader: reader, ending: ending, isFinished: isFinished,
            wait: wait, isCredentialClients: isCredentialClients)
    }
}
