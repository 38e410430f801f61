internal import CSystemShim
internal import Support
internal import NIOCore

extension StreamSocket {
    /// Reads one after the other of a socket that has much to say. What its bytes need (its other side, the kernel's
    /// records of both) is at hand meanwhile: with one read a turn, uploads of 1 MiB on 16 connections cost up to twice
    /// as much.
    static let readsPerTurn = 4

    /// Whether what the kernel has may be read now.
    var mayRead: Bool {
        guard !isInputClosed else { return false }
        return reader == nil ? isReadAskedFor : readsAutomatically
    }

    func setReadsAutomatically(_ isOn: Bool) {
        guard readsAutomatically != isOn else { return }
        readsAutomatically = isOn
        if isOn {
            readIfNeeded()
        } else {
            isReadAskedFor = false
        }
    }

    /// Asks the pipeline whether it wants more, and takes up what was left unread.
    func readIfNeeded() {
        guard phase == .active, readsAutomatically else { return }
        if reader == nil { pipeline.syncOperations.read() } else { goOnReading() }
    }

    /// Reads on in the next turn, not within the call of somebody who wants to be read from.
    func goOnReading() {
        guard isReadable, mayRead, !isToReadAgain else { return }
        isToReadAgain = true
        loop.readAgain(self)
    }

    func readAgain() {
        isToReadAgain = false
        for _ in 0..<Self.readsPerTurn {
            guard phase == .active, isReadable, mayRead else { return }
            readOnce()
        }
    }

    func readOnce() {
        var buffer = loop.takeReceiveBuffer()
        let descriptor = descriptor
        // It is empty, so that all of it can be written.
        let count = buffer.withVeryUnsafeMutableBytes { podium_receive(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else {
            loop.giveBack(consume buffer)
            return readEnded(CInt(-count))
        }
        // A read that leaves room has emptied the kernel's buffer, unless the end stands there as well.
        isReadable = endIsNear || count == buffer.writableBytes
        buffer.moveWriterIndex(forwardBy: count)
        if let reader {
            reader.socketRead(buffer)
            loop.giveBack(consume buffer)
            guard isOpen else { return }
            if self.reader != nil {
                reader.socketReadComplete()
                if isReadable { goOnReading() }
            } else {
                // The pipeline has taken over.
                readIfNeeded()
            }
        } else {
            isReadAskedFor = false
            pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
            loop.giveBack(consume buffer)
            guard isOpen else { return }
            pipeline.syncOperations.fireChannelReadComplete()
            readIfNeeded()
        }
    }

    private func readEnded(_ code: CInt) {
        switch code {
        case 0:
            inputEnded()
        case EAGAIN:
            isReadable = false
        case EINTR:
            goOnReading()
        default:
            fail(code, "recv")
        }
    }

    private func inputEnded() {
        isReadable = false
        isInputClosed = true
        guard keepsOutputOpen, !isOutputClosed else {
            close0(error: ChannelError.eof, mode: .all, promise: nil)
            return
        }
        pipeline.syncOperations.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        // FIN and the refusal of what was written may have come as one.
        if isOpen, endIsNear, let code = pendingError() { fail(code) }
    }

    /// Reads to the end what the other side said before it went.
    func readToTheEnd() {
        isReadable = true
        while phase == .active, isReadable, mayRead { readOnce() }
    }
}
