extension Snapshot {
    /// One endpoint: its settings, its place in the ranking and why, its traffic.
    @dynamicMemberLookup
    public struct Endpoint: Codable, Sendable, Equatable, Identifiable {
        /// Outlives renames and rank changes; not reused while the process lives.
        public var id: UInt32 = 0
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

        /// As configured, with every secret masked (``EndpointSettings/shown``). The fields are also members of the endpoint:
        /// `endpoint.url`.
        public var settings: EndpointSettings

        /// An endpoint without settings, that is up and has seen no traffic.
        public init(id: UInt32 = 0, name: String = "") {
            self.id = id
            settings = EndpointSettings(name: name)
        }

        /// A field of the settings.
        public subscript<Value>(dynamicMember field: WritableKeyPath<EndpointSettings, Value>) -> Value {
            get { settings[keyPath: field] }
            set { settings[keyPath: field] = newValue }
        }

        /// `***`, `${NAME}` as written, or the end of the secret; nil when there is none.
        public var maskedSecret: String? {
            get { settings.authValue }
            set { settings.authValue = newValue }
        }

        private enum CodingKeys: String, CodingKey {
            case id, revision, rank, state, availability, misconfiguration, explanation, movement, traffic
            case notInFile = "not_in_file"
            case successStreak = "success_streak"
            case lastError = "last_error"
        }

        /// Reads what another Podium has sent, also one that was started before its program was updated: a field of the settings that
        /// it does not know has its default.
        public init(from decoder: any Decoder) throws {
            settings = try EndpointSettings(shownIn: decoder)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(UInt32.self, forKey: .id)
            revision = try container.decode(UInt64.self, forKey: .revision)
            rank = try container.decode(Int.self, forKey: .rank)
            state = try container.decode(State.self, forKey: .state)
            availability = try container.decode(Availability.self, forKey: .availability)
            misconfiguration = try container.decodeIfPresent(String.self, forKey: .misconfiguration)
            notInFile = try container.decodeIfPresent(String.self, forKey: .notInFile)
            explanation = try container.decodeIfPresent(Snapshot.Explanation.self, forKey: .explanation)
            movement = try container.decode(Int.self, forKey: .movement)
            traffic = try container.decode(Snapshot.Traffic.self, forKey: .traffic)
            successStreak = try container.decode(Int.self, forKey: .successStreak)
            lastError = try container.decodeIfPresent(LastError.self, forKey: .lastError)
        }

        /// The settings stand beside the other members, as in the file.
        public func encode(to encoder: any Encoder) throws {
            try settings.encodeShown(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
            try container.encode(revision, forKey: .revision)
            try container.encode(rank, forKey: .rank)
            try container.encode(state, forKey: .state)
            try container.encode(availability, forKey: .availability)
            try container.encodeIfPresent(misconfiguration, forKey: .misconfiguration)
            try container.encodeIfPresent(notInFile, forKey: .notInFile)
            try container.encodeIfPresent(explanation, forKey: .explanation)
            try container.encode(movement, forKey: .movement)
            try container.encode(traffic, forKey: .traffic)
            try container.encode(successStreak, forKey: .successStreak)
            try container.encodeIfPresent(lastError, forKey: .lastError)
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
