internal import NIOSSL
internal import Support
internal import Synchronization

/// One TLS context per set of options. Contexts are made by `prepare` and `refresh`, which read files and may wait for a
/// disk; event loops, and code that holds a lock, only look them up.
///
///     contexts.prepare(options)               // where blocking is allowed, before the endpoint is used
///     contexts.problem(of: options)           // anywhere: why its file of authorities cannot be used
public final class TLSContextCache: Sendable {
    private struct Entry {
        /// The last one that could be made: a file that vanishes or is spoilt takes nothing away from what runs.
        var context: NIOSSLContext?
        /// Of the file of authorities when it was last read.
        var version: FileVersion?
        /// Why there is no context, to stand behind the file's name.
        var problem: String?
    }

    private let entries = Mutex<[UpstreamTLSOptions: Entry]>([:])
    /// Called before a file is read, for tests in which a disk hangs.
    private let willRead: (@Sendable (String) -> Void)?

    /// An empty cache.
    public convenience init() { self.init(willRead: nil) }

    /// - Parameter willRead: is called with the path of each file of authorities, on the reading thread.
    package init(willRead: (@Sendable (String) -> Void)?) {
        self.willRead = willRead
    }

    /// Makes the context where there is none that is up to date. Reads the file of authorities, so it may block: not for
    /// event loops, and not under a lock.
    public func prepare(_ options: UpstreamTLSOptions) {
        let known = entries.withLock { $0[options] }
        let version = options.caFile.flatMap { FileVersion(path: $0) }
        if let known, known.context != nil, options.caFile == nil || version == nil || known.version == version {
            return
        }
        let made = make(options, version: version)
        entries.withLock { entries in
            // A new version that cannot be used leaves the old context, and the endpoint, in service.
            if made.context == nil, entries[options]?.context != nil {
                entries[options]?.version = version
            } else {
                entries[options] = made
            }
        }
    }

    /// Reads the files again that were replaced or written to: new connections trust what they say now. Blocks like
    /// `prepare`.
    ///
    /// - Returns: whether a file that could not be used can be used now.
    public func refresh() -> Bool {
        let watched = entries.withLock { entries in entries.filter { $0.key.caFile != nil } }
        var isBetter = false
        for (options, before) in watched {
            prepare(options)
            if before.problem != nil, problem(of: options) == nil { isBetter = true }
        }
        return isBetter
    }

    /// Whether there is a file that `refresh` would look at.
    public var readsFiles: Bool {
        entries.withLock { entries in entries.keys.contains { $0.caFile != nil } }
    }

    /// Why the file of authorities cannot be used, to stand behind its name; nil where it can, or was not prepared.
    public func problem(of options: UpstreamTLSOptions) -> String? {
        entries.withLock { $0[options]?.problem }
    }

    func context(for options: UpstreamTLSOptions) -> NIOSSLContext? {
        entries.withLock { $0[options]?.context }
    }

    private func make(_ options: UpstreamTLSOptions, version: FileVersion?) -> Entry {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .fullVerification
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let file = options.caFile {
            willRead?(file)
            if let problem = AuthorityFile.problem(at: file) { return Entry(version: version, problem: problem) }
            guard let certificates = try? AuthorityFile.certificates(file) else {
                return Entry(version: version, problem: "cannot be read")
            }
            configuration.trustRoots = .certificates(certificates)
        }
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            return Entry(version: version, problem: "holds certificates that cannot be used")
        }
        return Entry(context: context, version: version)
    }
}

/// A PEM file of the authorities that an endpoint's certificate may come from.
public enum AuthorityFile {
    /// Why the file cannot be used, to stand behind its name; nil where it can. Reads the file.
    public static func problem(at path: String) -> String? {
        guard access(path, R_OK) == 0 else {
            return errno == ENOENT || errno == ENOTDIR ? "does not exist" : "cannot be read"
        }
        return (try? certificates(path)) == nil ? "holds no certificate in PEM form" : nil
    }

    static func certificates(_ path: String) throws -> [NIOSSLCertificate] {
        let certificates = try NIOSSLCertificate.fromPEMFile(path)
        guard !certificates.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
        return certificates
    }
}

/// Differs once a file was replaced or written to.
struct FileVersion: Equatable {
    private let inode: UInt64
    private let size: Int64
    /// As the system holds it; only ever compared.
    private let modified: [UInt8]

    /// nil where there is no file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = withUnsafeBytes(of: status.st_mtim) { Array($0) }
    }
}
