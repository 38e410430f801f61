public import Logging

/// One line of the log before it is written out.
public struct LogLine: Sendable, Equatable {
    /// When it happened.
    public var time: LogTime
    /// How much it matters.
    public var level: Logger.Level
    /// The part that speaks: `proxy`, `ranking`, `persist`, `config`, `console`, `endpoint`.
    public var source: String
    /// Whom it concerns, if one endpoint.
    public var endpoint: String?
    /// One line in plain words.
    public var message: String
    /// Whatever else a library attached, by key.
    public var details: [Detail]

    /// A key and its value.
    public struct Detail: Sendable, Equatable {
        /// As the library named it.
        public var key: String
        /// In words.
        public var value: String

        /// From its parts.
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// From its parts.
    public init(
        time: LogTime, level: Logger.Level, source: String, endpoint: String? = nil, message: String,
        details: [Detail] = []
    ) {
        self.time = time
        self.level = level
        self.source = source
        self.endpoint = endpoint
        self.message = message
        self.details = details
    }

    /// What it takes in the queue, about.
    var size: Int {
        128 + source.utf8.count + message.utf8.count + (endpoint?.utf8.count ?? 0)
            + details.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    }
}
