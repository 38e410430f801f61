/// The way of one request from endpoint to endpoint, as `GET /admin/api/requests/ID` answers it: who was asked with what outcome, and
/// why each of the others was not.
///
/// The engine makes it of what it keeps of the last requests; `podium explain` and the console show it in the same words.
public struct RequestWalk: Codable, Sendable, Equatable {
    /// Its `X-Request-ID`, as the endpoint saw it.
    public var id: String
    /// When it ended, in seconds since 1970-01-01 00:00 UTC.
    public var time: Double
    /// As sent; long ones are cut.
    public var method: String
    /// Without the query, which may hold secrets; long ones are cut and end in `…`.
    public var path: String
    /// `anthropic`, `openai` or `other`.
    public var api: String
    /// What the client saw; absent where it went away before there was one.
    public var status: Int?
    /// How it ended, in the words of the access log.
    public var ending: String
    /// Whose answer went to the client; absent where it was Podium's own.
    public var endpoint: String?
    /// Of the bodies.
    public var bytesUp: Int
    public var bytesDown: Int
    /// From its head being read to the first byte sent to the client.
    public var firstByteSeconds: Double?
    /// From its head being read to the end.
    public var seconds: Double
    /// Other requests with this id that are known still, all of them earlier.
    public var sameID: Int
    /// Why another endpoint was asked first than the first of the order, as the access log says it; absent where none was.
    public var route: String?
    /// How long it waited for a place at an endpoint that was full; absent where it did not.
    public var queuedSeconds: Double?
    /// Why it went to no endpoint, where its head alone said so: its client has used up what it may, say; absent where it could.
    public var refusal: String?
    /// The endpoints in the order in which they were gone through, then those that were out.
    public var steps: [Step]
    /// Endpoints beyond those of `steps`.
    public var unlisted: Int
    /// False where only those that were asked are known any more, or where it was refused before any was chosen.
    public var knowsAll: Bool

    /// One endpoint.
    public struct Step: Codable, Sendable, Equatable {
        /// What became of it.
        public enum Result: String, Codable, Sendable, CaseIterable {
            case asked
            /// Its turn came, and it was passed over.
            case skipped
            /// Its turn did not come.
            case notNeeded = "not_needed"
            /// It was out when the request began.
            case out
        }

        /// Its name now.
        public var endpoint: String
        public var result: Result
        /// The outcome, or the reason, in plain words; empty where there is nothing to say.
        public var text: String
        /// Of an endpoint that was asked: in the words of the access log.
        public var outcome: String?
        /// The row of the table of verdicts, or the operator's rule, that judged its answer; absent where nothing had to.
        public var verdict: String?
        /// Of its answer.
        public var status: Int?
        /// From the whole request being sent to it to the first byte of its answer.
        public var firstByteSeconds: Double?
        /// From the whole request being sent to it to the first content of its answer, where that is a stream that was looked into.
        public var firstContentSeconds: Double?
        /// From the first content to the last, where the answer was long enough for it to mean something.
        public var tokensPerSecond: Double?
        /// How long the attempt took.
        public var seconds: Double?
        /// When one that was out may be tried again.
        public var until: Double?

        /// An endpoint that was not asked, or was asked where the rest is filled in.
        public init(_ endpoint: String, _ result: Result, _ text: String, until: Double? = nil) {
            self.endpoint = endpoint
            self.result = result
            self.text = text
            self.until = until
        }

        enum CodingKeys: String, CodingKey {
            case endpoint, result, text, outcome, verdict, status, seconds, until
            case firstByteSeconds = "first_byte_seconds"
            case firstContentSeconds = "first_content_seconds"
            case tokensPerSecond = "tokens_per_second"
        }
    }

    /// All parts given.
    public init(
        id: String, time: Double, method: String, path: String, api: String, status: Int?, ending: String,
        endpoint: String?, bytesUp: Int, bytesDown: Int, firstByteSeconds: Double?, seconds: Double, sameID: Int,
        route: String? = nil, queuedSeconds: Double? = nil, refusal: String? = nil, steps: [Step], unlisted: Int,
        knowsAll: Bool
    ) {
        (self.id, self.time, self.method, self.path, self.api) = (id, time, method, path, api)
        (self.status, self.ending, self.endpoint) = (status, ending, endpoint)
        (self.bytesUp, self.bytesDown) = (bytesUp, bytesDown)
        self.route = route
        self.queuedSeconds = queuedSeconds
        self.refusal = refusal
        (self.firstByteSeconds, self.seconds, self.sameID) = (firstByteSeconds, seconds, sameID)
        (self.steps, self.unlisted, self.knowsAll) = (steps, unlisted, knowsAll)
    }

    enum CodingKeys: String, CodingKey {
        case id, time, method, path, api, status, ending, endpoint, seconds, route, refusal, steps, unlisted
        case bytesUp = "bytes_up"
        case bytesDown = "bytes_down"
        case firstByteSeconds = "first_byte_seconds"
        case sameID = "same_id"
        case queuedSeconds = "queued_seconds"
        case knowsAll = "knows_all"
    }
}

extension Snapshot.Event {
    /// How the text of an event ends that speaks of one request.
    public static func ending(naming request: String) -> String { " (req \(request))" }

    /// The id of the request that it speaks of.
    public var request: String? {
        let words = text.split(separator: " ").suffix(2)
        guard words.first == "(req", let last = words.last, last.count > 1, last.last == ")" else { return nil }
        return String(last.dropLast())
    }
}
