internal import Synchronization

/// Why no TLS connection to an endpoint came about. What came from the other side has been made printable.
public enum TLSFault: Sendable, Hashable {
    /// Its certificate was valid until then.
    case expired(on: String)
    /// Its certificate is valid from then on.
    case notYetValid(before: String)
    /// Its certificate is for other names; none where it names no host at all.
    case wrongName(expected: String, names: [String])
    /// Nobody who is trusted here has issued its certificate, nor is it known as an authority itself.
    case selfSigned(subject: String)
    /// - hasOwnAuthorities: the endpoint has a file of authorities, which count instead of the system's
    case unknownAuthority(issuer: String, hasOwnAuthorities: Bool)
    /// Verification failed for another reason.
    case untrusted
    /// No version in common.
    case version
    /// It refused what was offered, and did not say more.
    case handshakeRefused
    /// It wants to see a certificate.
    case clientCertificateWanted
    /// It does not know the name.
    case unrecognizedName(String)
    /// Another alert, in its own words.
    case alert(String)
    /// What it speaks is not TLS.
    case notTLS
    /// It closed or reset the connection in the handshake.
    case closed
    /// The endpoint's file of authorities cannot be used.
    case noAuthorities
    /// Something else, in the TLS library's words.
    case other(String)
    case unspecified

    /// In a few words; empty where there is nothing to say.
    public var text: String {
        switch self {
        case .expired(let date): "the certificate expired on \(date)"
        case .notYetValid(let date): "the certificate is not valid before \(date)"
        case .wrongName(let expected, let names):
            names.isEmpty
                ? "the certificate names no host (it has no subjectAltName), so it is not for \(expected)"
                : "the certificate is for \(Self.list(names)), not for \(expected)"
        case .selfSigned(let subject): "the certificate is self-signed (\(subject))"
        case .unknownAuthority(let issuer, let hasOwnAuthorities):
            "the certificate's issuer is not known "
                + (hasOwnAuthorities ? "to ca_file" : "to this system") + " (\(issuer))"
        case .untrusted: "the certificate cannot be verified"
        case .version: "no TLS version in common (1.2 or 1.3 is needed)"
        case .handshakeRefused: "refused by the other side: no cipher in common, or it wants a client certificate"
        case .clientCertificateWanted: "refused by the other side: it wants a client certificate"
        case .unrecognizedName(let name): "refused by the other side: it does not know the name \(name)"
        case .alert(let words): "refused by the other side: \(words)"
        case .notTLS: "no TLS is spoken there, perhaps plain HTTP"
        case .closed: "the other side closed the connection in the handshake"
        case .noAuthorities: "ca_file cannot be used"
        case .other(let words): words
        case .unspecified: ""
        }
    }

    private static let listedNames = 4

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(listedNames).joined(separator: ", ")
        return names.count > listedNames ? "\(shown) and \(names.count - listedNames) more" : shown
    }
}

extension TLSFault {
    /// Stands for a fault in a value that is copied for every request: two bytes that need no reference counting. Equal faults
    /// have equal references.
    public struct Reference: Sendable, Hashable {
        private let number: UInt16

        /// A server that names itself differently each time must not fill the memory: beyond this many, faults are unspecified.
        private static let capacity = 1_000
        private static let known = Mutex<[TLSFault]>([.unspecified])

        init(_ fault: TLSFault) {
            number = Self.known.withLock { known in
                if let number = known.firstIndex(of: fault) { return UInt16(number) }
                guard known.count < Self.capacity else { return 0 }
                known.append(fault)
                return UInt16(known.count - 1)
            }
        }

        /// What it stands for.
        public var fault: TLSFault { Self.known.withLock { $0[Int(number)] } }
    }
}
