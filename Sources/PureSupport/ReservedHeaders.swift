/// Headers that frame a message or handle a connection. A configured value would break the message, so reading the settings
/// refuses it. The proxy refuses it as well, because its safety must not depend on the code that assembles its upstreams.
public enum ReservedHeaders {
    private static let names: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// - Parameter name: in any case
    public static func contain(_ name: String) -> Bool { names.contains(name.lowercased()) }
}
