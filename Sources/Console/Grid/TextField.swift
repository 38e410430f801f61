/// Text cut and padded to columns.
enum TextField {
    enum Side { case left, right }

    /// Exactly `width` columns of cleaned text; cut text ends in an ellipsis.
    static func fit(_ text: String, _ width: Int, align: Side = .left, glyphs: Glyphs) -> String {
        guard width > 0 else { return "" }
        let columns = TextWidth.columns(of: text)
        if columns <= width {
            let padding = String(repeating: " ", count: width - columns)
            return align == .left ? text + padding : padding + text
        }
        var result = String.UnicodeScalarView()
        var used = 0
        for scalar in text.unicodeScalars {
            let next = TextWidth.columns(of: scalar)
            if used + next > width - 1 { break }
            result.append(scalar)
            used += next
        }
        return String(result) + String(glyphs.ellipsis) + String(repeating: " ", count: width - 1 - used)
    }

    /// At most `width` columns.
    static func cut(_ text: String, _ width: Int, glyphs: Glyphs) -> String {
        TextWidth.columns(of: text) <= width ? text : fit(text, width, glyphs: glyphs)
    }
}
