internal import Support
internal import CSystemShim
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Resolves names of endpoints and proxies, anew for each connection.
///
/// The system's resolver blocks, for as long as a name server is silent. A name that hangs must not hold up another one,
/// however many hang: a few threads serve the usual case, and where all of them are busy a lookup gets a thread of its
/// own. Callers that want a name which is being looked up already wait for the same answer, so that there are never
/// more threads than names in the configuration.
///
/// A name server that is down does not take a name away that was known a while ago (RFC 8767): its last addresses serve
/// where the lookup hangs or cannot be made. A name server that says there is no such name is believed.
final class NameLookup: Sendable {
    /// All addresses of a name; blocks.
    typealias Resolve = @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]

    private struct Key: Hashable {
        let host: String
        let port: Int
    }

    private struct Waiter {
        let promise: EventLoopPromise<[SocketAddress]>
        let mayBeKnown: Bool
    }

    private struct Running {
        let began: NIODeadline
        var waiting: [Int: Waiter] = [:]
    }

    private struct Known {
        let addresses: [SocketAddress]
        let found: NIODeadline
    }

    private struct State {
        var running: [Key: Running] = [:]
        var known: [Key: Known] = [:]
        var pooled = 0
        var nextWaiter = 0
    }

    /// What a caller gets at once.
    private enum Start {
        /// A lookup of the name runs already.
        case joined
        case lookOnPool
        case lookOnOwnThread
        case known([SocketAddress])
    }

    private static let pooledThreads = 4
    /// Enough for the modules that the system's resolver loads.
    private static let stackSize = 512 * 1024
    private static let knownLimit = 4_096

    private let resolve: Resolve
    private let patience: TimeAmount
    private let memory: TimeAmount
    private let threads = NIOThreadPool(numberOfThreads: pooledThreads)
    private let state = Mutex(State())

    /// - Parameters:
    ///   - patience: how long a lookup may take before the addresses of the last one serve
    ///   - memory: how long these are good for that
    init(
        _ resolve: @escaping Resolve = NameLookup.system, patience: TimeAmount = .seconds(1),
        memory: TimeAmount = .hours(1)
    ) {
        self.resolve = resolve
        self.patience = patience
        self.memory = memory
    }

    deinit { threads.shutdownGracefully { _ in } }

    /// - Parameter mayBeKnown: whether the addresses of an earlier lookup will do where this one hangs or fails
    func addresses(
        of host: String, port: Int, mayBeKnown: Bool = true, on loop: any EventLoop
    ) -> EventLoopFuture<[SocketAddress]> {
        let promise = loop.makePromise(of: [SocketAddress].self)
        let key = Key(host: host, port: port)
        let now = NIODeadline.now()
        let (start, waiter, hasFallback) = state.withLock { state in
            join(&state, key, promise, mayBeKnown: mayBeKnown, now: now)
        }
        switch start {
        case .joined: break
        case .known(let addresses): promise.succeed(addresses)
        case .lookOnPool: lookOnPool(key)
        case .lookOnOwnThread: lookOnOwnThread(key)
        }
        if hasFallback {
            let timer = loop.scheduleTask(in: patience) { [weak self] in self?.takeKnown(key, for: waiter) }
            promise.futureResult.whenComplete { _ in timer.cancel() }
        }
        return promise.futureResult
    }

    private func join(
        _ state: inout State, _ key: Key, _ promise: EventLoopPromise<[SocketAddress]>, mayBeKnown: Bool,
        now: NIODeadline
    ) -> (Start, waiter: Int, hasFallback: Bool) {
        let known = mayBeKnown ? recent(state, key, now: now) : nil
        let running = state.running[key]
        // Later callers need not wait as long as the first: the name hangs.
        if let known, let running, now - running.began >= patience { return (.known(known), 0, false) }
        state.nextWaiter += 1
        let waiter = state.nextWaiter
        state.running[key, default: Running(began: now)].waiting[waiter] = Waiter(
            promise: promise, mayBeKnown: mayBeKnown)
        guard running == nil else { return (.joined, waiter, known != nil) }
        guard state.pooled < Self.pooledThreads else { return (.lookOnOwnThread, waiter, known != nil) }
        state.pooled += 1
        return (.lookOnPool, waiter, known != nil)
    }

    private func recent(_ state: State, _ key: Key, now: NIODeadline) -> [SocketAddress]? {
        guard let known = state.known[key], now - known.found < memory else { return nil }
        return known.addresses
    }

    private func takeKnown(_ key: Key, for waiter: Int) {
        let found = state.withLock { state -> (EventLoopPromise<[SocketAddress]>, [SocketAddress])? in
            guard let addresses = recent(state, key, now: .now()),
                let promise = state.running[key]?.waiting.removeValue(forKey: waiter)?.promise
            else { return nil }
            return (promise, addresses)
        }
        if let (promise, addresses) = found { promise.succeed(addresses) }
    }

    private func lookOnPool(_ key: Key) {
        threads.start()
        threads.submit { _ in
            self.look(key)
            self.state.withLock { $0.pooled -= 1 }
        }
    }

    private func lookOnOwnThread(_ key: Key) {
        guard !LookupThread.start(stackSize: Self.stackSize, { self.look(key) }) else { return }
        // The system gives no more threads: it has to wait for one of ours, but for what needs no name server.
        if key.host.lowercased() == "localhost" {
            return conclude(key, Result { try Self.loopback(key.port) })
        }
        state.withLock { $0.pooled += 1 }
        lookOnPool(key)
    }

    private func look(_ key: Key) {
        conclude(key, Result { try resolve(key.host, key.port) })
    }

    private func conclude(_ key: Key, _ result: Result<[SocketAddress], any Error>) {
        let now = NIODeadline.now()
        let (waiting, known) = state.withLock { state in
            let waiting = state.running.removeValue(forKey: key)?.waiting ?? [:]
            switch result {
            case .success(let addresses) where !addresses.isEmpty:
                if state.known.count >= Self.knownLimit { state.known.removeAll() }
                state.known[key] = Known(addresses: addresses, found: now)
                return (waiting, nil as [SocketAddress]?)
            case .failure(let error as NameLookupError) where error.isNoAnswer:
                return (waiting, recent(state, key, now: now))
            case .success, .failure:
                state.known[key] = nil
                return (waiting, nil)
            }
        }
        for waiter in waiting.values {
            if let known, waiter.mayBeKnown {
                waiter.promise.succeed(known)
            } else {
                waiter.promise.completeWith(result)
            }
        }
    }

    private static func loopback(_ port: Int) throws -> [SocketAddress] {
        [try SocketAddress(ipAddress: "127.0.0.1", port: port), try SocketAddress(ipAddress: "::1", port: port)]
    }

    /// The system's resolver.
    static func system(_ host: String, _ port: Int) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_protocol = CInt(IPPROTO_TCP)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else { throw NameLookupError(status: status) }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let address = entry.pointee.ai_addr else { continue }
            switch entry.pointee.ai_family {
            case AF_INET:
                let value = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self)
                addresses.append(SocketAddress(value, host: host))
            case AF_INET6:
                let value = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self)
                addresses.append(SocketAddress(value, host: host))
            default: break
            }
        }
        return addresses
    }
}

/// The name has no address, or no name server could be asked.
struct NameLookupError: Error {
    /// As `getaddrinfo` has it.
    let status: CInt

    /// No name server could be asked, which says nothing about the name.
    var isNoAnswer: Bool { [EAI_AGAIN, EAI_FAIL, EAI_SYSTEM].contains(status) }
}

/// Runs a closure on a thread that ends with it.
private enum LookupThread {
    private final class Box {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }

    /// - Returns: whether there is such a thread.
    static func start(stackSize: Int, _ body: @escaping @Sendable () -> Void) -> Bool {
        let box = Unmanaged.passRetained(Box(body))
        let status = podium_run_on_thread(
            stackSize,
            { argument in if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() } },
            box.toOpaque())
        if status != 0 { box.release() }
        return status == 0
    }
}

/// One connection's way to ask: NIO sorts the answers into two families and tries them in parallel (RFC 8305).
struct ConnectionResolver: Resolver, Sendable {
    private let answer: EventLoopFuture<[SocketAddress]>

    init(_ lookup: NameLookup, host: String, port: Int, on loop: any EventLoop) {
        answer = lookup.addresses(of: host, port: port, on: loop)
    }

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        answer.map { $0.filter { $0.protocol == .inet } }
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        answer.map { $0.filter { $0.protocol == .inet6 } }
    }

    /// A lookup whose callers have all given up runs to its end on its own thread.
    func cancelQueries() {}
}
