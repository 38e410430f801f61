internal import Support
internal import NIOSSL

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
