#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Resolves names of endpoints and proxies, anew for each connection.
///
/// NIO's own resolver has one queue per event loop, where a name server that does not answer for one endpoint holds up
/// the connections to all others. Here each lookup has a thread, and callers that want a name which is being looked
/// up already wait for the same answer, so that a dead name takes one thread however many requests ask for it.
final class NameLookup: Sendable {
    /// All addresses of a name; blocks.
    typealias Resolve = @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]

    private struct Key: Hashable {
        let host: String
        let port: Int
    }

    /// Names that may be stuck at the same time without holding up another.
    private static let threadCount = 8

    private let resolve: Resolve
    private let threads = NIOThreadPool(numberOfThreads: threadCount)
    private let waiting = Mutex<[Key: [EventLoopPromise<[SocketAddress]>]]>([:])

    init(_ resolve: @escaping Resolve = NameLookup.system) {
        self.resolve = resolve
    }

    deinit { threads.shutdownGracefully { _ in } }

    func addresses(of host: String, port: Int, on loop: any EventLoop) -> EventLoopFuture<[SocketAddress]> {
        let promise = loop.makePromise(of: [SocketAddress].self)
        let key = Key(host: host, port: port)
        let isFirst = waiting.withLock { waiting in
            defer { waiting[key, default: []].append(promise) }
            return waiting[key] == nil
        }
        if isFirst {
            threads.start()
            threads.submit { _ in self.look(key) }
        }
        return promise.futureResult
    }

    private func look(_ key: Key) {
        let result = Result { try resolve(key.host, key.port) }
        let promises = waiting.withLock { $0.removeValue(forKey: key) } ?? []
        for promise in promises { promise.completeWith(result) }
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

/// The name has no address, or nobody could be asked.
struct NameLookupError: Error {
    /// As `getaddrinfo` has it.
    let status: CInt
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

    /// A lookup that nobody waits for any more runs to its end on its own thread.
    func cancelQueries() {}
}
