public import LLMWire

/// What became of one attempt: all that a verdict goes by.
public struct Finding: Sendable {
    /// How far the answer had come.
    public enum Place: String, Sendable, CaseIterable {
        /// Nothing of its body was looked at, or none was wanted.
        case head
        /// Held back: the client has nothing of it.
        case beforeContent = "before content"
        /// The client has the beginning of it.
        case afterCommit = "after the commit"
    }

    /// What was seen.
    public enum Sign: String, Sendable, CaseIterable {
        /// The name was not resolved, no connection was made, or TLS failed.
        case unreachable
        /// Connected, and closed, reset or silent before there was an answer.
        case unanswered
        /// Not HTTP, or HTTP that may not be.
        case malformed
        /// Its status says all.
        case status
        /// A good status, and content; or its proper end.
        case content
        /// A good status, and a body that cannot be read: encoded, or of another kind of media.
        case opaque
        /// A good status, and an error within.
        case error = "error within"
        /// A page of HTML.
        case page
        /// A good status, and no body.
        case emptyBody = "empty body"
        /// A good status, and the API's last event before any content.
        case noContent = "end without content"
        /// It stopped before the API's last event, or before its framing said.
        case brokenOff = "broken off"
    }

    public var operation: LLMOperation
    /// Of the answer; 0 where there was none.
    public var status: Int
    public var place: Place
    public var sign: Sign
    /// What the answer calls its error.
    public var error: AnswerReader.NamedError?
    /// The beginning of a refusal's body, or of what was held back.
    public var text: [UInt8]
    /// The time to wait that was named (`ResetHints`).
    public var wait: Duration?
    /// Whether the client's own credential went to the endpoint (`passthrough`).
    public var isCredentialClients: Bool

    /// So much of `text` is looked at.
    public static let textLimit = 64 << 10

    /// What became of an attempt; what is not given did not happen.
    public init(
        operation: LLMOperation, status: Int, place: Place = .head, sign: Sign = .status,
        error: AnswerReader.NamedError? = nil, text: [UInt8] = [], wait: Duration? = nil,
        isCredentialClients: Bool = false
    ) {
        self.operation = operation
        self.status = status
        self.place = place
        self.sign = sign
        self.error = error
        self.text = text
        self.wait = wait
        self.isCredentialClients = isCredentialClients
    }

    /// What the reader of an answer has seen by now, or at its end.
    ///
    /// - Parameters:
    ///   - ending: what its `finish` said; nil while the answer goes on.
    ///   - isFinished: whether nothing more comes.
    public init(
        operation: LLMOperation, status: Int, place: Place, reader: borrowing AnswerReader,
        ending: AnswerReader.Ending?, isFinished: Bool, text: [UInt8] = [], wait: Duration? = nil,
        isCredentialClients: Bool = false
    ) {
        self.init(
            operation: operation, status: status, place: place,
            sign: Self.sign(status: status, reader, ending, isFinished: isFinished), error: reader.error, text: text,
            wait: wait, isCredentialClients: isCredentialClients)
    }

    private static func sign(
        status: Int, _ reader: borrowing AnswerReader, _ ending: AnswerReader.Ending?, isFinished: Bool
    ) -> Sign {
        if reader.isMarkup { return .page }
        guard (200..<300).contains(status) else { return .status }
        if reader.error != nil { return .error }
        if reader.isForeign { return .opaque }
        guard isFinished else { return reader.hasOutput ? .content : .brokenOff }
        if reader.isEmpty { return .emptyBody }
        // Without an event of its API nothing is known of its end.
        if reader.isStream, !reader.hasKnownEvents { return reader.hasOutput ? .content : .noContent }
        switch ending {
        case .complete, nil:
            if reader.hasOutput { return .content }
            return saysWhy(reader.finishReason) ? .content : .noContent
        case .error: return .error
        case .partial: return .brokenOff
        }
    }

    /// A model may have a reason to say nothing: a filter, a refusal, its limit. That it simply was at its end is none.
    private static func saysWhy(_ reason: String?) -> Bool {
        guard let reason else { return false }
        return !["end_turn", "stop", "completed", "stop_sequence", "in_progress", "queued"].contains(reason)
    }
}

/// What is to become of a request, and what its attempt taught about the endpoint.
public struct Verdict: Sendable, Equatable {
    /// What the client gets.
    public enum Client: String, Sendable, CaseIterable {
        /// The next endpoint's answer; where there is none left, the most telling of those that came.
        case next
        /// This answer.
        case answer
        /// Another try of the same endpoint, and then the next one's answer.
        case retry
    }

    /// What the ranking learns.
    public enum Endpoint: Sendable, Equatable {
        /// It worked; the time that it took is one to rank by.
        case goodSample
        /// It failed; the breaker counts.
        case failure
        /// It does not accept its credential.
        case credentialRefused
        /// Not to be asked for a while.
        case timeOut(TimeOut)
        /// It does not know this path, and is passed over for it.
        case pathUnknown
        case nothing
    }

    /// Why, in a stable word for logs, metrics and programs.
    public enum Reason: String, Sendable, CaseIterable {
        case answered
        case redirected
        case unreachable
        case unanswered
        case malformed
        case brokenOff = "broken_off"
        case empty
        case page
        case pathUnknown = "path_unknown"
        case clientsCredential = "clients_credential"
        case credential
        case quota
        case model
        case tooLarge = "too_large"
        case rateLimited = "rate_limited"
        case overloaded
        case requestTimeout = "request_timeout"
        case serverError = "server_error"
        /// The client's own fault.
        case request
        /// What is no inference was refused.
        case question
        case odd
        /// A rule of the operator.
        case rule
    }

    public var client: Client
    public var endpoint: Endpoint
    public var reason: Reason
    /// The name of the row or of the operator's rule.
    public var row: String
    /// The answer's status, or the one that the error within it stands for.
    public var status: Int
    /// Whether the request itself may have brought it about: then it opens no breaker where it happens at every endpoint.
    public var mayBeRequests: Bool
    /// Whether an endpoint without another beside it is asked again.
    public var isRetriedAlone: Bool

    /// Which of several refusals the client gets where no endpoint had anything better: the one whose reason stands first, and
    /// of equal ones the first.
    public static let tellingOrder: [Reason] = [
        .rule, .request, .question, .clientsCredential, .tooLarge, .model, .rateLimited, .overloaded, .quota,
        .pathUnknown,
        .serverError, .requestTimeout, .credential, .page, .odd, .redirected, .empty, .brokenOff, .malformed,
        .unanswered, .unreachable, .answered,
    ]

    /// The place of the most telling one.
    public static func mostTelling(of verdicts: [Verdict]) -> Int? {
        verdicts.indices.min {
            tellingOrder.place(of: verdicts[$0].reason) < tellingOrder.place(of: verdicts[$1].reason)
        }
    }
}

extension [Verdict.Reason] {
    fileprivate func place(of reason: Verdict.Reason) -> Int { firstIndex(of: reason) ?? count }
}

/// How long an endpoint is left alone, and for what.
public struct TimeOut: Sendable, Equatable {
    /// Whom it is about.
    public enum Scope: String, Sendable, CaseIterable {
        case endpoint
        /// The endpoint with this model; its other models go on.
        case model
    }

    public var scope: Scope
    /// The first time.
    public var first: Duration
    /// Each further time in a row is twice as long as the one before, up to this.
    public var limit: Duration

    /// A time out that doubles each time.
    public init(scope: Scope, first: Duration, limit: Duration) {
        self.scope = scope
        self.first = first
        self.limit = max(first, limit)
    }

    /// One of the same length each time.
    public init(scope: Scope, _ length: Duration) {
        self.init(scope: scope, first: length, limit: length)
    }

    /// - Parameter earlier: how many there were in a row before this one, without a good answer between.
    public func length(after earlier: Int) -> Duration {
        var length = first
        // Sixty times twice as long is more than any limit.
        for _ in 0..<max(0, min(earlier, 60)) where length < limit { length = min(limit, length * 2) }
        return length
    }
}
