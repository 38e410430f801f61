import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Simulated upstreams on loopback, and traffic for a proxy in front of them.
///
/// The upstreams are real HTTP/1.1 servers on ports that the system chose; what they answer, and when, follows from
/// the seed and the time since `start()` alone.
public final class DemoWorld: Sendable {
    private let options: DemoOptions
    private let script: DemoScript
    private let group: MultiThreadedEventLoopGroup
    private let now: @Sendable () -> ContinuousClock.Instant
    private let state = Mutex(State())

    private struct State {
        var endpoints: [DemoEndpoint] = []
        var listening: Task<Void, Never>?
        var traffic: Task<Void, Never>?
        var statistics = DemoTrafficStatistics()
    }

    /// A world that stands still until `start()`.
    public convenience init(options: DemoOptions) {
        self.init(options: options, now: { .now })
    }

    /// - Parameter now: what the script's time is read from; tests stop it, so that no endpoint reaches its bad moment.
    init(options: DemoOptions, now: @escaping @Sendable () -> ContinuousClock.Instant) {
        self.options = options
        self.now = now
        self.script = DemoScript(seed: options.seed, endpoints: options.endpoints)
        // A loop of its own: the simulated servers must not slow the proxy's loops down.
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    }

    /// Opens a port for each endpoint; the script's time begins. Call once.
    public func start() async throws -> [DemoEndpoint] {
        let now = self.now
        let begin = now()
        var listeners: [DemoListener] = []
        for index in script.cast.members.indices {
            let script = script
            let counter = DemoCounter()
            var listener = DemoListener(group: group, number: index) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        DemoUpstream(nextNumber: { counter.increment() }) { request in
                            script.behaviour(endpoint: index, elapsed: begin.duration(to: now()), request: request)
                        })
                }
            }
            try await listener.open()
            listeners.append(listener)
        }
        let endpoints = zip(script.cast.members, listeners).map { member, listener in
            DemoEndpoint(
                name: member.name, kind: member.kind, url: "http://127.0.0.1:\(listener.port)",
                isEnabled: member.part != .disabled)
        }
        let script = script
        let opened = listeners
        let listening = Task { await DemoListener.follow(script, opened, from: begin, now) }
        state.withLock { state in
            state.endpoints = endpoints
            state.listening = listening
        }
        return endpoints
    }

    /// The configuration file for a proxy on that port in front of this world; call after `start()`.
    public func configurationText(port: Int) -> String {
        DemoConfiguration.text(
            endpoints: state.withLock { $0.endpoints }, tags: script.cast.members.map(\.tags), port: port)
    }

    /// Sends requests to the proxy until `stop()`; a proxy that is not there yet, or answers errors, is tolerated.
    public func startTraffic(to host: String, port: Int) {
        let traffic = DemoTraffic(
            host: host, port: port, requestsPerSecond: options.requestsPerSecond, seed: options.seed, group: group)
        let task = Task {
            await traffic.run { [weak self] result in self?.state.withLock { $0.statistics.count(result) } }
        }
        let previous = state.withLock { state in
            defer { state.traffic = task }
            return state.traffic
        }
        previous?.cancel()
    }

    /// What became of the requests so far.
    public var trafficStatistics: DemoTrafficStatistics {
        state.withLock { $0.statistics }
    }

    /// Ends the traffic and closes every port and connection.
    public func stop() async {
        let tasks = state.withLock { state in
            defer { (state.traffic, state.listening) = (nil, nil) }
            return [state.traffic, state.listening].compactMap { $0 }
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        // This fails only where the group was shut down before.
        try? await group.shutdownGracefully()
    }
}
