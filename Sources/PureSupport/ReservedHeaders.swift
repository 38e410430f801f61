/// Headers that frame a message or handle a connection. A configured value would break the message, so reading the settings
/// refuses it, and so does the proxy, which must not depend on whoever assembles its upstreams.
public enum ReservedHeaders {
    private static let names: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// - Parameter name: in any case
    public static func contain(_ name: String) -> Bool { names.contains(name.lowercased()) }
}
