// Bytes and text written so that another grammar takes them: in a URL, in a header, in a string of JSON, YAML or a log. In one
// place, since each of them was written more than once.

/// Percent-encoding after RFC 3986.
public enum PercentEncoding {
    /// - Parameters:
    ///   - keeping: bytes that stay as they are besides letters, digits and `-._~`
    ///   - whole: encodes every byte, so that the text cannot be taken for a word of the path
    public static func encode(_ text: String, keeping: String = "", whole: Bool = false) -> String {
        var result = ""
        for byte in text.utf8 {
            if !whole, isUnreserved(byte) || keeping.utf8.contains(byte) {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + byte.hexadecimal(digits: 2, uppercase: true)
            }
        }
        return result
    }

    /// nil where an escape is broken or the bytes are not UTF-8.
    public static func decode(_ text: Substring) -> String? {
        String(validating: bytes(text, isStrict: true) ?? [0xFF], as: UTF8.self)
    }

    /// A percent sign that begins no escape stays as it is: people write passwords into URLs as they are.
    public static func decodeLeniently(_ text: String) -> String {
        String(decoding: bytes(text[...], isStrict: false) ?? [], as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || "-._~".utf8.contains(byte)
    }

    private static func bytes(_ text: Substring, isStrict: Bool) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap { ASCII.hexadecimalValue($0) }
            if digits.count == 2 {
                bytes.append(digits[0] << 4 | digits[1])
                rest = rest.dropFirst(2)
            } else {
                guard !isStrict else { return nil }
                bytes.append(byte)
            }
        }
        return bytes
    }
}

/// Base 64 after RFC 4648 §4, without Foundation.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The bytes as text, padded.
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                let digit = alphabet[bits >> (18 - 6 * place) & 0x3F]
                text.append(place <= group.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Text between quotation marks, as JSON, YAML and log lines have it.
public enum QuotedText {
    /// - Parameter escape: how a scalar is written instead of itself; nil where it stands as it is. Quotation marks and
    ///   backslashes are escaped in any case.
    public static func quoted(_ text: String, escape: (Unicode.Scalar) -> String?) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            default:
                if let escape = escape(scalar) {
                    result += escape
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    /// A JSON string. Control characters, and the two separators that end a line for some readers, never get through as they
    /// are: the line can be shown on a terminal.
    public static func json(_ text: String) -> String {
        quoted(text) { scalar in
            if scalar == "\n" { return "\\n" }
            return isControl(scalar) ? "\\u" + scalar.value.hexadecimal(digits: 4) : nil
        }
    }

    /// C0, DEL, C1, and the separators of lines and paragraphs.
    public static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
    }
}
