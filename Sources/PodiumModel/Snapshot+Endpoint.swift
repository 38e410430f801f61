extension Snapshot {
    /// One endpoint: its settings, its place in the ranking and why, its traffic.
    public struct Endpoint: Codable, Sendable, Equatable, Identifiable {
        /// Outlives renames and rank changes; not reused while the process lives.
        public var id: UInt32 = 0
        /// As configured; unique.
        public var name = ""
        /// Raised by each change that somebody made to it; what `If-Match` names.
        public var revision: UInt64 = 0
        /// 1 is tried first.
        public var rank = 0
        /// What the ranking thinks of it now, in one word.
        public var state = State.up
        /// Whether requests may be sent, and if not, why and until when.
        public var availability = Availability()
        /// Why it cannot be used as configured.
        public var misconfiguration: String?
        /// What of it is in force and not in the file, because the file has no place that could be edited for it, and why.
        public var notInFile: String?
        /// Why it has its rank; absent beyond the first few hundred endpoints.
        public var explanation: Explanation?
        /// Ranks gained (positive) or lost in the last minute.
        public var movement = 0
        /// The last minute in figures.
        public var traffic = Traffic()
        /// Successes in a row up to now.
        public var successStreak = 0
        /// Its most recent failure.
        public var lastError: LastError?

        /// Base URL for any API.
        public var url: String?
        /// Base URL for Anthropic-shaped requests.
        public var urlAnthropic: String?
        /// Base URL for OpenAI-shaped requests.
        public var urlOpenAI: String?
        /// `api_key`, `auth_token`, `passthrough` or `none`.
        public var authType = "none"
        /// `***`, or `${NAME}` as written; absent when there is none.
        public var maskedSecret: String?
        /// False when it was taken out of service.
        public var enabled = true
        /// True when automatic sorting leaves its rank alone.
        public var pinned = false
        /// `priority` as the file has it, or is to have it.
        public var priority: Int?
        /// Free words, in file order.
        public var tags: [String] = []
        /// Extra request headers, in file order.
        public var headers: [EndpointHeader] = []
        /// `auto`, `responses` or `chat_completions`.
        public var openAIPreference = "auto"
        /// The proxy it is reached through, such as `socks5://user:••••@host:1080`.
        public var proxy: String?
        /// `off` or `pass`.
        public var cookies: String {
            get { cookiesIfTold ?? "off" }
            set { cookiesIfTold = newValue }
        }
        /// Whether it is told who asks.
        public var forwarded: Bool {
            get { forwardedIfTold ?? false }
            set { forwardedIfTold = newValue }
        }

        // Members that came later are optional when they are read: a Podium that was started before its program was updated
        // does not send them, and the new verbs have to work on it.
        private var cookiesIfTold: String? = "off"
        private var forwardedIfTold: Bool? = false

        /// An endpoint without settings, that is up and has seen no traffic.
        public init(id: UInt32 = 0, name: String = "") {
            self.id = id
            self.name = name
        }

        enum CodingKeys: String, CodingKey {
            case id, name, revision, rank, state, availability, misconfiguration, explanation, movement, traffic
            case notInFile = "not_in_file"
            case successStreak = "success_streak"
            case lastError = "last_error"
            case url
            case urlAnthropic = "url_anthropic"
            case urlOpenAI = "url_openai"
            case authType = "auth_type"
            case maskedSecret = "masked_secret"
            case enabled, pinned, priority, tags, headers
            case openAIPreference = "openai_preference"
            case proxy
            case cookiesIfTold = "cookies"
            case forwardedIfTold = "forwarded"
        }
    }
}

extension Snapshot.Endpoint {
    /// What the ranking thinks of an endpoint, in one word.
    public enum State: String, Codable, Sendable, CaseIterable {
        case up
        /// It answers, but takes more than twice as long as is usual for it.
        case slow
        /// Timed out after failures, or on trial after that.
        case down
        /// Switched off.
        case off
        case misconfigured
        /// It named a time to wait.
        case cooling
        /// In service, but no request and no probe has ended yet.
        case untested
    }

    /// Whether requests may be sent, and if not, why and until when.
    public struct Availability: Codable, Sendable, Equatable {
        /// The reason, for programs.
        public enum Kind: String, Codable, Sendable, CaseIterable {
            case available
            /// Back from a time out: one request at a time until one succeeds.
            case probation
            /// Timed out by the breaker.
            case open
            case rateLimited = "rate_limited"
            case misconfigured
            case disabled
        }

        /// The reason, for programs.
        public var kind = Kind.available
        /// When it is tried again, where that is known.
        public var until: Double?
        /// Why the breaker opened, or the status that refused the credential, in words.
        public var cause: String?

        /// Available.
        public init() {}
    }

    /// The most recent failure.
    public struct LastError: Codable, Sendable, Equatable {
        /// When it happened.
        public var time: Double
        /// One line in plain words.
        public var text: String

        /// A failure at a time.
        public init(time: Double, text: String) {
            self.time = time
            self.text = text
        }
    }
}

/// An extra request header.
public struct EndpointHeader: Codable, Sendable, Equatable {
    /// As configured; compared without regard to case.
    public var name: String
    /// Absent where it is a secret; in a document that leaves it what it is.
    public var value: String?

    /// From its parts.
    public init(name: String, value: String?) {
        self.name = name
        self.value = value
    }
}
