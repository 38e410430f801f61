internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// A proxy on loopback that speaks HTTP CONNECT or SOCKS 5, notes what it was told, and does it, or something else.
public final class ForwardProxy: Sendable {
    /// What it speaks.
    public enum Kind: Sendable, CaseIterable {
        case http
        case socks5
    }

    /// What it does once it knows where to go.
    public enum Behaviour: Sendable {
        /// Connects to this machine at the port it was given, and relays.
        case relay
        /// Sends these bytes instead, and closes.
        case answer([UInt8])
        /// Says nothing more.
        case mute
        /// Closes the connection.
        case hangUp
    }

    /// One client, as far as it came.
    public struct Visit: Sendable, Equatable {
        /// `host:port` as it was asked for.
        public var target = ""
        /// nil where none were presented.
        public var username: String?
        /// nil where none were presented.
        public var password: String?

        public init(target: String = "", username: String? = nil, password: String? = nil) {
            self.target = target
            self.username = username
            self.password = password
        }
    }

    /// On 127.0.0.1.
    public let port: Int
    private let channel: any Channel
    private let log: Log

    final class Log: Sendable {
        let visits = Mutex<[Visit]>([])
    }

    private init(port: Int, channel: any Channel, log: Log) {
        self.port = port
        self.channel = channel
        self.log = log
    }

    /// - Parameter credentials: user and password it insists on
    public static func start(
        _ kind: Kind, _ behaviour: Behaviour = .relay, credentials: (username: String, password: String)? = nil
    ) async throws -> ForwardProxy {
        let log = Log()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Handler(kind, behaviour, credentials.map { [$0.username, $0.password] }, log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return ForwardProxy(port: channel.localAddress?.port ?? 0, channel: channel, log: log)
    }

    /// In the order in which they said where to go, or were turned away.
    public var visits: [Visit] { log.visits.withLock { $0 } }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private enum Phase {
            case start
            case authentication
            case request
            case over
            case relaying
        }

        private let kind: Kind
        private let behaviour: Behaviour
        private let credentials: [String?]?
        private let log: Log
        private var phase = Phase.start
        private var pending: [UInt8] = []
        private var visit = Visit()
        private var peer: (any Channel)?

        init(_ kind: Kind, _ behaviour: Behaviour, _ credentials: [String?]?, _ log: Log) {
            self.kind = kind
            self.behaviour = behaviour
            self.credentials = credentials
            self.log = log
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = unwrapInboundIn(data)
            if phase == .relaying {
                peer?.writeAndFlush(buffer, promise: nil)
                return
            }
            pending += buffer.readableBytesView
            switch kind {
            case .http: readConnect(context)
            case .socks5: while readSOCKS(context) {}
            }
        }

        func channelInactive(context: ChannelHandlerContext) { peer?.close(promise: nil) }

        private func readConnect(_ context: ChannelHandlerContext) {
            guard let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) else { return }
            let lines = String(decoding: pending[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
            pending.removeFirst(end.upperBound)
            let words = lines.first?.split(separator: " ") ?? []
            visit.target = words.count == 3 && words[0] == "CONNECT" ? String(words[1]) : "?"
            let field = lines.first { $0.lowercased().hasPrefix("proxy-authorization: basic ") }
            if let field {
                let pair = Self.decode(String(field.dropFirst(27))).split(separator: ":", maxSplits: 1)
                visit.username = pair.first.map { String($0) }
                visit.password = pair.count > 1 ? String(pair[1]) : ""
            }
            if let credentials, credentials != [visit.username, visit.password] as [String?] {
                return refuse("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno", context)
            }
            reached(Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8), context)
        }

        private func readSOCKS(_ context: ChannelHandlerContext) -> Bool {
            switch phase {
            case .start:
                guard pending.count >= 2, pending.count >= 2 + Int(pending[1]) else { return false }
                let methods = pending[2..<2 + Int(pending[1])]
                let method: UInt8 = credentials == nil ? 0 : 2
                pending.removeFirst(methods.endIndex)
                guard methods.contains(method) else {
                    refuse([5, 0xFF], context)
                    return false
                }
                write([5, method], context)
                phase = credentials == nil ? .request : .authentication
            case .authentication:
                guard pending.count >= 2 else { return false }
                let nameEnd = 2 + Int(pending[1])
                guard pending.count > nameEnd, pending.count >= nameEnd + 1 + Int(pending[nameEnd]) else {
                    return false
                }
                let end = nameEnd + 1 + Int(pending[nameEnd])
                visit.username = String(decoding: pending[2..<nameEnd], as: UTF8.self)
                visit.password = String(decoding: pending[nameEnd + 1..<end], as: UTF8.self)
                pending.removeFirst(end)
                guard credentials == [visit.username, visit.password] as [String?] else {
                    refuse([1, 1], context)
                    return false
                }
                write([1, 0], context)
                phase = .request
            case .request:
                guard let (host, end) = socksHost(), pending.count >= end + 2 else { return false }
                visit.target = "\(host):\(Int(pending[end]) << 8 | Int(pending[end + 1]))"
                pending.removeFirst(end + 2)
                reached([5, 0, 0, 1, 127, 0, 0, 1, 0x12, 0x34], context)
            case .over, .relaying: return false
            }
            return true
        }

        private func socksHost() -> (host: String, end: Int)? {
            guard pending.count >= 5 else { return nil }
            switch pending[3] {
            case 1 where pending.count >= 8:
                return (pending[4..<8].map { String($0) }.joined(separator: "."), 8)
            case 3 where pending.count >= 5 + Int(pending[4]):
                let end = 5 + Int(pending[4])
                return (String(decoding: pending[5..<end], as: UTF8.self), end)
            case 4 where pending.count >= 20: return ("ipv6", 20)
            default: return nil
            }
        }

        private func reached(_ success: [UInt8], _ context: ChannelHandlerContext) {
            phase = .over
            let visit = visit
            log.visits.withLock { $0.append(visit) }
            switch behaviour {
            case .mute: break
            case .hangUp: context.close(promise: nil)
            case .answer(let bytes):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
                context.close(promise: nil)
            case .relay: relay(success, context)
            }
        }

        private func relay(_ success: [UInt8], _ context: ChannelHandlerContext) {
            let client = context.channel
            let port = visit.target.split(separator: ":").last.flatMap { Int($0) } ?? 0
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            ClientBootstrap(group: context.eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Return(client: client))
                    }
                }
                .connect(host: "127.0.0.1", port: port).whenComplete { result in
                    let (handler, context) = bound.value
                    guard case .success(let peer) = result else { return context.close(promise: nil) }
                    handler.peer = peer
                    handler.phase = .relaying
                    handler.write(success, context)
                }
        }

        private func write(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        }

        private func refuse(_ text: String, _ context: ChannelHandlerContext) { refuse(Array(text.utf8), context) }

        private func refuse(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
            phase = .over
            let visit = visit
            log.visits.withLock { $0.append(visit) }
            write(bytes, context)
            context.close(promise: nil)
        }

        private static func decode(_ base64: String) -> String {
            let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
            var bits = 0
            var count = 0
            var bytes: [UInt8] = []
            for digit in base64 {
                guard let value = alphabet.firstIndex(of: digit) else { break }
                bits = (bits << 6 | value) & 0xFFFF
                count += 6
                if count >= 8 {
                    count -= 8
                    bytes.append(UInt8(bits >> count & 0xFF))
                }
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// What the endpoint says, to the client.
    private final class Return: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let client: any Channel

        init(client: any Channel) { self.client = client }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            client.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { client.close(promise: nil) }
    }
}
