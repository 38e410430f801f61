internal import LLMWire

/// The one table of what an answer, or its absence, means: for the client and for the endpoint. Rows are asked from top to bottom,
/// and the first that holds decides. `docs/verdicts.md` is written from it.
///
/// Rules of the operator come first. Behind the commit the client has the answer, whatever the row says: such a verdict is about
/// the endpoint alone.
public enum VerdictTable {
    /// One row: for what it holds, and what it says.
    struct Row: Sendable {
        enum Operations: String, Sendable {
            case all = ""
            case inference
            case others = "no inference"
            /// All but `LLMOperation.other`: operations whose path is known.
            case named = "known paths"
        }

        /// Stable: it stands in logs and explanations.
        var name: String
        var operations = Operations.all
        var signs: [Finding.Sign]
        /// Empty: every status.
        var statuses: [ClosedRange<Int>] = []
        var words: Words?
        /// Only where a time to wait was named.
        var needsWait = false
        /// Only with `passthrough`.
        var needsClientsCredential = false
        var client: Verdict.Client
        var endpoint: Verdict.Endpoint
        /// A wait that was named goes before the row's time.
        var prefersNamedWait = false
        var reason: Verdict.Reason
        var mayBeRequests = false
        var isRetriedAlone = false
        var why: String
    }

    /// What a refusal has to say, and must not say.
    struct Words: Sendable {
        var name: String
        var pattern: TextPattern
        var exception: TextPattern?
        /// Whether an answer without a word is meant as well.
        var holdsForSilence = false
    }

    // MARK: Times

    /// An account without money or quota.
    public static let quota = TimeOut(scope: .endpoint, first: .seconds(300), limit: .seconds(3600))
    /// A model that the endpoint does not have.
    public static let model = TimeOut(scope: .model, .seconds(300))
    /// So long it is remembered that an endpoint does not know a path: a server that is being set up says so too.
    public static let pathMemory = Duration.seconds(3600)
    /// Stands in a row for the time that the refusal names; rows with it need one.
    private static func named(_ scope: TimeOut.Scope) -> Verdict.Endpoint { .timeOut(TimeOut(scope: scope, .zero)) }

    // MARK: Words

    static let quotaWords = Words(
        name: "quota",
        pattern: TextPattern(
            builtIn: "insufficient_quota|insufficient.*balance|insufficient.*credit|insufficient.*funds|balance|billing"
                + "|quota|usage_limit|usage limit|credit limit|out of credits|payment required|余额|额度|欠费"))
    /// Beyond doubt: in a 400 the words may be the client's own, in a 429 they may be advice.
    static let noMoneyWords = Words(
        name: "no money",
        pattern: TextPattern(
            builtIn: "credit balance is too low|insufficient_quota|insufficient_user_quota|exceeded your current quota"
                + "|insufficient account balance|余额不足|额度不足"))
    static let modelWords = Words(
        name: "model",
        pattern: TextPattern(
            builtIn: "model_not_found|model not found|model_not_supported|model_not_available|no such model"
                + "|unknown model|invalid model|unsupported model|not_found_error.*model:|not a valid model"
                + "|model is unavailable|model is not available|model unavailable"
                + "|model .* does not exist|model .* not exist|model .* not found|model .* not be found"
                + "|model .* is not available|model .* is unavailable|model .* is not supported"
                + "|model .* is not allowed|model .* not enabled|access to model|access to the model"
                + "|模型不存在|不支持的模型|不支持该模型|未找到模型"),
        // What a model cannot do is the request's fault.
        exception: TextPattern(
            builtIn: "maximum context|context length|context_length|context window|with this model|by this model"
                + "|unsupported parameter|unsupported value|unsupported_parameter|unsupported_value|max_tokens"))
    /// Relays say so of a model that none of their own sources has at the moment.
    static let channelWords = Words(
        name: "channel",
        pattern: TextPattern(builtIn: "no available channel|no available account|无可用渠道|model_not_found"))
    static let pathWords = Words(
        name: "path",
        pattern: TextPattern(
            builtIn: "not found|not_found|invalid url|unknown path|unknown endpoint|unknown request url"
                + "|unrecognized request url|cannot post|cannot get|no route|no such route|does not exist"),
        exception: TextPattern(
            builtIn: "model|deployment|organization|project| id |_id|resp_|conversation|prompt|模型"),
        holdsForSilence: true)

    // MARK: Errors within answers

    /// The status for which an error within an answer stands, by its code, else by its type. A number is its own.
    static let meanings: [(words: [String], status: Int)] = [
        (
            [
                "overloaded_error", "overloaded", "server_overloaded", "server_is_overloaded", "engine_overloaded",
                "slow_down",
            ],
            529
        ),
        (
            [
                "insufficient_quota", "billing_error", "quota_exceeded", "insufficient_balance", "payment_required",
                "usage_limit_reached", "usage_not_included", "billing_hard_limit_reached",
            ], 402
        ),
        (["rate_limit_error", "rate_limit_exceeded", "rate_limited", "too_many_requests", "resource_exhausted"], 429),
        (["authentication_error", "invalid_api_key", "unauthorized", "unauthenticated"], 401),
        (["permission_error", "permission_denied", "forbidden"], 403),
        (["model_not_found", "not_found_error", "not_found"], 404),
        (["request_too_large"], 413),
        (
            [
                "invalid_request_error", "invalid_request", "invalid_prompt", "context_length_exceeded",
                "string_above_max_length", "content_policy_violation", "content_filter", "invalid_argument",
            ], 400
        ),
        (["timeout_error", "timeout", "deadline_exceeded"], 504),
        (["unavailable", "service_unavailable"], 503),
        (["api_error", "server_error", "internal_error", "internal_server_error", "internal"], 500),
    ]

    /// The status to judge by: the answer's own, or what an error within stands for; 502 where that names nothing known.
    public static func meaning(of finding: Finding) -> Int {
        guard finding.operation.isInference else { return finding.status }
        switch finding.sign {
        case .error:
            guard let error = finding.error else { return 502 }
            for word in [error.code, error.type] {
                let word = word.lowercased()
                if let number = Int(word), (400...599).contains(number) { return number }
                if let known = meanings.first(where: { $0.words.contains(word) }) { return known.status }
            }
            return 502
        case .page, .emptyBody, .noContent, .brokenOff:
            return (200..<300).contains(finding.status) ? 502 : finding.status
        default: return finding.status
        }
    }

    // MARK: Rows

    private static let refusals: [Finding.Sign] = [.status, .error, .page]

    static let rows: [Row] = [
        // What went well
        Row(
            name: "answered", operations: .inference, signs: [.content, .opaque, .status], statuses: [200...299],
            client: .answer, endpoint: .goodSample, reason: .answered,
            why: "the only thing that makes an endpoint better"),
        Row(
            name: "question answered", operations: .others,
            signs: [.content, .opaque, .status, .page, .error, .emptyBody, .noContent], statuses: [200...299],
            client: .answer, endpoint: .nothing, reason: .answered,
            why: "what is no inference says nothing about how well a model answers"),
        Row(
            name: "redirected", signs: [.status, .page, .opaque], statuses: [300...399], client: .answer,
            endpoint: .nothing,
            reason: .redirected, why: "neither a success nor a failure"),
        // What did not come, or not whole
        Row(
            name: "not reached", signs: [.unreachable], client: .next, endpoint: .failure, reason: .unreachable,
            why: "no request can bring it about; whatever was asked, it says that the endpoint is away"),
        Row(
            name: "question not answered", operations: .others, signs: [.unanswered, .malformed, .brokenOff],
            client: .next,
            endpoint: .nothing, reason: .unanswered, why: "an endpoint may be bad at questions and good at inference"),
        Row(
            name: "not answered", operations: .inference, signs: [.unanswered], client: .next, endpoint: .failure,
            reason: .unanswered,
            mayBeRequests: true, isRetriedAlone: true, why: "closed, reset or silent before an answer"),
        Row(
            name: "not HTTP", operations: .inference, signs: [.malformed], client: .next, endpoint: .failure,
            reason: .malformed,
            mayBeRequests: true, why: "what cannot be read cannot be passed on"),
        Row(
            name: "broken off", operations: .inference, signs: [.brokenOff], client: .next, endpoint: .failure,
            reason: .brokenOff,
            mayBeRequests: true,
            why:
                "an answer without its end is never passed off as whole: behind the commit the client gets an error event"
        ),
        Row(
            name: "empty body", operations: .inference, signs: [.emptyBody], client: .next, endpoint: .failure,
            reason: .empty, mayBeRequests: true,
            why: "a 200 that says nothing is no answer"),
        Row(
            name: "end without content", operations: .inference, signs: [.noContent], client: .next, endpoint: .failure,
            reason: .empty,
            mayBeRequests: true,
            why: "unless the model says why it is silent (a refusal, a filter, a limit), nothing was answered"),
        // Paths
        Row(
            name: "path not served", operations: .named, signs: refusals, statuses: [405...405, 501...501],
            client: .next,
            endpoint: .pathUnknown, reason: .pathUnknown, why: "these paths are for this method everywhere"),
        Row(
            name: "path not found", operations: .named, signs: [.status, .page], statuses: [404...404],
            words: pathWords,
            client: .next, endpoint: .pathUnknown, reason: .pathUnknown,
            why: "said in so many words; a missing model, file or response is something else"),
        // Whose credential
        Row(
            name: "client's own credential", signs: refusals, statuses: [401...401, 403...403],
            needsClientsCredential: true, client: .answer, endpoint: .nothing, reason: .clientsCredential,
            why: "with `passthrough` a refusal is about its owner alone, who has to know of it"),
        Row(
            name: "client's own account", signs: refusals, statuses: [402...402, 429...429],
            needsClientsCredential: true, client: .next, endpoint: .nothing, reason: .clientsCredential,
            why: "an endpoint with another account may serve what the client's own lacks"),
        // What is no inference
        Row(
            name: "question refused for now", operations: .others, signs: refusals,
            statuses: [401...403, 408...408, 429...429, 500...599], client: .next, endpoint: .nothing,
            reason: .question,
            why: "another endpoint may answer it; its refusal says nothing about inference"),
        Row(
            name: "question refused", operations: .others, signs: Finding.Sign.allCases, client: .answer,
            endpoint: .nothing,
            reason: .request, why: "the client asked for it"),
        // Money
        Row(
            name: "quota", signs: refusals, statuses: [402...402], client: .next, endpoint: .timeOut(quota),
            prefersNamedWait: true, reason: .quota,
            why: "an account without money answers fast, and goes on so for long"),
        Row(
            name: "no money", signs: refusals, statuses: [400...400, 403...403, 429...429], words: noMoneyWords,
            client: .next, endpoint: .timeOut(quota), prefersNamedWait: true, reason: .quota,
            why: "Anthropic says so with 400, OpenAI with 429"),
        Row(
            name: "rate limit with a time", signs: refusals, statuses: [429...429], needsWait: true, client: .next,
            endpoint: named(.model), prefersNamedWait: true, reason: .rateLimited,
            why: "limits are per model as a rule; a second model limited meanwhile makes it the endpoint's"),
        Row(
            name: "quota in words", signs: refusals, statuses: [403...403, 429...429], words: quotaWords, client: .next,
            endpoint: .timeOut(quota), prefersNamedWait: true, reason: .quota,
            why: "balance, quota or billing; of a 429 only where no time is named"),
        // Models
        Row(
            name: "model not here", signs: refusals, statuses: [400...400, 403...404, 422...422], words: modelWords,
            client: .next, endpoint: .timeOut(model), reason: .model,
            why: "other endpoints may have it, and this one has others: the breaker is not touched"),
        Row(
            name: "model without a source", signs: refusals, statuses: [500...500, 503...503], words: channelWords,
            client: .next, endpoint: .timeOut(model), prefersNamedWait: true, reason: .model,
            why: "relays answer so for one model while others go on"),
        // Sizes
        Row(
            name: "too large", signs: refusals, statuses: [413...413], client: .next, endpoint: .nothing,
            reason: .tooLarge, why: "endpoints have different limits; to refuse by size is no fault"),
        // Limits
        Row(
            name: "rate limit", signs: refusals, statuses: [429...429], client: .next, endpoint: .failure,
            reason: .rateLimited, why: "without a time the breaker finds one"),
        Row(
            name: "overloaded with a time", signs: refusals, statuses: [503...503, 529...529], needsWait: true,
            client: .next, endpoint: named(.endpoint), prefersNamedWait: true, reason: .overloaded,
            isRetriedAlone: true, why: "it says itself when to come back"),
        Row(
            name: "overloaded", signs: refusals, statuses: [503...503, 529...529], client: .next, endpoint: .failure,
            reason: .overloaded, mayBeRequests: true, isRetriedAlone: true, why: "it does not say when to come back"),
        // Credentials
        Row(
            name: "page", signs: [.page], client: .next, endpoint: .failure, reason: .page,
            why: "HTML where JSON or a stream was due: something else stands before the endpoint"),
        Row(
            name: "credential", signs: refusals, statuses: [401...401, 403...403], client: .next,
            endpoint: .credentialRefused, reason: .credential, mayBeRequests: true,
            why: "only the operator can mend it"),
        // Failures
        Row(
            name: "request timed out", signs: refusals, statuses: [408...408], client: .next, endpoint: .failure,
            reason: .requestTimeout, mayBeRequests: true, why: "it did not wait for the request"),
        Row(
            name: "server error", signs: refusals, statuses: [500...500, 502...502, 504...504, 520...530],
            client: .next,
            endpoint: .failure, reason: .serverError, mayBeRequests: true,
            why: "520 to 530 are a gateway's words for what stands behind it"),
        Row(
            name: "odd server error", signs: refusals, statuses: [500...599], client: .answer, endpoint: .failure,
            reason: .serverError, mayBeRequests: true, why: "no usual word for \"not here\""),
        // The client
        Row(
            name: "request", signs: refusals, statuses: [400...499], client: .answer, endpoint: .nothing,
            reason: .request, why: "the client's own fault: every endpoint would say so"),
        odd,
    ]

    /// The last row, which holds for everything.
    private static let odd = Row(
        name: "odd status", signs: Finding.Sign.allCases, client: .answer, endpoint: .failure, reason: .odd,
        why: "no status that HTTP knows")

    // MARK: Verdicts

    /// What this finding means.
    ///
    /// - Parameter rules: those of the endpoint, then those for all.
    public static func verdict(on finding: Finding, rules: [FailoverRule] = []) -> Verdict {
        let meaning = meaning(of: finding)
        var texts = LoweredTexts()
        if !rules.isEmpty, let verdict = FailoverRule.verdict(finding, meaning: meaning, &texts, rules) {
            return verdict
        }
        for row in rows where row.holds(for: finding, meaning, &texts) {
            return row.verdict(on: finding, meaning)
        }
        return odd.verdict(on: finding, meaning)
    }
}

extension VerdictTable.Row {
    fileprivate func holds(for finding: Finding, _ meaning: Int, _ texts: inout LoweredTexts) -> Bool {
        guard signs.contains(finding.sign), operations.contain(finding.operation) else { return false }
        guard statuses.hold(meaning) else { return false }
        if needsClientsCredential, !finding.isCredentialClients { return false }
        if needsWait, finding.wait == nil { return false }
        guard let words else { return true }
        if words.holdsForSilence, finding.text.isEmpty, finding.error == nil { return true }
        if let exception = words.exception, texts.match(exception, finding) { return false }
        return texts.match(words.pattern, finding)
    }

    fileprivate func verdict(on finding: Finding, _ meaning: Int) -> Verdict {
        var endpoint = endpoint
        if case .timeOut(let timeOut) = endpoint, prefersNamedWait, let wait = finding.wait {
            endpoint = .timeOut(TimeOut(scope: timeOut.scope, wait))
        }
        return Verdict(
            client: finding.place == .afterCommit ? .answer : client, endpoint: endpoint, reason: reason, row: name,
            status: meaning, mayBeRequests: mayBeRequests, isRetriedAlone: isRetriedAlone)
    }
}

extension VerdictTable.Row.Operations {
    fileprivate func contain(_ operation: LLMOperation) -> Bool {
        switch self {
        case .all: true
        case .inference: operation.isInference
        case .others: !operation.isInference
        case .named: operation != .other
        }
    }
}
