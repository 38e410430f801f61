internal import NIOCore
internal import Ranking

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
