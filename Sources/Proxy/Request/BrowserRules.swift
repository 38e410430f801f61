internal import HTTPWire
internal import Support

/// What a request has to show where no client token is asked for: a web page that is open in a browser of this machine
/// reaches the port too, but cannot change the `Origin` and the `Host` that the browser sends. Pure; allocates nothing.
public struct BrowserRules: Sendable {
    /// In lower case, without port.
    private let hosts: [[UInt8]]
    /// In lower case, without the scheme's own port.
    private let origins: [[UInt8]]
    private let admitsPlainNames: Bool
    private let admitsEverything: Bool

    /// - Parameters:
    ///   - hosts: names of this machine
    ///   - origins: `scheme://host[:port]` of pages that may come here, by their own host as well; `*` for all
    ///   - admitsPlainNames: a `Host` without a dot, which no name server outside can give another address
    public init(hosts: [String], origins: [String] = [], admitsPlainNames: Bool = false) {
        let allowed = origins.map { Self.withoutUsualPort(Array($0.lowercased().utf8)) }
        self.origins = allowed
        self.hosts =
            hosts.map { Array($0.lowercased().utf8) }
            + allowed.compactMap { origin in
                origin.withUnsafeBytes { bytes in
                    Self.authority(ofOrigin: bytes).flatMap { HostPort($0) }.map { Array($0.host) }
                }
            }
        self.admitsPlainNames = admitsPlainNames
        admitsEverything = origins.contains("*")
    }

    /// Whether the name in a `Host` field cannot have been led here from outside (DNS rebinding).
    public func admits(host field: UnsafeRawBufferPointer) -> Bool {
        if Self.isUsual(field) || admitsEverything { return true }
        guard let host = HostPort(field)?.host else { return false }
        if HostPort.isAddress(host) || HostPort.isLocalName(host) { return true }
        if admitsPlainNames, host[0] != UInt8(ascii: "["), !host.contains(UInt8(ascii: ".")) { return true }
        return hosts.contains { host.equalsIgnoringCase($0) }
    }

    /// Whether a page of this origin may come here: one that this machine serves itself, or an allowed one.
    public func admits(origin field: UnsafeRawBufferPointer) -> Bool {
        if admitsEverything || origins.contains(where: { field.equalsIgnoringCase($0) }) { return true }
        guard field.hasPrefixIgnoringCase("http://") || field.hasPrefixIgnoringCase("https://"),
            let host = Self.authority(ofOrigin: field).flatMap({ HostPort($0) })?.host
        else { return false }
        return HostPort.isLocalName(host) || HostPort.isLoopback(host)
    }

    /// Whether a page of this origin may read what it is answered: it has to be allowed by name, or a page of this machine.
    ///
    /// - Parameter onLoopback: only then the pages at `localhost` are this machine's
    func sharesAnswers(withOrigin field: UnsafeRawBufferPointer, onLoopback: Bool) -> Bool {
        onLoopback
            ? admits(origin: field) : admitsEverything || origins.contains { field.equalsIgnoringCase($0) }
    }

    /// `127.0.0.1:8081`, `localhost:8081`: what nearly all clients send.
    @inline(__always)
    static func isUsual(_ field: UnsafeRawBufferPointer) -> Bool {
        guard field.begins(with: "127.0.0.1") || field.begins(with: "localhost") else { return false }
        return field.count == 9 || field[9] == UInt8(ascii: ":")
    }

    private static func authority(ofOrigin origin: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard let colon = origin.firstIndex(of: UInt8(ascii: ":")), colon > 0,
            origin.slice(colon..<origin.count).begins(with: "://")
        else { return nil }
        return origin.slice(colon + 3..<origin.count)
    }

    /// Browsers leave it out.
    private static func withoutUsualPort(_ origin: [UInt8]) -> [UInt8] {
        for (scheme, port) in [("http://", ":80"), ("https://", ":443")]
        where origin.starts(with: scheme.utf8) && origin.suffix(port.utf8.count).elementsEqual(port.utf8) {
            return origin.dropLast(port.utf8.count)
        }
        return origin
    }
}

/// A request that a web page may have brought about which has no business here.
enum CrossSiteRequest {
    case host
    case origin

    var answer: LocalAnswer {
        switch self {
        case .host:
            LocalAnswer(
                status: 403,
                message: "this name is not known here: use an address, localhost or this machine's own name, "
                    + "put an origin with this host into server.allowed_origins, or set server.client_tokens")
        case .origin:
            LocalAnswer(
                status: 403,
                message: "pages of this origin may make no requests here: "
                    + "put it into server.allowed_origins, or set server.client_tokens")
        }
    }
}

/// `host[:port]`, taken apart.
private struct HostPort {
    /// With the brackets of an IPv6 address, without the dot of an absolute name.
    let host: UnsafeRawBufferPointer

    /// nil where nothing or more than that is there.
    init?(_ text: UnsafeRawBufferPointer) {
        let end: Int
        if text.first == UInt8(ascii: "[") {
            guard let bracket = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            end = bracket + 1
        } else {
            end = text.firstIndex(of: UInt8(ascii: ":")) ?? text.count
        }
        let port = text.slice(end..<text.count)
        guard end > 0, port.isEmpty || port[0] == UInt8(ascii: ":"),
            port.dropFirst().allSatisfy(ASCII.isDigit)
        else { return nil }
        let isAbsolute = end > 1 && text[end - 1] == UInt8(ascii: ".")
        host = text.slice(0..<(isAbsolute ? end - 1 : end))
    }

    /// `localhost` and what lies below it never leave the machine (RFC 6761 §6.3).
    static func isLocalName(_ host: UnsafeRawBufferPointer) -> Bool {
        host.equalsIgnoringCase("localhost") || host.hasSuffixIgnoringCase(".localhost")
    }

    static func isLoopback(_ host: UnsafeRawBufferPointer) -> Bool {
        firstOctet(host) == 127 || host.equals("[::1]")
    }

    static func isAddress(_ host: UnsafeRawBufferPointer) -> Bool {
        guard host.first == UInt8(ascii: "[") else { return firstOctet(host) != nil }
        guard host.contains(UInt8(ascii: ":")) else { return false }
        return host.slice(1..<host.count - 1).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: ":"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }

    /// Of a complete dotted IPv4 address.
    private static func firstOctet(_ host: UnsafeRawBufferPointer) -> Int? {
        var first: Int?
        var start = 0
        for part in 0..<4 {
            let rest = host.slice(start..<host.count)
            let length = rest.firstIndex(of: UInt8(ascii: ".")) ?? rest.count
            guard length <= 3, let octet = rest.slice(0..<length).decimalNumber, octet <= 255 else { return nil }
            if part == 0 { first = octet }
            start += length + 1
            guard part == 3 ? start > host.count : start <= host.count else { return nil }
        }
        return first
    }
}

/// What a browser has to be told before a page of another origin may ask here and read the answers (CORS, the Fetch standard).
///
/// Written for pages that may come here alone. Credentials in the browser's sense (cookies) are never allowed: a page presents
/// its token itself.
enum CrossOrigin {
    /// The names beside the star are for older browsers, which do not know it.
    private static let exposed: StaticString =
        "\r\nAccess-Control-Expose-Headers: *, X-Request-ID, Request-ID, Retry-After, Retry-After-Ms\r\nVary: Origin\r\n"
    private static let methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    /// Browsers remember a preflight for two hours at most.
    private static let maximumAge = 7200

    /// The fields of an answer that a page of this origin may read.
    static func writeFields(for origin: UnsafeRawBufferPointer, to writer: inout WireWriter) {
        writer.write("Access-Control-Allow-Origin: ")
        writer.write(origin)
        writer.write(exposed)
    }

    static func fields(for origin: UnsafeRawBufferPointer) -> String {
        "Access-Control-Allow-Origin: \(String(decoding: origin, as: UTF8.self))\(exposed)"
    }

    /// Whether the request is the question that a browser asks before the page's own (`OPTIONS`, which carries no token).
    static func isPreflight(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.slice(head.method).equals("OPTIONS") && value("access-control-request-method", head, bytes) != nil
    }

    /// - Parameter bytes: a preflight's head
    static func preflightAnswer(_ head: RequestHead, _ bytes: UnsafeRawBufferPointer) -> LocalAnswer {
        var answer = LocalAnswer(status: 204, message: "")
        answer.fields = "Access-Control-Allow-Methods: \(methods)\r\nAccess-Control-Max-Age: \(maximumAge)\r\n"
        if let names = value("access-control-request-headers", head, bytes), isList(names) {
            answer.fields += "Access-Control-Allow-Headers: \(String(decoding: names, as: UTF8.self))\r\n"
        }
        // A page on the internet that asks a machine of a private network.
        if value("access-control-request-private-network", head, bytes)?.equalsIgnoringCase("true") == true {
            answer.fields += "Access-Control-Allow-Private-Network: true\r\n"
        }
        answer.fields += "Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
        return answer
    }

    private static func value(
        _ name: StaticString, _ head: RequestHead, _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        head.fields.lines.first { $0.known == .accessControl && bytes.slice($0.name).equalsIgnoringCase(name) }
            .map { bytes.slice($0.value) }
    }

    /// Field names, commas and blanks: nothing else is repeated.
    private static func isList(_ names: UnsafeRawBufferPointer) -> Bool {
        names.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: ","), 0x20:
                true
            default: false
            }
        }
    }
}
