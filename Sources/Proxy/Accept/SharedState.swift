internal import NIOCore
internal import Synchronization
internal import Verdicts

/// What all event loops of one server share.
final class SharedState: Sendable {
    let options: ProxyOptions
    let waits: ClientWaits
    let tlsContexts: TLSContextCache
    let names: NameLookup
    let sessions = Sessions()
    let madeIDs = MadeIDs()
    let slots = EndpointSlots()
    private let routing: Mutex<Routing>
    private let routingVersion = Atomic<Int>(0)
    private let responder = Mutex<(@Sendable (any Channel) throws -> Void)?>(nil)
    private let healthResponder = Mutex<HealthResponder?>(nil)
    private let connectionCount = Atomic<Int>(0)
    private let requestCount = Atomic<Int>(0)
    private let draining = Atomic<Bool>(false)
    private let lingeringCount = Atomic<Int>(0)
    private let heardCount = Atomic<Int>(0)
    private let replayBytes = Atomic<Int>(0)
    private let unreplayableCount = Atomic<Int>(0)
    private let shadowCount = Atomic<Int>(0)
    private let repairCount = Atomic<Int>(0)
    /// What undoing content codings of answers takes.
    let decodingMemory = DecodingMemory()
    /// Clients that were turned away and are waited for, at most: descriptors of the reserve.
    private static let lingeringLimit = 32
    /// Clients for which there is no room and that are listened to all the same, at most.
    private static let heardLimit = 24

    /// What a request takes with it.
    struct Routing: Sendable {
        var table: RoutingTable
        var tokens: ClientTokens
        var browserRules: BrowserRules
        let isLoopback: Bool
        var halfClose: HalfClosePolicy
        var commit: CommitPoint
        var usage: UsageRules
        var maxWait: TimeAmount
        var keepalive: TimeAmount
        var retryPause: ClosedRange<Duration>
        var sessions: SessionRules
        var queue: QueueRules
        var repairs: Bool

        @inline(__always)
        var asksForUsage: Bool { usage == .asked }
    }

    init(options: ProxyOptions, routes: RoutingTable) {
        self.options = options
        waits = ClientWaits(options)
        names = options.names
        tlsContexts = options.tlsContexts
        for candidate in routes.candidates where candidate.upstream.usesTLS {
            tlsContexts.prepare(candidate.upstream.tls)
        }
        routing = Mutex(
            Routing(
                table: routes, tokens: ClientTokens(options.rules.clientTokens, named: options.rules.named),
                browserRules: Self.browserRules(options, options.rules), isLoopback: options.isLoopback,
                halfClose: options.rules.halfClose, commit: options.rules.commit,
                usage: options.rules.usage,
                maxWait: TimeAmount(options.rules.maxWait), keepalive: TimeAmount(options.rules.keepalive),
                retryPause: options.rules.retryPause,
                sessions: SessionRules(sticky: options.rules.stickySessions, explore: options.rules.explore),
                queue: options.rules.queue, repairs: options.rules.repairs))
    }

    /// Rises with each change of what `current` returns.
    var version: Int { routingVersion.load(ordering: .acquiring) }
    var current: Routing { routing.withLock { $0 } }
    var table: RoutingTable { routing.withLock { $0.table } }

    /// Takes the table over, unless a newer one is in use already.
    func update(routes: RoutingTable) {
        change { routing in
            if routes.version >= routing.table.version { routing.table = routes }
        }
    }

    func update(_ rules: ClientRules) {
        let tokens = ClientTokens(rules.clientTokens, named: rules.named)
        let browserRules = Self.browserRules(options, rules)
        let sessionRules = SessionRules(sticky: rules.stickySessions, explore: rules.explore)
        if !sessionRules.areKnown { sessions.removeAll() }
        change { routing in
            routing.tokens = tokens
            routing.browserRules = browserRules
            routing.halfClose = rules.halfClose
            routing.commit = rules.commit
            routing.usage = rules.usage
            routing.maxWait = TimeAmount(rules.maxWait)
            routing.keepalive = TimeAmount(rules.keepalive)
            routing.retryPause = rules.retryPause
            routing.sessions = sessionRules
            routing.queue = rules.queue
            routing.repairs = rules.repairs
        }
    }

    private static func browserRules(_ options: ProxyOptions, _ rules: ClientRules) -> BrowserRules {
        BrowserRules(hosts: [options.host], origins: rules.allowedOrigins, admitsPlainNames: true)
    }

    private func change(_ body: (inout Routing) -> Void) {
        routing.withLock { routing in
            body(&routing)
            // A loop that sees the new number finds the new value, or waits for it.
            routingVersion.wrappingAdd(1, ordering: .releasing)
        }
    }

    /// What answers requests for Podium itself.
    var administration: (@Sendable (any Channel) throws -> Void)? {
        get { responder.withLock { $0 } }
        set { responder.withLock { $0 = newValue } }
    }

    /// What answers `/healthz` and `/readyz`.
    var health: HealthResponder? {
        get { healthResponder.withLock { $0 } }
        set { healthResponder.withLock { $0 = newValue } }
    }

    var isDraining: Bool { draining.load(ordering: .relaxed) }
    func beginDraining() { draining.store(true, ordering: .relaxed) }

    /// - Returns: whether there is room for one more client.
    func admitConnection(limit: Int) -> Bool {
        guard connectionCount.wrappingAdd(1, ordering: .relaxed).oldValue < limit else {
            connectionCount.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// - Returns: whether one more client that was turned away may be waited for.
    func admitLingering() -> Bool {
        guard lingeringCount.wrappingAdd(1, ordering: .relaxed).oldValue < Self.lingeringLimit else {
            lingeringCount.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// - Returns: whether one more client for which there is no room may say what it wants.
    func admitHeard() -> Bool {
        guard heardCount.wrappingAdd(1, ordering: .relaxed).oldValue < Self.heardLimit else {
            heardCount.wrappingSubtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    func heardEnded() { heardCount.wrappingSubtract(1, ordering: .relaxed) }

    func lingeringEnded() { lingeringCount.wrappingSubtract(1, ordering: .relaxed) }

    func connectionClosed() { connectionCount.wrappingSubtract(1, ordering: .relaxed) }
    func requestStarted() { requestCount.wrappingAdd(1, ordering: .relaxed) }
    func requestFinished() { requestCount.wrappingSubtract(1, ordering: .relaxed) }

    /// Whether more may be kept of requests, for the next endpoint.
    var hasReplayRoom: Bool { replayBytes.load(ordering: .relaxed) < options.replayMemory }

    /// So many more bytes are kept, or fewer.
    func replayChanged(by count: Int) { replayBytes.wrappingAdd(count, ordering: .relaxed) }

    /// A request passes without being kept, since there is no room.
    func replayRefused() { unreplayableCount.wrappingAdd(1, ordering: .relaxed) }

    /// An answer has passed for which `commit: content` would have asked another endpoint.
    func shadowed() { shadowCount.wrappingAdd(1, ordering: .relaxed) }

    /// A request was repaired.
    func repaired() { repairCount.wrappingAdd(1, ordering: .relaxed) }

    var load: ProxyLoad {
        ProxyLoad(
            connections: connectionCount.load(ordering: .relaxed), requests: requestCount.load(ordering: .relaxed),
            replayBytes: replayBytes.load(ordering: .relaxed),
            unreplayable: unreplayableCount.load(ordering: .relaxed), shadowed: shadowCount.load(ordering: .relaxed),
            repaired: repairCount.load(ordering: .relaxed), queue: slots.counts)
    }
}

/// What the server is busy with.
public struct ProxyLoad: Sendable, Equatable {
    /// Open client connections, idle ones included.
    public let connections: Int
    /// Requests whose response is not finished.
    public let requests: Int
    /// Bytes of request bodies that are kept for the next endpoint, but for short ones.
    public let replayBytes: Int
    /// Requests so far that were not kept, since `replay_memory` was used up.
    public let unreplayable: Int
    /// Answers so far that passed under `failover.commit: shadow`, and for which `content` would have asked another endpoint.
    public let shadowed: Int
    /// Requests so far that were sent to the same endpoint again without what it could not read.
    public let repaired: Int
    /// Requests that wait, or have waited, for endpoints that are full.
    public let queue: QueueCounts

    init(
        connections: Int, requests: Int, replayBytes: Int = 0, unreplayable: Int = 0, shadowed: Int = 0,
        repaired: Int = 0, queue: QueueCounts = QueueCounts()
    ) {
        self.connections = connections
        self.requests = requests
        self.replayBytes = replayBytes
        self.unreplayable = unreplayable
        self.shadowed = shadowed
        self.repaired = repaired
        self.queue = queue
    }
}
