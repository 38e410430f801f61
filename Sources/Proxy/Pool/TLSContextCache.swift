internal import NIOSSL
internal import Synchronization

/// One TLS context per set of options, made where blocking is allowed and only looked up on event loops.
final class TLSContextCache: Sendable {
    private struct Entry {
        var context: NIOSSLContext
        /// Of the file of authorities it was made from.
        var version: FileVersion?
    }

    private let entries = Mutex<[UpstreamTLSOptions: Entry]>([:])

    /// Makes the contexts that `routes` needs. One that cannot be made (file missing, no certificate in it) is left
    /// out and tried again the next time; its endpoint fails with a TLS error meanwhile.
    func prepare(for routes: RoutingTable) {
        for candidate in routes.candidates where candidate.upstream.usesTLS {
            _ = contextMade(for: candidate.upstream.tls)
        }
    }

    /// The context, made now where need be, and anew where the file of authorities is another one: new connections
    /// trust what it says now. Blocks on that file: not for event loops.
    func contextMade(for options: UpstreamTLSOptions) -> NIOSSLContext? {
        let version = options.authorityFile.flatMap { FileVersion(path: $0) }
        let known = entries.withLock { $0[options] }
        if let known, known.version == version { return known.context }
        guard let context = try? Self.make(options) else { return known?.context }
        entries.withLock { $0[options] = Entry(context: context, version: version) }
        return context
    }

    func context(for options: UpstreamTLSOptions) -> NIOSSLContext? {
        entries.withLock { $0[options]?.context }
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
