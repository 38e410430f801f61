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
        case fragmentNotAllowed
        case invalidCharacter

        /// For the operator.
        public var description: String {
            switch self {
            case .unsupportedScheme: "the URL has to begin with http:// or https://"
            case .missingHost: "the URL names no host"
            case .invalidPort: "the port has to be a number from 1 to 65535"
            case .userInfoNotAllowed: "credentials belong in auth_value, not in the URL"
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
    /// Without the `?`; empty when the base URL has none.
    public let baseQuery: String

    /// Key of the connection pool, unique in the process.
    let poolKey: Int
    let authorityBytes: [UInt8]
    let basePathBytes: [UInt8]
    let baseQueryBytes: [UInt8]

    private static let nextPoolKey = Atomic<Int>(1)

    /// Parses `http://HOST[:PORT][/PATH][?QUERY]` or the same with `https`.
    public init(_ text: String) throws(ParseError) {
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
        let authorityEnd = afterScheme.firstIndex { $0 == "/" || $0 == "?" } ?? afterScheme.endIndex
        let authorityText = afterScheme[..<authorityEnd]
        guard !authorityText.contains("@") else { throw .userInfoNotAllowed }

        let hostText: Substring
        let portText: Substring?
        if authorityText.hasPrefix("[") {
            guard let close = authorityText.firstIndex(of: "]") else { throw .missingHost }
            hostText = authorityText[authorityText.index(after: authorityText.startIndex)..<close]
            let rest = authorityText[authorityText.index(after: close)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw .invalidPort }
            portText = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = authorityText.firstIndex(of: ":") {
            hostText = authorityText[..<colon]
            portText = authorityText[authorityText.index(after: colon)...]
        } else {
            hostText = authorityText
            portText = nil
        }
        guard !hostText.isEmpty else { throw .missingHost }
        let defaultPort = usesTLS ? 443 : 80
        if let portText {
            guard let value = Int(portText), (1...65535).contains(value), portText.utf8.allSatisfy({ $0 != 0x2B })
            else {
                throw .invalidPort
            }
            port = value
        } else {
            port = defaultPort
        }
        host = String(hostText)
        let bracketed = hostText.contains(":") ? "[\(hostText)]" : String(hostText)
        authority = port == defaultPort ? bracketed : "\(bracketed):\(port)"

        let pathAndQuery = afterScheme[authorityEnd...]
        let queryStart = pathAndQuery.firstIndex(of: "?") ?? pathAndQuery.endIndex
        var path = pathAndQuery[..<queryStart]
        while path.hasSuffix("/") { path = path.dropLast() }
        basePath = String(path)
        baseQuery = String(pathAndQuery[queryStart...].dropFirst())
        authorityBytes = Array(authority.utf8)
        basePathBytes = Array(basePath.utf8)
        baseQueryBytes = Array(baseQuery.utf8)
        poolKey = Self.nextPoolKey.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}
