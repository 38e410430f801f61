internal import NIOCore

/// Requests for Podium itself leave the data path: the channel gets other handlers, which begin with the request's head.
extension ClientConnection: RemovableChannelHandler {
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
