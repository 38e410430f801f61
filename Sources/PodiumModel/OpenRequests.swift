/// Requests that run now, as `GET /admin/api/requests` answers them, and the console's requests panel shows them.
public struct OpenRequestReport: Codable, Sendable, Equatable {
    /// The oldest first.
    public var requests: [Row]
    /// How many more there are than are listed.
    public var unlisted: Int

    /// All parts given.
    public init(requests: [Row], unlisted: Int = 0) {
        self.requests = requests
        self.unlisted = unlisted
    }

    /// More are not listed.
    public static let mostRows = 500

    /// How far a request has come.
    public enum Phase: String, Codable, Sendable, CaseIterable {
        /// Its body is still coming from the client.
        case sending
        /// No endpoint can be asked at the moment, or all are full.
        case queued
        /// A connection to the endpoint is being made.
        case connecting
        /// The endpoint has it and has not said anything yet.
        case waiting
        /// Its answer goes to the client.
        case streaming
        /// All of the answer is here and the client has not taken it yet.
        case delivering
    }

    /// One request.
    public struct Row: Codable, Sendable, Equatable {
        /// Names it as long as it runs: what cancelling takes.
        public var key: String
        /// Its `X-Request-ID`.
        public var id: String
        /// Seconds since its head was read.
        public var age: Double
        public var phase: Phase
        /// The name of its client, or the address.
        public var client: String
        public var path: String
        /// That is asked now; absent while there is none.
        public var endpoint: String?
        /// That is asked for; absent where that was not looked up.
        public var model: String?
        /// At endpoints, the present one included.
        public var attempts: Int
        /// Of the bodies, so far.
        public var bytesUp: Int
        public var bytesDown: Int
        /// Of a stream, so far: about as many as tokens.
        public var events: Int
        /// From its head being read to the first byte sent to the client; absent before.
        public var firstByteSeconds: Double?

        enum CodingKeys: String, CodingKey {
            case key, id, age, phase, client, path, endpoint, model, attempts, events
            case bytesUp = "bytes_up"
            case bytesDown = "bytes_down"
            case firstByteSeconds = "first_byte_seconds"
        }

        /// A request of that key and phase; the rest is filled in.
        public init(key: String, id: String, age: Double, phase: Phase, client: String, path: String) {
            (self.key, self.id, self.age, self.phase) = (key, id, age, phase)
            (self.client, self.path) = (client, path)
            (attempts, bytesUp, bytesDown, events) = (0, 0, 0, 0)
        }
    }
}
