internal import HTTPWire
internal import NIOCore

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
