internal import HTTPWire
internal import Ranking
internal import Support
internal import Synchronization

/// One base URL of an endpoint, parsed once and shared by every request that goes there.
///
/// The identity of the object is the identity of its connection pool: keep the object while the endpoint stays the
/// same, and its idle connections stay usable across ranking changes.
public final class UpstreamURL: Sendable {
    /// Why a base URL cannot be used.
    public enum ParseError: Error, Equatable, Sendable, CustomStringConvertible {
        case unsupportedScheme
        case missingHost
        case invalidPort
        case userInfoNotAllowed
        case queryNotAllowed
        case fragmentNotAllowed
        case invalidCharacter

        /// For the operator.
        public var description: String {
            switch self {
            case .unsupportedScheme: "the URL has to begin with http:// or https://"
            case .missingHost: "the URL names no host"
            case .invalidPort: "the port has to be a number from 1 to 65535"
            case .userInfoNotAllowed: "credentials belong in auth_value, not in the URL"
            case .queryNotAllowed: "a base URL has no ?query"
            case .fragmentNotAllowed: "a base URL has no #fragment"
            case .invalidCharacter: "the URL holds a character that is not allowed there"
            }
        }
    }

    /// https.
    public let usesTLS: Bool
    /// Without brackets for IPv6 literals.
    public let host: String
    /// The default of the scheme where none is written.
    public let port: Int
    /// Value of the Host header: the authority as written, without a default port.
    public let authority: String
    /// Starts with `/` or is empty; never ends with `/`.
    public let basePath: String

    /// On the way there instead of the endpoint's own; nil for that, or for a direct connection.
    public let proxy: UpstreamProxy?

    /// Key of the connection pool, unique in the process.
    let poolKey: Int
    let authorityBytes: [UInt8]
    let base: BasePath

    /// Where the path begins in an address of this server, absolute or a path alone; nil for addresses elsewhere.
    func pathStart(in address: UnsafeRawBufferPointer) -> Int? {
        guard let first = address.first else { return nil }
        var start = 0
        if address.hasPrefixIgnoringCase("https:") {
            start = 6
        } else if address.hasPrefixIgnoringCase("http:") {
            start = 5
        }
        guard address.slice(start..<address.count).begins(with: "//") else {
            return start == 0 && first == UInt8(ascii: "/") ? 0 : nil
        }
        start += 2
        let rest = address.slice(start..<address.count)
        let length = rest.firstIndex { $0 == 0x2F || $0 == 0x3F || $0 == 0x23 } ?? rest.count
        // A server behind another one that ends TLS does not know its own scheme: the name and the port are enough.
        let isHere =
            rest.slice(0..<length).equalsIgnoringCase(authorityBytes)
            || rest.slice(0..<length).equalsIgnoringCase(Array("\(authority):\(port)".utf8))
        return isHere ? start + length : nil
    }

    /// What an endpoint with this base URL is asked for where a client asks for `path`.
    public func asked(for path: String) -> String {
        let overlap = Array(path.utf8).withUnsafeBytes { base.overlap(with: $0) }
        let scheme = usesTLS ? "https" : "http"
        return
            "\(scheme)://\(authority)\(String(decoding: base.bytes, as: UTF8.self))\(path.dropFirst(overlap))"
    }

    /// How the HTTP proxy has refused a tunnel; 0 where it has not.
    private let refusal = Atomic<Int>(0)
    private let forwardingIsProven = Atomic<Bool>(false)

    /// The endpoint's HTTP proxy makes no tunnel to it, and is asked to forward requests instead (RFC 9112 §3.2.2). For plain
    /// `http` alone: in a request that a proxy forwards there are no secrets from that proxy.
    var isForwarded: Bool { !usesTLS && refusal.load(ordering: .relaxed) != 0 }

    /// The proxy has refused a tunnel.
    ///
    /// - Returns: whether it may be asked to forward from now on
    func learns(from fault: FailureKind?) -> Bool {
        guard !usesTLS, !isForwarded, case .proxy(.refused(let status)) = fault,
            [400, 403, 404, 405, 501].contains(status)
        else { return false }
        refusal.store(status, ordering: .relaxed)
        return true
    }

    /// The answer to a forwarded request has this status.
    ///
    /// - Returns: whether it is the proxy's answer to `CONNECT` once more: then it is the proxy that wants to have nothing to do
    ///   with the endpoint, which has not been heard yet. The next connection asks for a tunnel again.
    func isRefusedAgain(_ status: Int) -> Bool {
        guard !forwardingIsProven.load(ordering: .relaxed) else { return false }
        guard status == refusal.load(ordering: .relaxed) else {
            forwardingIsProven.store(true, ordering: .relaxed)
            return false
        }
        refusal.store(0, ordering: .relaxed)
        return true
    }

    private static let nextPoolKey = Atomic<Int>(1)

    /// Parses `http://HOST[:PORT][/PATH]` or the same with `https`.
    ///
    /// - Parameter proxy: for this URL alone, where the variables of the environment decide
    public init(_ text: String, proxy: UpstreamProxy? = nil) throws(ParseError) {
        self.proxy = proxy
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x5C && $0 != 0x22 }) else {
            throw .invalidCharacter
        }
        let lowered = text.lowercased()
        let afterScheme: Substring
        if lowered.hasPrefix("https://") {
            usesTLS = true
            afterScheme = text.dropFirst(8)
        } else if lowered.hasPrefix("http://") {
            usesTLS = false
            afterScheme = text.dropFirst(7)
        } else {
            throw .unsupportedScheme
        }
        guard !afterScheme.contains("#") else { throw .fragmentNotAllowed }
        guard !afterScheme.contains("?") else { throw .queryNotAllowed }
        let authorityText = afterScheme.prefix { $0 != "/" }
        guard !authorityText.contains("@") else { throw .userInfoNotAllowed }
        let defaultPort = usesTLS ? 443 : 80
        do throws(HostAndPort.Problem) {
            let parts = try HostAndPort(authorityText)
            host = parts.host
            port = parts.port ?? defaultPort
        } catch {
            switch error {
            case .notPort, .severalPorts, .textBehindBracket: throw .invalidPort
            case .missingHost, .noClosingBracket, .notIPv6, .notHostName: throw .missingHost
            }
        }
        let bracketed = HostAndPort.bracketed(host)
        authority = port == defaultPort ? bracketed : "\(bracketed):\(port)"

        var path = afterScheme[authorityText.endIndex...]
        while path.hasSuffix("/") { path = path.dropLast() }
        basePath = String(path)
        authorityBytes = Array(authority.utf8)
        base = BasePath(path)
        poolKey = Self.nextPoolKey.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}

/// The path of a base URL, as it goes before the paths of requests.
///
/// `/anthropic` + `/v1/messages` is `/anthropic/v1/messages`, and `/api/v1` + `/v1/messages` is `/api/v1/messages`: what both
/// share is not doubled. People write base URLs in two more ways, and get what they mean:
///
/// - one that ends with its own version, whatever that is called there (`/api/paas/v4`, `/v1beta/openai`), takes the place of the
///   `/v1` that clients ask for: `/api/paas/v4/chat/completions`;
/// - the whole URL of one operation (`/v1/chat/completions`) stands for the place where it lies.
struct BasePath: Sendable {
    /// Empty, or begins with `/` and does not end with one.
    let bytes: [UInt8]
    /// It ends where the API's own paths begin, so that the `/v1` of a request goes no further.
    let includesVersion: Bool

    private static let operations = ["/chat/completions", "/responses", "/messages"]
    /// Words that may be the name of anything, unless they follow a version.
    private static let vagueOperations = ["/completions", "/complete", "/embeddings", "/models"]

    /// - Parameter path: as written, without query
    init(_ path: Substring) {
        var root = path
        func dropSlashes() { while root.hasSuffix("/") { root = root.dropLast() } }
        dropSlashes()
        var isOperation = false
        for operation in Self.operations where !isOperation && root.hasSuffix(operation) {
            root = root.dropLast(operation.count)
            isOperation = true
        }
        for operation in Self.vagueOperations where !isOperation && root.hasSuffix(operation) {
            guard Self.endsWithVersion(root.dropLast(operation.count)) else { continue }
            root = root.dropLast(operation.count)
            isOperation = true
        }
        dropSlashes()
        bytes = Array(root.utf8)
        includesVersion = isOperation || Self.endsWithVersion(root)
    }

    /// `…/v1`, `…/v4`, `…/v1beta/openai`, `…/v1beta1/…/openapi`
    private static func endsWithVersion(_ path: Substring) -> Bool {
        let segments = path.split(separator: "/")
        guard let last = segments.last else { return false }
        if isVersion(last) || last == "openapi" { return true }
        return last == "openai" && segments.dropLast().last.map(isVersion) == true
    }

    private static func isVersion(_ segment: Substring) -> Bool {
        let name = segment.utf8.dropFirst()
        guard segment.first == "v", let digit = name.first, (0x30...0x39).contains(digit) else { return false }
        return name.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: ".")
        }
    }

    /// How many bytes at the beginning of a request's path this path stands for.
    ///
    /// - Parameter path: starting with `/`, without query
    func overlap(with path: UnsafeRawBufferPointer) -> Int {
        if includesVersion, Self.beginsWithVersion(path) { return 3 }
        return bytes.withUnsafeBytes { Self.overlap(base: $0, path: path) }
    }

    /// The path under which a client reaches here what an endpoint calls `path`, in two parts, nil where that lies elsewhere.
    ///
    /// - Parameter request: the path of the request that was answered
    func path(of path: UnsafeRawBufferPointer, after request: UnsafeRawBufferPointer) -> (StaticString, Range<Int>)? {
        let length = includesVersion ? bytes.count : bytes.count - overlap(with: request)
        guard path.count >= length, path.count == length || path[length] == UInt8(ascii: "/") else { return nil }
        for index in 0..<length where path[index] != bytes[index] { return nil }
        return (includesVersion ? "/v1" : "", length..<path.count)
    }

    private static func beginsWithVersion(_ path: UnsafeRawBufferPointer) -> Bool {
        path.begins(with: "/v1") && (path.count == 3 || path[3] == UInt8(ascii: "/"))
    }

    /// The longest suffix of whole segments that begins `path`.
    private static func overlap(base: UnsafeRawBufferPointer, path: UnsafeRawBufferPointer) -> Int {
        var start = 0
        while start < base.count {
            let length = base.count - start
            if base[start] == UInt8(ascii: "/"), length <= path.count,
                length == path.count || path[length] == UInt8(ascii: "/"),
                matches(base, from: start, path)
            {
                return length
            }
            start += 1
        }
        return 0
    }

    private static func matches(
        _ base: UnsafeRawBufferPointer, from start: Int, _ path: UnsafeRawBufferPointer
    ) -> Bool {
        for index in 0..<base.count - start where base[start + index] != path[index] { return false }
        return true
    }
}

/// The proxy through which an endpoint is reached. Names of endpoints are resolved there, not here.
public struct UpstreamProxy: Sendable, Equatable {
    /// What is spoken with it.
    public enum Kind: Sendable, Equatable {
        /// HTTP `CONNECT`, with `Proxy-Authorization: Basic` where there are credentials.
        case http
        /// SOCKS 5 (RFC 1928), with user and password (RFC 1929) where there are credentials.
        case socks5
    }

    /// Why a proxy cannot be used as configured. Never holds a secret.
    public enum ValidationError: Error, Equatable, Sendable {
        /// SOCKS has one byte for the length of each; HTTP's user ends at its first colon.
        case invalidCredentials
    }

    let kind: Kind
    let host: String
    let port: Int
    let credentials: Credentials?

    struct Credentials: Sendable, Equatable {
        let username: [UInt8]
        let password: [UInt8]

        /// The header line that presents them to an HTTP proxy.
        var headerLine: String {
            "Proxy-Authorization: Basic \(Base64.encode(username + [UInt8(ascii: ":")] + password))\r\n"
        }
    }

    /// - Parameters:
    ///   - host: name or address, IPv6 without brackets
    ///   - password: counts as empty where only a user is given; without a user there are no credentials
    public init(
        kind: Kind, host: String, port: Int, username: String? = nil, password: String? = nil
    ) throws(ValidationError) {
        self.kind = kind
        self.host = host
        self.port = port
        guard let username else {
            guard password == nil else { throw .invalidCredentials }
            credentials = nil
            return
        }
        let (name, secret) = (Array(username.utf8), Array((password ?? "").utf8))
        switch kind {
        case .http:
            guard !name.contains(UInt8(ascii: ":")) else { throw .invalidCredentials }
        case .socks5:
            guard (1...255).contains(name.count), secret.count <= 255 else { throw .invalidCredentials }
        }
        credentials = Credentials(username: name, password: secret)
    }

    /// - Parameter host: the endpoint's name or address, IPv6 without brackets
    func negotiation(host: String, port: Int) -> any TunnelNegotiation {
        switch kind {
        case .http: ConnectNegotiation(host: host, port: port, credentials: credentials)
        case .socks5: SOCKS5Negotiation(host: host, port: port, credentials: credentials)
        }
    }
}
