internal import NIOSSL
internal import Synchronization

/// One TLS context per set of options, made where blocking is allowed and only looked up on event loops.
final class TLSContextCache: Sendable {
    private let contexts = Mutex<[UpstreamTLSOptions: NIOSSLContext]>([:])

    /// Makes the contexts that `routes` needs. One that cannot be made (file missing, no certificate in it) is left
    /// out and tried again the next time; its endpoint fails with a TLS error meanwhile.
    func prepare(for routes: RoutingTable) {
        for candidate in routes.candidates where candidate.upstream.usesTLS {
            let options = candidate.upstream.tls
            guard context(for: options) == nil, let context = try? Self.make(options) else { continue }
            contexts.withLock { $0[options] = context }
        }
    }

    /// The context, made now where need be. Blocks on the file of authorities: not for event loops.
    func contextMade(for options: UpstreamTLSOptions) -> NIOSSLContext? {
        if let context = context(for: options) { return context }
        guard let context = try? Self.make(options) else { return nil }
        contexts.withLock { $0[options] = context }
        return context
    }

    func context(for options: UpstreamTLSOptions) -> NIOSSLContext? {
        contexts.withLock { $0[options] }
    }

    private static func make(_ options: UpstreamTLSOptions) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .fullVerification
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let file = options.authorityFile {
            configuration.trustRoots = .certificates(try AuthorityFile.certificates(file))
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
