internal import HTTPWire
internal import NIOCore
internal import Ranking
internal import Support

/// The proxy did not let the connection through.
struct TunnelError: Error {
    let kind: FailureKind
}

/// Stands before all other handlers of a connection that goes through a proxy, agrees with it on the tunnel, and goes:
/// to the handlers behind it the channel becomes active when the endpoint can be spoken to.
final class TunnelHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var negotiation: any TunnelNegotiation
    private let patience: Duration
    private var timeout: Scheduled<Void>?
    private var hasEnded = false

    /// - Parameter patience: how long the proxy may take from the connection to the tunnel
    init(_ negotiation: any TunnelNegotiation, patience: Duration) {
        self.negotiation = negotiation
        self.patience = patience
    }

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: TimeAmount(patience)) {
            bound.value.0.fail(.timeout, bound.value.1)
        }
        send(negotiation.begin(), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasEnded else { return }
        switch negotiation.receive(Array(unwrapInboundIn(data).readableBytesView)) {
        case .awaitMore: break
        case .send(let bytes): send(bytes, context)
        case .failed(let fault): fail(.proxy(fault), context)
        case .established:
            end()
            context.fireChannelActive()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !hasEnded { fail(.proxy(.closed), context) }
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
    }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func fail(_ kind: FailureKind, _ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        end()
        context.fireErrorCaught(TunnelError(kind: kind))
        context.close(promise: nil)
    }

    private func end() {
        hasEnded = true
        timeout?.cancel()
        timeout = nil
    }
}

/// What a proxy on the way to an endpoint has to be told, and what its answers mean. Bytes in, steps out; no sockets.
protocol TunnelNegotiation {
    /// The first words, said once the connection to the proxy stands.
    mutating func begin() -> [UInt8]

    /// Takes in what the proxy said.
    mutating func receive(_ bytes: [UInt8]) -> TunnelStep
}

/// What to do after a word of the proxy.
enum TunnelStep: Equatable {
    case awaitMore
    case send([UInt8])
    /// From the next byte on the endpoint speaks.
    case established
    case failed(ProxyFault)
}

/// HTTP `CONNECT` (RFC 9110 §9.3.6), used for plain and for TLS endpoints alike.
struct ConnectNegotiation: TunnelNegotiation {
    /// Answers longer than this are no answers to CONNECT.
    private static let headLimit = 16 * 1024
    private static let informationalLimit = 8

    private let request: [UInt8]
    private var received: [UInt8] = []
    private var informational = 0

    init(host: String, port: Int, credentials: UpstreamProxy.Credentials?) {
        let authority = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        var text = "CONNECT \(authority) HTTP/1.1\r\nHost: \(authority)\r\n"
        if let credentials { text += credentials.headerLine }
        request = Array((text + "\r\n").utf8)
    }

    mutating func begin() -> [UInt8] { request }

    mutating func receive(_ bytes: [UInt8]) -> TunnelStep {
        received += bytes
        while true {
            guard received.count <= Self.headLimit else { return .failed(.malformedAnswer) }
            var head = ResponseHead()
            let length: Int?
            do throws(ResponseHeadError) {
                length = try Self.parse(received, &head)
            } catch {
                return .failed(.malformedAnswer)
            }
            guard let length else { return .awaitMore }
            guard head.isInformational else { return Self.verdict(head.status, isAlone: length == received.count) }
            informational += 1
            guard head.status != 101, informational <= Self.informationalLimit else { return .failed(.malformedAnswer) }
            received.removeFirst(length)
        }
    }

    private static func parse(_ bytes: [UInt8], _ head: inout ResponseHead) throws(ResponseHeadError) -> Int? {
        var failure: ResponseHeadError?
        let length = bytes.withUnsafeBytes { raw -> Int? in
            do throws(ResponseHeadError) {
                return try head.parse(raw, toHEAD: true, toCONNECT: true, limits: HTTPLimits())
            } catch {
                failure = error
                return nil
            }
        }
        if let failure { throw failure }
        return length
    }

    private static func verdict(_ status: Int, isAlone: Bool) -> TunnelStep {
        switch status {
        // Neither TLS nor HTTP servers speak first.
        case 200..<300: isAlone ? .established : .failed(.malformedAnswer)
        case 407: .failed(.credentialsRefused)
        default: .failed(.refused(status: status))
        }
    }
}

/// SOCKS 5 (RFC 1928), without credentials or with user and password (RFC 1929).
struct SOCKS5Negotiation: TunnelNegotiation {
    private enum Phase {
        case method
        case authentication
        case reply
        case done
    }

    private static let version: UInt8 = 5
    private static let authenticationVersion: UInt8 = 1
    private static let noMethod: UInt8 = 0xFF

    private let request: [UInt8]
    private let credentials: UpstreamProxy.Credentials?
    private var phase = Phase.method
    private var received: [UInt8] = []

    init(host: String, port: Int, credentials: UpstreamProxy.Credentials?) {
        self.credentials = credentials
        request = [Self.version, 1, 0] + Self.address(host) + [UInt8(port >> 8 & 0xFF), UInt8(port & 0xFF)]
    }

    mutating func begin() -> [UInt8] {
        credentials == nil ? [Self.version, 1, 0] : [Self.version, 2, 0, 2]
    }

    mutating func receive(_ bytes: [UInt8]) -> TunnelStep {
        received += bytes
        switch phase {
        case .method: return chooseMethod()
        case .authentication: return authenticated()
        case .reply: return replied()
        case .done: return .failed(.malformedAnswer)
        }
    }

    private mutating func chooseMethod() -> TunnelStep {
        guard let answer = take(2) else { return .awaitMore }
        guard answer[0] == Self.version, received.isEmpty else { return .failed(.malformedAnswer) }
        switch answer[1] {
        case 0:
            phase = .reply
            return .send(request)
        case 2:
            guard let credentials else { return .failed(.malformedAnswer) }
            phase = .authentication
            let (name, secret) = (credentials.username, credentials.password)
            return .send(
                [Self.authenticationVersion, UInt8(clamping: name.count)] + name + [UInt8(clamping: secret.count)]
                    + secret)
        case Self.noMethod: return .failed(credentials == nil ? .credentialsNeeded : .credentialsRefused)
        default: return .failed(.malformedAnswer)
        }
    }

    private mutating func authenticated() -> TunnelStep {
        guard let answer = take(2) else { return .awaitMore }
        guard answer[1] == 0 else { return .failed(.credentialsRefused) }
        guard received.isEmpty else { return .failed(.malformedAnswer) }
        phase = .reply
        return .send(request)
    }

    private mutating func replied() -> TunnelStep {
        guard received.count >= 2 else { return .awaitMore }
        guard received[0] == Self.version else { return .failed(.malformedAnswer) }
        // Some servers leave out the address where they refuse.
        guard received[1] == 0 else { return .failed(.socksReply(received[1])) }
        guard received.count >= 5 else { return .awaitMore }
        let addressLength: Int
        switch received[3] {
        case 1: addressLength = 4
        case 3: addressLength = 1 + Int(received[4])
        case 4: addressLength = 16
        default: return .failed(.malformedAnswer)
        }
        guard take(4 + addressLength + 2) != nil else { return .awaitMore }
        phase = .done
        // Neither TLS nor HTTP servers speak first.
        return received.isEmpty ? .established : .failed(.malformedAnswer)
    }

    private mutating func take(_ count: Int) -> [UInt8]? {
        guard received.count >= count else { return nil }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    /// Type and bytes of the address; a name goes as it is and is resolved by the proxy.
    private static func address(_ host: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, host, &bytes) == 1 { return [1] + bytes.prefix(4) }
        if inet_pton(AF_INET6, host, &bytes) == 1 { return [4] + bytes }
        let name = Array(host.utf8.prefix(255))
        return [3, UInt8(clamping: name.count)] + name
    }
}
