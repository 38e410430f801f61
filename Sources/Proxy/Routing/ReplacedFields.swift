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
