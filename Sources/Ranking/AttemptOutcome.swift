internal import Synchronization

/// What one attempt at one endpoint taught the ranking. The proxy makes it, `EndpointRanking.record` takes it in. It is copied for every
/// request, so it holds nothing that has to be counted or freed.
public enum AttemptOutcome: Sendable, Equatable {
    /// A usable answer. nil where its time says nothing about how fast the endpoint answers: for what is no inference, was answered
    /// unheard, or could not be looked into.
    case success(ResponseSample?)
    /// The endpoint failed: connection, TLS, timeout, broken response, or a 5xx/408 status.
    case failure(FailureKind)
    /// 429, 503 or 529 that named a time to wait. Not a breaker failure.
    case rateLimited(retryAfter: Duration)
    /// A refusal after which the endpoint, or one of its models, is left alone for a while. Not a breaker failure.
    case timedOut(TimeOutRequest)
    /// 401, 402 or 403: the endpoint's credential is refused, or nothing is left on its account.
    case misconfigured(status: Int)
    /// A redirect or another 4xx: the request may be to blame, so it is neither a success nor a failure, and its time is none.
    case declined(status: Int)
    /// The client went away, or something else that says nothing about the endpoint.
    case neutral
}

/// Why an attempt failed, for counters and explanations.
public enum FailureKind: Sendable, Hashable {
    case nameResolution
    case connect
    /// The proxy through which the endpoint is reached.
    case proxy(ProxyFault)
    /// By reference: outcomes are copied for every request, and must hold nothing that has to be counted. Made by `tls(_:)`.
    case tlsFailure(TLSFault.Reference)
    case timeout
    case closed
    case badResponse
    case status(Int)
    /// The response broke off after it had begun.
    case brokenStream
    /// HTML where JSON or a stream was due: something else stands before the endpoint.
    case page
    /// A good status, and nothing said.
    case emptyAnswer
    /// A good status, and an error within: this is the status that it stands for.
    case errorInAnswer(status: Int)

    /// TLS failed, for this reason.
    public static func tls(_ fault: TLSFault) -> FailureKind { .tlsFailure(TLSFault.Reference(fault)) }

    /// The endpoint could not be reached at all, as against: it was reached and answered badly. No request can bring that about.
    public var isUnreachable: Bool {
        switch self {
        case .nameResolution, .connect, .proxy, .tlsFailure: true
        case .timeout, .closed, .badResponse, .status, .brokenStream, .page, .emptyAnswer, .errorInAnswer: false
        }
    }
}

extension FailureKind {
    /// What happened, in a few words: `status 502`, `timed out` … The same words in answers to clients, in the event log, in
    /// the console and in the control API, so that one fault can be found everywhere by one search.
    public var text: String {
        switch self {
        case .nameResolution: "name not resolved"
        case .connect: "connection refused or unreachable"
        case .proxy(let fault): fault.text
        case .tlsFailure(let known): known.fault.text.isEmpty ? "TLS failed" : "TLS failed: \(known.fault.text)"
        case .timeout: "timed out"
        case .closed: "connection closed"
        case .badResponse: "malformed response"
        case .status(let status): "status \(status)"
        case .brokenStream: "response broke off"
        case .page: "an HTML page instead of an answer"
        case .emptyAnswer: "an answer without content"
        case .errorInAnswer(let status): "an error in the answer (status \(status))"
        }
    }
}

/// What went wrong at the proxy through which an endpoint is reached.
public enum ProxyFault: Sendable, Hashable {
    /// Its name is not known.
    case nameResolution
    /// Refused or unreachable.
    case connect
    /// It wants credentials and none are configured.
    case credentialsNeeded
    /// HTTP 407, or SOCKS' answer to a wrong user or password.
    case credentialsRefused
    /// HTTP's answer to CONNECT.
    case refused(status: Int)
    /// The code of a SOCKS 5 reply (RFC 1928 §6).
    case socksReply(UInt8)
    case malformedAnswer
    /// It closed the connection before it had let it through.
    case closed

    /// In a few words.
    public var text: String {
        switch self {
        case .nameResolution: "the proxy's name is not known"
        case .connect: "the proxy cannot be reached"
        case .credentialsNeeded: "the proxy wants a user and a password"
        case .credentialsRefused: "the proxy refuses the user or the password"
        case .refused(let status): "the proxy refuses the connection (status \(status))"
        case .socksReply(let code): "the proxy \(Self.words(code))"
        case .malformedAnswer: "malformed answer of the proxy"
        case .closed: "the proxy closed the connection"
        }
    }

    private static func words(_ code: UInt8) -> String {
        switch code {
        case 1: "failed"
        case 2: "does not allow the connection"
        case 3: "cannot reach the endpoint's network"
        case 4: "cannot reach the endpoint"
        case 5: "was refused by the endpoint"
        case 6: "gave the endpoint up (TTL expired)"
        case 7: "does not know CONNECT"
        case 8: "does not know this type of address"
        default: "refuses the connection (SOCKS reply \(code))"
        }
    }
}

/// What attempts fail by, for counters: a closed set, whatever statuses and proxies there are.
public enum ErrorKind: String, Sendable, Hashable, CaseIterable {
    /// The name is not known.
    case name
    /// Refused or unreachable.
    case connect
    /// The proxy on the way there.
    case proxy
    case tls
    case timeout
    /// Closed before an answer came.
    case closed
    /// No HTTP, a page of HTML, or an answer without content.
    case malformed
    /// The answer broke off after it had begun.
    case broken
    /// 5xx, also within an answer, and 503 and 529 without a time to wait.
    case serverError = "server_error"
    /// 429.
    case rateLimited = "rate_limited"
    /// 503 or 529 with a time to wait.
    case overloaded
    /// 401, 402 or 403.
    case credential
    /// 408.
    case requestTimeout = "request_timeout"
    /// 402, and other refusals that speak of balance, quota or billing.
    case quota
    /// The endpoint does not have the model.
    case model
    /// A rule of the operator's timed it out.
    case rule

    /// nil for an outcome that is no error.
    public init?(_ outcome: AttemptOutcome, status: Int?) {
        switch outcome {
        case .success, .declined, .neutral: return nil
        case .misconfigured: self = .credential
        case .rateLimited: self = status == 429 ? .rateLimited : .overloaded
        case .timedOut(let request):
            self =
                switch request.cause {
                case .quota: .quota
                case .rateLimited: .rateLimited
                case .overloaded: .overloaded
                case .model: .model
                case .rule: .rule
                }
        case .failure(let kind):
            switch kind {
            case .nameResolution: self = .name
            case .connect: self = .connect
            case .proxy: self = .proxy
            case .tlsFailure: self = .tls
            case .timeout: self = .timeout
            case .closed: self = .closed
            case .badResponse, .page, .emptyAnswer: self = .malformed
            case .brokenStream: self = .broken
            case .status(429), .errorInAnswer(429): self = .rateLimited
            case .status(408), .errorInAnswer(408): self = .requestTimeout
            case .status, .errorInAnswer: self = .serverError
            }
        }
    }
}

/// Why no TLS connection to an endpoint came about. What came from the other side has been made printable.
public enum TLSFault: Sendable, Hashable {
    /// Its certificate was valid until then.
    case expired(on: String)
    /// Its certificate is valid from then on.
    case notYetValid(before: String)
    /// Its certificate is for other names; none where it names no host at all.
    case wrongName(expected: String, names: [String])
    /// No authority that is trusted here has issued its certificate, and the certificate is not that of an authority itself.
    case selfSigned(subject: String)
    /// - hasOwnAuthorities: the endpoint has a file of authorities, which count instead of the system's
    case unknownAuthority(issuer: String, hasOwnAuthorities: Bool)
    /// Verification failed for another reason.
    case untrusted
    /// No version in common.
    case version
    /// It refused what was offered, and did not say more.
    case handshakeRefused
    /// It wants to see a certificate.
    case clientCertificateWanted
    /// It does not know the name.
    case unrecognizedName(String)
    /// Another alert, in its own words.
    case alert(String)
    /// What it speaks is not TLS.
    case notTLS
    /// It closed or reset the connection in the handshake.
    case closed
    /// The endpoint's file of authorities cannot be used.
    case noAuthorities
    /// Something else, in the TLS library's words.
    case other(String)
    case unspecified

    /// In a few words; empty where there is nothing to say.
    public var text: String {
        switch self {
        case .expired(let date): "the certificate expired on \(date)"
        case .notYetValid(let date): "the certificate is not valid before \(date)"
        case .wrongName(let expected, let names):
            names.isEmpty
                ? "the certificate names no host (it has no subjectAltName), so it is not for \(expected)"
                : "the certificate is for \(Self.list(names)), not for \(expected)"
        case .selfSigned(let subject): "the certificate is self-signed (\(subject))"
        case .unknownAuthority(let issuer, let hasOwnAuthorities):
            "the certificate's issuer is not known "
                + (hasOwnAuthorities ? "to ca_file" : "to this system") + " (\(issuer))"
        case .untrusted: "the certificate cannot be verified"
        case .version: "no TLS version in common (1.2 or 1.3 is needed)"
        case .handshakeRefused: "refused by the other side: no cipher in common, or it wants a client certificate"
        case .clientCertificateWanted: "refused by the other side: it wants a client certificate"
        case .unrecognizedName(let name): "refused by the other side: it does not know the name \(name)"
        case .alert(let words): "refused by the other side: \(words)"
        case .notTLS: "no TLS is spoken there, perhaps plain HTTP"
        case .closed: "the other side closed the connection in the handshake"
        case .noAuthorities: "ca_file cannot be used"
        case .other(let words): words
        case .unspecified: ""
        }
    }

    private static let listedNames = 4

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(listedNames).joined(separator: ", ")
        return names.count > listedNames ? "\(shown) and \(names.count - listedNames) more" : shown
    }
}

extension TLSFault {
    /// Stands for a fault in a value that is copied for every request: two bytes that need no reference counting. Equal faults
    /// have equal references.
    public struct Reference: Sendable, Hashable {
        private let number: UInt16

        /// A server that names itself differently each time must not fill the memory: beyond this many, faults are unspecified.
        private static let capacity = 1_000
        private static let known = Mutex<[TLSFault]>([.unspecified])

        init(_ fault: TLSFault) {
            number = Self.known.withLock { known in
                if let number = known.firstIndex(of: fault) { return UInt16(number) }
                guard known.count < Self.capacity else { return 0 }
                known.append(fault)
                return UInt16(known.count - 1)
            }
        }

        /// What it stands for.
        public var fault: TLSFault { Self.known.withLock { $0[Int(number)] } }
    }
}
