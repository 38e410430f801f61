internal import Support

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
