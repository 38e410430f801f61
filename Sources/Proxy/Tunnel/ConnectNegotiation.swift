internal import HTTPWire
internal import Ranking

/// HTTP `CONNECT` (RFC 9110 §9.3.6), used for plain and for TLS endpoints alike.
struct ConnectNegotiation: TunnelNegotiation {
    /// Answers longer than this are no answers to CONNECT.
    private static let headLimit = 16 * 1024
    private static let informationalLimit = 8

    private let request: [UInt8]
    private var received: [UInt8] = []
    private var informational = 0

    init(host: String, port: Int, credentials: UpstreamProxy.Credentials?) {
        let authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        var text = "CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n"
        if let credentials { text += credentials.headerLine }
        request = Array((text + "\r\n").utf8)
    }

    mutating func begin() -> [UInt8] { request }

    mutating func receive(_ bytes: [UInt8]) -> TunnelStep {
        received += bytes
        while true {
            guard received.count <= Self.headLimit else { return .failed(.malformedAnswer) }
            var head = ResponseHead()
            let length: Int?
            do throws(ResponseHeadError) {
                length = try Self.parse(received, &head)
            } catch {
                return .failed(.malformedAnswer)
            }
            guard let length else { return .awaitMore }
            guard head.isInformational else { return Self.verdict(head.status, isAlone: length == received.count) }
            informational += 1
            guard head.status != 101, informational <= Self.informationalLimit else { return .failed(.malformedAnswer) }
            received.removeFirst(length)
        }
    }

    private static func parse(_ bytes: [UInt8], _ head: inout ResponseHead) throws(ResponseHeadError) -> Int? {
        var failure: ResponseHeadError?
        let length = bytes.withUnsafeBytes { raw -> Int? in
            do throws(ResponseHeadError) {
                return try head.parse(raw, toHEAD: true, toCONNECT: true, limits: HTTPLimits())
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        return length
    }

    private static func verdict(_ status: Int, isAlone: Bool) -> TunnelStep {
        switch status {
        // Neither TLS nor HTTP servers speak first.
        case 200..<300: isAlone ? .established : .failed(.malformedAnswer)
        case 407: .failed(.credentialsRefused)
        default: .failed(.refused(status: status))
        }
    }
}
