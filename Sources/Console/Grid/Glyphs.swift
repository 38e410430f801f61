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
    let choiceLeft, choiceRight: Character

    /// For UTF-8 locales.
    public static let unicode = Glyphs(
        isASCII: false, up: "●", slow: "◐", down: "✗", off: "○", misconfigured: "!", cooling: "◌", untested: "?",
        dirty: "◆", clean: "◇", writing: "»", cursor: "▸", risen: "↑", fallen: "↓", sortUp: "▲", sortDown: "▼",
        barFull: "█", barEmpty: "░", levels: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
        horizontal: "─", vertical: "│", topLeft: "╭", topRight: "╮", bottomLeft: "╰", bottomRight: "╯",
        teeDown: "┬", teeUp: "┴", dash: "—", ellipsis: "…", separator: "·", arrow: "→", check: "✓", cross: "✗",
        bullet: "•", blank: "_", choiceLeft: "‹", choiceRight: "›")

    /// For every other locale and `--ascii`.
    public static let ascii = Glyphs(
        isASCII: true, up: "+", slow: "~", down: "x", off: "o", misconfigured: "!", cooling: "c", untested: "?",
        dirty: "#", clean: "=", writing: "%", cursor: ">", risen: "^", fallen: "v", sortUp: "^", sortDown: "v",
        barFull: "#", barEmpty: ".", levels: ["_", ".", ":", "-", "=", "+", "*", "#"],
        horizontal: "-", vertical: "|", topLeft: "+", topRight: "+", bottomLeft: "+", bottomRight: "+",
        teeDown: "+", teeUp: "+", dash: "-", ellipsis: "~", separator: "-", arrow: ">", check: "*", cross: "x",
        bullet: "*", blank: "_", choiceLeft: "<", choiceRight: ">")

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
        "…": "~", "·": "-", "→": ">", "✓": "*", "•": "*", "‹": "<", "›": ">", "↵": "<", "×": "x", "←": "<",
    ]
}
