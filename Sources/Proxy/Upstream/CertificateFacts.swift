internal import NIOCore

/// What an operator wants to know of a certificate that was refused (RFC 5280 §4.1). Pure.
///
/// It is read from the encoding: nothing here decides whom to trust, and what another side sends must not be able to end
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
