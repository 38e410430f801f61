public import Engine
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import PodiumModel
internal import Support
internal import Synchronization

/// Serves the control API of one engine: on a Unix socket, and on the proxy's own port where `server.admin_token` is set.
///
///     let server = ControlServer(engine: engine, facts: facts)
///     let path = try await server.start(config: path, environment: environment)
///     await server.stop()
///
/// Start it after the engine and stop it before.
public final class ControlServer: Sendable {
    private struct State {
        var listener: (any Channel)?
        var socket: ControlSocket?
        var connections: [ObjectIdentifier: any Channel] = [:]
        /// Those that came in over TCP: strangers must not be able to shut the operator out.
        var remoteConnections: Set<ObjectIdentifier> = []
        /// Those of them that have not shown the admin token, the longest here first.
        var strangers: [ObjectIdentifier] = []
        var isStopped = false
        var watch: Task<Void, Never>?

        mutating func forget(_ connection: ObjectIdentifier) {
            connections[connection] = nil
            remoteConnections.remove(connection)
            strangers.removeAll { $0 == connection }
        }
    }

    /// How soon a socket that was removed from outside is there again.
    private static let watchInterval = Duration.seconds(2)

    private let service: ControlService
    private let limits: ControlLimits
    /// Looked up once: a lookup may ask a directory server, and connections are accepted on an event loop.
    private let ownName = PeerUser.name(geteuid())
    private let group: any EventLoopGroup
    private let streams = RunningStreams()
    private let state = Mutex(State())

    /// A server that does nothing before `start`.
    public convenience init(engine: Engine, facts: ServerFacts) {
        self.init(engine: engine, facts: facts, limits: ControlLimits())
    }

    init(engine: Engine, facts: ServerFacts, limits: ControlLimits) {
        service = ControlService(engine: engine, facts: facts, process: { ProcessFacts.now(withDescriptors: true) })
        self.limits = limits
        group = engine.eventLoops
    }

    /// Answers on the proxy's port from now on, and listens on the configuration's socket.
    ///
    /// - Returns: the socket's path.
    /// - Throws: `ControlSocketError` when there can be no socket; the proxy's port answers all the same.
    public func start(config: String, environment: [String: String]) async throws(ControlSocketError) -> String {
        service.engine.handOverAdministration { [weak self] channel in
            try self?.adopt(channel)
        }
        let service = service
        service.engine.answerHealthChecks { service.health($0, bearer: $1) }
        let paths = ControlSocketPath.forServing(config: config, environment: environment)
        let outcome = await listen(atFirstOf: paths)
        publishAlias(of: config)
        // Without it now, there may be a place for it later.
        watch(paths, config)
        return try outcome.get()
    }

    private func listen(atFirstOf paths: [ControlSocketPath]) async -> Result<String, ControlSocketError> {
        var outcome = Result<String, ControlSocketError>.failure(
            ControlSocketError(description: "no directory for the control socket has a short enough path"))
        for (index, path) in paths.enumerated() {
            let attempt = await attempt(path)
            // Keep the first error: it is about the preferred path.
            if case .failure = attempt, index > 0 { continue }
            outcome = attempt
            if case .success = attempt { break }
        }
        return outcome
    }

    private func attempt(_ path: ControlSocketPath) async -> Result<String, ControlSocketError> {
        do throws(ControlSocketError) {
            return .success(try await listen(at: path))
        } catch {
            return .failure(error)
        }
    }

    /// The configuration's path may lead elsewhere than before.
    private func publishAlias(of config: String) {
        let name = ControlSocketPath.resolvedName(config)
        state.withLock { $0.socket?.publish(alias: name) }
    }

    private func watch(_ paths: [ControlSocketPath], _ config: String) {
        let task = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.watchInterval)
                guard !Task.isCancelled, let self else { return }
                await self.restoreSocket(paths)
                self.publishAlias(of: config)
            }
        }
        state.withLock { $0.watch = task }
    }

    /// Listens anew where nobody can find the present socket any more. Open connections stay.
    private func restoreSocket(_ paths: [ControlSocketPath]) async {
        guard state.withLock({ $0.socket?.isInPlace }) != true else { return }
        let old = state.withLock { state in
            defer {
                state.listener = nil
                state.socket = nil
            }
            return state.listener
        }
        try? await old?.close()
        // Otherwise its directory may come back with the next login.
        if case .success(let path) = await listen(atFirstOf: paths) {
            service.engine.note(.info, source: "control", "the control socket was gone; it is at \(path) again")
        }
    }

    func listen(at path: ControlSocketPath) async throws(ControlSocketError) -> String {
        var socket = ControlSocket(path)
        try socket.prepare()
        let listener: any Channel
        do {
            listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 64)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { [weak self] channel in
                    channel.eventLoop.makeCompletedFuture { try self?.accept(channel) }
                }
                .bind(unixDomainSocketPath: socket.provisional).get()
        } catch {
            socket.remove()
            throw ControlSocketError(description: "\(socket.provisional): \(error)")
        }
        do throws(ControlSocketError) {
            try socket.publish()
        } catch {
            socket.remove()
            try? await listener.close()
            throw error
        }
        state.withLock { state in
            state.listener = listener
            state.socket = socket
        }
        return path.path
    }

    /// Stops listening, removes the socket, and closes what is open, for good.
    public func stop() async {
        service.engine.handOverAdministration(to: nil)
        service.engine.answerHealthChecks(nil)
        let watch = state.withLock { $0.watch }
        watch?.cancel()
        await watch?.value
        let (listener, socket, connections) = state.withLock { state in
            state.isStopped = true
            return (state.listener, state.socket, Array(state.connections.values))
        }
        // First the name: nobody may find a socket on which nobody listens.
        socket?.remove()
        try? await listener?.close()
        for connection in connections {
            try? await connection.close()
        }
        // They use the loops, which may be stopped next.
        await streams.stop()
    }

    /// Open connections.
    var connectionCount: Int { state.withLock { $0.connections.count } }

    // MARK: Connections

    /// Closes a connection without an answer whose user the kernel does not name, or who is neither this process's user nor root.
    private func accept(_ channel: any Channel) throws {
        guard let user = PeerUser.id(of: channel), user == geteuid() || user == 0 else {
            let who = PeerUser.id(of: channel).map { "uid \($0)" } ?? "a user whom the system does not name"
            noteRefusal("may not use the control socket", of: who)
            throw ChannelError.inappropriateOperationForState
        }
        try serve(
            channel, caller: .user(id: user, name: user == 0 ? "root" : ownName), access: { nil }, isSingle: false)
    }

    /// Takes over a client's channel of the proxy.
    private func adopt(_ channel: any Channel) throws {
        let address = channel.remoteAddress?.ipAddress ?? "?"
        let engine = service.engine
        try serve(
            channel, caller: .remote(address: address),
            access: { AccessRules(token: engine.adminToken, hostNames: Self.hostNames(engine)) }, isSingle: true)
    }

    private func serve(
        _ channel: any Channel, caller: Caller, access: @escaping @Sendable () -> AccessRules?, isSingle: Bool
    ) throws {
        let key = ObjectIdentifier(channel)
        var isRemote = false
        if case .remote = caller {
            isRemote = true
        }
        let (hasRoom, outdone) = state.withLock { state -> (Bool, (any Channel)?) in
            let remote = state.remoteConnections.count
            guard !state.isStopped else {
                return (false, nil)
            }
            var outdone: (any Channel)?
            if (isRemote ? remote : state.connections.count - remote) >= limits.connections {
                // A stranger has to make room: it has been answered, or has nothing to be answered.
                guard isRemote, let stranger = state.strangers.first else {
                    return (false, nil)
                }
                outdone = state.connections[stranger]
                state.forget(stranger)
            }
            state.connections[key] = channel
            if isRemote {
                state.remoteConnections.insert(key)
                state.strangers.append(key)
            }
            return (true, outdone)
        }
        outdone?.close(promise: nil)
        guard hasRoom else {
            return try channel.pipeline.syncOperations.addHandler(OverloadResponder())
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            self?.state.withLock { $0.forget(key) }
        }
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: true, withErrorHandling: true)
        try channel.pipeline.syncOperations.addHandler(
            ControlConnection(
                service: service, caller: caller, access: access, limits: limits, isSingle: isSingle,
                admitted: { [weak self] in
                    self?.state.withLock { state in state.strangers.removeAll { $0 == key } }
                },
                refused: { [weak self] reason in self?.noteRefusal(reason, of: "\(caller):") },
                streams: streams))
    }

    private func noteRefusal(_ reason: String, of caller: String) {
        service.engine.note(
            .warning, source: "control", "refused: \(caller) \(reason)", kind: .traffic, fold: "refused: \(reason)")
    }

    /// The configured host and the machine's own name.
    private static func hostNames(_ engine: Engine) -> [String] {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else {
            return [engine.host]
        }
        let name = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return [engine.host, String(decoding: name, as: UTF8.self)]
    }
}

/// Says that there are too many connections, and closes.
private final class OverloadResponder: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        answer(context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer(context)
    }

    private func answer(_ context: ChannelHandlerContext) {
        let problem = CommandRefusal(.tooManyRequests, "too many connections to the control API are open; try again")
        let body = (try? JSONBody.encode(problem)) ?? []
        let head =
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
            + "Content-Length: \(body.count)\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: head + String(decoding: body, as: UTF8.self))))
            .whenComplete { _ in channel.close(promise: nil) }
    }
}
