/// Recognises the kinds of fields that have no fixed list of names: credentials, and what tells which person or machine a request
/// comes from.
///
/// Names are compared without regard to case, and every sign between words counts as a hyphen: programs that hand fields on
/// as variables (CGI, WSGI, PHP) make `HTTP_X_API_KEY` of `x_api_key` and of `x.api.key` as well.
public enum FieldNameKind {
    /// Whether a configured header of this name holds a credential.
    public static func isCredential(field name: String) -> Bool {
        Array(name.utf8).withUnsafeBytes { bytes in
            switch KnownField.recognise(bytes) {
            case .authorization, .xAPIKey, .credential, .cookie, .proxyAuthorization: true
            default: false
            }
        }
    }

    /// Whether a query's parameter of this name holds a credential; the name has to be percent-decoded.
    public static func isCredential(parameter name: UnsafeRawBufferPointer) -> Bool {
        guard name.count >= 3, name.count <= 128 else { return false }
        return folded(name) { isCredential($0) || $0.ends(in: "sig") }
    }

    /// A quick look at the name's first and last four letters, which lets nearly all others go.
    @inline(__always)
    static func mayBeSpecial(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.count >= 4 else { return name.count == 3 }
        let last =
            UInt32(littleEndian: name.loadUnaligned(fromByteOffset: name.count &- 4, as: UInt32.self)) | 0x2020_2020
        switch last {
        case 0x6E65_6B6F, 0x6E6F_6974, 0x7465_7263, 0x6472_6F77, 0x6874_7561, 0x6C61_6974, 0x736C_6169:
            // oken, tion, cret, word, auth, tial, ials
            return true
        case 0x7265_7375, 0x6C69_616D, 0x3676_7069, 0x6D6F_7266, 0x6564_6972, 0x646F_6874:
            // user, mail, ipv6, from, ride, thod
            return true
        default: break
        }
        switch last &>> 8 {
        case 0x79_656B, 0x74_776A: return true  // key, jwt
        case let end where end &>> 8 == 0x7069: return true  // ip
        default: break
        }
        switch UInt32(littleEndian: name.loadUnaligned(fromByteOffset: 0, as: UInt32.self)) | 0x2020_2020 {
        case 0x6F66_2D78, 0x6F66_7F78, 0x7772_6F66, 0x2D63_6573: return true  // x-fo, x_fo, forw, sec-
        case 0x6F6D_6572, 0x6572_2D78, 0x6C69_6174, 0x7561_2D78, 0x6D61_2D78, 0x6E65_2D78, 0x726F_2D78, 0x736D_2D78:
            // remo, x-re, tail, x-au, x-am, x-en, x-or, x-ms
            return true
        case 0x6563_6361: return name.count > 16  // acce: `Accept` and its like are shorter
        default: return false
        }
    }

    @inline(never)
    static func of(_ name: UnsafeRawBufferPointer) -> KnownField? {
        guard name.count <= 128 else { return nil }
        return folded(name) { name in
            if name.begins(with: "sec-websocket-") { return .webSocket }
            if name.begins(with: "access-control-") { return .accessControl }
            // `proxy_authorization` is meant for this proxy as much as `Proxy-Authorization` is.
            if name.begins(with: "proxy-"), name.ends(in: "authorization") { return .proxyAuthorization }
            if isCredential(name) { return .credential }
            if isForwarding(name) { return .forwarding }
            return isMethodOverride(name) ? .methodOverride : nil
        }
    }

    /// - Parameter name: folded
    private static func isCredential(_ name: UnsafeRawBufferPointer) -> Bool {
        for word in ["authorization", "authentication", "assertion", "auth", "credential", "credentials", "jwt"]
            as [StaticString] where name.ends(in: word)
        {
            return true
        }
        for word in ["apikey", "accesskey", "secretkey", "authkey", "secret", "password"]
            as [StaticString] where name.hasSuffixIgnoringCase(word)
        {
            return true
        }
        if name.ends(in: "key") {
            for other in [
                "idempotency-key", "cache-key", "partition-key", "routing-key", "affinity-key", "public-key",
                "sort-key",
                "surrogate-key", "trace-key", "dedup-key",
            ] as [StaticString] where name.ends(in: other) {
                return false
            }
            return true
        }
        return name.hasSuffixIgnoringCase("token") && !isPlace(name.slice(0..<name.count - 5))
    }

    /// `page-token`, `nextPageToken`: where a list goes on, and other tokens that open nothing.
    private static func isPlace(_ words: UnsafeRawBufferPointer) -> Bool {
        let last = words.last == UInt8(ascii: "-") ? words.slice(0..<words.count - 1) : words
        for word in ["page", "next", "continuation", "pagination", "sync", "cancel", "resume", "stop"] as [StaticString]
        where last.hasSuffixIgnoringCase(word) {
            return true
        }
        return false
    }

    /// - Parameter name: folded
    private static func isForwarding(_ name: UnsafeRawBufferPointer) -> Bool {
        // What front ends add: reverse proxies, sign-on gateways, clouds.
        for prefix in [
            "x-forwarded", "forwarded", "x-original-", "x-envoy-", "x-authentik-", "x-auth-request-",
            "x-authenticated-",
            "x-amzn-oidc-", "x-ms-client-principal", "x-remote-", "remote-", "tailscale-user-",
        ] as [StaticString] where name.begins(with: prefix) {
            return true
        }
        if name.equals("from") { return true }
        for word in ["ip", "ipv6", "email", "clientip", "webauth-user"] as [StaticString] where name.ends(in: word) {
            return true
        }
        return false
    }

    /// - Parameter name: folded
    private static func isMethodOverride(_ name: UnsafeRawBufferPointer) -> Bool {
        name.ends(in: "method-override") || name.ends(in: "http-method")
    }

    private static func folded<Result>(
        _ name: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(byteCount: name.count, alignment: 1) { buffer in
            for (index, byte) in name.enumerated() {
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): buffer[index] = byte | 0x20
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): buffer[index] = byte
                default: buffer[index] = UInt8(ascii: "-")
                }
            }
            return body(UnsafeRawBufferPointer(buffer))
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether the last words of a folded name are these.
    fileprivate func ends(in words: StaticString) -> Bool {
        guard hasSuffixIgnoringCase(words) else { return false }
        let start = count - words.utf8CodeUnitCount
        return start == 0 || self[start - 1] == UInt8(ascii: "-")
    }
}
