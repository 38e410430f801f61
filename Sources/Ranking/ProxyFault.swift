/// What went wrong at the proxy through which an endpoint is reached.
public enum ProxyFault: Sendable, Hashable {
    /// Its name is not known.
    case nameResolution
    /// Refused or unreachable.
    case connect
    /// It wants credentials and none are configured.
    case credentialsNeeded
    /// HTTP 407, or SOCKS' answer to a wrong user or password.
    case credentialsRefused
    /// HTTP's answer to CONNECT.
    case refused(status: Int)
    /// The code of a SOCKS 5 reply (RFC 1928 §6).
    case socksReply(UInt8)
    case malformedAnswer
    /// It closed the connection before it had let it through.
    case closed

    /// In a few words.
    public var text: String {
        switch self {
        case .nameResolution: "the proxy's name is not known"
        case .connect: "the proxy cannot be reached"
        case .credentialsNeeded: "the proxy wants a user and a password"
        case .credentialsRefused: "the proxy refuses the user or the password"
        case .refused(let status): "the proxy refuses the connection (status \(status))"
        case .socksReply(let code): "the proxy \(Self.words(code))"
        case .malformedAnswer: "malformed answer of the proxy"
        case .closed: "the proxy closed the connection"
        }
    }

    private static func words(_ code: UInt8) -> String {
        switch code {
        case 1: "failed"
        case 2: "does not allow the connection"
        case 3: "cannot reach the endpoint's network"
        case 4: "cannot reach the endpoint"
        case 5: "was refused by the endpoint"
        case 6: "gave the endpoint up (TTL expired)"
        case 7: "does not know CONNECT"
        case 8: "does not know this type of address"
        default: "refuses the connection (SOCKS reply \(code))"
        }
    }
}
