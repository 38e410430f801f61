import Ranking
import TestSupport
import Testing

@testable import Proxy

/// What may go wrong at an endpoint, what the client sees, and what the ranking learns.
///
/// docs/proxy-tables.md holds the same table, row by row.
struct Fault: Sendable, CustomTestStringConvertible {
    enum Place: Sendable {
        case script([ScriptedUpstream.Step])
        case refuses
        case ignoresConnections
        /// Accepts connections to an https URL, answers the handshake with these steps.
        case speaksNoTLS([ScriptedUpstream.Step])
    }

    enum Client: Sendable, Equatable {
        /// Another endpoint's answer; with no other a 503 that names the reason.
        case next
        /// The same; with no other the answer itself, of this status.
        case nextElse(Int)
        /// The same; with no other an error of this status in the shape of the API.
        case nextElseWorded(Int)
        /// The same; with no other the answer, which says nothing.
        case nextElseEmpty
        case answer(Int)
        /// A beginning without a proper end.
        case cutShort
        /// An error event in the stream, and no proper end.
        case errorEvent

        var text: String {
            switch self {
            case .next: "the next endpoint's answer"
            case .nextElse: "the next endpoint's answer, else this one"
            case .nextElseEmpty: "the next endpoint's answer, else this one"
            case .nextElseWorded(let status): "the next endpoint's answer, else a \(status)"
            case .answer(let status): status == 200 ? "the answer" : "the status"
            case .cutShort: "the answer cut short"
            case .errorEvent: "an error event, then the end"
            }
        }
    }

    let name: String
    var place: Place
    let client: Client
    let lesson: AttemptOutcome
    /// The deadline that has to pass, made short.
    var deadline: (@Sendable (inout UpstreamTimeouts) -> Void)?
    /// Sends a body too long to be kept.
    var isBeyondReplay = false

    var testDescription: String { name }

    /// What a 503 says of the endpoint when there is no other.
    var reason: String {
        switch lesson {
        case .failure(let kind): kind.text
        case .rateLimited, .timedOut, .misconfigured, .success, .declined, .neutral: "status "
        }
    }

    var lessonText: String {
        switch lesson {
        case .success: "success"
        case .failure(let kind): "failure: \(kind.text)"
        case .rateLimited(let wait): "a wait of \(wait.components.seconds) s"
        case .timedOut(let request): request.text
        case .misconfigured: "misconfigured"
        case .declined: "declined: neither success nor failure"
        case .neutral: "nothing"
        }
    }

    /// For the documentation.
    var clientText: String {
        if case .answer(let status) = client, status > 500, !name.hasPrefix("status") { return "a \(status)" }
        return client.text
    }
}

extension Fault {
    static let length = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    static let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    static let events = StreamingTests.eventStream
    static let untilClose = "HTTP/1.1 200 OK\r\n\r\n"
    private static let soon = Duration.milliseconds(60)
    private static let silent: @Sendable (inout UpstreamTimeouts) -> Void = {
        $0.streamIdle = soon
        $0.response = soon
    }

    static let all: [Fault] = connecting + beforeHead + inHead + framing + beforeBody + inBody + afterBody + statuses

    static let connecting: [Fault] = [
        Fault(name: "connection refused", place: .refuses, client: .next, lesson: .failure(.connect)),
        Fault(
            name: "connection neither made nor refused", place: .ignoresConnections, client: .next,
            lesson: .failure(.timeout), deadline: { $0.connect = soon }),
        Fault(
            name: "TLS handshake not answered", place: .speaksNoTLS([]), client: .next, lesson: .failure(.timeout),
            deadline: { $0.tlsHandshake = soon }),
        Fault(
            name: "no TLS spoken", place: .speaksNoTLS([.send("HTTP/1.1 400 Bad Request\r\n\r\n"), .close]),
            client: .next, lesson: .failure(.tls(.notTLS))),
        Fault(
            name: "closed in the TLS handshake", place: .speaksNoTLS([.close]), client: .next,
            lesson: .failure(.tls(.closed))),
    ]

    static let beforeHead: [Fault] = [
        Fault(name: "closed before the head", place: .script([.close]), client: .next, lesson: .failure(.closed)),
        Fault(name: "reset before the head", place: .script([.reset]), client: .next, lesson: .failure(.closed)),
        Fault(
            name: "silent before the head", place: .script([]), client: .next, lesson: .failure(.timeout),
            deadline: { $0.response = soon }),
        Fault(
            name: "closed before the head, the request too long to be kept", place: .script([.close]),
            client: .answer(502), lesson: .failure(.closed), isBeyondReplay: true),
        Fault(
            name: "silent before the head, the request too long to be kept", place: .script([]),
            client: .answer(504), lesson: .failure(.timeout), deadline: { $0.response = soon },
            isBeyondReplay: true),
    ]

    private static let half = ScriptedUpstream.Step.send("HTTP/1.1 200 OK\r\nContent-")

    static let inHead: [Fault] = [
        Fault(name: "closed in the head", place: .script([half, .close]), client: .next, lesson: .failure(.closed)),
        Fault(name: "reset in the head", place: .script([half, .reset]), client: .next, lesson: .failure(.closed)),
        Fault(
            name: "silent in the head", place: .script([half]), client: .next, lesson: .failure(.timeout),
            deadline: { $0.response = soon }),
        bad("not HTTP", "220 smtp.example ready\r\n"),
        bad("HTTP/2", "HTTP/2 200\r\n\r\n"),
        bad(
            "head beyond 64 KiB",
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X: \(String(repeating: "x", count: 1000))\r\n", count: 66)),
        bad("field beyond 32 KiB", "HTTP/1.1 200 OK\r\nX: \(String(repeating: "x", count: 33_000))"),
        bad("more than 1,000 fields", "HTTP/1.1 200 OK\r\n" + String(repeating: "X: x\r\n", count: 1001) + "\r\n"),
        bad("status below 100", "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"),
        bad(
            "the request sent back (`message/http`)",
            "HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: 2\r\n\r\nok"),
        bad("101, which nobody asked for", "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n"),
        bad("more than 16 interim answers", String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 17)),
        Fault(
            name: "closed after an interim answer", place: .script([.send("HTTP/1.1 100 Continue\r\n\r\n"), .close]),
            client: .next, lesson: .failure(.closed)),
    ]

    private static func bad(_ name: String, _ text: String) -> Fault {
        Fault(name: name, place: .script([.send(text)]), client: .next, lesson: .failure(.badResponse))
    }

    static let framing: [Fault] = [
        bad("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
        bad("a length that is none", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello"),
        bad(
            "length and encoding", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        bad("unknown transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        bad("chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        bad("bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
        bad("folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok"),
        bad("control character in a field", "HTTP/1.1 200 OK\r\nX: a\u{0}b\r\nContent-Length: 2\r\n\r\nok"),
        bad("first chunk malformed", chunked + "xyz\r\n"),
        bad("malformed chunk that comes together with a good one", chunked + "5\r\nhello\r\nxyz\r\n"),
    ]

    static let beforeBody: [Fault] = [
        Fault(
            name: "closed behind the head", place: .script([.send(length), .close]), client: .next,
            lesson: .failure(.closed)),
        Fault(
            name: "reset behind the head", place: .script([.send(length), .reset]), client: .next,
            lesson: .failure(.closed)),
        Fault(
            name: "silent behind the head", place: .script([.send(length)]), client: .next, lesson: .failure(.timeout),
            deadline: silent),
        Fault(
            name: "event stream closed before its first event",
            place: .script([.send(events + "10\r\n: wait\n\ndata: x\n\r\n"), .close]), client: .next,
            lesson: .failure(.closed)),
        Fault(
            name: "event stream reset before its first event",
            place: .script([.send(events + "10\r\n: wait\n\ndata: x\n\r\n"), .hold("seen"), .reset]),
            client: .next,
            lesson: .failure(.closed)),
        Fault(
            name: "event stream silent before its first event",
            place: .script([.send(events + "10\r\n: wait\n\ndata: x\n\r\n")]), client: .next,
            lesson: .failure(.timeout),
            deadline: silent),
        Fault(
            name: "event stream without length closed before its first event",
            place: .script([.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n"), .close]),
            client: .next, lesson: .failure(.emptyAnswer)),
        Fault(
            name: "event stream that ends properly without an event",
            place: .script([.send(events + "10\r\n: wait\n\ndata: x\n\r\n0\r\n\r\n")]), client: .next,
            lesson: .failure(.emptyAnswer)),
        Fault(
            name: "event stream with a length and no event",
            place: .script([
                .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 8\r\n\r\n: wait\n\n")
            ]), client: .next, lesson: .failure(.emptyAnswer)),
        Fault(
            name: "empty event stream",
            place: .script([.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n")]),
            client: .next, lesson: .failure(.emptyAnswer)),
        Fault(
            name: "event stream of a byte order mark and comments, closed",
            place: .script([.send(events + "b\r\n\u{FEFF}: wait\n\n\r\n"), .close]), client: .next,
            lesson: .failure(.closed)),
    ]

    static let inBody: [Fault] = [
        broken("closed in the body", .cutShort, [.send(length + "hello"), .close]),
        broken("reset in the body", .cutShort, [.send(length + "hello"), .hold("seen"), .reset]),
        broken("silent in the body", .cutShort, [.send(length + "hello")], deadline: silent),
        broken("closed between chunks", .cutShort, [.send(chunked + "5\r\nhello\r\n"), .close]),
        broken("closed in a chunk", .cutShort, [.send(chunked + "9\r\nhello"), .close]),
        broken(
            "malformed chunk after a good one", .cutShort,
            [.send(chunked + "5\r\nhello\r\n"), .hold("seen"), .send("xyz\r\n")]),
        broken("body until the end, reset", .cutShort, [.send(untilClose + "hello"), .hold("seen"), .reset]),
        broken("event stream closed", .errorEvent, [.send(events + "9\r\ndata: x\n\n\r\n"), .close]),
        broken("event stream reset", .errorEvent, [.send(events + "9\r\ndata: x\n\n\r\n"), .hold("seen"), .reset]),
        broken(
            "event stream closed within an event", .errorEvent, [.send(events + "f\r\ndata: x\n\ndata: \r\n"), .close]),
        broken(
            "event stream closed, encoded", .cutShort,
            [
                .send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), .close,
            ]),
        broken("event stream silent", .errorEvent, [.send(events + "9\r\ndata: x\n\n\r\n")], deadline: silent),
        broken(
            "event stream with a malformed chunk", .errorEvent,
            [.send(events + "9\r\ndata: x\n\n\r\n"), .hold("seen"), .send("xyz\r\n")]),
    ]

    private static func broken(
        _ name: String, _ client: Client, _ steps: [ScriptedUpstream.Step],
        deadline: (@Sendable (inout UpstreamTimeouts) -> Void)? = nil
    ) -> Fault {
        Fault(
            name: name, place: .script(steps), client: client, lesson: .failure(.brokenStream), deadline: deadline)
    }

    private static let whole = ScriptedUpstream.Step.send(length + "0123456789")
    private static let success = AttemptOutcome.success(timeToFirstByte: .zero)

    static let afterBody: [Fault] = [
        Fault(name: "closed after the body", place: .script([whole, .close]), client: .answer(200), lesson: success),
        Fault(
            name: "reset after the body", place: .script([whole, .hold("seen"), .reset]), client: .answer(200),
            lesson: success),
        Fault(
            name: "silent after the body", place: .script([whole]), client: .answer(200), lesson: success,
            deadline: silent),
        Fault(
            name: "more than was announced", place: .script([.send(length + "0123456789HTTP/1.1 200 OK\r\n\r\n")]),
            client: .answer(200), lesson: success),
        Fault(
            name: "body until the end, closed", place: .script([.send(untilClose + "0123456789"), .close]),
            client: .answer(200), lesson: success),
        Fault(
            name: "byte by byte", place: .script((length + "0123456789").map { .send(String($0)) }),
            client: .answer(200), lesson: success),
        Fault(
            name: "interim answers, then the answer",
            place: .script([.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"), whole]),
            client: .answer(200), lesson: success),
    ]

    static let statuses: [Fault] =
        [201, 202, 204, 206].map {
            Fault(name: "status \($0)", place: .script([status($0)]), client: .answer($0), lesson: success)
        }
        + [301, 302, 304, 307, 400, 404, 409, 422, 499].map {
            Fault(
                name: "status \($0)", place: .script([status($0)]), client: .answer($0), lesson: .declined(status: $0))
        }
        + [505, 519, 531, 599, 600, 999].map {
            Fault(
                name: "status \($0)", place: .script([status($0)]), client: .answer($0), lesson: .failure(.status($0)))
        }
        + [408, 429, 500, 502, 503, 504, 520, 525, 529, 530].map {
            Fault(
                name: "status \($0)", place: .script([status($0)]), client: .nextElse($0),
                lesson: .failure(.status($0)))
        }
        + [429, 503, 529].map {
            Fault(
                name: "status \($0) with `Retry-After: 7`", place: .script([status($0, "Retry-After: 7\r\n")]),
                client: .nextElse($0),
                lesson: $0 == 429
                    ? .rateLimited(retryAfter: .seconds(7))
                    : .timedOut(TimeOutRequest(cause: .overloaded, status: $0, .seconds(7))))
        }
        + ["Retry-After: 0", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT", "retry-after-ms: 0"].map {
            Fault(
                name: "status 503 with `\($0)`", place: .script([status(503, "\($0)\r\n")]), client: .nextElse(503),
                lesson: .failure(.status(503)))
        }
        + [401, 403].map {
            Fault(
                name: "status \($0)", place: .script([status($0)]), client: .nextElse($0),
                lesson: .misconfigured(status: $0))
        }
        + [405, 413, 501].map {
            Fault(
                name: "status \($0)", place: .script([status($0)]), client: .nextElse($0),
                lesson: .declined(status: $0))
        }
        + [
            Fault(
                name: "status 402", place: .script([status(402)]), client: .nextElse(402),
                lesson: .timedOut(
                    TimeOutRequest(cause: .quota, status: 402, first: .seconds(300), limit: .seconds(3600)))),
            Fault(
                name: "status 500, the request too long to be kept", place: .script([status(500)]),
                client: .answer(500), lesson: .failure(.status(500)), isBeyondReplay: true),
        ]
        + withinSuccess

    /// A success by its status that is none.
    private static let withinSuccess: [Fault] = [
        within("a page of HTML", "text/html", "<html>hello</html>", .page),
        within("a page of HTML, called JSON", "application/json", "<html>hello</html>", .page),
        within(
            "an error object", "application/json", #"{"error":{"type":"overloaded_error"}}"#,
            .errorInAnswer(status: 529), 529),
        within("an empty body", "application/json", "", .emptyAnswer),
        within("half a JSON", "application/json", #"{"type":"message","content":[{"#, .brokenStream),
        within(
            "an error event first", "text/event-stream",
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n",
            .errorInAnswer(status: 500), 500),
        within(
            "an announcement, then an error event", "text/event-stream",
            "data: {\"type\":\"message_start\",\"message\":{}}\n\n"
                + "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
            .errorInAnswer(status: 529), 529),
        within(
            "an announcement and the end", "text/event-stream",
            "data: {\"type\":\"message_start\",\"message\":{}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
            .emptyAnswer, client: .nextElseEmpty),
        within(
            "a message without content", "application/json",
            #"{"type":"message","content":[],"stop_reason":"end_turn"}"#, .emptyAnswer, client: .nextElseEmpty),
        within(
            "an announcement and no more", "text/event-stream",
            "data: {\"type\":\"message_start\",\"message\":{}}\n\n", .brokenStream),
    ]

    private static func within(
        _ name: String, _ type: String, _ body: String, _ kind: FailureKind, _ status: Int? = nil,
        client: Client? = nil
    ) -> Fault {
        Fault(
            name: "status 200 and \(name)",
            place: .script([
                .send(
                    "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
            ]), client: client ?? status.map { .nextElseWorded($0) } ?? .next, lesson: .failure(kind))
    }

    private static func status(_ status: Int, _ headers: String = "") -> ScriptedUpstream.Step {
        let hasBody = status != 204 && status != 304
        return .send(
            "HTTP/1.1 \(status) Whatever\r\n\(headers)" + (hasBody ? "Content-Length: 10\r\n\r\n0123456789" : "\r\n"))
    }
}
