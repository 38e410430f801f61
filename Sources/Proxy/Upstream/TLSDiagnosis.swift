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
        return "\(date.date) \(date.hour.twoDigits):\(date.minute.twoDigits) UTC"
    }
}

/// What an operator wants to know of a certificate that was refused (RFC 5280 §4.1). Pure.
///
/// It is read from the encoding: nothing here decides what is trusted, and what another side sends must not be able to end
/// the process, as the TLS library's own view of dates can. What cannot be read is left out.
struct CertificateFacts: Equatable {
    var issuer = ""
    var subject = ""
    /// Both names are the same.
    var isSelfIssued = false
    /// Seconds since 1970.
    var validFrom: Int?
    var validUntil: Int?
    /// Names and addresses of hosts it is for.
    var hosts: [String] = []

    private static let nameLimit = 64
    private static let hostLimit = 100
    private static let commonName: [UInt8] = [0x55, 0x04, 0x03]
    /// In this order: the first that is there names the whole.
    private static let telling: [[UInt8]] = [commonName, [0x55, 0x04, 0x0A], [0x55, 0x04, 0x0B]]
    private static let alternativeName: [UInt8] = [0x55, 0x1D, 0x11]

    init?(der: [UInt8]) {
        var outer = DERReader(der[...])
        guard let certificate = outer.next(0x30), var body = DERReader.inside(certificate, 0x30) else { return nil }
        _ = body.next(0xA0)
        guard body.next(0x02) != nil, body.next(0x30) != nil, let issuer = body.next(0x30),
            var validity = body.next(0x30).map(DERReader.init), let subject = body.next(0x30), body.next(0x30) != nil
        else { return nil }
        self.issuer = Self.name(issuer)
        self.subject = Self.name(subject)
        isSelfIssued = issuer.elementsEqual(subject)
        validFrom = validity.any().flatMap(Self.time)
        validUntil = validity.any().flatMap(Self.time)
        while let (tag, value) = body.any() {
            guard tag == 0xA3 else { continue }
            guard var list = DERReader.inside(value, 0x30) else { break }
            while let extensionBody = list.next(0x30) { readExtension(extensionBody) }
        }
    }

    private mutating func readExtension(_ bytes: ArraySlice<UInt8>) {
        var reader = DERReader(bytes)
        guard let id = reader.next(0x06), id.elementsEqual(Self.alternativeName) else { return }
        _ = reader.next(0x01)
        guard let value = reader.next(0x04), var names = DERReader.inside(value, 0x30) else { return }
        while let (tag, name) = names.any(), hosts.count < Self.hostLimit {
            switch tag {
            case 0x82: hosts.append(Self.printable(String(decoding: name, as: UTF8.self)))
            case 0x87:
                let address = try? SocketAddress(packedIPAddress: ByteBuffer(bytes: name), port: 0)
                if let text = address?.ipAddress { hosts.append(text) }
            default: break
            }
        }
    }

    private static func name(_ bytes: ArraySlice<UInt8>) -> String {
        var found: [[UInt8]: String] = [:]
        var parts = DERReader(bytes)
        while let set = parts.next(0x31) {
            guard var pair = DERReader.inside(set, 0x30), let type = pair.next(0x06),
                let (tag, value) = pair.any()
            else { continue }
            found[Array(type)] = printable(text(tag, value))
        }
        return telling.lazy.compactMap { found[$0] }.first { !$0.isEmpty } ?? "without a name"
    }

    private static func text(_ tag: UInt8, _ bytes: ArraySlice<UInt8>) -> String {
        guard tag == 0x1E else { return String(decoding: bytes, as: UTF8.self) }
        // BMPString: two bytes for each.
        let high = bytes.enumerated().filter { $0.offset % 2 == 0 }.map { UInt16($0.element) << 8 }
        let low = bytes.enumerated().filter { $0.offset % 2 == 1 }.map { UInt16($0.element) }
        return String(decoding: zip(high, low).map { $0 | $1 }, as: UTF16.self)
    }

    /// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
    private static func time(_ tag: UInt8, _ bytes: ArraySlice<UInt8>) -> Int? {
        var digits = String(decoding: bytes, as: UTF8.self)
        if tag == 0x17 { digits = (digits < "50" ? "20" : "19") + digits }
        let parts = Array(digits.utf8)
        guard parts.count == 15, parts[14] == UInt8(ascii: "Z") else { return nil }
        func part(_ range: Range<Int>) -> String { String(decoding: parts[range], as: UTF8.self) }
        return HTTPDate.rfc3339UnixTime(
            "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))T\(part(8..<10)):\(part(10..<12)):\(part(12..<14))Z")
    }

    /// Nothing that steers a terminal or turns the direction of what stands beside it.
    static func printable(_ text: String) -> String {
        let scalars = text.unicodeScalars.prefix(nameLimit).map { scalar -> Unicode.Scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: "?"
            default: scalar
            }
        }
        var printable = String.UnicodeScalarView()
        printable.append(contentsOf: scalars)
        return String(printable)
    }
}

/// Takes values of DER (ITU-T X.690) one after the other. Lengths are checked against what is there.
private struct DERReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    /// The next value where it has this tag.
    mutating func next(_ tag: UInt8) -> ArraySlice<UInt8>? {
        guard rest.first == tag else { return nil }
        return any()?.value
    }

    /// Of the whole, which is one value with this tag.
    static func inside(_ bytes: ArraySlice<UInt8>, _ tag: UInt8) -> DERReader? {
        var reader = DERReader(bytes)
        return reader.next(tag).map(DERReader.init)
    }

    mutating func any() -> (tag: UInt8, value: ArraySlice<UInt8>)? {
        guard rest.count >= 2, let tag = rest.popFirst(), let first = rest.popFirst() else { return nil }
        var length = Int(first)
        if first & 0x80 != 0 {
            let count = Int(first & 0x7F)
            guard (1...4).contains(count), rest.count >= count else { return nil }
            length = rest.prefix(count).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(count)
        }
        guard length <= rest.count else { return nil }
        defer { rest = rest.dropFirst(length) }
        return (tag, rest.prefix(length))
    }
}
