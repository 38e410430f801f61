internal import Coding
internal import HTTPWire
internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support
internal import Verdicts

/// An endpoint's answer that is no success: its head as it came, and the beginning of its body, in which stands why.
///
/// While another endpoint may have something better it is kept; where none has, the client gets the most telling of those that were
/// kept (`Verdict.tellingOrder`).
final class Refusal {
    /// What goes to the client.
    enum Content {
        /// The answer as it came; its body without framing, and with asterisks in place of the endpoint's secrets.
        case received(head: [UInt8], body: ByteBuffer)
        /// The answer said that it was none only within a success: its error in a head that says the same.
        case worded(LocalAnswer)
    }

    let upstream: Upstream
    let url: UpstreamURL
    let status: Int
    private let head: [UInt8]
    /// It is of another API than the client's: its words go in an answer of our own.
    private let isConverted: Bool
    private(set) var body = ByteBuffer()
    /// Nothing more of it comes.
    var isWhole = false
    private var worded: LocalAnswer?
    private(set) var verdict: Verdict?
    private var error: AnswerReader.NamedError?
    /// Its body has a content coding, and repeats a secret within.
    private var isEncodedWithSecrets = false

    /// - Parameter head: as received
    init(
        of upstream: Upstream, _ url: UpstreamURL, status: Int,
        head: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0), isConverted: Bool = false
    ) {
        self.isConverted = isConverted
        self.upstream = upstream
        self.url = url
        self.status = status
        self.head = Array(head)
    }

    var content: Content { worded.map { .worded($0) } ?? .received(head: head, body: body) }

    /// What the client gets where all endpoints refused.
    ///
    /// - Parameter retryAfter: whole seconds until the first of them may be asked again, where that is known
    func answer(retryAfter: Int?) -> Content {
        guard let retryAfter, let verdict, [.rateLimited, .overloaded, .quota].contains(verdict.reason) else {
            return content
        }
        if var worded {
            worded.retryAfter = retryAfter
            return .worded(worded)
        }
        return .received(head: headNaming(retryAfter: retryAfter), body: body)
    }

    /// The same for a client that has the head of an event stream already, so that neither status nor head can follow.
    var inWords: LocalAnswer {
        let words = error.map { $0.message.isEmpty ? $0.type : $0.message } ?? ""
        let said = words.isEmpty ? "endpoint \(upstream.name): \(verdict?.words ?? "status \(status)")" : words
        let message = upstream.secrets.reduce(said) { $1.masking($0) }
        return LocalAnswer(
            status: verdict?.status ?? status, message: message,
            errorType: error.map { $0.type.isEmpty ? $0.code : $0.type })
    }

    /// The head with this time to wait: its own may be longer than that of another endpoint. All else stays byte for byte.
    private func headNaming(retryAfter: Int) -> [UInt8] {
        var parsed = ResponseHead()
        return head.withUnsafeBytes { bytes in
            // It was parsed before, so it can be again.
            guard (try? parsed.parse(bytes, toHEAD: false, limits: HTTPLimits())) != nil else { return Array(bytes) }
            var starts = parsed.fields.lines.map { Int($0.nameStart) }
            starts.append(parsed.end - 2)
            var named = Array(bytes[..<starts[0]])
            for (index, line) in parsed.fields.lines.enumerated()
            where line.known != .retryAfter && line.known != .retryAfterMs {
                named += bytes[starts[index]..<starts[index + 1]]
            }
            return named + Array("Retry-After: \(retryAfter)\r\n\r\n".utf8)
        }
    }

    /// As much as is looked at has come.
    var isFull: Bool { body.readableBytes >= Finding.textLimit }

    /// A refusal may repeat the key that it refuses: asterisks take the place of the endpoint's secrets. Bodies of other answers are the
    /// endpoint's own affair.
    private func maskSecrets() {
        for secret in upstream.secrets { body.withUnsafeMutableReadableBytes { secret.mask($0) } }
    }

    /// Keeps the data at `ranges`.
    func take(_ buffer: ByteBuffer, _ ranges: ContiguousArray<Range<Int>>) {
        buffer.withUnsafeReadableBytes { bytes in
            for range in ranges { body.writeBytes(bytes.slice(range)) }
        }
    }

    /// What a verdict goes by.
    ///
    /// - Parameter unixTime: seconds since 1970, to read points in time against
    func finding(of operation: LLMOperation, unixTime: Double) -> Finding {
        var parsed = ResponseHead()
        var text = body.withUnsafeReadableBytes { Array($0.prefix(Finding.textLimit)) }
        var isLegible = true
        let wait = head.withUnsafeBytes { bytes -> Duration? in
            // It was parsed before, so it can be again.
            guard (try? parsed.parse(bytes, toHEAD: false, limits: HTTPLimits())) != nil else { return nil }
            if parsed.isEncoded {
                let plain = Self.decoded(text, CurrentResponse.codings(of: parsed, bytes))
                isLegible = plain != nil
                if let plain { text = plain }
                isEncodedWithSecrets = text.withUnsafeBytes { plain in
                    upstream.secrets.contains { $0.first(in: plain) != nil }
                }
                // What is longer than was looked through could repeat one as well.
                if text.count > 3 * Finding.textLimit, !upstream.secrets.isEmpty { isEncodedWithSecrets = true }
                text = Array(text.prefix(Finding.textLimit))
            }
            return RateLimitHint.wait(parsed, bytes, text: isLegible ? text : [], unixTime: unixTime)
        }
        let media = AnswerGate.media(parsed.media)
        var reader = AnswerReader(
            api: operation.usageAPI ?? .chatCompletions, status: status,
            media: isLegible || media == .page ? media : .encoded)
        text.withUnsafeBytes { reader.read($0) }
        let ending = reader.finish(isClean: isWhole)
        return Finding(
            operation: operation, status: status, place: .head, reader: reader, ending: ending, isFinished: true,
            text: text, wait: wait, isCredentialClients: upstream.forwardsClientCredential)
    }

    /// The beginning of the body without its content codings; nil where they cannot be undone.
    private static func decoded(_ body: [UInt8], _ codings: ContentCodings?) -> [UInt8]? {
        guard let codings, let decoder = try? ContentDecoder(codings, budget: 4 * Finding.textLimit) else { return nil }
        var plain: [UInt8] = []
        // What comes before a mistake is what it says.
        body.withUnsafeBytes { bytes in try? decoder.decode(bytes) { plain += $0 } }
        return plain.isEmpty && !body.isEmpty ? nil : plain
    }

    /// It has been judged.
    ///
    /// - Parameter error: what it says of itself
    func judged(_ verdict: Verdict, error: AnswerReader.NamedError?) {
        self.verdict = verdict
        self.error = error
        maskSecrets()
        // Asterisks cannot be put into what is encoded: its words go in an answer of our own.
        guard (200..<300).contains(status) || isEncodedWithSecrets || isConverted else { return }
        worded = inWords
        if isConverted { speakClientsAPI() }
        isWhole = true
    }

    /// What the endpoint's API calls the error means nothing in the client's.
    private func speakClientsAPI() {
        worded?.errorType = nil
        guard let code = error?.code, !code.isEmpty else { return }
        worded?.errorCode = code
        // Clients make room in the conversation at these words.
        if code == "context_length_exceeded", let said = worded {
            worded?.message = "prompt is too long: \(said.message)"
        }
    }
}

extension Verdict {
    /// In a few words, for the list of what every endpoint said.
    var words: String {
        switch reason {
        case .page: FailureKind.page.text
        case .empty: FailureKind.emptyAnswer.text
        case .brokenOff: FailureKind.brokenStream.text
        case .quota: "status \(status) (quota)"
        case .model: "status \(status) (model)"
        case .rule: "status \(status) (\(row))"
        default: "status \(status)"
        }
    }
}
