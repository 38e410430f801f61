/// What an unquoted scalar means.
enum PlainScalar {
    /// The type by YAML 1.1's rules, those of the files that are there.
    static func resolve(_ text: String) -> YAMLScalar {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .boolean(true)
        case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .boolean(false)
        default: break
        }
        guard let first = text.utf8.first, isNumberStart(first) else { return .string(text) }
        if let integer = integer(text) { return .integer(integer) }
        if let float = float(text) { return .float(float) }
        return .string(text)
    }

    /// Whether some reader (YAML 1.1 or 1.2, and the looser ones) would take this text, unquoted, for anything but itself.
    static func isAmbiguous(_ text: String) -> Bool {
        switch text {
        case "<<", "=": return true
        default: break
        }
        if resolve(text) != .string(text) { return true }
        // Some readers fold case further than the standard does.
        switch text.lowercased() {
        case "null", "true", "false", "yes", "no", "on", "off", "y", "n": return true
        default: return looksNumeric(text) || looksLikeDate(text)
        }
    }

    private static func isNumberStart(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }

    private static func integer(_ text: String) -> Int? {
        var digits = text.filter { $0 != "_" }
        var sign = ""
        if let first = digits.first, first == "+" || first == "-" {
            sign = first == "-" ? "-" : ""
            digits.removeFirst()
        }
        guard let first = digits.utf8.first, (0x30...0x39).contains(first) else { return nil }
        let prefixes: [(String, Int)] = [("0x", 16), ("0o", 8), ("0b", 2)]
        for (prefix, radix) in prefixes where digits.hasPrefix(prefix) {
            return unsigned(digits.dropFirst(2), sign, radix: radix)
        }
        if digits.count > 1, digits.hasPrefix("0") { return unsigned(digits.dropFirst(), sign, radix: 8) }
        return unsigned(digits[...], sign, radix: 10)
    }

    private static func unsigned(_ digits: Substring, _ sign: String, radix: Int) -> Int? {
        guard let first = digits.first, first != "+", first != "-" else { return nil }
        return Int(sign + digits, radix: radix)
    }

    private static func float(_ text: String) -> Double? {
        let unsigned = text.first == "+" || text.first == "-" ? text.dropFirst() : text[...]
        switch unsigned {
        case ".inf", ".Inf", ".INF": return text.first == "-" ? -.infinity : .infinity
        case ".nan", ".NaN", ".NAN": return .nan
        default: break
        }
        let digits = text.filter { $0 != "_" }
        guard digits.utf8.allSatisfy({ isNumberStart($0) || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }),
            unsigned.utf8.contains(where: { (0x30...0x39).contains($0) })
        else { return nil }
        return Double(digits)
    }

    /// Digits, bases, exponents and base-60 forms in any combination that some reader might accept.
    private static func looksNumeric(_ text: String) -> Bool {
        var body = text.lowercased()[...]
        if body.first == "+" || body.first == "-" { body = body.dropFirst() }
        if body == ".inf" || body == ".nan" || body == "inf" || body == "nan" || body == "infinity" { return true }
        guard let first = body.utf8.first, (0x30...0x39).contains(first) || first == UInt8(ascii: ".") else {
            return false
        }
        let digits = body.utf8.contains { (0x30...0x39).contains($0) }
        if body.hasPrefix("0x") || body.hasPrefix("0o") || body.hasPrefix("0b") {
            return body.dropFirst(2).utf8.allSatisfy { isHexDigit($0) || $0 == UInt8(ascii: "_") }
        }
        let isPlainNumber = body.utf8.allSatisfy {
            (0x30...0x39).contains($0) || "_.e+-".utf8.contains($0)
        }
        let isSexagesimal =
            body.contains(":") && body.utf8.allSatisfy { (0x30...0x39).contains($0) || "_:.".utf8.contains($0) }
        // An IPv4 address has three dots, which no number has.
        let dots = body.utf8.count { $0 == UInt8(ascii: ".") }
        return digits && dots <= 1 && (isPlainNumber || isSexagesimal)
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
    }

    private static func looksLikeDate(_ text: String) -> Bool {
        let head = Array(text.utf8.prefix(6))
        return head.count >= 5 && head[0..<4].allSatisfy { (0x30...0x39).contains($0) } && head[4] == UInt8(ascii: "-")
    }
}
