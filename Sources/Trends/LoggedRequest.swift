public import LLMWire

/// A finished request as the log of requests has it. Nothing in it says what was asked or answered, nor by which credential.
public struct LoggedRequest: Sendable, Equatable {
    /// What was asked for. The raw values are in files.
    public enum Kind: Int64, Sendable, CaseIterable {
        case other = 0
        case messages, chat, responses
        /// By an API whose answers are not read.
        case otherInference
        case countTokens, embeddings, models

        /// As it is shown.
        public var word: String {
            switch self {
            case .otherInference: "other_inference"
            case .countTokens: "count_tokens"
            default: "\(self)"
            }
        }

        var isInference: Bool {
            switch self {
            case .messages, .chat, .responses, .otherInference: true
            case .other, .countTokens, .embeddings, .models: false
            }
        }
    }

    /// One endpoint that it was sent to.
    public struct Attempt: Sendable, Equatable {
        public var endpoint: String
        /// In the words of the access log.
        public var outcome: String
        /// The row of the table of verdicts, or the operator's rule, that judged its answer; empty where nothing had to.
        public var verdict: String
        public var status: Int64?
        /// Microseconds.
        public var firstByte: Int64?
        public var total: Int64

        /// All parts given.
        public init(
            endpoint: String, outcome: String, verdict: String, status: Int64?, firstByte: Int64?, total: Int64
        ) {
            self.endpoint = endpoint
            self.outcome = outcome
            self.verdict = verdict
            self.status = status
            self.firstByte = firstByte
            self.total = total
        }
    }

    /// When it ended, in microseconds since 1970, and its key: where two ended at once the later one has the next free number.
    public var id: Int64
    /// Podium's number for it, or the client's where that is short and plain.
    public var request = ""
    /// Whose answer went to the client; empty: Podium's own.
    public var endpoint = ""
    /// That answered; empty: none was named.
    public var model = ""
    /// By the client; empty: it was not looked up, as long as nothing goes by it.
    public var asked = ""
    /// Empty: not known.
    public var client = ""
    public var kind = Kind.other
    public var isStream = false
    /// What the client saw; nil: it went away before.
    public var status: Int64?
    /// How it ended, in the words of the access log.
    public var ending = ""
    public var attempts: Int64 = 0
    /// Microseconds.
    public var firstByte: Int64?
    public var firstToken: Int64?
    public var total: Int64 = 0
    public var reading = Entry.Reading.none
    public var usage = Usage()
    /// Picos; nil: not known.
    public var cost: Int64?
    public var bytesUp: Int64 = 0
    public var bytesDown: Int64 = 0
    /// It did not go well: it was answered by no endpoint or with an error, or the answer broke off. Such a request has its `walk`.
    public var isFailed = false
    /// All attempts, in their order, of a request that not its first endpoint has answered well.
    public var walk: [Attempt] = []

    /// A request that ended then.
    public init(id: Int64) { self.id = id }

    /// Of all of it: SQLite has no checksums.
    public var checksum: UInt32 {
        var sum = Checksum()
        sum.add(request)
        sum.add(endpoint)
        sum.add(model)
        // Rows of before have none.
        if !asked.isEmpty { sum.add(asked) }
        sum.add(client)
        sum.add(ending)
        sum.add(id)
        sum.add(kind.rawValue << 16 | Int64(reading.rawValue) << 8 | (isStream ? 2 : 0) | (isFailed ? 1 : 0))
        sum.add(status)
        sum.add(attempts)
        sum.add(firstByte)
        sum.add(firstToken)
        sum.add(total)
        sum.add(usage.input)
        sum.add(usage.output)
        sum.add(usage.cacheRead)
        sum.add(usage.cacheWrite5m)
        sum.add(usage.cacheWrite1h)
        sum.add(usage.reasoning)
        sum.add(cost)
        sum.add(bytesUp)
        sum.add(bytesDown)
        for attempt in walk {
            sum.add(attempt.endpoint)
            sum.add(attempt.outcome)
            sum.add(attempt.verdict)
            sum.add(attempt.status)
            sum.add(attempt.firstByte)
            sum.add(attempt.total)
        }
        return sum.value
    }

    /// By the word and not by the byte: there is one for every request. Each step is reversible, so that one value that differs alone always
    /// makes another state.
    private struct Checksum {
        private var state: UInt64 = 0xCBF2_9CE4_8422_2325

        var value: UInt32 { UInt32(truncatingIfNeeded: state ^ state >> 32) }

        private mutating func mix(_ word: UInt64) {
            state = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
            state ^= state >> 29
        }

        mutating func add(_ number: Int64) { mix(UInt64(bitPattern: number)) }

        /// What is missing is another thing than 0.
        mutating func add(_ number: Int64?) {
            mix(number == nil ? 0 : 1)
            if let number { add(number) }
        }

        mutating func add(_ text: String) {
            var (word, length): (UInt64, UInt64) = (0, 0)
            for byte in text.utf8 {
                word = word << 8 | UInt64(byte)
                length += 1
                if length % 8 == 0 {
                    mix(word)
                    word = 0
                }
            }
            mix(word)
            mix(length)
        }
    }

    /// How much it is worth to be kept where not all can be; more is better.
    static func worth(_ kind: Kind, isFailed: Bool) -> Int { (kind.isInference ? 2 : 0) + (isFailed ? 1 : 0) }
}

/// Which requests get into the log: a thousand a second, more for a moment, and never more than may wait for the disk. What is left out is
/// counted; sums have all of them.
public struct LogBudget: Sendable {
    /// Rows a second, in the long run.
    public static let rate = 1_000
    /// Rows at once.
    public static let burst = 5_000
    /// Rows that wait for the disk.
    public static let mostWaiting = 5_000

    private var left = Double(Self.burst)
    private var last: Duration?

    /// All of the burst is there.
    public init() {}

    /// Takes as many as there is room for, inference first, and failures before what went well.
    ///
    /// - Parameters:
    ///   - requests: that have come since the last time, in their order
    ///   - waiting: rows that are in memory
    ///   - now: of a clock that cannot be set
    /// - Returns: for each whether it gets in
    public mutating func admit(
        _ requests: [(kind: LoggedRequest.Kind, isFailed: Bool)], waiting: Int, now: Duration
    ) -> [Bool] {
        if let last {
            let passed = max(.zero, now - last)
            left = min(Double(Self.burst), left + (passed / .seconds(1)) * Double(Self.rate))
        }
        last = now
        let room = max(0, min(Int(left), Self.mostWaiting - waiting))
        guard requests.count > room else {
            left -= Double(requests.count)
            return [Bool](repeating: true, count: requests.count)
        }
        left -= Double(room)
        let worths = requests.map { LoggedRequest.worth($0.kind, isFailed: $0.isFailed) }
        var admitted = [Bool](repeating: false, count: requests.count)
        var taken = 0
        for worth in stride(from: 3, through: 0, by: -1) {
            for index in worths.indices where worths[index] == worth && taken < room {
                admitted[index] = true
                taken += 1
            }
        }
        return admitted
    }
}

/// What the size of the files and the room on the disk allow the log of requests.
public struct LogRoom: Sendable, Equatable {
    /// What may be done.
    public enum Verdict: Sendable, Equatable {
        case write
        /// Old rows have to go before their time.
        case writeAndThin
        /// Nothing is written; said in words.
        case stop(String)

        /// Whether rows may be written.
        public var writes: Bool {
            if case .stop = self { false } else { true }
        }
    }

    /// In bytes: what is in the files and their journals, free pages apart; what they may take.
    public var used: Int64
    public var limit: Int64
    /// In bytes: the room that is left on the file system, and all of it.
    public var free: Int64
    public var disk: Int64
    /// In bytes: the log's journal. It grows while a reader holds on to an old state of the file.
    public var journal: Int64

    /// All parts given.
    public init(used: Int64, limit: Int64, free: Int64, disk: Int64, journal: Int64) {
        self.used = used
        self.limit = limit
        self.free = free
        self.disk = disk
        self.journal = journal
    }

    static let leastFree: Int64 = 64 << 20
    static let largestJournal: Int64 = 32 << 20

    /// In this order: room on the disk, the journal, the size.
    public var verdict: Verdict {
        if free < Self.leastFree || free < disk / 50 { return .stop("the disk is nearly full") }
        if journal > Self.largestJournal { return .stop("a program that reads the file holds its journal open") }
        if used > limit { return .stop("max_size is reached") }
        return used > limit / 10 * 9 ? .writeAndThin : .write
    }
}
