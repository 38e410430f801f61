internal import NIOCore

/// Answers a client for which there is no room, and closes.
///
/// What the client has sent is read and thrown away until it has the answer: closing over unread bytes would send a
/// reset that destroys it (RFC 9112 §9.6). Where many linger so already, their answers have to take their chance.
final class OverloadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let lingering = TimeAmount.milliseconds(500)

    private let shared: SharedState
    private var isLingering = false
    private var timeout: Scheduled<Void>?

    init(shared: SharedState) {
        self.shared = shared
    }

    func channelActive(context: ChannelHandlerContext) {
        let answer = LocalAnswer(status: 503, message: "too many connections", retryAfter: 1)
        shared.events.clientRejected(
            ClientRejection(
                clientAddress: context.channel.remoteAddress?.ipAddress ?? "", status: 503, reason: answer.message))
        let text = answer.render(api: .other, requestID: "", closes: true, minorVersion: 1, omitsBody: false)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        isLingering = shared.admitLingering()
        guard isLingering else { return context.close(promise: nil) }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: Self.lingering) { bound.value.close(promise: nil) }
        context.close(mode: .output, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        if isLingering { shared.lingeringEnded() }
        isLingering = false
    }
}
