package import NIOCore

/// No address could be connected to.
package struct SocketConnectError: Error {
    /// What came of each, in the order they failed; empty where the name has no address.
    package let failures: [any Error]
}

/// Makes one connection to the first of several addresses that answers.
package final class SocketConnector {
    private let loop: SocketLoop
    private var addresses: [SocketAddress] = []
    private let initializer: (any Channel) throws -> Void
    private let promise: EventLoopPromise<any Channel>
    private var race = ConnectionRace(count: 0)
    private var attempts: [StreamSocket] = []
    private var failures: [any Error] = []
    private var timeout: Scheduled<Void>?
    private var delay: Scheduled<Void>?
    private var isOver = false

    /// On the loop only.
    ///
    /// - Parameters:
    ///   - addresses: as the system's resolver sorts them
    ///   - timeout: for all of it, the wait for `addresses` included
    ///   - initializer: is called with each connection that is tried, before it is
    /// - Returns: the connection that stood first; the others are closed. Fails with `SocketConnectError`, or
    ///   `ChannelError.connectTimeout` where time ran out.
    package static func connect(
        to addresses: EventLoopFuture<[SocketAddress]>, on loop: SocketLoop, timeout: TimeAmount,
        initializer: @escaping (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let connector = SocketConnector(loop, initializer)
        connector.begin(addresses, timeout)
        return connector.promise.futureResult
    }

    private init(_ loop: SocketLoop, _ initializer: @escaping (any Channel) throws -> Void) {
        self.loop = loop
        self.initializer = initializer
        promise = loop.makePromise()
    }

    private func begin(_ found: EventLoopFuture<[SocketAddress]>, _ limit: TimeAmount) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        timeout = loop.scheduleTask(in: limit) { bound.value.timedOut(after: limit) }
        found.hop(to: loop).whenComplete { bound.value.race(to: (try? $0.get()) ?? []) }
    }

    private func race(to found: [SocketAddress]) {
        guard !isOver else { return }
        addresses = ConnectionRace.order(found)
        race = ConnectionRace(count: addresses.count)
        perform(race.begin())
    }

    private func perform(_ actions: [ConnectionRace.Action]) {
        for action in actions where !isOver {
            switch action {
            case .connect(let index): tryAddress(addresses[index])
            case .awaitNext:
                let bound = NIOLoopBound(self, eventLoop: loop)
                delay?.cancel()
                delay = loop.scheduleTask(in: ConnectionRace.delay) {
                    bound.value.perform(bound.value.race.delayElapsed())
                }
            case .giveUp: end(.failure(SocketConnectError(failures: failures)))
            }
        }
    }

    private func tryAddress(_ address: SocketAddress) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let descriptor: CInt
        do {
            descriptor = try StreamDescriptor.open(for: address)
        } catch {
            // In a task of its own, since many addresses that fail at once would recurse as deeply.
            return loop.execute { bound.value.failed(error) }
        }
        StreamDescriptor.sendAtOnce(descriptor)
        let socket = StreamSocket(loop: loop, descriptor: descriptor, peer: address)
        // A server may close an idle connection in the very tick in which a request is about to use it. Endpoints are read
        // first, so that the request learns of it in time.
        socket.comesFirst = true
        // An answer that arrived before a reset is read before the reset is reported, since it was asked for and may be
        // complete.
        socket.tellsResetInTurn = true
        attempts.append(socket)
        let outcome = loop.makePromise(of: Void.self)
        outcome.futureResult.whenComplete { result in
            switch result {
            case .success: bound.value.succeeded(socket)
            case .failure(let error): bound.value.failed(error)
            }
        }
        do {
            try initializer(socket)
            socket.connect0(to: address, promise: outcome)
        } catch {
            outcome.fail(error)
            socket.close0(error: error, mode: .all, promise: nil)
        }
    }

    private func succeeded(_ socket: StreamSocket) {
        guard !isOver else { return }
        attempts.removeAll { $0 === socket }
        end(.success(socket))
    }

    private func failed(_ error: any Error) {
        guard !isOver else { return }
        failures.append(error)
        perform(race.failed())
    }

    private func timedOut(after limit: TimeAmount) {
        guard !isOver else { return }
        end(.failure(ChannelError.connectTimeout(limit)))
    }

    private func end(_ result: Result<any Channel, any Error>) {
        isOver = true
        timeout?.cancel()
        delay?.cancel()
        for socket in attempts {
            socket.close0(error: ChannelError.ioOnClosedChannel, mode: .all, promise: nil)
        }
        attempts = []
        promise.completeWith(result)
    }
}

/// Which of several addresses to connect to, and when (RFC 8305, "happy eyeballs").
///
/// Pure: addresses are numbers here; the owner does what it is told.
struct ConnectionRace {
    enum Action: Equatable {
        case connect(Int)
        /// The next address is tried when this attempt has taken too long, unless it fails first.
        case awaitNext
        /// All have failed.
        case giveUp
    }

    /// RFC 8305, section 8.
    static let delay = TimeAmount.milliseconds(250)

    private var next = 0
    private var running = 0
    private let count: Int

    init(count: Int) {
        self.count = count
    }

    mutating func begin() -> [Action] { tryNext() }

    /// The present attempt has had its time alone.
    mutating func delayElapsed() -> [Action] { next < count ? tryNext() : [] }

    mutating func failed() -> [Action] {
        running -= 1
        if next < count { return tryNext() }
        return running == 0 ? [.giveUp] : []
    }

    private mutating func tryNext() -> [Action] {
        guard next < count else { return [.giveUp] }
        defer {
            next += 1
            running += 1
        }
        return next + 1 < count ? [.connect(next), .awaitNext] : [.connect(next)]
    }

    /// The families take turns, beginning with that of the first address: the system has sorted them.
    static func order(_ addresses: [SocketAddress]) -> [SocketAddress] {
        guard let family = addresses.first?.protocol else { return [] }
        let (preferred, other) = (
            addresses.filter { $0.protocol == family }, addresses.filter { $0.protocol != family }
        )
        var ordered: [SocketAddress] = []
        for index in 0..<max(preferred.count, other.count) {
            if index < preferred.count { ordered.append(preferred[index]) }
            if index < other.count { ordered.append(other[index]) }
        }
        return ordered
    }
}
