internal import HTTPWire
internal import NIOCore
internal import Support

/// What the proxy says itself, in the shape of the API that was asked.
struct LocalAnswer {
    let status: Int
    var message: String
    /// Whole seconds for `Retry-After`.
    var retryAfter: Int?
    /// Further lines of the head, each with its CRLF.
    var fields = ""
    /// What the error calls itself; nil: as the status says.
    var errorType: String?
    /// OpenAI's `code`; nil where there is none.
    var errorCode: String?
    /// The body where it is no error.
    var content: String?

    /// The complete response.
    func render(
        api: RequestAPI, requestID: String, closes: Bool, minorVersion: UInt8, omitsBody: Bool,
        unixTime: Double = Double(WallClock.wholeSeconds)
    ) -> String {
        let body = body(api: api, requestID: requestID)
        var text = "HTTP/1.1 \(status) \(Self.phrase(status))\r\n"
        let hasContent = status != 204
        if hasContent { text += "Content-Type: application/json\r\n" }
        text += "Date: \(HTTPDate.text(unixTime: Int(unixTime)))\r\n"
        if hasContent { text += "Content-Length: \(body.utf8.count)\r\n" }
        text += fields
        if let retryAfter { text += "Retry-After: \(retryAfter)\r\n" }
        if status == 401 { text += "WWW-Authenticate: Bearer\r\n" }
        if !requestID.isEmpty { text += "X-Request-ID: \(requestID)\r\n" }
        if closes {
            text += "Connection: close\r\n"
        } else if minorVersion == 0 {
            text += "Connection: keep-alive\r\n"
        }
        return text + "\r\n" + (omitsBody || !hasContent ? "" : body)
    }

    func body(api: RequestAPI, requestID: String) -> String {
        if let content { return content }
        let quoted = QuotedText.json(message)
        switch api {
        case .anthropic:
            let id = requestID.isEmpty ? "" : ",\"request_id\":\(QuotedText.json(requestID))"
            return
                "{\"type\":\"error\",\"error\":{\"type\":\(QuotedText.json(type ?? anthropicType)),\"message\":\(quoted)}\(id)}"
        case .openAI, .other:
            return
                "{\"error\":{\"message\":\(quoted),\"type\":\(QuotedText.json(type ?? openAIType)),\"param\":null,\"code\":\(errorCode.map { QuotedText.json($0) } ?? "null")}}"
        }
    }

    private var type: String? { errorType.flatMap { $0.isEmpty ? nil : $0 } }

    /// The same as an event for a stream that broke off.
    ///
    /// Within an event nothing can be said that does not become a part of it. Under the name `error` no client takes the
    /// whole for what the beginning would have been; OpenAI's clients go by the data alone, and are better off with a
    /// connection that breaks.
    ///
    /// - Parameter place: where the stream left off
    func event(api: RequestAPI, path: String, requestID: String, at place: EventStreamPosition.Place) -> String? {
        switch api {
        case .anthropic:
            let lineEnd = place == .inLine ? "\n" : ""
            return lineEnd + "event: error\ndata: \(body(api: api, requestID: requestID))\n\n"
        case .openAI where place != .betweenEvents, .other where place != .betweenEvents: return nil
        case .openAI where path.hasSuffix("/responses"):
            let message = QuotedText.json(message)
            return "event: error\ndata: {\"type\":\"error\",\"code\":\"\(openAIType)\",\"message\":\(message),"
                + "\"param\":null}\n\n"
        case .openAI, .other:
            return "data: \(body(api: api, requestID: requestID))\n\n"
        }
    }

    private var anthropicType: String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413, 414, 431: "request_too_large"
        case 429: "rate_limit_error"
        case 503, 529: "overloaded_error"
        case 400..<500: "invalid_request_error"
        default: "api_error"
        }
    }

    private var openAIType: String {
        switch status {
        case 401: "authentication_error"
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        default: "server_error"
        }
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 204: "No Content"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 402: "Payment Required"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 417: "Expectation Failed"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        case 508: "Loop Detected"
        case 529: "Overloaded"
        default: "Error"
        }
    }
}

/// What a load balancer or a supervisor asks.
public enum HealthQuestion: Sendable, Equatable {
    /// `/healthz`: is all well?
    case health
    /// `/readyz`: would a request find an endpoint?
    case readiness
}

/// What it is told.
public struct HealthAnswer: Sendable, Equatable {
    /// 200 or 503.
    public var status: Int
    /// JSON.
    public var body: [UInt8]

    public init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }
}

/// Answers a question about Podium's health on the event loop that read it, so it must be cheap and must not block.
///
/// - Parameter bearer: the token that was presented; the right one lets more be told
public typealias HealthResponder = @Sendable (_ question: HealthQuestion, _ bearer: String?) -> HealthAnswer

/// `GET` and `HEAD` of `/healthz` and `/readyz`, which answer every client: with any `Host` or none, any `Origin`, a query, in
/// any form. A load balancer cannot be taught what a browser sends, and a status is nothing that a page could abuse.
struct HealthCheck {
    let question: HealthQuestion
    private let isHEAD: Bool
    private let bearer: String?

    /// - Parameters:
    ///   - head: parsed from `bytes`, at least to the end of its request line; a `Host` may be missing
    init?(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) {
        guard let question = Self.question(bytes.slice(head.pathAndQuery)),
            head.isHEAD || bytes.slice(head.method).elementsEqual("GET".utf8)
        else { return nil }
        self.question = question
        isHEAD = head.isHEAD
        var tokens: [String] = []
        for index in 0..<head.fields.count {
            let line = head.fields[index]
            guard line.known == .authorization else { continue }
            let value = bytes.slice(line.value)
            guard value.hasPrefixIgnoringCase("bearer ") else { continue }
            tokens.append(String(decoding: value.slice(7..<value.count).trimmed, as: UTF8.self))
        }
        bearer = tokens.count == 1 ? tokens[0] : nil
    }

    /// - Parameter target: a path, with or without query.
    private static func question(_ target: UnsafeRawBufferPointer) -> HealthQuestion? {
        guard ReservedPath.contains(target), target.count > 1 else { return nil }
        return switch target[1] {
        case UInt8(ascii: "h"): .health
        case UInt8(ascii: "r"): .readiness
        default: nil
        }
    }

    /// The complete response. The connection ends with it, so that a health check keeps no client's place.
    func response(_ responder: HealthResponder, date: [UInt8]) -> ByteBuffer {
        let answer = responder(question, bearer)
        let phrase = answer.status == 200 ? "OK" : "Service Unavailable"
        var response = ByteBuffer()
        response.writeString(
            "HTTP/1.1 \(answer.status) \(phrase)\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
                + "X-Content-Type-Options: nosniff\r\nContent-Length: \(answer.body.count)\r\nDate: ")
        response.writeBytes(date)
        response.writeStaticString("\r\nConnection: close\r\n\r\n")
        if !isHEAD { response.writeBytes(answer.body) }
        return response
    }
}
