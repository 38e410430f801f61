internal import Support
internal import NIOCore
internal import Synchronization

extension StreamSocket {
    private static let piecesPerCall = 64

    func enqueue(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        outbound.append(bytes, promise)
        setWritable()
    }

    func flushQueue() {
        outbound.flush()
        guard phase == .active else { return }
        if !isBlocked { writeQueued() }
    }

    func writeQueued() {
        while outbound.mayLeave {
            let count = sendPieces()
            if count >= 0 {
                let written = outbound.remove(count)
                setWritable()
                for promise in written { promise.succeed() }
                guard isOpen else { return }
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                isBlocked = true
                return
            default: return writingFailed(errno)
            }
        }
        if outbound.isEmpty, !finWaits.isEmpty { sendFIN() }
    }

    private func sendPieces() -> Int {
        withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.piecesPerCall) { pieces in
            var count = 0
            outbound.forEachPiece(limit: Self.piecesPerCall) { bytes in
                guard !bytes.isEmpty else { return }
                pieces.initializeElement(
                    at: count,
                    to: iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count))
                count += 1
            }
            guard count > 0 else { return 0 }
            var message = msghdr()
            message.msg_iov = pieces.baseAddress
            message.msg_iovlen = count
            return sendmsg(descriptor, &message, CInt(truncatingIfNeeded: MSG_NOSIGNAL))
        }
    }

    private func writingFailed(_ code: CInt) {
        // What the other side said before it went may be here still, and may be the answer.
        endIsNear = true
        readToTheEnd()
        if isOpen { close0(error: IOError(errnoCode: code, reason: "send"), mode: .all, promise: nil) }
    }

    /// FIN, now or behind what is queued.
    func closeOutput(_ promise: EventLoopPromise<Void>) {
        guard !isOutputClosed else { return promise.fail(ChannelError.outputClosed) }
        finWaits.append(promise)
        if outbound.isEmpty { sendFIN() }
    }

    private func sendFIN() {
        isOutputClosed = true
        let status = shutdown(descriptor, CInt(SHUT_WR))
        let waiting = finWaits
        finWaits = []
        for promise in waiting {
            if status == 0 {
                promise.succeed()
            } else {
                promise.fail(IOError(errnoCode: errno, reason: "shutdown"))
            }
        }
        if isOpen, isInputClosed { close0(error: ChannelError.eof, mode: .all, promise: nil) }
    }

    private func setWritable() {
        let isWritable = writability.load(ordering: .relaxed)
        if isWritable, outbound.byteCount > watermark.high {
            writability.store(false, ordering: .relaxed)
        } else if !isWritable, outbound.byteCount < watermark.low {
            writability.store(true, ordering: .relaxed)
        } else {
            return
        }
        pipeline.syncOperations.fireChannelWritabilityChanged()
    }
}
