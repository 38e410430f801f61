internal import Support

/// The header lines an endpoint gets besides the client's own, checked once so that no request can be split by them.
struct FixedHeaderBlock {
    private(set) var lines: [UInt8] = []
    private(set) var names: [[UInt8]] = []

    mutating func append(headers: [(name: String, value: String)]) throws(UpstreamError) {
        for (name, value) in headers {
            let lowered = name.lowercased()
            guard ASCII.isToken(name) else {
                throw .invalidHeaderName(name)
            }
            guard !ReservedHeaders.contain(name) else { throw .reservedHeader(name) }
            guard Self.isValue(value) else { throw .invalidHeaderValue(name: name) }
            append(name: name, lowered: lowered, value: value)
        }
    }

    /// Configured headers win over the credential of the same name.
    mutating func append(credential: UpstreamCredential) throws(UpstreamError) {
        let name: String
        let value: String
        switch credential {
        case .apiKey(let secret):
            (name, value) = ("x-api-key", secret)
        case .bearer(let secret):
            (name, value) = ("Authorization", "Bearer " + secret)
        case .passthrough, .none:
            return
        }
        guard value != "", value != "Bearer ", Self.isValue(value) else { throw .invalidCredential }
        let lowered = name.lowercased()
        guard !names.contains(Array(lowered.utf8)) else { return }
        // The client's own credential fields never pass beside one.
        lines += Array("\(name): \(value)\r\n".utf8)
    }

    private mutating func append(name: String, lowered: String, value: String) {
        lines += Array("\(name): \(value)\r\n".utf8)
        names.append(Array(lowered.utf8))
    }

    private static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 }
    }
}

/// Those of the fields the proxy adds by itself that an endpoint's configured headers stand for.
struct ReplacedFields: OptionSet, Sendable {
    let rawValue: UInt8

    static let requestID = ReplacedFields(rawValue: 1)
    static let via = ReplacedFields(rawValue: 2)
    static let forwardedFor = ReplacedFields(rawValue: 4)
    static let forwardedProto = ReplacedFields(rawValue: 8)
    static let forwardedHost = ReplacedFields(rawValue: 16)

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// - Parameter names: in lower case
    init(names: [[UInt8]]) {
        self = []
        for name in names {
            switch String(decoding: name, as: UTF8.self) {
            case "x-request-id": insert(.requestID)
            case "via": insert(.via)
            case "x-forwarded-for": insert(.forwardedFor)
            case "x-forwarded-proto": insert(.forwardedProto)
            case "x-forwarded-host": insert(.forwardedHost)
            default: break
            }
        }
    }
}
