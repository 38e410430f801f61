/// Requests of the log, the newest first, as `GET /admin/api/history/requests` answers them and `podium history requests` shows them.
public struct RequestLogReport: Codable, Sendable, Equatable {
    /// What is wrong with the log, so that rows may be missing; absent where nothing is.
    public var problem: String?
    /// The newest first.
    public var requests: [Row]

    /// One request.
    public struct Row: Codable, Sendable, Equatable {
        /// Its key in the log: what `before` takes for the rows that follow.
        public var key: Int64
        /// When it ended, in seconds since 1970-01-01 00:00 UTC.
        public var time: Double
        /// Its `X-Request-ID`; absent where the client's own is too long or too odd to be kept.
        public var id: String?
        /// `messages`, `chat`, `responses`, `other_inference`, `count_tokens`, `embeddings`, `models` or `other`.
        public var kind: String
        public var stream: Bool
        /// What the client saw; absent where it went away before there was one.
        public var status: Int64?
        /// How it ended, in the words of the access log.
        public var ending: String
        /// It was answered by no endpoint or with an error, or the answer broke off.
        public var failed: Bool
        /// Whose answer went to the client; absent where it was Podium's own.
        public var endpoint: String?
        /// That answered; absent where none was named.
        public var model: String?
        /// That the client has asked for; absent where that was not looked up.
        public var modelAsked: String?
        /// Whose token it has shown; absent where that has no name.
        public var client: String?
        public var attempts: Int64
        /// From its head being read to the first byte sent to the client.
        public var firstByteSeconds: Double?
        /// The same to the first content of a stream.
        public var firstContentSeconds: Double?
        /// From its head being read to the end.
        public var seconds: Double
        /// How much the answer said of its usage: `none` (it is none that does), `whole`, `partial` or `unread`.
        public var usage: String
        /// In tokens; absent where nothing was said of them.
        public var input: Int64?
        public var output: Int64?
        public var cacheRead: Int64?
        public var cacheWrite5m: Int64?
        public var cacheWrite1h: Int64?
        public var reasoning: Int64?
        /// Exact, in units of the currency; absent where it is not known.
        public var cost: String?
        /// Of the bodies.
        public var bytesUp: Int64
        public var bytesDown: Int64
        /// The endpoints it was sent to, in their order; empty where the first one answered it well.
        public var walk: [Step]

        /// A request that ended then; the rest is filled in.
        public init(key: Int64, time: Double, kind: String, ending: String) {
            (self.key, self.time, self.kind, self.ending) = (key, time, kind, ending)
            (stream, failed, attempts, seconds, usage) = (false, false, 0, 0, "none")
            (bytesUp, bytesDown, walk) = (0, 0, [])
        }

        enum CodingKeys: String, CodingKey {
            case key, time, id, kind, stream, status, ending, failed, endpoint, model, client, attempts, seconds, usage
            case input, output, reasoning, cost, walk
            case modelAsked = "model_asked"
            case cacheRead = "cache_read"
            case cacheWrite5m = "cache_write_5m"
            case cacheWrite1h = "cache_write_1h"
            case firstByteSeconds = "first_byte_seconds"
            case firstContentSeconds = "first_content_seconds"
            case bytesUp = "bytes_up"
            case bytesDown = "bytes_down"
        }
    }

    /// One endpoint that a request was sent to.
    public struct Step: Codable, Sendable, Equatable {
        public var endpoint: String
        /// In the words of the access log.
        public var outcome: String
        /// What judged its answer; absent where nothing had to.
        public var verdict: String?
        public var status: Int64?
        /// From the whole request being sent to it to the first byte of its answer.
        public var firstByteSeconds: Double?
        /// How long the attempt took.
        public var seconds: Double

        /// All parts given.
        public init(
            endpoint: String, outcome: String, verdict: String?, status: Int64?, firstByteSeconds: Double?,
            seconds: Double
        ) {
            (self.endpoint, self.outcome, self.verdict) = (endpoint, outcome, verdict)
            (self.status, self.firstByteSeconds, self.seconds) = (status, firstByteSeconds, seconds)
        }

        enum CodingKeys: String, CodingKey {
            case endpoint, outcome, verdict, status, seconds
            case firstByteSeconds = "first_byte_seconds"
        }
    }

    /// All parts given.
    public init(problem: String?, requests: [Row]) {
        self.problem = problem
        self.requests = requests
    }
}

/// Events, also of earlier processes, the newest first, as `GET /admin/api/history/events` answers them.
public struct EventHistoryReport: Codable, Sendable, Equatable {
    /// What is wrong with the history, so that events may be missing; absent where nothing is.
    public var problem: String?
    /// In the order of their first times, the newest first. Their ids are keys of the history, and what `before` takes.
    public var events: [Snapshot.Event]

    /// All parts given.
    public init(problem: String?, events: [Snapshot.Event]) {
        self.problem = problem
        self.events = events
    }
}

/// Flushes, also of earlier processes, the newest first, as `GET /admin/api/history/flushes` answers them.
public struct FlushHistoryReport: Codable, Sendable, Equatable {
    /// What is wrong with the history, so that flushes may be missing; absent where nothing is.
    public var problem: String?
    /// The newest first.
    public var flushes: [Row]

    /// One flush. What it changed is not kept: that may name secrets.
    public struct Row: Codable, Sendable, Equatable {
        /// What `before` takes.
        public var key: Int64
        /// When it began, in seconds since 1970-01-01 00:00 UTC.
        public var time: Double
        public var trigger: String
        public var generation: Int64
        /// How many fields or entries changed.
        public var changes: Int64
        public var bytesChanged: Int64
        public var fileSize: Int64
        public var encodeSeconds: Double
        public var writeSeconds: Double
        public var fsyncSeconds: Double
        public var renameSeconds: Double
        public var totalSeconds: Double
        /// In the words of a snapshot's flushes.
        public var result: String
        public var errorCode: String?

        enum CodingKeys: String, CodingKey {
            case key, time, trigger, generation, changes, result
            case bytesChanged = "bytes_changed"
            case fileSize = "file_size"
            case encodeSeconds = "encode_seconds"
            case writeSeconds = "write_seconds"
            case fsyncSeconds = "fsync_seconds"
            case renameSeconds = "rename_seconds"
            case totalSeconds = "total_seconds"
            case errorCode = "error_code"
        }

        /// All parts given.
        public init(
            key: Int64, time: Double, trigger: String, generation: Int64, changes: Int64, bytesChanged: Int64,
            fileSize: Int64, encodeSeconds: Double, writeSeconds: Double, fsyncSeconds: Double, renameSeconds: Double,
            totalSeconds: Double, result: String, errorCode: String?
        ) {
            (self.key, self.time, self.trigger, self.generation) = (key, time, trigger, generation)
            (self.changes, self.bytesChanged, self.fileSize) = (changes, bytesChanged, fileSize)
            (self.encodeSeconds, self.writeSeconds, self.fsyncSeconds) = (encodeSeconds, writeSeconds, fsyncSeconds)
            (self.renameSeconds, self.totalSeconds) = (renameSeconds, totalSeconds)
            (self.result, self.errorCode) = (result, errorCode)
        }
    }

    /// All parts given.
    public init(problem: String?, flushes: [Row]) {
        self.problem = problem
        self.flushes = flushes
    }
}

/// Which part of the history is asked for. Not every question heeds every part.
public struct HistoryQuestion: Codable, Sendable, Equatable {
    /// `24h`, `30d`, `today`, `yesterday`, `this-month`, `2026-11-30`, `2026-11-01..2026-11-15`; nil: as far back as it goes.
    public var span: String?
    /// At most so many, the newest ones.
    public var limit = 50
    /// Only rows before this key.
    public var before: Int64?
    /// Only requests that did not go well, or not at once.
    public var isFailed = false
    /// Only what concerns this endpoint.
    public var endpoint: String?
    /// Only requests of the client of this name.
    public var client: String?
    /// Only the request of this id.
    public var request: String?
    /// Only events of this level or a higher one.
    public var level: EventLevel?
    /// By what availability is grouped besides the endpoint: `hour`, `day`; nil: nothing.
    public var by: String?

    /// More are not answered at once.
    public static let mostRows = 10_000

    /// The last fifty of all.
    public init() {}
}
