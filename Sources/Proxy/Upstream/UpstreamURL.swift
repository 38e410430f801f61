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
