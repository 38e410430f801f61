internal import Support
public import NIOCore
internal import NIOPosix
internal import Synchronization

/// A TCP server that answers each request with a script: whatever an upstream may do, right or wrong.
public final class ScriptedUpstream: Sendable {
    /// One thing to do after a request was read.
    public enum Step: Sendable {
        case send(String)
        case sendBytes([UInt8])
        /// Several writes that leave in one: behind TLS each is a record of its own.
        case sendTogether([String])
        /// FIN and close.
        case close
        /// RST.
        case reset
        /// Receives and confirms nothing more, as if a firewall on the way had forgotten the connection.
        case vanish
        /// Wait until `release` was called with this name.
        case hold(String)
    }

    /// A request as it arrived.
    public struct Request: Sendable {
        /// Counts connections from 0.
        public let connection: Int
        /// Counts requests on this connection from 0.
        public let index: Int
        /// With its empty line.
        public let head: String
        /// As framed on the wire.
        public let bodyBytes: [UInt8]

        /// The same as text.
        public var body: String { String(decoding: bodyBytes, as: UTF8.self) }

        /// Value of a header, nil where there is none.
        public func header(_ name: String) -> String? {
            let prefix = name.lowercased() + ":"
            let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(prefix) }
            return line.map { String($0.dropFirst(prefix.count).drop { $0 == " " }) }
        }
    }

    /// Chooses what to do with a request.
    public typealias Script = @Sendable (Request) -> [Step]

    /// On 127.0.0.1, unless it was started elsewhere.
    public let port: Int
    private let channel: any Channel
    private let log: Log

    final class Log: Sendable {
        struct State {
            var requests: [Request] = []
            var connections = 0
            var closedConnections = 0
            var bytesRead = 0
            var bytesWritten = 0
            var released: Set<String> = []
            var waiting: [String: [EventLoopPromise<Void>]] = [:]
        }

        let state = Mutex(State())
    }

    private init(port: Int, channel: any Channel, log: Log) {
        self.port = port
        self.channel = channel
        self.log = log
    }

    /// - Parameters:
    ///   - answersEarly: answer when the head has been read, without waiting for the body
    ///   - onConnect: steps for each connection; what is said there is not read
    ///   - decorate: handlers to put before the script, such as TLS
    public static func start(
        host: String = "127.0.0.1", answersEarly: Bool = false, onConnect: [Step]? = nil,
        decorate: @escaping @Sendable (any Channel) throws -> Void = { _ in },
        script: @escaping Script
    ) async throws -> ScriptedUpstream {
        let log = Log()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try decorate(channel)
                    try channel.pipeline.syncOperations.addHandler(
                        Handler(script: script, log: log, onConnect: onConnect, answersEarly: answersEarly))
                }
            }
            .bind(host: host, port: 0).get()
        return ScriptedUpstream(port: channel.localAddress?.port ?? 0, channel: channel, log: log)
    }

    /// Stops accepting; open connections stay.
    public func stop() async throws { try await channel.close().get() }

    /// In the order they were read.
    public var requests: [Request] { log.state.withLock { $0.requests } }
    /// Connections accepted so far.
    public var connections: Int { log.state.withLock { $0.connections } }
    /// Connections that have ended.
    public var closedConnections: Int { log.state.withLock { $0.closedConnections } }

    /// Of all requests, finished or not.
    public var bytesRead: Int { log.state.withLock { $0.bytesRead } }
    /// Bytes of `sendBytes` steps that the kernel has taken.
    public var bytesWritten: Int { log.state.withLock { $0.bytesWritten } }

    /// Whether a script waits there.
    public func isHolding(_ name: String) -> Bool { log.state.withLock { $0.waiting[name] != nil } }

    /// Lets scripts go on that hold at `name`.
    public func release(_ name: String) {
        let promises = log.state.withLock { state in
            state.released.insert(name)
            return state.waiting.removeValue(forKey: name) ?? []
        }
        for promise in promises { promise.succeed() }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let script: Script
        private let log: Log
        private let onConnect: [Step]?
        private let answersEarly: Bool
        private var number = 0
        private var index = 0
        private var pending: [UInt8] = []
        private var steps: [Step] = []
        private var isHolding = false

        init(script: @escaping Script, log: Log, onConnect: [Step]?, answersEarly: Bool) {
            self.onConnect = onConnect
            self.script = script
            self.log = log
            self.answersEarly = answersEarly
        }

        func channelActive(context: ChannelHandlerContext) {
            number = log.state.withLock { state in
                state.connections += 1
                return state.connections - 1
            }
            if let onConnect {
                steps += onConnect
                run(context)
            }
            context.fireChannelActive()
        }

        func channelInactive(context: ChannelHandlerContext) {
            log.state.withLock { $0.closedConnections += 1 }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard onConnect == nil else { return }
            let bytes = unwrapInboundIn(data).readableBytesView
            pending += bytes
            log.state.withLock { $0.bytesRead += bytes.count }
            while let request = nextRequest() {
                log.state.withLock { $0.requests.append(request) }
                steps += script(request)
                run(context)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private func nextRequest() -> Request? {
            guard let headEnd = pending.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return nil }
            let head = String(decoding: pending[..<headEnd], as: UTF8.self)
            let lines = head.lowercased().split(separator: "\r\n")
            func value(_ name: String) -> String? {
                lines.first { $0.hasPrefix(name + ":") }.map {
                    String($0.dropFirst(name.count + 1)).filter { $0 != " " }
                }
            }
            var end = headEnd
            if answersEarly {
                end = headEnd
            } else if value("transfer-encoding") == "chunked" {
                let last = Array("0\r\n\r\n".utf8)
                guard let range = pending[headEnd...].firstRange(of: last) else { return nil }
                end = range.upperBound
            } else if let length = value("content-length").flatMap({ Int($0) }) {
                end += length
                guard pending.count >= end else { return nil }
            }
            defer {
                pending.removeFirst(end)
                index += 1
            }
            return Request(
                connection: number, index: index, head: head, bodyBytes: Array(pending[headEnd..<end]))
        }

        private func run(_ context: ChannelHandlerContext) {
            while !isHolding, !steps.isEmpty {
                switch steps.removeFirst() {
                case .send(let text):
                    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                case .sendTogether(let texts):
                    for text in texts { context.write(wrapOutboundOut(ByteBuffer(string: text)), promise: nil) }
                    context.flush()
                case .sendBytes(let bytes):
                    let log = log
                    context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes))).whenSuccess {
                        log.state.withLock { $0.bytesWritten += bytes.count }
                    }
                case .close:
                    context.close(promise: nil)
                case .reset:
                    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
                    (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
                        .whenComplete { _ in bound.value.close(promise: nil) }
                case .vanish: vanish(context)
                case .hold(let name): hold(name, context)
                }
            }
        }

        /// Lays a filter over the socket that lets no packet through, once all that was sent is confirmed.
        private func vanish(_ context: ChannelHandlerContext) {
            guard let socket = context.channel as? any SocketOptionProvider else { return }
            isHolding = true
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let confirmed: EventLoopFuture<tcp_info> = socket.unsafeGetSocketOption(
                level: .tcp, name: .init(rawValue: TCP_INFO))
            confirmed.whenSuccess { info in
                let (handler, context) = bound.value
                guard info.tcpi_unacked == 0 else {
                    return context.eventLoop.assumeIsolated().execute { handler.vanish(context) }
                }
                socket.unsafeSetSocketOption(
                    level: .socket, name: .init(rawValue: SO_ATTACH_FILTER), value: DropEverything()
                ).assumeIsolated().whenComplete { _ in
                    handler.isHolding = false
                    handler.run(context)
                }
            }
        }

        private func hold(_ name: String, _ context: ChannelHandlerContext) {
            isHolding = true
            let promise = context.eventLoop.makePromise(of: Void.self)
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            promise.futureResult.whenSuccess {
                bound.value.0.isHolding = false
                bound.value.0.run(bound.value.1)
            }
            let isReleased = log.state.withLock { state in
                if state.released.contains(name) { return true }
                state.waiting[name, default: []].append(promise)
                return false
            }
            if isReleased { promise.succeed() }
        }
    }
}

/// `struct sock_fprog` with the one instruction `return 0`.
private struct DropEverything: Sendable {
    /// Its address.
    private static let instruction: UInt = {
        let instruction = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
        // BPF_RET | BPF_K, then two jumps and the operand, all of them 0.
        instruction.initialize(to: 6)
        return UInt(bitPattern: instruction)
    }()

    var length: UInt = 1
    var filter = Self.instruction
}
