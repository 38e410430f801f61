/// Field names that the proxy looks at; everything else passes as it is.
public enum KnownField: UInt8, Sendable, CaseIterable {
    case other
    // Connection management: never forwarded.
    case connection, keepAlive, proxyConnection, proxyAuthenticate, proxyAuthorization, te, trailer, upgrade, webSocket
    // Framing.
    case transferEncoding, contentLength
    // Routing and forwarding.
    case host, origin, referer, expect, via, xForwardedFor, xForwardedProto, xForwardedHost, xHops, xRequestID
    /// Any other field that says which person or machine a request comes from: `Forwarded`, `X-Real-IP`, `X-Forwarded-User`.
    case forwarding
    // Credentials.
    case authorization, xAPIKey, cookie, setCookie
    /// Any other field that holds one: `api-key`, `x-goog-api-key`, `X_API_KEY`, `X-Auth-Token`.
    case credential
    /// Another method than that of the request line: `X-HTTP-Method-Override` and the like.
    case methodOverride
    /// `Access-Control-…`, of either direction.
    case accessControl
    // Rewritten on the way back.
    case location, contentLocation
    /// Which endpoint of a Podium has answered.
    case podiumEndpoint
    /// Which endpoints of a Podium a request may use.
    case podiumTag
    /// Which session of a client a request belongs to: `X-Claude-Code-Session-Id`, `Session_id`, `Session-Id`, `X-Session-ID`.
    case sessionID
    // Looked at to judge a response or to tell the APIs apart.
    case contentType, contentEncoding, date, retryAfter, retryAfterMs, rateLimitReset, rateLimitRemaining,
        anthropicVersion
    /// `RateLimit`, `RateLimit-Policy`, and the status of a limit.
    case rateLimit

    /// Recognises a field name whatever its case.
    @inline(__always)
    static func recognise(_ name: UnsafeRawBufferPointer) -> KnownField {
        switch name.count {
        case 2: return name.equalsIgnoringCase("te") ? .te : .other
        case 3: if name.equalsIgnoringCase("via") { return .via }
        case 4:
            if name.equalsIgnoringCase("date") { return .date }
            if name.equalsIgnoringCase("host") { return .host }
        case 6:
            if name.equalsIgnoringCase("origin") { return .origin }
            if name.equalsIgnoringCase("cookie") { return .cookie }
            if name.equalsIgnoringCase("x-hops") { return .xHops }
            if name.equalsIgnoringCase("expect") { return .expect }
        case 7:
            if name.equalsIgnoringCase("upgrade") { return .upgrade }
            if name.equalsIgnoringCase("referer") { return .referer }
            if name.equalsIgnoringCase("cookie2") { return .cookie }
            if name.equalsIgnoringCase("trailer") { return .trailer }
        case 8: if name.equalsIgnoringCase("location") { return .location }
        case 9:
            if name.equalsIgnoringCase("x-api-key") { return .xAPIKey }
            if name.equalsIgnoringCase("ratelimit") { return .rateLimit }
        case 10:
            if name.equalsIgnoringCase("connection") { return .connection }
            if name.equalsIgnoringCase("keep-alive") { return .keepAlive }
            if name.equalsIgnoringCase("set-cookie") { return .setCookie }
            if name.hasPrefixIgnoringCase("session"), name.hasSuffixIgnoringCase("id"),
                name[7] == UInt8(ascii: "_") || name[7] == UInt8(ascii: "-")
            {
                return .sessionID
            }
        case 11:
            if name.equalsIgnoringCase("retry-after") { return .retryAfter }
            if name.equalsIgnoringCase("set-cookie2") { return .setCookie }
        case 12:
            if name.equalsIgnoringCase("content-type") { return .contentType }
            if name.equalsIgnoringCase("x-request-id") { return .xRequestID }
            if name.equalsIgnoringCase("x-session-id") { return .sessionID }
            if name.equalsIgnoringCase("x-podium-tag") { return .podiumTag }
        case 13: if name.equalsIgnoringCase("authorization") { return .authorization }
        case 14:
            if name.equalsIgnoringCase("content-length") { return .contentLength }
            if name.equalsIgnoringCase("retry-after-ms") { return .retryAfterMs }
        case 15:
            if name.equalsIgnoringCase("x-forwarded-for") { return .xForwardedFor }
            if name.equalsIgnoringCase("ratelimit-reset") { return .rateLimitReset }
        case 16:
            if name.equalsIgnoringCase("content-encoding") { return .contentEncoding }
            if name.equalsIgnoringCase("x-forwarded-host") { return .xForwardedHost }
            if name.equalsIgnoringCase("content-location") { return .contentLocation }
            if name.equalsIgnoringCase("proxy-connection") { return .proxyConnection }
            if name.equalsIgnoringCase("ratelimit-policy") { return .rateLimit }
        case 17:
            if name.equalsIgnoringCase("transfer-encoding") { return .transferEncoding }
            if name.equalsIgnoringCase("anthropic-version") { return .anthropicVersion }
            if name.equalsIgnoringCase("x-forwarded-proto") { return .xForwardedProto }
            if name.equalsIgnoringCase("x-ratelimit-reset") { return .rateLimitReset }
            if name.equalsIgnoringCase("x-podium-endpoint") { return .podiumEndpoint }
        case 18: if name.equalsIgnoringCase("proxy-authenticate") { return .proxyAuthenticate }
        case 19: if name.equalsIgnoringCase("proxy-authorization") { return .proxyAuthorization }
        case 24: if name.equalsIgnoringCase("x-claude-code-session-id") { return .sessionID }
        default: break
        }
        guard FieldNameKind.mayBeSpecial(name) else { return name.count > 18 ? recogniseRateLimit(name) : .other }
        return FieldNameKind.of(name) ?? recogniseRateLimit(name)
    }

    /// `anthropic-ratelimit-KIND-reset`, `x-ratelimit-reset-KIND` and their `remaining` and `status` twins.
    private static func recogniseRateLimit(_ name: UnsafeRawBufferPointer) -> KnownField {
        if name.equalsIgnoringCase("ratelimit-remaining") { return .rateLimitRemaining }
        if name.equalsIgnoringCase("x-ratelimit-remaining") { return .rateLimitRemaining }
        if name.hasPrefixIgnoringCase("x-ratelimit-reset-") { return .rateLimitReset }
        if name.hasPrefixIgnoringCase("x-ratelimit-remaining-") { return .rateLimitRemaining }
        guard name.hasPrefixIgnoringCase("anthropic-ratelimit-") else { return .other }
        if name.hasSuffixIgnoringCase("-reset") { return .rateLimitReset }
        if name.hasSuffixIgnoringCase("-status") { return .rateLimit }
        return name.hasSuffixIgnoringCase("-remaining") ? .rateLimitRemaining : .other
    }
}

/// A set of known fields, one bit for each.
public struct KnownFields: Sendable {
    private let bits: UInt64

    /// All fields but these.
    public init(allExcept fields: [KnownField]) {
        bits = ~fields.reduce(0) { $0 | Self.bit($1) }
    }

    /// Whether the field is one of them.
    @inline(__always)
    public func contains(_ field: KnownField) -> Bool { bits & Self.bit(field) != 0 }

    @inline(__always)
    private static func bit(_ field: KnownField) -> UInt64 { 1 &<< UInt64(field.rawValue) }
}
