/// A series drawn in eighths of a line.
enum Sparkline {
    /// `width` characters, newest at the right; shorter series leave blanks at the left, longer ones are folded by
    /// taking the largest of each group so that a peak never disappears.
    static func text(_ series: [Double], width: Int, glyphs: Glyphs) -> String {
        guard width > 0, !series.isEmpty else { return String(repeating: " ", count: max(0, width)) }
        let folded = fold(series, to: width)
        let top = folded.max() ?? 0
        let levels = glyphs.levels
        var text = String(repeating: " ", count: width - folded.count)
        for value in folded {
            guard top > 0, value > 0 else {
                text.append(levels[0])
                continue
            }
            let level = Int((value / top * Double(levels.count - 1)).rounded())
            text.append(levels[min(levels.count - 1, max(0, level))])
        }
        return text
    }

    /// At most `width` values.
    static func fold(_ series: [Double], to width: Int) -> [Double] {
        guard series.count > width, width > 0 else { return series }
        let group = (series.count + width - 1) / width
        var folded: [Double] = []
        var end = series.count
        while end > 0, folded.count < width {
            let start = max(0, end - group)
            folded.append(series[start..<end].max() ?? 0)
            end = start
        }
        return folded.reversed()
    }
}
