internal import HTTPWire
internal import LLMWire
internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Support

/// Asks an endpoint for the list of its models, a request that no API charges for. Used in the background alone: no client waits for it.
enum ModelFetch {
    /// - Returns: nil where it gave no list
    static func run(
        _ url: UpstreamURL, of upstream: Upstream, tls: NIOSSLContext?, names: NameLookup, group: any EventLoopGroup
    ) async -> [ListedModel]? {
        guard !url.usesTLS || tls != nil else { return nil }
        let loop = group.any()
        let answered = loop.makePromise(of: [UInt8].self)
        let isOpenAIs = url === upstream.openAIURL
        // Anthropic lists twenty unless it is asked for more.
        let request = ConnectionTest.request(
            to: url, of: upstream, query: isOpenAIs ? "" : "?limit=1000", namesAnthropicVersion: !isOpenAIs)
        let connecting = UpstreamConnector.connect(to: url, of: upstream, names, on: loop) { channel in
            try UpstreamConnector.addHandlers(to: channel, url, upstream, tls, isForwarded: url.isForwarded)
            try channel.pipeline.syncOperations.addHandler(
                ModelFetchHandler(answered, request, awaitsTLS: url.usesTLS))
        }
        connecting.whenFailure { answered.fail($0) }
        let patience = loop.scheduleTask(in: TimeAmount(upstream.timeouts.probe)) { answered.fail(NoList()) }
        defer {
            patience.cancel()
            connecting.whenSuccess { $0.close(promise: nil) }
        }
        guard let body = try? await answered.futureResult.get() else { return nil }
        return body.withUnsafeBytes { ListedModel.read($0) }
    }

    fileprivate struct NoList: Error {}
}

/// Sends the request once it can, and collects the answer's body.
private final class ModelFetchHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let limit = 4 << 20

    private let answered: EventLoopPromise<[UInt8]>
    private let request: [UInt8]
    private let awaitsTLS: Bool
    private var unread: [UInt8] = []
    private var reader: BodyReader?
    private var body: [UInt8] = []

    init(_ answered: EventLoopPromise<[UInt8]>, _ request: [UInt8], awaitsTLS: Bool) {
        self.answered = answered
        self.request = request
        self.awaitsTLS = awaitsTLS
    }

    func channelActive(context: ChannelHandlerContext) {
        if !awaitsTLS { send(context) }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event { send(context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func send(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unread += unwrapInboundIn(data).readableBytesView
        do {
            try readHead()
            try readBody()
        } catch {
            answered.fail(error)
            context.close(promise: nil)
        }
    }

    private func readHead() throws {
        guard reader == nil else { return }
        var head = ResponseHead()
        let length = try unread.withUnsafeBytes { try head.parse($0, toHEAD: false, limits: HTTPLimits()) }
        guard let length else { return }
        guard head.status == 200, !head.isEncoded else { throw ModelFetch.NoList() }
        unread.removeFirst(length)
        reader = BodyReader(head.framing)
    }

    private func readBody() throws {
        guard var reader else { return }
        defer { self.reader = reader }
        var offset = 0
        defer { unread.removeFirst(offset) }
        while !reader.isComplete {
            let event = try unread.withUnsafeBytes { try reader.next($0, at: &offset, limits: HTTPLimits()) }
            guard case .data(let range) = event else { break }
            body += unread[range]
            guard body.count <= Self.limit else { throw ModelFetch.NoList() }
        }
        if reader.isComplete { answered.succeed(body) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answered.fail(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if reader?.endsWithConnection == true { answered.succeed(body) } else { answered.fail(ChannelError.eof) }
    }
}
