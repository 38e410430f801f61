/// Field names that the proxy looks at; everything else passes as it is.
public enum KnownField: UInt8, Sendable {
    case other
    // Connection management: never forwarded.
    case connection, keepAlive, proxyConnection, proxyAuthenticate, proxyAuthorization, te, trailer, upgrade
    // Framing.
    case transferEncoding, contentLength
    // Routing and forwarding.
    case host, origin, expect, via, xForwardedFor, xForwardedProto, xForwardedHost, xRequestID
    // Credentials.
    case authorization, xAPIKey
    // Looked at to judge a response or to tell the APIs apart.
    case contentType, contentEncoding, date, retryAfter, retryAfterMs, rateLimitReset, rateLimitRemaining,
        anthropicVersion

    /// Recognises a field name whatever its case.
    @inline(__always)
    static func recognise(_ name: UnsafeRawBufferPointer) -> KnownField {
        switch name.count {
        case 2: return name.equalsIgnoringCase("te") ? .te : .other
        case 3: return name.equalsIgnoringCase("via") ? .via : .other
        case 4:
            if name.equalsIgnoringCase("date") { return .date }
            return name.equalsIgnoringCase("host") ? .host : .other
        case 6:
            if name.equalsIgnoringCase("origin") { return .origin }
            return name.equalsIgnoringCase("expect") ? .expect : .other
        case 7:
            if name.equalsIgnoringCase("upgrade") { return .upgrade }
            return name.equalsIgnoringCase("trailer") ? .trailer : .other
        case 9: return name.equalsIgnoringCase("x-api-key") ? .xAPIKey : .other
        case 10:
            if name.equalsIgnoringCase("connection") { return .connection }
            return name.equalsIgnoringCase("keep-alive") ? .keepAlive : .other
        case 11: return name.equalsIgnoringCase("retry-after") ? .retryAfter : .other
        case 12:
            if name.equalsIgnoringCase("content-type") { return .contentType }
            return name.equalsIgnoringCase("x-request-id") ? .xRequestID : .other
        case 13: return name.equalsIgnoringCase("authorization") ? .authorization : .other
        case 14:
            if name.equalsIgnoringCase("content-length") { return .contentLength }
            return name.equalsIgnoringCase("retry-after-ms") ? .retryAfterMs : .other
        case 15: return name.equalsIgnoringCase("x-forwarded-for") ? .xForwardedFor : .other
        case 16:
            if name.equalsIgnoringCase("content-encoding") { return .contentEncoding }
            if name.equalsIgnoringCase("x-forwarded-host") { return .xForwardedHost }
            return name.equalsIgnoringCase("proxy-connection") ? .proxyConnection : .other
        case 17:
            if name.equalsIgnoringCase("transfer-encoding") { return .transferEncoding }
            if name.equalsIgnoringCase("anthropic-version") { return .anthropicVersion }
            return name.equalsIgnoringCase("x-forwarded-proto") ? .xForwardedProto : .other
        case 18: return name.equalsIgnoringCase("proxy-authenticate") ? .proxyAuthenticate : .other
        case 19:
            if name.equalsIgnoringCase("proxy-authorization") { return .proxyAuthorization }
            fallthrough
        default: return recogniseRateLimit(name)
        }
    }

    /// `anthropic-ratelimit-KIND-reset`, `x-ratelimit-reset-KIND` and their `remaining` twins.
    private static func recogniseRateLimit(_ name: UnsafeRawBufferPointer) -> KnownField {
        if name.hasPrefixIgnoringCase("x-ratelimit-reset-") { return .rateLimitReset }
        if name.hasPrefixIgnoringCase("x-ratelimit-remaining-") { return .rateLimitRemaining }
        guard name.hasPrefixIgnoringCase("anthropic-ratelimit-") else { return .other }
        if name.hasSuffixIgnoringCase("-reset") { return .rateLimitReset }
        return name.hasSuffixIgnoringCase("-remaining") ? .rateLimitRemaining : .other
    }
}
