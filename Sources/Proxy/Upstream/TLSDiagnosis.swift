internal import NIOCore
internal import NIOSSL
internal import Ranking
internal import Support

/// TLS with an endpoint did not come about.
struct TLSError: Error {
    let fault: TLSFault
}

/// Says in an operator's terms why TLS failed. The library has a word for the kind of failure; which date, name or issuer it
/// was is read from the certificate.
struct TLSDiagnosis {
    /// The name that the certificate has to be for.
    let name: String
    /// The endpoint's file of authorities counts instead of the system's.
    let hasOwnAuthorities: Bool

    init(_ url: UpstreamURL, _ options: UpstreamTLSOptions) {
        name = options.serverName ?? url.host
        hasOwnAuthorities = options.caFile != nil
    }

    /// - Parameter context: of a handler behind that of TLS, which is still there
    func fault(of error: any Error, in context: ChannelHandlerContext) -> TLSFault {
        let certificate = try? context.channel.pipeline.syncOperations.nioSSL_peerCertificate()
        let facts = (try? certificate?.toDERBytes()).flatMap { CertificateFacts(der: $0) }
        return fault(of: error, certificate: facts, unixTime: Double(WallClock.wholeSeconds))
    }

    /// - Parameter certificate: the endpoint's, as far as it came
    func fault(of error: any Error, certificate: CertificateFacts?, unixTime: Double) -> TLSFault {
        if let error = error as? TLSError { return error.fault }
        if let error = error as? NIOSSLExtraError {
            guard error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch else {
                return .other("\(error)")
            }
            return wrongName(certificate)
        }
        switch error {
        case NIOSSLError.handshakeFailed(let cause), let cause as BoringSSLError:
            return fault(of: cause, certificate, unixTime)
        case NIOSSLError.unableToValidateCertificate: return wrongName(certificate)
        case NIOSSLError.noCertificateToValidate: return .untrusted
        case is IOError, is ChannelError: return .closed
        case NIOSSLError.uncleanShutdown: return .closed
        default: return .other("\(error)")
        }
    }

    private func wrongName(_ certificate: CertificateFacts?) -> TLSFault {
        .wrongName(expected: name, names: certificate?.hosts ?? [])
    }

    private func fault(of error: BoringSSLError, _ certificate: CertificateFacts?, _ unixTime: Double) -> TLSFault {
        switch error {
        case .sslError(let stack), .unknownError(let stack):
            if stack.contains(.eofDuringHandshake) { return .closed }
            return fault(ofReasons: stack.compactMap { Self.reason(in: "\($0)") }, certificate, unixTime)
        case .syscallError, .zeroReturn: return .closed
        default: return .unspecified
        }
    }

    /// The library's name for what happened: `error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED at …`
    static func reason(in description: String) -> String? {
        guard let colon = description.firstRange(of: "OPENSSL_internal:") else { return nil }
        let reason = description[colon.upperBound...].prefix { $0 != " " }
        return reason.isEmpty ? nil : String(reason)
    }

    func fault(ofReasons reasons: [String], _ certificate: CertificateFacts?, _ unixTime: Double) -> TLSFault {
        for reason in reasons {
            switch reason {
            case "CERTIFICATE_VERIFY_FAILED": return distrust(certificate, unixTime)
            case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST": return .notTLS
            case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION",
                "UNSUPPORTED_PROTOCOL_FOR_CUSTOM_KEY":
                return .version
            case "HANDSHAKE_FAILURE_ON_CLIENT_HELLO", "SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER",
                "TLSV1_ALERT_INSUFFICIENT_SECURITY":
                return .handshakeRefused
            case "TLSV1_CERTIFICATE_REQUIRED", "TLSV1_ALERT_CERTIFICATE_REQUIRED": return .clientCertificateWanted
            case "TLSV1_UNRECOGNIZED_NAME", "TLSV1_ALERT_UNRECOGNIZED_NAME": return .unrecognizedName(name)
            default: continue
            }
        }
        guard let reason = reasons.first else { return .unspecified }
        let words = reason.lowercased().replacing("_", with: " ")
        for prefix in ["sslv3 alert ", "tlsv1 alert ", "tlsv1 "] where words.hasPrefix(prefix) {
            return .alert(String(words.dropFirst(prefix.count)))
        }
        return .other(words)
    }

    private func distrust(_ certificate: CertificateFacts?, _ unixTime: Double) -> TLSFault {
        guard let certificate else { return .untrusted }
        if let end = certificate.validUntil, Double(end) < unixTime { return .expired(on: Self.date(end)) }
        if let start = certificate.validFrom, Double(start) > unixTime { return .notYetValid(before: Self.date(start)) }
        if certificate.isSelfIssued { return .selfSigned(subject: certificate.subject) }
        return .unknownAuthority(issuer: certificate.issuer, hasOwnAuthorities: hasOwnAuthorities)
    }

    /// `2025-03-02 12:00 UTC`
    private static func date(_ unixTime: Int) -> String {
        let date = CivilTime(unixTime: unixTime)
        return "\(date.year)-\(date.month.twoDigits)-\(date.day.twoDigits) "
            + "\(date.hour.twoDigits):\(date.minute.twoDigits) UTC"
    }
}
