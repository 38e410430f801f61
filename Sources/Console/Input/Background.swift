/// Whether a terminal is light or dark, as it says itself.
public enum Background {
    /// Of the answer to `OSC 11 ; ?`, such as `]11;rgb:ffff/ffff/ffff`; nil for any other string.
    static func isLight(report: some Sequence<UInt8>) -> Bool? {
        let text = String(decoding: Array(report), as: UTF8.self)
        for prefix in ["]11;rgb:", "]11;rgba:"] where text.hasPrefix(prefix) {
            let parts = text.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
            let values = parts.prefix(3).compactMap { part -> Double? in
                guard (1...4).contains(part.count), let value = UInt32(part, radix: 16) else { return nil }
                return Double(value) / Double((1 << (4 * part.count)) - 1)
            }
            guard values.count == 3 else { return nil }
            // As the eye weighs them.
            return 0.2126 * values[0] + 0.7152 * values[1] + 0.0722 * values[2] > 0.5
        }
        return nil
    }

    /// Of the variable `COLORFGBG`, such as `0;15`; nil where it says nothing.
    public static func isLight(variable: String) -> Bool? {
        guard let last = variable.split(separator: ";").last, let color = Int(last), (0...15).contains(color) else {
            return nil
        }
        return color == 7 || color > 8
    }
}
