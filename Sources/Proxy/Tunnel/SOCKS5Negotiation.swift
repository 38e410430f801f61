internal import Support
internal import Ranking

/// SOCKS 5 (RFC 1928), without credentials or with user and password (RFC 1929).
struct SOCKS5Negotiation: TunnelNegotiation {
    private enum Phase {
        case method
        case authentication
        case reply
        case done
    }

    private static let version: UInt8 = 5
    private static let authenticationVersion: UInt8 = 1
    private static let noMethod: UInt8 = 0xFF

    private let request: [UInt8]
    private let credentials: UpstreamProxy.Credentials?
    private var phase = Phase.method
    private var received: [UInt8] = []

    init(host: String, port: Int, credentials: UpstreamProxy.Credentials?) {
        self.credentials = credentials
        request = [Self.version, 1, 0] + Self.address(host) + [UInt8(port >> 8 & 0xFF), UInt8(port & 0xFF)]
    }

    mutating func begin() -> [UInt8] {
        credentials == nil ? [Self.version, 1, 0] : [Self.version, 2, 0, 2]
    }

    mutating func receive(_ bytes: [UInt8]) -> TunnelStep {
        received += bytes
        switch phase {
        case .method: return chooseMethod()
        case .authentication: return authenticated()
        case .reply: return replied()
        case .done: return .failed(.malformedAnswer)
        }
    }

    private mutating func chooseMethod() -> TunnelStep {
        guard let answer = take(2) else { return .awaitMore }
        guard answer[0] == Self.version, received.isEmpty else { return .failed(.malformedAnswer) }
        switch answer[1] {
        case 0:
            phase = .reply
            return .send(request)
        case 2:
            guard let credentials else { return .failed(.malformedAnswer) }
            phase = .authentication
            let (name, secret) = (credentials.username, credentials.password)
            return .send(
                [Self.authenticationVersion, UInt8(clamping: name.count)] + name + [UInt8(clamping: secret.count)]
                    + secret)
        case Self.noMethod: return .failed(credentials == nil ? .credentialsNeeded : .credentialsRefused)
        default: return .failed(.malformedAnswer)
        }
    }

    private mutating func authenticated() -> TunnelStep {
        guard let answer = take(2) else { return .awaitMore }
        guard answer[1] == 0 else { return .failed(.credentialsRefused) }
        guard received.isEmpty else { return .failed(.malformedAnswer) }
        phase = .reply
        return .send(request)
    }

    private mutating func replied() -> TunnelStep {
        guard received.count >= 2 else { return .awaitMore }
        guard received[0] == Self.version else { return .failed(.malformedAnswer) }
        // Some servers leave out the address where they refuse.
        guard received[1] == 0 else { return .failed(.socksReply(received[1])) }
        guard received.count >= 5 else { return .awaitMore }
        let addressLength: Int
        switch received[3] {
        case 1: addressLength = 4
        case 3: addressLength = 1 + Int(received[4])
        case 4: addressLength = 16
        default: return .failed(.malformedAnswer)
        }
        guard take(4 + addressLength + 2) != nil else { return .awaitMore }
        phase = .done
        // Neither TLS nor HTTP servers speak first.
        return received.isEmpty ? .established : .failed(.malformedAnswer)
    }

    private mutating func take(_ count: Int) -> [UInt8]? {
        guard received.count >= count else { return nil }
        defer { received.removeFirst(count) }
        return Array(received[..<count])
    }

    /// Type and bytes of the address; a name goes as it is and is resolved by the proxy.
    private static func address(_ host: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, host, &bytes) == 1 { return [1] + bytes.prefix(4) }
        if inet_pton(AF_INET6, host, &bytes) == 1 { return [4] + bytes }
        let name = Array(host.utf8.prefix(255))
        return [3, UInt8(clamping: name.count)] + name
    }
}
