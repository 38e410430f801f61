import Foundation
import LLMWire
import Ranking
import TestSupport
import Testing

@testable import Proxy
@testable import Verdicts

/// An answer that one endpoint of three gives: what docs/verdicts.md has a row for.
private struct Judged: Sendable, CustomTestStringConvertible {
    /// What the client gets where the last endpoint answers so, and the two before it said 500.
    enum Last: Sendable {
        /// The answer itself: it says more than they do.
        case own
        /// The first one's 500: it says as much.
        case first
        /// The error within it, in an answer of the status that it stands for.
        case worded(Int)
        /// An endpoint has not answered: a 503 that names each one's reason.
        case unavailable(String)
    }

    /// As in docs/verdicts.md.
    let row: String
    var status = 200
    /// A line of the head.
    var line = ""
    var type: String?
    var body: @Sendable (LLMAPI, _ isStream: Bool) -> String = { _, _ in "" }
    /// Instead of an answer.
    var steps: [ScriptedUpstream.Step]?
    let isNext: Bool
    /// nil: a success.
    let lesson: AttemptOutcome?
    var last = Last.own

    var testDescription: String { row }
    /// It does not say when to come back: Podium leaves it out for five minutes, and says so.
    var isOutOfQuota: Bool { ["quota", "no money", "quota in words"].contains(row) }

    /// - Parameter names: what Podium adds: the earliest time at which an endpoint may be asked again
    func text(_ api: LLMAPI, isStream: Bool, names retryAfter: Int? = nil) -> String {
        let line = retryAfter.map { "Retry-After: \($0)\r\n" } ?? line
        let body = body(api, isStream)
        let type = type ?? (isStream && status == 200 ? "text/event-stream" : "application/json")
        return "HTTP/1.1 \(status) Whatever\r\nDate: Mon, 30 Nov 2026 12:00:00 GMT\r\nX-Request-ID: r1\r\n"
            + "Content-Type: \(type)\r\n\(line)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    // MARK: Bodies

    static func error(_ type: String, _ message: String) -> @Sendable (LLMAPI, Bool) -> String {
        { api, _ in
            switch api {
            case .messages: #"{"type":"error","error":{"type":"\#(type)","message":"\#(message)"}}"#
            case .chatCompletions, .responses: #"{"error":{"message":"\#(message)","type":"\#(type)"}}"#
            }
        }
    }

    static func start(_ api: LLMAPI) -> String {
        switch api {
        case .messages: "data: {\"type\":\"message_start\",\"message\":{\"model\":\"m\"}}\n\n"
        case .chatCompletions: "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
        case .responses: "data: {\"type\":\"response.created\",\"response\":{\"error\":null}}\n\n"
        }
    }

    static func end(_ api: LLMAPI) -> String {
        switch api {
        case .messages: "data: {\"type\":\"message_stop\"}\n\n"
        case .chatCompletions: "data: [DONE]\n\n"
        case .responses: "data: {\"type\":\"response.completed\",\"response\":{}}\n\n"
        }
    }

    static let errorWithin: @Sendable (LLMAPI, Bool) -> String = { api, isStream in
        let object = error("overloaded_error", "Overloaded")(api, isStream)
        guard isStream else { return object }
        guard api == .responses else { return start(api) + "data: \(object)\n\n" }
        return start(api) + "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":"
            + "{\"code\":\"overloaded_error\",\"message\":\"Overloaded\"}}}\n\n"
    }

    static let good: @Sendable (LLMAPI, Bool) -> String = { api, isStream in
        switch (api, isStream) {
        case (.messages, true):
            start(api)
                + "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"
                + end(api)
        case (.chatCompletions, true):
            start(api) + "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n" + end(api)
        case (.responses, true):
            start(api) + "data: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n" + end(api)
        case (.messages, false): #"{"type":"message","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn"}"#
        case (.chatCompletions, false): #"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}"#
        case (.responses, false):
            #"{"object":"response","status":"completed","error":null,"output":[{"type":"message"}]}"#
        }
    }

    // MARK: Rows

    private static func timeOut(
        _ cause: TimeOutCause, _ status: Int, _ seconds: Int, upTo limit: Int? = nil, model: String? = nil
    ) -> AttemptOutcome {
        .timedOut(
            TimeOutRequest(
                cause: cause, status: status, first: .seconds(seconds), limit: .seconds(limit ?? seconds),
                model: model.map { ModelReference($0) }))
    }

    /// Derived from what docs/verdicts.md says of each row: what is no inference is left out.
    static let all: [Judged] = [
        Judged(row: "answered", body: good, isNext: false, lesson: nil),
        Judged(row: "redirected", status: 307, line: "Location: /x\r\n", isNext: false, lesson: .declined(status: 307)),
        Judged(
            row: "not answered", steps: [.close], isNext: true, lesson: .failure(.closed),
            last: .unavailable(FailureKind.closed.text)),
        Judged(
            row: "not HTTP", steps: [.send("220 smtp.example ready\r\n")], isNext: true, lesson: .failure(.badResponse),
            last: .unavailable(FailureKind.badResponse.text)),
        Judged(
            row: "broken off", body: { api, isStream in isStream ? start(api) : #"{"content":["# }, isNext: true,
            lesson: .failure(.brokenStream), last: .unavailable(FailureKind.brokenStream.text)),
        Judged(
            row: "empty body", isNext: true, lesson: .failure(.emptyAnswer),
            last: .unavailable(FailureKind.emptyAnswer.text)),
        Judged(
            row: "path not served", status: 405, isNext: true, lesson: .declined(status: 405)),
        Judged(
            row: "path not found", status: 404, body: error("not_found", "Invalid URL"), isNext: true,
            lesson: .declined(status: 404)),
        Judged(
            row: "quota", status: 402, body: error("billing", "pay"), isNext: true,
            lesson: timeOut(.quota, 402, 300, upTo: 3600)),
        Judged(
            row: "no money", status: 400, body: error("invalid_request_error", "Your credit balance is too low"),
            isNext: true, lesson: timeOut(.quota, 400, 300, upTo: 3600)),
        Judged(
            row: "rate limit with a time", status: 429, line: "Retry-After: 7\r\n",
            body: error("rate_limit_error", "slowly"), isNext: true, lesson: timeOut(.rateLimited, 429, 7, model: "m")),
        Judged(
            row: "quota in words", status: 403, body: error("forbidden", "quota used up"), isNext: true,
            lesson: timeOut(.quota, 403, 300, upTo: 3600)),
        Judged(
            row: "model not here", status: 404, body: error("not_found_error", "model: m"), isNext: true,
            lesson: timeOut(.model, 404, 300, model: "m")),
        Judged(
            row: "model without a source", status: 503, body: error("new_api_error", "no available channel"),
            isNext: true, lesson: timeOut(.model, 503, 300, model: "m")),
        Judged(
            row: "too large", status: 413, body: error("request_too_large", "big"), isNext: true,
            lesson: .declined(status: 413)),
        Judged(
            row: "rate limit", status: 429, body: error("rate_limit_error", "slowly"), isNext: true,
            lesson: .failure(.status(429))),
        Judged(
            row: "overloaded with a time", status: 529, line: "Retry-After: 7\r\n",
            body: error("overloaded_error", "Overloaded"), isNext: true, lesson: timeOut(.overloaded, 529, 7)),
        Judged(
            row: "overloaded", status: 503, body: error("overloaded_error", "Overloaded"), isNext: true,
            lesson: .failure(.status(503))),
        Judged(
            row: "overloaded, within a 200", body: errorWithin, isNext: true,
            lesson: .failure(.errorInAnswer(status: 529)), last: .worded(529)),
        Judged(
            row: "page", type: "text/html", body: { _, _ in "<html>Just a moment</html>" }, isNext: true,
            lesson: .failure(.page), last: .unavailable(FailureKind.page.text)),
        Judged(
            row: "credential", status: 401, body: error("authentication_error", "who"), isNext: true,
            lesson: .misconfigured(status: 401), last: .first),
        Judged(
            row: "request timed out", status: 408, body: error("timeout", "slow"), isNext: true,
            lesson: .failure(.status(408)), last: .first),
        Judged(
            row: "server error", status: 502, body: error("api_error", "no"), isNext: true,
            lesson: .failure(.status(502)), last: .first),
        Judged(
            row: "odd server error", status: 505, body: error("api_error", "odd"), isNext: false,
            lesson: .failure(.status(505))),
        Judged(
            row: "request", status: 400, body: error("invalid_request_error", "no such field"), isNext: false,
            lesson: .declined(status: 400)),
        Judged(
            row: "odd status", status: 777, body: error("odd", "odd"), isNext: false, lesson: .failure(.status(777))),
    ]
}

/// Each row of the table of verdicts, in each API, for a stream and for a whole answer, from the first, the second and the last of three
/// endpoints: what the client gets, byte for byte, and what the ranking learns.
@Suite(.serialized, .timeLimit(.minutes(15)))
struct VerdictProductTests {
    private static let broken = Judged(
        row: "server error", status: 500, body: Judged.error("api_error", "first"), isNext: true,
        lesson: .failure(.status(500)))
    private static let good = Judged(row: "answered", body: Judged.good, isNext: false, lesson: nil)

    private static func path(_ api: LLMAPI) -> String {
        switch api {
        case .messages: "/v1/messages"
        case .chatCompletions: "/v1/chat/completions"
        case .responses: "/v1/responses"
        }
    }

    /// Rows that are missing here are about what is no inference, or about what `FaultMatrixTests` and `LearningTests` bring about.
    @Test func noRowIsForgotten() {
        let elsewhere: Set = ["not reached", "end without content", "client's own credential", "client's own account"]
        for row in VerdictTable.rows where row.operations != .others && !elsewhere.contains(row.name) {
            #expect(Judged.all.contains { $0.row == row.name }, "\(row.name)")
        }
    }

    @Test(arguments: Judged.all)
    private func theClientGetsAndTheRankingLearns(_ judged: Judged) async throws {
        for api in [LLMAPI.messages, .chatCompletions, .responses] {
            for isStream in [false, true] {
                for place in 0..<3 { try await ask(judged, at: place, api, isStream: isStream) }
            }
        }
    }

    /// - Parameter place: how many endpoints come before it; they say 500
    private func ask(_ judged: Judged, at place: Int, _ api: LLMAPI, isStream: Bool) async throws {
        let answers = (0..<3).map { $0 < place ? Self.broken : $0 == place ? judged : Self.good }
        var servers: [ScriptedUpstream] = []
        for answer in answers {
            let steps = answer.steps ?? [.send(answer.text(api, isStream: isStream))]
            servers.append(try await ScriptedUpstream.start { _ in steps })
        }
        let proxy = try await ProxyHarness.start(
            servers.enumerated().map { try .local(UInt32($0.offset + 1), $0.element) })
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send(
            Wire.post(
                Self.path(api), body: #"{"model":"m","stream":\#(isStream)}"#, headers: "X-Request-ID: r1\r\n",
                closes: false))
        let about = "\(judged.row), \(api), stream \(isStream), place \(place)"

        if judged.isNext, place == 2, case .unavailable(let reason) = judged.last {
            let answer = await client.until("endpoint-3: \(reason)")
            #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"), "\(about)")
            #expect(answer.contains("endpoint-1: status 500") && answer.contains("endpoint-2: status 500"), "\(about)")
        } else {
            let expected = expected(judged, at: place, api, isStream: isStream)
            _ = await client.until(String(expected.suffix(16)))
            #expect(client.text.replacing(#/\r\nDate: [^\r]*/#, with: "") == expected, "\(about)")
        }
        let id = EndpointID(UInt32(place + 1))
        try await eventually { proxy.events.attempts.contains { $0.endpoint == id } }
        let outcome = proxy.events.attempts.first { $0.endpoint == id }?.outcome
        if let lesson = judged.lesson {
            #expect(outcome == lesson, "\(about)")
        } else {
            guard case .success(.some) = outcome else {
                Issue.record("\(about): \(String(describing: outcome)) is no good sample")
                return
            }
        }
        let asked = servers.map { $0.requests.count }
        let last = judged.isNext ? min(place + 1, 2) : place
        #expect(asked == (0..<3).map { $0 <= last ? 1 : 0 }, "\(about)")
        try await client.close()
        await proxy.stop()
        for server in servers { try await server.stop() }
    }

    /// Without the date.
    private func expected(_ judged: Judged, at place: Int, _ api: LLMAPI, isStream: Bool) -> String {
        var text = judged.text(api, isStream: isStream)
        if judged.isNext, place < 2 { text = Self.good.text(api, isStream: isStream) }
        if judged.isNext, place == 2 {
            switch judged.last {
            case .own where judged.isOutOfQuota: text = judged.text(api, isStream: isStream, names: 300)
            case .own, .unavailable: break
            case .first: text = Self.broken.text(api, isStream: isStream)
            case .worded(let status):
                let error = #""type":"overloaded_error","message":"Overloaded""#
                let body =
                    api == .messages
                    ? #"{"type":"error","error":{\#(error)},"request_id":"r1"}"#
                    : #"{"error":{"message":"Overloaded","type":"overloaded_error","param":null,"code":null}}"#
                return "HTTP/1.1 \(status) Overloaded\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\nX-Request-ID: r1\r\n\r\n\(body)"
            }
        }
        return text.replacing(#/\r\nDate: [^\r]*/#, with: "")
    }
}
