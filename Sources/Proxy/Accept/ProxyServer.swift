public import HTTPWire
public import LLMWire
public import NIOCore
internal import NIOSSL
public import Ranking
internal import Support
internal import Synchronization
public import Verdicts

/// The listening side of the proxy: accepts clients, sends each request down the routing table, streams the answer back.
///
///     let server = ProxyServer(options: options, routes: table, group: group)
///     let address = try await server.start(reportingTo: events)
///     server.update(routes: newTable)      // any thread; running streams are not disturbed
///     await server.stop(drain: .seconds(10))
///
/// All methods may be called from any thread.
public final class ProxyServer: Sendable {
    private let shared: SharedState
    private let group: any EventLoopGroup
    private let state = Mutex(State())

    private struct State {
        var wasStarted = false
        var listener: (any Listening)?
        var loops: [NIOLoopBound<LoopContext>] = []
        var stopping: Task<Void, Never>?
        var isStopped = false
    }

    /// Nothing happens before `start`.
    ///
    /// - Parameter group: `SocketLoopGroup`, which costs less, or one of NIOPosix
    public init(options: ProxyOptions, routes: RoutingTable, group: any EventLoopGroup) {
        self.group = group
        shared = SharedState(options: options, routes: routes)
    }

    /// Where the server listens.
    public struct Address: Sendable, Equatable {
        /// As configured.
        public let host: String
        /// The real one where port 0 was asked for.
        public let port: Int
    }

    /// Binds and begins to accept.
    ///
    /// - Parameter events: is told what happens until `stop` has returned, and is let go of then.
    /// - Throws: `ProxyError`.
    public func start(reportingTo events: ProxyEvents = ProxyEvents()) async throws -> Address {
        let isFirst = state.withLock { state in
            defer { state.wasStarted = true }
            return !state.wasStarted
        }
        guard isFirst else { throw ProxyError.alreadyStarted }
        let options = shared.options
        let loops = try await makeLoops(events)
        let listener = try await bind(loops)
        state.withLock { state in
            state.listener = listener
            state.loops = Array(loops.values)
        }
        return Address(host: options.host, port: listener.port ?? options.port)
    }

    /// Replaces the routing table, unless the present one has a higher version, since two threads may publish two tables in the
    /// wrong order. Requests that began before keep the table they began with. Reads no file, so it may be called
    /// on an event loop; endpoints whose TLS options were not prepared (`ProxyOptions.tlsContexts`) fail.
    public func update(routes: RoutingTable) {
        shared.update(routes: routes)
    }

    /// Replaces the rules for clients; they hold for requests that begin from now on.
    public func update(_ rules: ClientRules) {
        shared.update(rules)
    }

    /// Tries all of the endpoint's URLs up to an answer, with a request that costs nothing there.
    public func test(_ upstream: Upstream) async -> [ConnectionTestResult] {
        var results: [ConnectionTestResult] = []
        for url in [upstream.anyURL, upstream.anthropicURL, upstream.openAIURL].compactMap({ $0 }) {
            let tls = url.usesTLS ? preparedContext(upstream.tls) : nil
            var result = await ConnectionTest.run(url, of: upstream, tls: tls, names: shared.names, group: group)
            if url.learns(from: result.failure) {
                result = await ConnectionTest.run(url, of: upstream, tls: tls, names: shared.names, group: group)
                if let status = result.status, url.isRefusedAgain(status) {
                    result.status = nil
                    result.failure = .proxy(.refused(status: status))
                }
            }
            results.append(result)
        }
        return results
    }

    /// Hands requests for `/admin`, `/metrics`, `/healthz` and `/readyz` over, which no endpoint ever gets.
    ///
    /// - Parameter responder: fills the pipeline of the client's channel, on its event loop; the channel then reads the
    ///   request from its first byte, and is no longer the proxy's. nil: such requests are answered 404.
    public func handOverAdministration(to responder: (@Sendable (any Channel) throws -> Void)?) {
        shared.administration = responder
    }

    /// What answers `GET` of `/healthz` and `/readyz`. These count as no request and need no place among the clients.
    ///
    /// - Parameter responder: nil: as `handOverAdministration` says
    public func answerHealthChecks(_ responder: HealthResponder?) {
        shared.health = responder
    }

    /// How many endpoints a request would find now.
    public var candidateCount: Int { shared.table.candidates.count }

    /// Connects to each of the endpoint's URLs, with the TLS handshake, and sends nothing.
    ///
    /// - Returns: the first URL that cannot be reached, else the last; times are of that one.
    public func probe(_ upstream: Upstream) async -> ProbeResult {
        var result = ProbeResult()
        for url in [upstream.anyURL, upstream.anthropicURL, upstream.openAIURL].compactMap({ $0 }) {
            let tls = url.usesTLS ? preparedContext(upstream.tls) : nil
            result = await UpstreamProbe.run(
                url, of: upstream, tls: tls, names: shared.names, group: group)
            if result.failure != nil { break }
        }
        return result
    }

    /// Asks the endpoint for the list of its models, at all of its URLs, with its own credential.
    ///
    /// - Returns: nil where none gave one, or where only clients have a credential for it
    public func models(of upstream: Upstream) async -> [ListedModel]? {
        guard !upstream.forwardsClientCredential else { return nil }
        var models: [ListedModel]?
        for url in [upstream.anyURL, upstream.anthropicURL, upstream.openAIURL].compactMap({ $0 }) {
            let tls = url.usesTLS ? preparedContext(upstream.tls) : nil
            let found = await ModelFetch.run(url, of: upstream, tls: tls, names: shared.names, group: group)
            if let found { models = (models ?? []) + found }
        }
        return models
    }

    /// An edit that is tried before it is saved may name a file that was never read.
    private func preparedContext(_ options: UpstreamTLSOptions) -> NIOSSLContext? {
        shared.tlsContexts.prepare(options)
        return shared.tlsContexts.context(for: options)
    }

    /// What runs now, the oldest first.
    public func openRequests() async -> [OpenRequest] {
        var found: [OpenRequest] = []
        for (index, loop) in state.withLock({ $0.loops }).enumerated() {
            let requests = try? await loop.eventLoop.submit { loop.value.openRequests() }.get()
            for var request in requests ?? [] {
                request.key = OpenRequest.Key(loop: index, serial: request.key.serial)
                found.append(request)
            }
        }
        return found.sorted { $0.age > $1.age }
    }

    /// Ends a request that runs, as if its client had gone.
    ///
    /// - Returns: whether it still ran
    public func cancel(_ key: OpenRequest.Key) async -> Bool {
        let loops = state.withLock { $0.loops }
        guard loops.indices.contains(key.loop) else { return false }
        let loop = loops[key.loop]
        return (try? await loop.eventLoop.submit { loop.value.cancelRequest(key.serial) }.get()) ?? false
    }

    /// Client connections and requests open now.
    public var load: ProxyLoad { shared.load }
    /// Bytes that undoing the content codings of answers takes now.
    var decodingMemoryInUse: Int { shared.decodingMemory.inUse }

    /// Stops accepting, closes idle connections, waits up to `drain` for running requests, then cuts the rest off.
    ///
    /// Called again with a shorter time, it cuts the running wait short. Returns when every connection is closed.
    public func stop(drain: Duration) async {
        let stopping = state.withLock { state in
            if let stopping = state.stopping {
                // Once it has stopped, the loops may be gone.
                if !state.isStopped {
                    for loop in state.loops {
                        loop.eventLoop.scheduleTask(in: TimeAmount(drain)) { loop.value.closeAll() }
                    }
                }
                return stopping
            }
            let stopping = Task { await self.drainAndClose(within: drain) }
            state.stopping = stopping
            return stopping
        }
        await stopping.value
    }

    private func drainAndClose(within drain: Duration) async {
        let (listener, loops) = state.withLock { ($0.listener, $0.loops) }
        shared.beginDraining()
        await listener?.stopListening()
        let drained = loops.map { loop in
            loop.eventLoop.flatSubmit {
                let timeout = loop.eventLoop.scheduleTask(in: TimeAmount(drain)) { loop.value.closeAll() }
                return loop.value.drain().always { _ in timeout.cancel() }
            }
        }
        for future in drained { try? await future.get() }
        for loop in loops { try? await loop.eventLoop.submit { loop.value.finish() }.get() }
        state.withLock { state in
            state.isStopped = true
            // These hold on to `events`, whose owner may hold on to this server.
            state.listener = nil
            state.loops = []
        }
    }

    private func makeLoops(_ events: ProxyEvents) async throws -> [ObjectIdentifier: NIOLoopBound<LoopContext>] {
        let shared = shared
        var loops: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        for eventLoop in Array(group.makeIterator()) {
            let seed = UInt64.random(in: .min ... .max)
            loops[ObjectIdentifier(eventLoop)] = try await eventLoop.submit {
                let loop = LoopContext(eventLoop: eventLoop, shared: shared, events: events, seed: seed)
                loop.startSweeping()
                return NIOLoopBound(loop, eventLoop: eventLoop)
            }.get()
        }
        return loops
    }

    private func bind(_ loops: [ObjectIdentifier: NIOLoopBound<LoopContext>]) async throws -> any Listening {
        let (shared, options) = (shared, shared.options)
        let limit = options.maxConnections ?? DescriptorLimit.connectionLimit()
        do {
            return try await Listener.bind(host: options.host, port: options.port, group: group) { channel in
                guard let loop = loops[ObjectIdentifier(channel.eventLoop)]?.value else { return }
                guard shared.admitConnection(limit: limit) else {
                    try channel.pipeline.syncOperations.addHandler(OverloadHandler(loop: loop))
                    return
                }
                try channel.syncOptions?.setOption(
                    .recvAllocator, value: SharedReceiveAllocator(shared: loop.receive, firstCapacity: 256))
                try channel.pipeline.syncOperations.addHandler(
                    ClientConnection(loop: loop, clientAddress: channel.remoteAddress))
            }
        } catch {
            throw ProxyError(bindingFailed: error, host: options.host, port: options.port)
        }
    }
}

/// What a client means that says FIN before it has its answer.
public enum HalfClosePolicy: String, Sendable, CaseIterable {
    /// It is asked, by bytes that clients pass over; HTTP/1.0 has none of these before the answer, and there it has gone.
    case probe
    /// It listens, and gets its answer.
    case serve
    /// It has gone.
    case cancel
}

/// What is learned of the tokens that answers say were used (`usage.read`, `usage.ask_for_usage`).
public enum UsageRules: Sendable, Equatable {
    /// Nothing.
    case ignored
    /// What they say by themselves.
    case read
    /// Streams of Chat Completions are asked to say it, too, of which their clients see nothing.
    case asked
}

/// The settings of the listening side that a running server follows: `ProxyServer.update(_:)` replaces them.
public struct ClientRules: Sendable, Equatable {
    /// When not empty, a client has to present one of them as `Authorization: Bearer` or `x-api-key`.
    public var clientTokens: [String] = []
    /// Clients with tokens of their own, besides.
    public var named: [NamedClient] = []
    /// `scheme://host[:port]` of web pages that may make requests, besides those of this machine; `*` for all. Heeded
    /// where the server listens on loopback without client tokens.
    public var allowedOrigins: [String] = []
    /// What a client's FIN means while its answer is still to come.
    public var halfClose = HalfClosePolicy.probe
    /// Until when another endpoint may still be asked.
    public var commit = CommitPoint.content
    /// What is learned of the tokens that answers say were used.
    public var usage = UsageRules.read
    /// How long a request for which there is no endpoint waits for one, at most; zero: it does not.
    public var maxWait = Duration.zero
    /// How often the client of a stream that says nothing yet is sent a comment; zero: never.
    public var keepalive = Duration.zero
    /// Between two attempts at the same endpoint, at random within these bounds.
    public var retryPause = Duration.milliseconds(500)...Duration.seconds(3)

    /// How many requests may wait for endpoints that are full.
    public var queue = QueueRules()
    /// Whether an endpoint that cannot read what another one has signed or encrypted is asked again without it.
    public var repairs = false
    /// How long a session stays at its endpoint after its last request while only speed speaks for another; nil: it goes by the order.
    public var stickySessions: Duration?
    /// The share of new sessions' requests that look at an endpoint which was not measured lately; 0: none.
    public var explore = 0.0

    /// No tokens, no other origins, clients are asked.
    public init() {}
}

/// Settings of the listening side. All but `rules` are fixed for the server's life.
public struct ProxyOptions: Sendable {
    /// Name or address to listen on.
    public var host = "127.0.0.1"
    /// 0 lets the system choose; `ProxyServer.start` returns the chosen one.
    public var port = 8081
    /// The rules for clients at the start.
    public var rules = ClientRules()
    /// Most bytes of a request body kept for the next endpoint; a longer body is streamed and cannot fail over.
    public var replayLimit = 32 << 20
    /// Most bytes kept of all requests together; what comes then is streamed and cannot fail over.
    public var replayMemory = 512 << 20
    /// Most client connections at once; further ones are answered 503. nil: derived from the descriptor limit.
    public var maxConnections: Int?
    /// From a connection's (or next request's) first byte to the end of its head.
    public var clientHeaderTimeout = Duration.seconds(30)
    /// Longest standstill of a client that still owes body bytes, or that takes none of the response.
    public var clientProgressTimeout = Duration.seconds(120)
    /// How long a client connection may rest between requests.
    public var clientIdleTimeout = Duration.seconds(300)
    /// Granularity of every timeout.
    public var deadlineSweepInterval = Duration.milliseconds(100)
    /// What a client may send.
    public var limits = HTTPLimits()
    /// The TLS contexts of endpoints. One that is new in a routing table has to be prepared before the table is published.
    public var tlsContexts = TLSContextCache()
    /// Resolves names of endpoints.
    var names = NameLookup()
    /// Connections to endpoints are not used again when they are older, so that a name's new addresses are noticed
    /// however busy they are.
    var connectionAge = Duration.seconds(600)

    /// Loopback, port 8081, no tokens.
    public init() {}

    /// Whether only this machine can connect.
    public var isLoopback: Bool { HostAndPort.isLoopback(host) }
}

/// What the data path tells its owner. Every closure is called on event loops and has to be cheap and must not block.
public struct ProxyEvents: Sendable {
    /// The beginning of a usable answer that goes on: endpoint, what is known of it, now. Not called where the
    /// answer is complete by then; at most once for an attempt, which `AttemptReport.wasAnswered` repeats.
    public var attemptAnswered: @Sendable (EndpointID, AnswerBeginning, ContinuousClock.Instant) -> Void
    /// An attempt ended and its request goes on; one that ends with its request is the report's `concludingAttempt`.
    public var attemptFinished: @Sendable (AttemptReport) -> Void
    /// A client's request was read.
    public var requestStarted: (@Sendable () -> Void)?
    /// A client's request ended; exactly once for each that was read.
    public var requestFinished: @Sendable (RequestReport) -> Void
    /// May this request try an endpoint whose breaker is half open? `true` takes the only place; the attempt's
    /// report gives it back.
    public var admitHalfOpen: @Sendable (EndpointID) -> Bool
    /// Where a request may go that has no candidate left, of these endpoints: what could serve it and has not been asked for it. They may
    /// be endpoints that the routing table leaves out (`RoutingTable.absent`). One that is to be asked is this request's alone until the
    /// attempt's report is in, which is to be made as for any attempt.
    public var tryEarly: @Sendable ([EndpointID]) -> EarlyTrial
    /// A client was refused before it had made a request (garbage, limits, connection cap).
    public var clientRejected: @Sendable (ClientRejection) -> Void
    /// A client has asked which models there are, and was answered, or will be, from what was known.
    public var modelsAsked: @Sendable () -> Void

    /// Closures left out do nothing; `admitHalfOpen` admits, and `tryEarly` knows of no endpoint.
    public init(
        attemptAnswered: @escaping @Sendable (EndpointID, AnswerBeginning, ContinuousClock.Instant) -> Void = {
            _, _, _ in
        },
        attemptFinished: @escaping @Sendable (AttemptReport) -> Void = { _ in },
        requestStarted: (@Sendable () -> Void)? = nil,
        requestFinished: @escaping @Sendable (RequestReport) -> Void = { _ in },
        admitHalfOpen: @escaping @Sendable (EndpointID) -> Bool = { _ in true },
        tryEarly: @escaping @Sendable ([EndpointID]) -> EarlyTrial = { _ in .nothing },
        clientRejected: @escaping @Sendable (ClientRejection) -> Void = { _ in },
        modelsAsked: @escaping @Sendable () -> Void = {}
    ) {
        self.attemptAnswered = attemptAnswered
        self.attemptFinished = attemptFinished
        self.requestStarted = requestStarted
        self.requestFinished = requestFinished
        self.admitHalfOpen = admitHalfOpen
        self.tryEarly = tryEarly
        self.clientRejected = clientRejected
        self.modelsAsked = modelsAsked
    }
}

/// A client connection that was refused before a request could be read from it.
public struct ClientRejection: Sendable, Equatable {
    /// Without port.
    public let clientAddress: String
    /// What was answered: 400, 408, 414, 431, 501, 503, 505.
    public let status: Int
    /// A fixed text that never repeats the client's bytes.
    public let reason: String
}
