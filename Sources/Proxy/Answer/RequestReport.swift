public import Ranking
internal import NIOCore

/// One client request from its head to its end: what the access log and the console need.
///
/// The texts are made when asked for, from bytes that the report holds on to: read what you need, then let it go.
public struct RequestReport: Sendable {
    /// How a request ended. The raw values are the words of the access log and of the metrics alike.
    public enum Ending: String, Sendable, CaseIterable {
        /// The whole response went to the client.
        case completed
        /// The client went away first.
        case clientClosed = "client_closed"
        /// The client stood still for too long.
        case clientTimeout = "client_timeout"
        /// The response broke off after its beginning had gone to the client.
        case brokenStream = "broken_stream"
        /// Podium answered itself: no endpoint was left, or the request was refused.
        case answeredLocally = "answered_locally"
        /// `stop` ended it.
        case stopped
    }

    /// The status the client saw; nil when it went away before there was one.
    public let status: Int?
    /// Which API was asked.
    public let api: RequestAPI
    /// The endpoint whose answer went to the client.
    public let endpoint: EndpointID?
    /// In the order they were made.
    public var attempts: [AttemptReport] { firstAttempt.map { [$0] + furtherAttempts } ?? [] }
    /// More than one endpoint was tried.
    public var failedOver: Bool { !furtherAttempts.isEmpty }
    /// The last of `attempts`, where it ended with the request: `ProxyEvents.attemptFinished` is not called for it.
    public var concludingAttempt: AttemptReport? { isConcludedByAttempt ? furtherAttempts.last ?? firstAttempt : nil }
    /// Body bytes from the client.
    public let bytesUp: Int
    /// Body bytes to the client.
    public let bytesDown: Int
    /// From the request's head being read to the first byte sent to the client.
    public let timeToFirstByte: Duration?
    /// From the head being read to the end.
    public let duration: Duration
    /// How it ended.
    public let ending: Ending
    /// Podium did not let it pass, or had no endpoint to send it to. A browser's preflight that it answers is neither.
    public var isRefusal: Bool { ending == .answeredLocally && (status ?? 0) >= 400 }
    /// When it ended.
    public var at: ContinuousClock.Instant { ended.instant }

    let ended: ReportTime
    let isConcludedByAttempt: Bool
    let firstAttempt: AttemptReport?
    let furtherAttempts: [AttemptReport]
    let head: ByteBuffer
    let methodLength: Int
    let pathRange: Range<Int>
    let requestIDBytes: RequestID
    let clientSocketAddress: SocketAddress?

    /// The client's `X-Request-ID`, else the generated one.
    public var requestID: String { requestIDBytes.text(in: head) }
    /// As sent.
    public var method: String { head.getString(at: head.readerIndex, length: methodLength) ?? "" }
    /// Without the query, which may hold secrets.
    public var path: String {
        head.getString(at: head.readerIndex + pathRange.lowerBound, length: pathRange.count) ?? ""
    }
    /// Bytes of memory that the report holds on to, roughly.
    public var footprint: Int { head.storageCapacity + 512 + furtherAttempts.count * 128 }
    /// Address without port, empty when unknown.
    public var clientAddress: String { clientSocketAddress?.ipAddress ?? "" }
}
