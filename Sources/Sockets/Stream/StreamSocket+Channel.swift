internal import CSystemShim
internal import Support
package import NIOCore
internal import Synchronization

extension StreamSocket: Channel {
    package var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    package var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    package var eventLoop: any EventLoop { loop }
    package var parent: (any Channel)? { nil }
    // swift-format-ignore: NoLeadingUnderscores
    package var _channelCore: any ChannelCore { self }
    /// nil when asked by another thread, for which the descriptor may be another socket's by now.
    package var localAddress: SocketAddress? { loop.inEventLoop ? try? localAddress0() : nil }
    package var remoteAddress: SocketAddress? { peer }
    package var isActive: Bool { activity.load(ordering: .relaxed) }
    package var isWritable: Bool { writability.load(ordering: .relaxed) }
    package var syncOptions: (any NIOSynchronousChannelOptions)? { self }

    package func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        eventLoop.submit { try self.set(option, value) }
    }

    package func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.submit { try self.get(option) }
    }
}

extension StreamSocket: NIOSynchronousChannelOptions {
    package func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
        try set(option, value)
    }

    package func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
        try get(option)
    }

    private func set<Option: ChannelOption>(_ option: Option, _ value: Option.Value) throws {
        switch (option, value) {
        case (is ChannelOptions.Types.AutoReadOption, let isOn as Bool): setReadsAutomatically(isOn)
        case (is ChannelOptions.Types.AllowRemoteHalfClosureOption, let isAllowed as Bool):
            keepsOutputOpen = isAllowed
        case (
            is ChannelOptions.Types.WriteBufferWaterMarkOption,
            let mark as ChannelOptions.Types.WriteBufferWaterMark
        ):
            watermark = mark
        // Whatever it says, all sockets of a loop read into the loop's buffer.
        case (is ChannelOptions.Types.RecvAllocatorOption, _): break
        default: throw ChannelError.operationUnsupported
        }
    }

    private func get<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
        let value: Any? =
            switch option {
            case is ChannelOptions.Types.AutoReadOption: readsAutomatically
            case is ChannelOptions.Types.AllowRemoteHalfClosureOption: keepsOutputOpen
            case is ChannelOptions.Types.WriteBufferWaterMarkOption: watermark
            case is ChannelOptions.Types.BufferedWritableBytesOption: outbound.byteCount
            default: nil
            }
        guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
        return value
    }
}

extension StreamSocket: NIOTransportAccessibleChannelCore {
    /// Lends the descriptor, -1 once it is closed.
    package func withUnsafeTransport<Result>(_ body: (CInt) throws -> Result) throws -> Result {
        try body(descriptor)
    }
}

extension StreamSocket: ChannelCore {
    package func localAddress0() throws -> SocketAddress {
        try StreamDescriptor.localAddress(of: descriptor)
    }

    package func remoteAddress0() throws -> SocketAddress {
        guard let peer else { throw ChannelError.unknownLocalAddress }
        return peer
    }

    package func register0(promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    package func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    /// - Parameter address: tried at once; the promise is completed when the connection stands or cannot.
    package func connect0(to address: SocketAddress, promise: EventLoopPromise<Void>?) {
        let descriptor = descriptor
        let status = address.withSockAddr { Glibc.connect(descriptor, $0, socklen_t($1)) }
        let code = errno
        guard status == 0 || code == EINPROGRESS else {
            promise?.fail(IOError(errnoCode: code, reason: "connect"))
            return close0(error: IOError(errnoCode: code, reason: "connect"), mode: .all, promise: nil)
        }
        phase = .connecting
        connectPromise = promise
        do {
            // The kernel tells of the outcome, also where it is known already.
            try register()
        } catch {
            close0(error: error, mode: .all, promise: nil)
        }
    }

    package func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard isOpen, !isOutputClosed, finWaits.isEmpty else {
            promise?.fail(isOpen ? ChannelError.outputClosed : ChannelError.ioOnClosedChannel)
            return
        }
        guard let bytes = tryUnwrapData(data, as: ByteBuffer.self) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        enqueue(bytes, promise)
    }

    package func flush0() { flushQueue() }

    package func read0() {
        isReadAskedFor = true
        goOnReading()
    }

    package func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard isOpen else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        switch mode {
        case .output: closeOutput(promise ?? eventLoop.makePromise())
        case .input:
            isInputClosed = true
            shutdown(descriptor, CInt(SHUT_RD))
            promise?.succeed()
        case .all: closeAll(error, promise)
        }
    }

    package func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    package func channelRead0(_ data: NIOAny) {}

    package func errorCaught0(error: any Error) {}

    private func closeAll(_ error: any Error, _ promise: EventLoopPromise<Void>?) {
        let before = phase
        phase = .closed
        activity.store(false, ordering: .relaxed)
        if isRegistered { loop.unregister(self, descriptor) }
        Glibc.close(descriptor)
        descriptor = -1
        let waiting = outbound.removeAll() + finWaits
        finWaits = []
        for promise in waiting { promise.fail(error) }
        connectPromise.take()?.fail(error)
        if before == .active { pipeline.syncOperations.fireChannelInactive() }
        if isRegistered { pipeline.syncOperations.fireChannelUnregistered() }
        reader = nil
        promise?.succeed()
        loop.execute {
            self.removeHandlers(pipeline: self.pipeline)
            self.closePromise.succeed()
        }
    }
}

extension SocketAddress {
    /// nil for what is neither IPv4 nor IPv6.
    init?(_ storage: sockaddr_storage) {
        var storage = storage
        let family = CInt(storage.ss_family)
        let address: SocketAddress? = withUnsafeBytes(of: &storage) { bytes in
            switch family {
            case AF_INET: SocketAddress(bytes.loadUnaligned(as: sockaddr_in.self))
            case AF_INET6: SocketAddress(bytes.loadUnaligned(as: sockaddr_in6.self))
            default: nil
            }
        }
        guard let address else { return nil }
        self = address
    }
}
