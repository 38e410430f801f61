internal import HTTPWire
internal import NIOCore

/// Speaks with a client for which there is no room: answers it 503 and closes, unless it asks for Podium's health, which
/// has to be told most of all while Podium is full.
///
/// So it is heard first, for a short time and in one of few places. Where these are taken, the client that has been there longest
/// is turned away: a health check says what it wants at once, and a client that keeps a place does not.
///
/// What a client that was turned away has sent is read and thrown away until it has the answer: closing over unread bytes
/// would send a reset that destroys it (RFC 9112 §9.6). Where many linger so already, their answers have to take their
/// chance.
final class OverloadHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        case hearing
        case answered
    }

    private static let patience = TimeAmount.milliseconds(500)
    private static let headLimit = 8 * 1024

    private let loop: LoopContext
    private var context: ChannelHandlerContext?
    private var phase = Phase.hearing
    private var input = ByteBuffer()
    private var isHeard = false
    private var isLingering = false
    private var timeout: Scheduled<Void>?

    init(loop: LoopContext) {
        self.loop = loop
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelActive(context: ChannelHandlerContext) {
        guard loop.shared.health != nil, loop.hear(self) else { return turnAway() }
        isHeard = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: Self.patience) { bound.value.turnAway() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .hearing else { return }
        input.writeImmutableBuffer(unwrapInboundIn(data))
        guard input.readableBytes <= Self.headLimit else { return turnAway() }
        guard let isComplete = input.withUnsafeReadableBytes(answerHealthCheck) else { return turnAway() }
        if isComplete { end() }
    }

    /// - Returns: whether a health check was complete and is answered; nil where it is none.
    private func answerHealthCheck(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        var head = RequestHead()
        do {
            let length = try head.parse(bytes, limits: loop.shared.options.limits)
            guard length != nil else { return Self.mayBecomeOne(head, bytes) ? false : nil }
        } catch {
            guard error == .missingHost else { return nil }
        }
        guard let check = HealthCheck(head, bytes), let responder = loop.shared.health else { return nil }
        say(check.response(responder, date: loop.dateText()))
        return true
    }

    private static func mayBecomeOne(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        if !head.pathAndQuery.isEmpty { return HealthCheck(head, bytes) != nil }
        let begun = bytes.prefix(5)
        return ["GET ", "HEAD "].contains { $0.utf8.starts(with: begun.prefix($0.utf8.count)) }
    }

    /// There is no room for it.
    func turnAway() {
        guard phase == .hearing, let context else { return }
        let answer = LocalAnswer(status: 503, message: "too many connections", retryAfter: 1)
        loop.events.clientRejected(
            ClientRejection(
                clientAddress: context.channel.remoteAddress?.ipAddress ?? "", status: 503, reason: answer.message))
        let text = answer.render(api: .other, requestID: "", closes: true, minorVersion: 1, omitsBody: false)
        say(ByteBuffer(string: text))
        end()
    }

    private func say(_ answer: ByteBuffer) {
        phase = .answered
        input = ByteBuffer()
        context?.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    }

    /// Everything has been said.
    private func end() {
        leavePlace()
        guard let context else { return }
        isLingering = loop.shared.admitLingering()
        guard isLingering else { return context.close(promise: nil) }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: Self.patience) { bound.value.close(promise: nil) }
        context.close(mode: .output, promise: nil)
    }

    private func leavePlace() {
        timeout?.cancel()
        timeout = nil
        if isHeard { loop.hearNoMore(self) }
        isHeard = false
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            if phase == .hearing { turnAway() } else { context.close(promise: nil) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        phase = .answered
        leavePlace()
        if isLingering { loop.shared.lingeringEnded() }
        isLingering = false
    }
}
