// How settings are shown without the secrets in them. What the table of fields marks as secret is masked by its field; in texts that may
// hold anything, such as a header's value, a URL or a comment, secrets are found by their looks.

/// What a secret looks like where nothing says that it is one. Rather too much than too little: what is masked by mistake
/// can be typed anew, what is shown by mistake has to be revoked.
public enum SecretSigns {
    /// Anywhere in a name.
    private static let syllables = [
        "auth", "key", "token", "secret", "cookie", "password", "passwd", "passphrase", "pwd", "credential", "session",
        "signature", "jwt", "bearer", "hmac",
    ]
    /// Only as a word of its own: `x-bypass-cache` names none.
    private static let words: Set<String> = ["pass", "userpass", "pat", "sig", "sid", "sess", "otp", "pin"]
    static let schemes: Set<String> = ["bearer", "basic", "token", "apikey", "digest", "negotiate"]
    /// How the keys of well-known services begin.
    private static let beginnings = [
        "sk-", "sk_", "pk_live", "rk_live", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
        "xoxa-", "xoxb-", "xoxp-", "xoxs-", "xapp-", "AIza", "ya29.", "eyJ", "hf_", "gsk_", "pplx-", "r8_", "npm_",
        "shpat_", "SG.", "dop_v1_", "xai-", "nvapi-", "tvly-",
    ]

    /// Whether what bears such a name is likely a secret: `X-Pass`, `Cookie`, `Ocp-Apim-Subscription-Key`.
    public static func inName(_ name: String) -> Bool {
        let name = name.lowercased()
        if syllables.contains(where: name.contains) { return true }
        return name.split { !$0.isLetter && !$0.isNumber }.contains { words.contains(String($0)) }
    }

    /// Whether a key of the file names a secret; some of Podium's own only sound like it.
    public static func inKey(_ key: some StringProtocol) -> Bool {
        let name = String(key).filter { $0 != "\"" && $0 != "'" && $0 != " " }
        if let field = EndpointField.named(name), !field.isSecret { return false }
        // A connection string has a password in it.
        return name == "store" || (name != "keys" && inName(name))
    }

    /// Whether such a value is likely a secret, whatever its name: `Bearer …`, `sk-…`, a long random-looking token.
    public static func inValue(_ value: String) -> Bool {
        hiding(in: value, behind: "") != value
    }

    /// The text with everything that looks like a secret replaced.
    public static func hiding(in text: String, behind mask: String) -> String {
        var shown = ""
        var word = ""
        var scheme: String?
        func end() {
            guard !word.isEmpty else { return }
            shown += isSecret(word, after: scheme) ? mask : word
            scheme = schemes.contains(word.lowercased()) ? word.lowercased() : nil
            word = ""
        }
        for character in text {
            if separators.contains(character) {
                // `token: x` and `token=x` are names with values, not a scheme with its credential.
                end()
                if character != " " { scheme = nil }
                shown.append(character)
            } else {
                word.append(character)
            }
        }
        end()
        return shown
    }

    /// The same, and of each URL what stands before an `@`, every value of the query, and what of the path may be a key.
    public static func hidingWithURLs(in text: String, behind mask: String) -> String {
        var shown = ""
        var rest = text[...]
        while let scheme = rest.firstRange(of: "://") {
            shown += hiding(in: String(rest[..<scheme.lowerBound]), behind: mask) + "://"
            let end = rest[scheme.upperBound...].firstIndex { " \t\n\"'<>`|".contains($0) } ?? rest.endIndex
            shown += shownURL(rest[scheme.upperBound..<end], behind: mask)
            rest = rest[end...]
        }
        return shown + withoutUserInfo(hiding(in: String(rest), behind: mask), behind: mask)
    }

    /// `user:password@host` in a text that names no scheme.
    private static func withoutUserInfo(_ text: String, behind mask: String) -> String {
        guard text.contains("@") else { return text }
        return text.split(separator: " ", omittingEmptySubsequences: false).map { word in
            guard let at = word.lastIndex(of: "@"), word[..<at].contains(":") else { return String(word) }
            return mask + word[at...]
        }.joined(separator: " ")
    }

    /// What follows `://`.
    private static func shownURL(_ url: Substring, behind mask: String) -> String {
        var rest = url
        var shown = ""
        // A password can hold any of the signs that would end a host.
        if let at = rest.lastIndex(of: "@") {
            shown = mask + "@"
            rest = rest[rest.index(after: at)...]
        }
        let query = rest.firstIndex { $0 == "?" || $0 == "#" } ?? rest.endIndex
        let segments = rest[..<query].split(separator: "/", omittingEmptySubsequences: false)
        shown += segments.enumerated().map { number, segment in
            (number > 0 ? mayBeKey(segment) : mayBeUser(segment)) ? mask : String(segment)
        }.joined(separator: "/")
        guard let sign = rest[query...].first else { return shown }
        let parts = rest[query...].dropFirst().split(omittingEmptySubsequences: false) { "&?#".contains($0) }
        let names = parts.map { part in
            guard let equals = part.firstIndex(of: "=") else { return part.isEmpty ? "" : mask }
            let value = part[part.index(after: equals)...]
            return part[...equals] + (value.isEmpty || isReference(value) ? String(value) : mask)
        }
        return shown + String(sign) + names.joined(separator: "&")
    }

    /// Whether what stands in a host's place is rather a user or a password, of which the rest is missing.
    private static func mayBeUser(_ host: Substring) -> Bool {
        if host.first == "[" { return false }
        if let colon = host.lastIndex(of: ":") {
            let port = host[host.index(after: colon)...]
            return !(port.allSatisfy(\.isNumber) || isReference(port))
        }
        return !host.contains(".") && mayBeKey(host)
    }

    /// Whether a part of a path is none of the words and versions that paths are made of.
    public static func mayBeKey(_ segment: Substring) -> Bool {
        if isReference(segment) { return false }
        if segment.count >= 20 { return true }
        return segment.split { !$0.isLetter && !$0.isNumber }.contains { run in
            guard run.count >= 8 else { return false }
            let hasDigits = run.contains(where: \.isNumber)
            let isWord = run.dropFirst().allSatisfy(\.isLowercase) || run.allSatisfy(\.isUppercase)
            return hasDigits || !isWord
        }
    }

    /// `${NAME}` and nothing else: that shows no more than the file's author meant to.
    public static func isReference(_ text: some StringProtocol) -> Bool {
        String(text).wholeMatch(of: /\$\{[A-Za-z_][A-Za-z0-9_]*\}/) != nil
    }

    /// A value as a message about it shows it: in quotes, or not at all where it looks like a secret that was put in the
    /// wrong place.
    public static func quoted(_ value: some StringProtocol) -> String {
        let text = HeaderRules.printable(String(value))
        return inValue(text) ? "what stands there" : "'\(text)'"
    }

    private static let separators: Set<Character> = [
        " ", "\t", ",", ";", "=", "\"", "'", "(", ")", "{", "}", "[", "]", "<", ">", "|", "&", "?", ":",
    ]

    private static func isSecret(_ word: String, after scheme: String?) -> Bool {
        // The rest of a URL: paths have account numbers and the like in them.
        if word.hasPrefix("//") { return false }
        switch scheme {
        case "bearer": return true
        case .some: if word.count >= 6, isMixed(word) { return true }
        case nil: break
        }
        if word.count >= 8, beginnings.contains(where: word.hasPrefix) { return true }
        return isUUID(word) || isAccessKeyID(word)
            || word.split(whereSeparator: { !isAlphanumeric($0) }).contains(where: isRandom)
    }

    /// More than one kind of character, as words of a language have not.
    private static func isMixed(_ word: String) -> Bool {
        let kinds = Set(word.dropFirst().map(kind))
        return kinds.count > 1
    }

    /// Changes between letters and digits, or capitals and others, all over: neither a word, a date nor a version.
    private static func isRandom(_ run: Substring) -> Bool {
        guard run.count >= 16 else { return false }
        let kinds = run.map(kind)
        let changes = zip(kinds, kinds.dropFirst()).count { $0 != $1 }
        let hasDigits = kinds.contains(.digit)
        return changes * 4 >= run.count && (hasDigits || run.count >= 24)
    }

    private static func isUUID(_ word: String) -> Bool {
        let groups = word.split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.count) == [8, 4, 4, 4, 12] && groups.allSatisfy { $0.allSatisfy(\.isHexDigit) }
    }

    /// Of Amazon's kind.
    private static func isAccessKeyID(_ word: String) -> Bool {
        let isKnown = word.hasPrefix("AKIA") || word.hasPrefix("ASIA")
        return isKnown && word.count == 20 && word.allSatisfy { [.upper, .digit].contains(kind($0)) }
    }

    private enum Kind { case digit, upper, lower, other }

    private static func kind(_ character: Character) -> Kind {
        switch character {
        case "0"..."9": .digit
        case "A"..."Z": .upper
        case "a"..."z": .lower
        default: .other
        }
    }

    private static func isAlphanumeric(_ character: Character) -> Bool { kind(character) != .other }
}

/// How settings that may hold secrets are shown to people.
extension HeaderField {
    /// Whether the value is a secret that stands here in the clear, judged by the header's name and by its looks.
    public var holdsSecret: Bool {
        SecretExpansion.holdsLiteral(value) && (SecretSigns.inName(name) || SecretSigns.inValue(value))
    }
}

extension OutboundProxy {
    /// As a URL; a password that stands here in the clear is shown as `mask`.
    public func shown(mask: String) -> String {
        var shown = self
        if let password, SecretExpansion.isLiteral(password) { shown.password = nil }
        let text = ProxyText.render(shown)
        guard shown.password == nil, password != nil, let at = text.firstIndex(of: "@") else { return text }
        return text[..<at] + ":" + mask + text[at...]
    }
}

extension EndpointSettings {
    /// The settings as they may be shown: secrets that stand in the clear are masked, references to them stay.
    public var shown: EndpointSettings {
        var shown = self
        for field in EndpointField.all where field.traits.contains(.fileOnly) { shown.set(field, to: .absent) }
        for field in EndpointField.all where field.isSecret {
            switch field.read(self) {
            case .text(let text): shown.set(field, to: .text(SecretExpansion.masked(text)))
            case .headers(let headers):
                let masked = headers.map {
                    HeaderField(name: $0.name, value: $0.holdsSecret ? EndpointPatch.keptSecret : $0.value)
                }
                shown.set(field, to: .headers(masked))
            case .proxy(var proxy):
                if let password = proxy.password, SecretExpansion.isLiteral(password) {
                    proxy.password = EndpointPatch.keptSecret
                }
                shown.set(field, to: .proxy(proxy))
            default: break
            }
        }
        return shown
    }

    /// Writes the shown settings, a key per field; an optional field that is nil has none.
    func encodeShown(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: FieldKey.self)
        for field in EndpointField.current {
            try field.read(self).encode(in: &container, FieldKey(field.snapshotKey))
        }
    }

    /// Reads shown settings. A word that is none of a field's choices is of a newer Podium, and counts as not told.
    init(shownIn decoder: any Decoder) throws {
        self.init(name: "")
        let container = try decoder.container(keyedBy: FieldKey.self)
        for field in EndpointField.current {
            let key = FieldKey(field.snapshotKey)
            guard container.contains(key), try !container.decodeNil(forKey: key) else { continue }
            var value = try FieldValue(field.kind, in: container, key)
            if field.kind == .proxy, case .text(let text) = value {
                value = (try? ProxyText.parse(text)).map(FieldValue.proxy) ?? .absent
            }
            set(field, to: value)
        }
    }
}

extension EndpointField {
    /// The key in the endpoint of a snapshot, which has no secrets.
    public var snapshotKey: String { kind == .secret ? "masked_secret" : key }

    /// A value in a few words, such as a form and `podium endpoint show` have it; empty for none.
    public func text(of value: FieldValue) -> String {
        switch (kind, value) {
        case (_, .absent): ""
        case (_, .text(let text)): text
        case (_, .integer(let number)): String(number)
        case (.flag(let on, let off), .boolean(let flag)): flag ? on : off
        case (_, .boolean(let flag)): String(flag)
        case (_, .list(let list)): list.joined(separator: ", ")
        case (_, .renamings(let renamings)): renamings.map(\.description).joined(separator: "; ")
        case (_, .headers(let headers)): headers.map { "\($0.name): \($0.value)" }.joined(separator: "; ")
        case (_, .proxy(let proxy)): proxy.shown(mask: EndpointPatch.keptSecret)
        }
    }
}
