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
    private static let schemes: Set<String> = ["bearer", "basic", "token", "apikey", "digest", "negotiate"]
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
