internal import PodiumModel
internal import YAMLDocument

/// `timeouts:` of an endpoint's entry: what is given there goes before the file's.
///
/// Like `failover:` of an entry it is no field of the endpoint: the file alone says it, and no form or verb edits it.
public struct EndpointTimeouts: Sendable, Equatable {
    /// See `TimeoutSettings`; nil: as there.
    public var connect: Duration?
    /// The same.
    public var tlsHandshake: Duration?
    /// The same.
    public var responseHeader: Duration?
    /// The same.
    public var response: Duration?
    /// The same.
    public var streamIdle: Duration?

    /// Nothing is given.
    public init() {}

    /// What holds for the endpoint.
    public func applied(to settings: TimeoutSettings) -> TimeoutSettings {
        var settings = settings
        settings.connect = connect ?? settings.connect
        settings.tlsHandshake = tlsHandshake ?? settings.tlsHandshake
        settings.responseHeader = responseHeader ?? settings.responseHeader
        settings.response = response ?? settings.response
        settings.streamIdle = streamIdle ?? settings.streamIdle
        return settings
    }
}

extension EndpointTimeouts {
    private static let keys = ["connect", "tls_handshake", "response_header", "response", "stream_idle"]

    init(_ node: YAMLNode, name: String, sink: DiagnosticSink) {
        let section = SectionReader(node, title: "timeouts of '\(name)'", known: Self.keys, sink: sink)
        connect = section.duration("connect", atLeast: .milliseconds(1))
        tlsHandshake = section.duration("tls_handshake", atLeast: .milliseconds(1))
        responseHeader = section.duration("response_header")
        response = section.duration("response")
        streamIdle = section.duration("stream_idle")
    }

    /// By the endpoint's name.
    ///
    /// - Parameter endpoints: in file order, each with its node.
    static func read(
        _ endpoints: [(settings: EndpointSettings, entry: YAMLNode)], sink: DiagnosticSink
    ) -> [String: EndpointTimeouts] {
        var found: [String: EndpointTimeouts] = [:]
        for (settings, entry) in endpoints {
            guard let node = entry.merged("timeouts")?.resolved else { continue }
            found[settings.name] = EndpointTimeouts(node, name: HeaderRules.printable(settings.name), sink: sink)
        }
        return found
    }
}
