internal import PodiumModel

/// The characters that carry meaning, in Unicode and in ASCII; every one is a single column.
public struct Glyphs: Sendable, Equatable {
    let isASCII: Bool
    let up, slow, down, off, misconfigured, cooling, untested: Character
    let dirty, clean, writing, cursor, risen, fallen, sortUp, sortDown: Character
    let barFull, barEmpty: Character
    let levels: [Character]
    let horizontal, vertical, topLeft, topRight, bottomLeft, bottomRight, teeDown, teeUp: Character
    let dash, ellipsis, separator, arrow, check, cross, bullet, blank: Character
    let choiceLeft, choiceRight, atMost: Character

    /// For UTF-8 locales.
    public static let unicode = Glyphs(
        isASCII: false, up: "●", slow: "◐", down: "✗", off: "○", misconfigured: "!", cooling: "◌", untested: "?",
        dirty: "◆", clean: "◇", writing: "»", cursor: "▸", risen: "↑", fallen: "↓", sortUp: "▲", sortDown: "▼",
        barFull: "█", barEmpty: "░", levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        horizontal: "─", vertical: "│", topLeft: "╭", topRight: "╮", bottomLeft: "╰", bottomRight: "╯",
        teeDown: "┬", teeUp: "┴", dash: "—", ellipsis: "…", separator: "·", arrow: "→", check: "✓", cross: "✗",
        bullet: "•", blank: "_", choiceLeft: "‹", choiceRight: "›", atMost: "≤")

    /// For every other locale and `--ascii`.
    public static let ascii = Glyphs(
        isASCII: true, up: "+", slow: "~", down: "x", off: "o", misconfigured: "!", cooling: "c", untested: "?",
        dirty: "#", clean: "=", writing: "%", cursor: ">", risen: "^", fallen: "v", sortUp: "^", sortDown: "v",
        barFull: "#", barEmpty: ".", levels: ["_", ".", ":", "-", "=", "+", "*", "#"],
        horizontal: "-", vertical: "|", topLeft: "+", topRight: "+", bottomLeft: "+", bottomRight: "+",
        teeDown: "+", teeUp: "+", dash: "-", ellipsis: "~", separator: "-", arrow: ">", check: "*", cross: "x",
        bullet: "*", blank: "_", choiceLeft: "<", choiceRight: ">", atMost: "<")

    func state(_ state: Snapshot.Endpoint.State) -> Character {
        switch state {
        case .up: up
        case .slow: slow
        case .down: down
        case .off: off
        case .misconfigured: misconfigured
        case .cooling: cooling
        case .untested: untested
        }
    }

    /// The ASCII twin of a scalar of this program's own texts.
    func twin(of scalar: Unicode.Scalar) -> Unicode.Scalar {
        guard isASCII, !scalar.isASCII else { return scalar }
        return Self.twins[scalar] ?? "?"
    }

    private static let twins: [Unicode.Scalar: Unicode.Scalar] = [
        "●": "+", "◐": "~", "✗": "x", "○": "o", "◌": "c", "◆": "#", "◇": "=", "»": "%", "▸": ">", "↑": "^", "↓": "v",
        "▲": "^", "▼": "v", "█": "#", "░": ".", "▁": "_", "▂": ".", "▃": ":", "▄": "-", "▅": "=", "▆": "+", "▇": "*",
        "─": "-", "│": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┬": "+", "┴": "+", "└": "+", "—": "-", "–": "-",
        "…": "~", "·": "-", "→": ">", "✓": "*", "•": "*", "‹": "<", "›": ">", "↵": "<", "×": "x", "←": "<", "≤": "<",
    ]
}

/// A series drawn in eighths of a line.
enum Sparkline {
    /// `width` characters, newest at the right; shorter series leave blanks at the left, longer ones are folded by
    /// taking the largest of each group so that a peak never disappears.
    static func text(_ series: [Double], width: Int, glyphs: Glyphs) -> String {
        guard width > 0, !series.isEmpty else { return String(repeating: " ", count: max(0, width)) }
        let folded = fold(series, to: width)
        let top = folded.max() ?? 0
        return String(repeating: " ", count: width - folded.count)
            + String(folded.map { character($0, of: top, glyphs: glyphs) })
    }

    /// How high a value stands where `top` is the highest.
    static func character(_ value: Double, of top: Double, glyphs: Glyphs) -> Character {
        let levels = glyphs.levels
        guard top > 0, value > 0 else { return levels[0] }
        return levels[min(levels.count - 1, max(0, Int((value / top * Double(levels.count - 1)).rounded())))]
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
