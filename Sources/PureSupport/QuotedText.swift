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
