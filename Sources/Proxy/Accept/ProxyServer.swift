public import NIOCore
internal import NIOSSL
internal import Ranking
internal import Synchronization

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

    /// Replaces the routing table, unless the present one has a higher version: whoever publishes last need not be whoever
    /// made the newest table. Requests that began before keep the table they began with. Reads no file, so it may be called
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

    /// An edit that is tried before it is saved may name a file that was never read.
    private func preparedContext(_ options: UpstreamTLSOptions) -> NIOSSLContext? {
        shared.tlsContexts.prepare(options)
        return shared.tlsContexts.context(for: options)
    }

    /// Client connections and requests open now.
    public var load: ProxyLoad { shared.load }

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
