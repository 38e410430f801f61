internal import NIOCore

/// Answers a client for which there is no room, and closes.
final class OverloadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let shared: SharedState

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
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
}
