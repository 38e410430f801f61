import LLMWire
import TestSupport
import Testing

@testable import Verdicts

/// What an endpoint sends, in the words of each API, read as the proxy reads it.
private struct Answer {
    var status = 200
    var type: String?
    var coding: String?
    var place = Finding.Place.beforeContent
    var wait: Duration?
    var isCredentialClients = false
    /// Instead of inference.
    var operation: LLMOperation?
    /// Instead of what the reader says.
    var sign: Finding.Sign?
    var body: (LLMAPI, _ isStream: Bool) -> String = { _, _ in "" }

    func finding(_ api: LLMAPI, isStream: Bool) -> Finding {
        let body = body(api, isStream)
        let operation = operation ?? .inference(api)
        guard sign == nil else {
            return Finding(
                operation: operation, status: status, place: place, sign: sign ?? .status, text: Array(body.utf8),
                wait: wait, isCredentialClients: isCredentialClients)
        }
        let usual = isStream && status == 200 ? "text/event-stream" : "application/json"
        var reader = AnswerReader(api: api, status: status, contentType: type ?? usual, contentEncoding: coding)
        Array(body.utf8).withUnsafeBytes { reader.read($0) }
        let ending = reader.finish(isClean: true)
        return Finding(
            operation: operation, status: status, place: place, reader: reader, ending: ending, isFinished: true,
            text: status >= 400 ? Array(body.utf8) : [], wait: wait, isCredentialClients: isCredentialClients)
    }

    // MARK: Bodies

    /// A refusal's body.
    static func error(_ type: String, code: String = "", _ message: String) -> (LLMAPI, Bool) -> String {
        { api, _ in
            switch api {
            case .messages: #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"}}"#
            case .chatCompletions, .responses:
                #"{"error":{"message":"\#(message)","type":"\#(type)","param":null,"code":"\#(code)"}}"#
            }
        }
    }

    /// The same within a good answer.
    static func errorWithin(_ type: String, code: String = "", _ message: String) -> (LLMAPI, Bool) -> String {
        { api, isStream in
            let object = error(type, code: code, message)(api, false)
            guard isStream else { return object }
            switch api {
            case .messages: return start(api) + "event: error\ndata: \(object)\n\n"
            case .chatCompletions: return start(api) + "data: \(object)\n\n"
            case .responses:
                return start(api) + "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":"
                    + "{\"code\":\"\(code.isEmpty ? type : code)\",\"message\":\"\(message)\"}}}\n\n"
            }
        }
    }

    static func start(_ api: LLMAPI) -> String {
        switch api {
        case .messages: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\"}}\n\n"
        case .chatCompletions: "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
        case .responses: "data: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n"
        }
    }

    static func content(_ api: LLMAPI) -> String {
        switch api {
        case .messages:
            "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"
        case .chatCompletions: "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        case .responses: "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n"
        }
    }

    static func end(_ api: LLMAPI) -> String {
        switch api {
        case .messages: "data: {\"type\":\"message_stop\"}\n\n"
        case .chatCompletions: "data: [DONE]\n\n"
        case .responses: "data: {\"type\":\"response.completed\",\"response\":{}}\n\n"
        }
    }

    static func whole(_ api: LLMAPI, _ isStream: Bool) -> String {
        if isStream { return start(api) + content(api) + end(api) }
        return switch api {
        case .messages: #"{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}"#
        case .chatCompletions: #"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#
        case .responses: #"{"object":"response","status":"completed","error":null,"output":[]}"#
        }
    }

    static let page: @Sendable (LLMAPI, Bool) -> String = { _, _ in "<html><body><h1>Just a moment…</h1></body></html>"
    }
    static func text(_ text: String) -> (LLMAPI, Bool) -> String { { _, _ in text } }
}

/// A row with an answer that meets it, and what it means. Written by hand from what the rows are for.
private struct Expectation {
    var row: String
    var client: Verdict.Client
    var endpoint: Verdict.Endpoint
    var answers: [Answer]

    static let quota = Verdict.Endpoint.timeOut(TimeOut(scope: .endpoint, first: .seconds(300), limit: .seconds(3600)))
    static let model = Verdict.Endpoint.timeOut(TimeOut(scope: .model, .seconds(300)))
    static func wait(_ seconds: Int, _ scope: TimeOut.Scope = .endpoint) -> Verdict.Endpoint {
        .timeOut(TimeOut(scope: scope, .seconds(seconds)))
    }

    static var all: [Expectation] {
        [
            Expectation(
                row: "answered", client: .answer, endpoint: .goodSample,
                answers: [
                    Answer(body: Answer.whole),
                    // A new kind of event never breaks traffic.
                    Answer(body: Answer.text("data: {\"type\":\"brand.new\"}\n\ndata: [DONE]\n\n")),
                    Answer(coding: "gzip", body: Answer.text("\u{1F}…")),
                    Answer(type: "audio/mpeg", body: Answer.text("x")),
                    // It says why it is silent.
                    Answer(body: { api, _ in
                        switch api {
                        case .messages:
                            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\"}}\n\n"
                                + Answer.end(api)
                        case .chatCompletions:
                            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n"
                                + Answer.end(api)
                        case .responses:
                            "data: {\"type\":\"response.incomplete\",\"response\":{\"status\":\"incomplete\",\"incomplete_details\":"
                                + "{\"reason\":\"max_output_tokens\"}}}\n\n"
                        }
                    }),
                    Answer(operation: .otherInference, sign: .status),
                ]),
            Expectation(
                row: "question answered", client: .answer, endpoint: .nothing,
                answers: [.countTokens, .modelList, .embeddings, .other].map { Answer(operation: $0, sign: .status) }
                    + [Answer(operation: .modelList, sign: .emptyBody), Answer(operation: .other, sign: .page)]),
            Expectation(
                row: "redirected", client: .answer, endpoint: .nothing,
                answers: [
                    Answer(status: 302), Answer(status: 304), Answer(status: 307, operation: .other, sign: .status),
                ]),
            Expectation(
                row: "not reached", client: .next, endpoint: .failure,
                answers: [nil, .countTokens, .modelList, .other].map {
                    Answer(status: 0, operation: $0, sign: .unreachable)
                }),
            Expectation(
                row: "question not answered", client: .next, endpoint: .nothing,
                answers: [
                    Answer(status: 0, operation: .countTokens, sign: .unanswered),
                    Answer(status: 0, operation: .embeddings, sign: .malformed),
                    Answer(operation: .modelList, sign: .brokenOff),
                ]),
            Expectation(
                row: "not answered", client: .next, endpoint: .failure, answers: [Answer(status: 0, sign: .unanswered)]),
            Expectation(
                row: "not HTTP", client: .next, endpoint: .failure, answers: [Answer(status: 0, sign: .malformed)]),
            Expectation(
                row: "broken off", client: .next, endpoint: .failure,
                answers: [
                    Answer(body: { api, isStream in
                        isStream
                            ? Answer.start(api) + Answer.content(api)
                            : String(Answer.whole(api, false).dropLast(3))
                    }),
                    Answer(body: { api, isStream in isStream ? Answer.start(api) : "{" }),
                ]),
            Expectation(
                row: "empty body", client: .next, endpoint: .failure,
                answers: [Answer(), Answer(body: Answer.text(" \r\n"))]),
            Expectation(
                row: "end without content", client: .next, endpoint: .failure,
                answers: [
                    Answer(body: { api, _ in Answer.start(api) + Answer.end(api) }),
                    Answer(type: "text/event-stream", body: Answer.text(": ping\n\n")),
                ]),
            Expectation(
                row: "path not served", client: .next, endpoint: .pathUnknown,
                answers: [
                    Answer(status: 405), Answer(status: 501, operation: .countTokens, sign: .status),
                    Answer(status: 405, operation: .embeddings, sign: .status),
                    Answer(status: 501, body: Answer.error("not_supported", "x")),
                ]),
            Expectation(
                row: "path not found", client: .next, endpoint: .pathUnknown,
                answers: [
                    Answer(status: 404, body: Answer.text("{\"detail\":\"Not Found\"}")),
                    Answer(status: 404, type: "text/plain", body: Answer.text("404 page not found")),
                    Answer(status: 404),
                    Answer(status: 404, type: "text/html", body: Answer.text("<pre>Cannot POST /v1/responses</pre>")),
                    Answer(
                        status: 404, operation: .countTokens, sign: .status,
                        body: Answer.text("{\"error\":{\"message\":\"Invalid URL (POST /v1/messages/count_tokens)\"}}")),
                ]),
            Expectation(
                row: "client's own credential", client: .answer, endpoint: .nothing,
                answers: [401, 403].map { Answer(status: $0, isCredentialClients: true) }
                    + [
                        Answer(
                            isCredentialClients: true,
                            body: Answer.errorWithin("authentication_error", "invalid x-api-key"))
                    ]),
            Expectation(
                row: "client's own account", client: .next, endpoint: .nothing,
                answers: [402, 429].map { Answer(status: $0, isCredentialClients: true) }
                    + [
                        Answer(
                            status: 429, wait: .seconds(9), isCredentialClients: true,
                            body: Answer.error("rate_limit_error", "slower"))
                    ]),
            Expectation(
                row: "question refused for now", client: .next, endpoint: .nothing,
                answers: [401, 402, 403, 408, 429, 500, 502, 503, 529].map {
                    Answer(status: $0, wait: .seconds(9), operation: .countTokens, sign: .status)
                }),
            Expectation(
                row: "question refused", client: .answer, endpoint: .nothing,
                answers: [
                    Answer(status: 400, operation: .countTokens, sign: .status),
                    Answer(
                        status: 404, operation: .modelList, sign: .status,
                        body: Answer.error("not_found_error", "model: x")),
                    Answer(status: 404, operation: .other, sign: .status),
                    Answer(status: 405, operation: .other, sign: .status),
                ]),
            Expectation(
                row: "quota", client: .next, endpoint: quota,
                answers: [
                    Answer(status: 402), Answer(status: 402, body: Answer.error("billing_error", "top up")),
                    Answer(body: Answer.errorWithin("billing_error", code: "insufficient_quota", "over")),
                ]),
            Expectation(
                row: "no money", client: .next, endpoint: quota,
                answers: [
                    Answer(
                        status: 400,
                        body: Answer.error(
                            "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")),
                    Answer(
                        status: 429,
                        body: Answer.error(
                            "insufficient_quota", code: "insufficient_quota",
                            "You exceeded your current quota, please check")),
                    Answer(status: 403, body: Answer.error("new_api_error", "用户额度不足")),
                ]),
            Expectation(
                row: "rate limit with a time", client: .next, endpoint: wait(20, .model),
                answers: [
                    Answer(status: 429, wait: .seconds(20), body: Answer.error("rate_limit_error", "slower")),
                    Answer(status: 429, wait: .seconds(20)),
                    // Advice about money is none about the account.
                    Answer(
                        status: 429, wait: .seconds(20),
                        body: Answer.error("requests", "Rate limit reached. Visit https://example/account/billing")),
                    Answer(
                        wait: .seconds(20),
                        body: Answer.errorWithin("rate_limit_error", code: "rate_limit_exceeded", "x")),
                ]),
            Expectation(
                row: "quota in words", client: .next, endpoint: quota,
                answers: [
                    Answer(status: 429, body: Answer.error("x", "Monthly QUOTA used up")),
                    Answer(status: 403, body: Answer.error("x", "Please check your plan and billing details")),
                    Answer(status: 403, body: Answer.error("x", "账户余额为零")),
                    Answer(status: 429, body: Answer.error("usage_limit_reached", "The usage limit has been reached")),
                ]),
            Expectation(
                row: "model not here", client: .next, endpoint: model,
                answers: [
                    Answer(status: 404, body: Answer.error("not_found_error", "model: claude-9")),
                    Answer(
                        status: 404,
                        body: Answer.error(
                            "invalid_request_error", code: "model_not_found",
                            "The model `gpt-9` does not exist or you do not have access to it.")),
                    Answer(status: 400, body: Answer.error("x", "Model is unavailable")),
                    Answer(status: 422, body: Answer.error("x", "The requested model 'x' is not supported")),
                    Answer(
                        status: 403,
                        body: Answer.error(
                            "x", code: "model_not_found", "Project `p` does not have access to model `m`")),
                    Answer(body: Answer.errorWithin("not_found_error", code: "model_not_found", "model not found: m")),
                ]),
            Expectation(
                row: "model without a source", client: .next, endpoint: model,
                answers: [
                    Answer(
                        status: 503,
                        body: Answer.error("new_api_error", code: "model_not_found", "No available channel for model x")
                    ),
                    Answer(status: 503, body: Answer.error("x", "当前分组 default 下对于模型 x 无可用渠道")),
                ]),
            Expectation(
                row: "too large", client: .next, endpoint: .nothing,
                answers: [
                    Answer(status: 413), Answer(status: 413, type: "text/html", body: Answer.page),
                    Answer(status: 413, body: Answer.error("request_too_large", "Request exceeds the maximum size")),
                ]),
            Expectation(
                row: "rate limit", client: .next, endpoint: .failure,
                answers: [
                    Answer(status: 429), Answer(status: 429, body: Answer.error("rate_limit_error", "slower")),
                    Answer(body: Answer.errorWithin("rate_limit_error", code: "rate_limit_exceeded", "slower")),
                ]),
            Expectation(
                row: "overloaded with a time", client: .next, endpoint: wait(7),
                answers: [503, 529].map { Answer(status: $0, wait: .seconds(7)) }
                    + [Answer(wait: .seconds(7), body: Answer.errorWithin("overloaded_error", "Overloaded"))]),
            Expectation(
                row: "overloaded", client: .next, endpoint: .failure,
                answers: [503, 529].map { Answer(status: $0) }
                    + [Answer(body: Answer.errorWithin("overloaded_error", "Overloaded"))]),
            Expectation(
                row: "page", client: .next, endpoint: .failure,
                answers: [
                    Answer(type: "text/html; charset=utf-8", body: Answer.page), Answer(body: Answer.page),
                    Answer(status: 403, type: "text/html", body: Answer.page),
                    Answer(status: 400, body: Answer.page), Answer(status: 404, type: "text/html", body: Answer.page),
                    Answer(status: 521, type: "text/html", body: Answer.page),
                ]),
            Expectation(
                row: "credential", client: .next, endpoint: .credentialRefused,
                answers: [
                    Answer(status: 401), Answer(status: 403, body: Answer.error("permission_error", "no")),
                    Answer(
                        body: Answer.errorWithin("authentication_error", code: "invalid_api_key", "invalid x-api-key")),
                ]),
            Expectation(
                row: "request timed out", client: .next, endpoint: .failure, answers: [Answer(status: 408)]),
            Expectation(
                row: "server error", client: .next, endpoint: .failure,
                answers: [500, 502, 504, 520, 522, 524, 526, 530].map { Answer(status: $0) }
                    + [
                        Answer(body: Answer.errorWithin("api_error", code: "server_error", "x")),
                        Answer(body: Answer.errorWithin("never_heard_of", "x")),
                    ]),
            Expectation(
                row: "odd server error", client: .answer, endpoint: .failure,
                answers: [505, 507, 519, 531, 599].map { Answer(status: $0) }),
            Expectation(
                row: "request", client: .answer, endpoint: .nothing,
                answers: [400, 406, 409, 411, 414, 415, 416, 417, 422, 451, 499].map {
                    Answer(status: $0, body: Answer.error("invalid_request_error", "messages: field required"))
                } + [
                    Answer(
                        status: 400,
                        body: Answer.error(
                            "invalid_request_error", code: "context_length_exceeded",
                            "This model's maximum context length is 8192 tokens; the model m is not supported for more."
                        )),
                    Answer(
                        status: 400,
                        body: Answer.error(
                            "invalid_request_error",
                            "Unsupported parameter: 'max_tokens' is not supported with this model.")),
                    Answer(status: 400, body: Answer.error("invalid_request_error", "balance: unknown field")),
                    Answer(status: 404, body: Answer.error("not_found_error", "conversation not found")),
                    Answer(body: Answer.errorWithin("invalid_request_error", code: "invalid_prompt", "no")),
                ]),
            Expectation(
                row: "odd status", client: .answer, endpoint: .failure, answers: [600, 999].map { Answer(status: $0) }),
        ]
    }
}

@Suite("The table of verdicts")
struct VerdictTableTests {
    @Test("Every row, for each API, streaming or not, before and after the commit")
    func everyRow() {
        var met: Set<String> = []
        for expected in Expectation.all {
            for (index, answer) in expected.answers.enumerated() {
                for api in LLMAPI.allCases {
                    for isStream in [false, true] {
                        var finding = answer.finding(api, isStream: isStream)
                        let name =
                            "\(expected.row) \(index), \(api), streaming: \(isStream), \(finding.sign) \(finding.status)"
                        let verdict = VerdictTable.verdict(on: finding)
                        #expect(verdict.row == expected.row, "\(name)")
                        #expect(verdict.client == expected.client, "\(name)")
                        #expect(verdict.endpoint == expected.endpoint, "\(name)")
                        met.insert(verdict.row)
                        finding.place = .afterCommit
                        let late = VerdictTable.verdict(on: finding)
                        #expect(late.client == .answer && late.endpoint == expected.endpoint, "\(name), committed")
                    }
                }
            }
        }
        #expect(VerdictTable.rows.map(\.name).filter { !met.contains($0) } == [])
        #expect(Set(VerdictTable.rows.map(\.name)).count == VerdictTable.rows.count)
    }

    private static let operations: [LLMOperation] =
        LLMAPI.allCases.map { .inference($0) } + [.otherInference, .countTokens, .modelList, .embeddings, .other]
    private static let texts = [
        "", "not found", "model not found", "insufficient_quota", "balance", "try again in 5s", "<html>", "nothing",
    ]

    private static func findings(_ statuses: ClosedRange<Int>) -> [Finding] {
        operations.flatMap { operation in
            statuses.flatMap { status in
                Finding.Sign.allCases.flatMap { sign in
                    texts.flatMap { text in
                        [nil, Duration.seconds(5)].map { wait in
                            Finding(
                                operation: operation, status: status, sign: sign, text: Array(text.utf8), wait: wait)
                        }
                    }
                }
            }
        }
    }

    @Test("A 4xx is never a good sample, whatever it says")
    func neverASample() {
        for finding in Self.findings(400...450) where finding.sign == .status || finding.sign == .page {
            #expect(VerdictTable.verdict(on: finding).endpoint != .goodSample)
        }
    }

    @Test("What is no inference touches health only by failing to connect")
    func questions() {
        for finding in Self.findings(198...201) + Self.findings(399...405) + Self.findings(500...504)
        where !finding.operation.isInference && finding.sign != .unreachable {
            let endpoint = VerdictTable.verdict(on: finding).endpoint
            #expect(endpoint == .nothing || endpoint == .pathUnknown, "\(finding.status) \(finding.sign)")
        }
    }

    @Test("A refusal of a client's own credential teaches nothing, whatever it says")
    func clientsCredential() {
        for var finding in Self.findings(401...403) + Self.findings(429...429)
        where finding.operation.isInference && (finding.sign == .status || finding.sign == .page) {
            finding.isCredentialClients = true
            #expect(VerdictTable.verdict(on: finding).endpoint == .nothing)
        }
    }

    @Test("A time that is named goes before the table's own")
    func namedWaits() {
        let finding = Finding(operation: .inference(.messages), status: 402, wait: .seconds(7200))
        #expect(VerdictTable.verdict(on: finding).endpoint == .timeOut(TimeOut(scope: .endpoint, .seconds(7200))))
        // An unknown model stays unknown for its own time.
        let model = Finding(
            operation: .inference(.messages), status: 404, text: Array("model not found".utf8), wait: .seconds(1))
        #expect(VerdictTable.verdict(on: model).endpoint == .timeOut(TimeOut(scope: .model, .seconds(300))))
    }

    @Test("Time outs double up to an hour")
    func lengths() {
        let lengths = (0...6).map { VerdictTable.quota.length(after: $0).components.seconds / 60 }
        #expect(lengths == [5, 10, 20, 40, 60, 60, 60])
        #expect(VerdictTable.quota.length(after: .max) == .seconds(3600))
        #expect(VerdictTable.quota.length(after: -1) == .seconds(300))
        #expect(VerdictTable.model.length(after: 9) == .seconds(300))
    }

    @Test("The words that are built in can be read")
    func words() {
        for words in VerdictTable.rows.compactMap(\.words) {
            #expect(words.pattern.isUsable && words.exception?.isUsable != false, "\(words.name)")
        }
    }

    @Test("Where all refused, the most telling answer is known")
    func telling() {
        func verdict(_ status: Int, wait: Duration? = nil, sign: Finding.Sign = .status) -> Verdict {
            VerdictTable.verdict(
                on: Finding(operation: .inference(.messages), status: status, sign: sign, wait: wait))
        }
        #expect(Verdict.mostTelling(of: []) == nil)
        #expect(Verdict.mostTelling(of: [verdict(0, sign: .unreachable), verdict(500), verdict(429)]) == 2)
        #expect(Verdict.mostTelling(of: [verdict(401), verdict(402)]) == 1)
        #expect(Verdict.mostTelling(of: [verdict(529), verdict(529)]) == 0)
        #expect(Verdict.mostTelling(of: [verdict(500), verdict(400)]) == 1)
        #expect(Set(Verdict.tellingOrder) == Set(Verdict.Reason.allCases))
        #expect(Verdict.tellingOrder.count == Verdict.Reason.allCases.count)
    }
}
