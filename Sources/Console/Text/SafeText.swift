/// Makes text from outside fit for a terminal.
public enum SafeText {
    /// The stand-in for a cluster whose width terminals disagree about.
    static let plainCell: Unicode.Scalar = "\u{25A1}"
    private static let mostMarks = 2

    /// The text without control, bidirectional and invisible characters; clusters that terminals draw in different
    /// widths become one plain cell, tabs and line breaks one space.
    public static func clean(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
        var result = String.UnicodeScalarView()
        for character in text {
            let scalars = character.unicodeScalars
            if scalars.contains(where: changesWidth) || isFlag(scalars) {
                result.append(plainCell)
                continue
            }
            var marks = 0
            for scalar in scalars {
                if scalar == "\n" || scalar == "\t" {
                    result.append(" ")
                } else if isInvisible(scalar) {
                    continue
                } else if TextWidth.columns(of: scalar) == 0 {
                    guard marks < mostMarks, !result.isEmpty else { continue }
                    marks += 1
                    result.append(scalar)
                } else {
                    marks = 0
                    result.append(scalar)
                }
            }
        }
        return String(result)
    }

    private static func changesWidth(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x200D, 0xFE0F, 0x20E3, 0x1F3FB...0x1F3FF: true
        case 0x1160...0x11FF, 0xD7B0...0xD7FF: true
        default: false
        }
    }

    private static func isFlag(_ scalars: Character.UnicodeScalarView) -> Bool {
        scalars.contains { (0x1F1E6...0x1F1FF).contains($0.value) || (0xE0020...0xE007F).contains($0.value) }
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: (0xFE00...0xFE0E).contains(scalar.value) || (0xE0100...0xE01EF).contains(scalar.value)
        }
    }
}
