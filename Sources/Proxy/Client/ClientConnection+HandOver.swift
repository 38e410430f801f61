internal import HTTPWire
internal import NIOCore

/// Requests for Podium itself leave the data path: the channel gets other handlers, which begin with the request's head.
extension ClientConnection: RemovableChannelHandler {
    /// Answers a question about Podium's health here and now: it takes no place of those who administer Podium, which
    /// strangers may have taken.
    ///
    /// - Parameter bytes: everything read from the request's first byte on; `loop.requestHead` holds its head
    /// - Returns: whether it was one. Then the connection ends with the answer.
    func answerHealthCheck(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let responder = loop.shared.health, let check = HealthCheck(loop.requestHead, bytes) else { return false }
        write(check.response(responder, date: loop.dateText()))
        closeAfterWrites()
        return true
    }

    /// - Parameter bytes: everything read from the request's first byte on.
    /// - Returns: whether somebody took it. Then this connection is over, though the channel lives on.
    func handOver(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let context, let responder = loop.shared.administration else { return false }
        let channel = context.channel
        // A copy: the buffer goes back to the loop.
        let request = channel.allocator.buffer(bytes: bytes)
        flushNow()
        leave()
        forgetSocket()
        do {
            try channel.syncOptions?.setOption(.recvAllocator, value: AdaptiveRecvByteBufferAllocator())
            try responder(channel)
        } catch {
            channel.close(promise: nil)
            return true
        }
        channel.pipeline.syncOperations.removeHandler(self, promise: nil)
        channel.pipeline.fireChannelRead(request)
        channel.pipeline.fireChannelReadComplete()
        if inputIsClosed { channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        if !readsInput { try? channel.syncOptions?.setOption(.autoRead, value: true) }
        return true
    }
}
