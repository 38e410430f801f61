internal import HTTPWire
internal import NIOCore

/// What is remembered of the request that runs on a client connection.
struct CurrentRequest {
    /// The head as received, then as much of the body as came along with it.
    var bytes = ByteBuffer()
    var headLength = 0
    /// Names the request within its event loop.
    var serial: UInt64 = 0
    var isRunning = false
    var started = NIODeadline.uptimeNanoseconds(0)
    var minorVersion: UInt8 = 1
    var isHEAD = false
    var keepsAlive = true
    var framing = BodyFraming.none
    var api = RequestAPI.other
    var openAIAPI: OpenAIAPI?
    /// Its answer says whether the endpoint knows `openAIAPI`.
    var teaches = false
    var kind = RequestKind.inference
    var methodLength = 0
    var pathRange = 0..<0
    var requestID = RequestID.generated(0)
    /// The page that may read the answer, as offsets into the head; nil for programs and for pages of other origins.
    var origin: Range<Int>?
    /// How many proxies of this kind it has come by before.
    var hops = 0
    var bytesUp = 0
    var table: RoutingTable?
    var nextCandidate = 0
    /// Whether any endpoint of the table serves this API.
    var foundURL = false
    /// An endpoint was passed over because it speaks the other OpenAI API.
    var passedOver = false
    var firstAttempt: AttemptReport?
    var furtherAttempts: [AttemptReport] = []
    /// Failed attempts of which nobody has been told yet: while all of them failed in the same way, the request may be to blame.
    var untold: [AttemptReport] = []
    /// The last attempt's report goes with the request's.
    var isConcludedByAttempt = false
    /// What became of the endpoints tried, for the message of a 503.
    var failures: [(name: String, reason: String)] = []

    /// Body bytes that follow the head in `bytes`.
    var inlineBodyLength: Int { bytes.readableBytes - headLength }

    var path: String { bytes.getString(at: bytes.readerIndex + pathRange.lowerBound, length: pathRange.count) ?? "" }
    var requestIDText: String { requestID.text(in: bytes) }

    /// The same whenever a client sends the same request again, and hardly ever for another.
    var fingerprint: UInt64 {
        var hasher = Hasher()
        bytes.withUnsafeReadableBytes { all in
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: all[pathRange]))
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: all[headLength...]))
        }
        hasher.combine(bytesUp)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    mutating func begin(_ head: UnsafeRawBufferPointer, serial: UInt64, now: NIODeadline) {
        bytes.clear()
        bytes.append(head)
        headLength = head.count
        self.serial = serial
        started = now
        isRunning = true
        bytesUp = 0
        nextCandidate = 0
        foundURL = false
        passedOver = false
        origin = nil
        hops = 0
        firstAttempt = nil
        isConcludedByAttempt = false
        if !furtherAttempts.isEmpty { furtherAttempts = [] }
        if !failures.isEmpty { failures = [] }
        if !untold.isEmpty { untold = [] }
    }
}

/// The attempt at one endpoint that is under way.
struct CurrentAttempt {
    let upstream: Upstream
    let url: UpstreamURL
    let started: NIODeadline
    /// When the endpoint had been sent the whole request, whatever time the client took for it.
    var requestWritten: NIODeadline?
    var firstByte: NIODeadline?
    var status: Int?
    /// A status that tells against the endpoint although the response is forwarded.
    var retryAfter: Duration?
    /// The request goes up in chunks as it comes, so a last chunk is owed.
    var sendsChunks = false
    /// The head and what there was of the body have been written.
    var isFlowing = false
    /// What the endpoint says is about the client's slowness.
    var isClientsFault = false
    /// The client kept the answer waiting: what then goes wrong with it may be the endpoint's patience that has ended.
    var wasHeldUp = false
    /// The answer's beginning has been reported.
    var wasAnswered = false
    /// A 404 or 405 that is about the path.
    var saysUnknownPath = false

    var timeToFirstByte: Duration? {
        guard let requestWritten, let firstByte else { return nil }
        return Duration(firstByte - requestWritten)
    }
}

/// What is remembered of the connection to an endpoint until it has shown that it leads there. Apart from `CurrentAttempt`, which
/// is optional: each look into that costs as much as all of this.
struct UnprovenConnection {
    private static let never = NIODeadline.uptimeNanoseconds(0)

    /// When the first byte of the request was written.
    var headWritten = Self.never
    /// Of its head and body, as they are before encryption.
    var bytesSent = 0
    /// It is a new connection although one may have been idle.
    var avoidsResting = false
    private var end = Self.never

    /// When the endpoint's time is over, where the deadline that is armed is for a look at a kept connection.
    var patienceEnds: NIODeadline? {
        get { end > Self.never ? end : nil }
        set { end = newValue ?? Self.never }
    }
}

/// What is remembered of the response that is being passed on.
struct CurrentResponse {
    /// Part of a response head.
    var input = ByteBuffer()
    var scanner = HeadEndScanner()
    /// The client's head, and of an event stream what came before the first event's end.
    var held = ByteBuffer()
    var reader = BodyReader(.none)
    /// How the body is framed towards the client.
    var framing = BodyFraming.none
    var isEventStream = false
    var waitsForEvent = false
    var firstEvent = FirstEventScanner()
    var eventPosition = EventStreamPosition()
    /// Nothing readable can be put into it.
    var isEncoded = false
    var status: Int?
    var closesClient = false
    var upstreamKeepsAlive = false
    var bytesDown = 0
    var firstSent: NIODeadline?
    var informational = 0
    /// Its beginning is to be looked into: does it speak of an unknown path?
    var isJudged = false

    mutating func reset() {
        if input.readableBytes > 0 { input = ByteBuffer() }
        if held.capacity > 0 { held = ByteBuffer() }
        isEventStream = false
        waitsForEvent = false
        status = nil
        bytesDown = 0
        firstSent = nil
        informational = 0
        isJudged = false
    }
}
