internal import Coding
internal import HTTPWire
internal import LLMWire
internal import Synchronization
internal import Verdicts

/// Looks into an endpoint's answer on its way to the client: whether it says anything yet, whether it names an error, and whether
/// it came to its proper end. Until it says something, the client gets nothing of it, so that another endpoint can be asked.
///
/// A part of `CurrentResponse`, and a class, since the reader in it is large and must not be copied. The bytes are read by `AnswerReader`; what they mean for client and endpoint is `VerdictTable`'s affair.
final class AnswerGate {
    private var api = LLMAPI.messages
    private var status = 0
    private var ending: AnswerReader.Ending?
    private var commit = CommitPoint.content
    /// Events so far, of which something is known or not.
    private(set) var eventCount = 0
    private var sawOutput = false
    private var family: UInt32 = 0
    /// Its media type says nothing: the first byte tells.
    private var isUntyped = false
    /// It is of no kind that can be looked into.
    private var isForeign = false
    /// The answer is looked into.
    private(set) var isLooking = false
    /// Its content coding is undone for that.
    private var isDecoding = false
    /// It is a model's: errors within it and a missing end count.
    private var judges = false
    /// What it says was used is counted.
    private var counts = true
    /// It need not say anything before the client gets it.
    private var passesAtOnce = false
    /// The model that answered last: the next one on the same connection is nearly always the same.
    private var modelName = ""
    /// Large, and used again: it is begun anew only for what is read. It stands last, so that its first fields and those above,
    /// which every piece of a stream touches, lie together.
    private var reader = AnswerReader(api: .messages, status: 0, media: .foreign)

    /// What undoing content codings takes, of which the answers of all loops have a share.
    private var decoding: DecodingMemory?
    /// The share of this one.
    private var charged = 0

    deinit { decoding?.give(back: charged) }

    /// Nothing is looked into.
    func close() {
        stopDecoding()
        isLooking = false
        judges = false
    }

    // MARK: Content codings

    /// Lets go of what undoing the content coding has taken.
    func stopDecoding() {
        guard isDecoding else { return }
        isDecoding = false
        reader.stopDecoding()
        decoding?.give(back: charged)
        charged = 0
    }

    /// The coding may have taken more. Where there is no more for all of them, the reading ends, and the answer passes.
    private func settle() {
        let memory = reader.decoderMemory
        guard memory != charged, let decoding else { return }
        let isTooMuch = !decoding.take(memory - charged)
        charged = memory
        if memory == 0 || isTooMuch { stopDecoding() }
    }

    /// An answer begins.
    ///
    /// - Parameters:
    ///   - media: as the answer's head names it
    ///   - hasBody: there is something to be looked into
    ///   - coding: what undoes its content codings and what that may take; nil where it has none
    ///   - operation: what was asked
    ///   - counts: what it says was used is counted
    func open(
        _ media: ResponseHead.Media, status: Int, hasBody: Bool, coding: Coding? = nil, to operation: LLMOperation,
        commit: CommitPoint, counts: Bool = true
    ) {
        stopDecoding()
        self.counts = counts
        ending = nil
        eventCount = 0
        sawOutput = false
        family = 0
        isForeign = false
        isUntyped = media == .unknown && coding == nil
        passesAtOnce = false
        self.commit = commit
        judges = operation.isInference
        guard hasBody else { return close() }
        var decoder: ContentDecoder?
        if let coding, media != .page, media != .other {
            guard let codings = coding.codings else { return close() }
            do { decoder = try AnswerReader.decoder(of: codings, Self.media(media)) } catch { return close() }
        }
        self.status = status
        switch operation {
        case .inference(let asked) where media != .other: api = asked
        // They are read for what they have used, and passed on at once.
        case .embeddings where media == .json && counts:
            api = .chatCompletions
            passesAtOnce = true
        // Of other answers nothing is known but that a stream has events.
        case _ where media == .eventStream:
            api = .chatCompletions
            judges = false
        default: return close()
        }
        // Of what has no media type the first byte says whether it is read at all.
        if !isUntyped { reader.begin(api: api, status: status, media: Self.media(media), decoder: decoder) }
        isLooking = true
        guard decoder != nil else { return }
        isDecoding = true
        decoding = coding?.memory
        settle()
    }

    /// The content codings of an answer.
    struct Coding {
        /// nil: one of them is not known here.
        let codings: ContentCodings?
        let memory: DecodingMemory
    }

    /// What a head says of the body that follows.
    static func media(_ media: ResponseHead.Media) -> AnswerReader.Media {
        switch media {
        case .unknown: .unknown
        case .eventStream: .eventStream
        case .json: .json
        case .page: .page
        case .other: .foreign
        }
    }

    /// Looks into the next bytes of the body.
    @inline(__always)
    func look(_ bytes: UnsafeRawBufferPointer) {
        if isUntyped, recognises(bytes) { return }
        if isDecoding { return lookDecoding(bytes) { _ in } }
        reader.read(bytes) { meaning, _ in
            eventCount &+= 1
            if meaning.isOutput { sawOutput = true }
        }
    }

    /// The same for bytes under a content coding.
    ///
    /// - Parameter onPlain: gets the bytes without it
    func lookDecoding(_ bytes: UnsafeRawBufferPointer, onPlain: (UnsafeRawBufferPointer) -> Void) {
        reader.read(
            bytes,
            onEvent: { meaning, _ in
                eventCount &+= 1
                if meaning.isOutput { sawOutput = true }
            }, onPlain: onPlain)
        settle()
    }

    /// What has no media type is looked into where it begins as JSON or HTML does. Everything else passes without a further look.
    ///
    /// - Returns: whether nothing is to be read of it
    private func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }) else {
            return true
        }
        isUntyped = false
        switch first {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "<"):
            reader.begin(api: api, status: status, media: .unknown)
            return false
        default:
            close()
            isForeign = true
            return true
        }
    }

    /// Whether something came that the client must have.
    var hasOutput: Bool {
        isForeign || passesAtOnce || (!isUntyped && (reader.hasOutput || reader.isForeign))
            || (commit != .content && eventCount > 0)
    }

    /// Whether what was looked into since this was asked last had content, which a user sees.
    @inline(__always)
    func takeContent() -> Bool {
        guard sawOutput else { return false }
        sawOutput = false
        return reader.hasOutput
    }

    /// Whether it is read as a stream of events.
    var isStream: Bool { isLooking && !isUntyped && reader.isStream }

    /// Tells the model that answered from others; 0 where that is not known. Worked out once for an answer.
    var model: UInt32 {
        if family == 0, isLooking, !isUntyped { family = reader.modelFamily }
        return family
    }

    /// Below this many tokens, and this many seconds, a speed is chance.
    private static let leastTokens: Int64 = 20
    private static let leastSeconds = 0.5

    /// How fast the model wrote, by the tokens that the answer counts.
    ///
    /// - Parameter seconds: from the first content to the last, within which all tokens but the first were written
    /// - Returns: nil where it is not whole or too short, or where part of the tokens were thought in silence before
    func tokensPerSecond(over seconds: Double) -> Float? {
        guard judges, isStream, hasEnded, reader.error == nil, seconds >= Self.leastSeconds,
            let tokens = reader.usage.output, tokens >= Self.leastTokens
        else { return nil }
        if api != .messages, reader.usage.reasoning ?? 0 > 0 { return nil }
        return Float(Double(tokens - 1) / seconds)
    }

    /// Whether it says that the endpoint failed.
    var hasFailed: Bool { judges && !isUntyped && commit == .content && (reader.error != nil || reader.isMarkup) }

    /// Whether another endpoint would have been asked, had the client not had the beginning already (`failover.commit: shadow`).
    var wouldHaveMovedOn: Bool { commit == .shadow && (isBrokenOff || !isGood) && !reader.hasOutput }

    /// Nothing more comes.
    ///
    /// - Parameter isClean: the body ended as its framing said
    func finish(isClean: Bool) {
        guard isLooking else { return }
        // Nothing has come but white space.
        if isUntyped { reader.begin(api: api, status: status, media: .unknown) }
        ending = reader.finish(isClean: isClean)
        if isDecoding { stopDecoding() }
    }

    /// Whether a stream, of which the client has the beginning, stopped before its API's last event.
    var isBrokenOff: Bool {
        judges && reader.isStream && reader.hasKnownEvents && ending == .partial && reader.legibility == .legible
    }

    /// Whether the answer, as far as it has come, is one that nothing is to be said against.
    var isGood: Bool {
        !judges
            || (reader.error == nil && !reader.isMarkup && (ending == nil || ending == .complete || reader.isForeign))
    }

    /// Whether it has come to its API's own end.
    var hasEnded: Bool { ending == .complete }

    /// What the error within the answer says of itself.
    var error: AnswerReader.NamedError? { reader.error }

    /// What the answer says was used, when nothing more of it comes; nil where that is not counted.
    func account() -> AnswerUsage? {
        defer { stopDecoding() }
        guard counts else { return nil }
        let figures = reader.usage
        // Of what is broken in its coding it is known what was read until then.
        guard isLooking, !isUntyped, !reader.isForeign || figures != Usage() else {
            return AnswerUsage(extent: .unread)
        }
        if ending == nil { ending = reader.finish(isClean: false) }
        if !reader.modelIs(modelName) { modelName = reader.model ?? "" }
        let isKnown = figures != Usage()
        return AnswerUsage(
            extent: isKnown ? ending == .complete ? .whole : .partial : .unread, figures: figures,
            model: modelName, isStream: reader.isStream, isError: ending == .error || reader.isMarkup)
    }

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

/// The memory that undoing content codings may take together: of all answers on all loops.
final class DecodingMemory: Sendable {
    /// Some hundreds of streams under brotli, more than a thousand under gzip.
    static let limit = 64 << 20

    private let limit: Int
    private let taken = Atomic<Int>(0)

    init(limit: Int = limit) { self.limit = limit }

    /// - Returns: whether there was so much left; it is taken in any case
    func take(_ bytes: Int) -> Bool {
        taken.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit || bytes < 0
    }

    func give(back bytes: Int) { if bytes != 0 { taken.wrappingSubtract(bytes, ordering: .relaxed) } }

    var inUse: Int { taken.load(ordering: .relaxed) }
}
