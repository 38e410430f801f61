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
