public import Configuration
internal import PodiumModel

/// How and where a ``Persister`` writes.
public struct PersisterOptions: Sendable {
    /// The configuration file as the operator named it; symbolic links are followed anew at each flush.
    public var path: String
    /// Whether changes are written at all.
    public var persist = PersistMode.auto
    /// When automatic changes are written.
    public var strategy: PersistStrategy
    /// `throttled`: the longest an automatic change waits; `batched`: the quiet time before a write.
    public var flushInterval: Duration
    /// The longest `batched` waits; for all strategies the age from which unsaved changes raise an alarm.
    public var maxDirtyTime: Duration
    /// Whether the file may be overwritten in place where it cannot be replaced (a bind mount, a read-only directory).
    public var allowInPlace: Bool
    /// What `${NAME}` is looked up in when the file is validated before a write.
    public var environment: [String: String]
    /// Where the program listens, if only client tokens keep other machines out there: a hand edit that takes the last one
    /// away is refused.
    public var openListener: String?
    /// Attempts of the final flush before ``Persister/shutdown()`` gives up.
    public var finalFlushAttempts = 3

    /// Throttled to 30 seconds, as a configuration without persister settings has it.
    public init(
        path: String, strategy: PersistStrategy = .throttled, flushInterval: Duration = .seconds(30),
        maxDirtyTime: Duration = .seconds(300), allowInPlace: Bool = false, environment: [String: String] = [:]
    ) {
        self.path = path
        self.strategy = strategy
        self.flushInterval = flushInterval
        self.maxDirtyTime = maxDirtyTime
        self.allowInPlace = allowInPlace
        self.environment = environment
    }
}

/// The file as it was when the process loaded it.
public struct LoadedBase: Sendable {
    /// The exact bytes that were parsed.
    public var bytes: [UInt8]
    /// What they say, with the identities the program uses.
    public var state: PersistedState

    /// Bytes and what they were parsed to.
    public init(bytes: [UInt8], state: PersistedState) {
        self.bytes = bytes
        self.state = state
    }
}
