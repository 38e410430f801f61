/// A theme's colours by what they mean; nil is the terminal's own.
///
/// Text has a contrast of 4.5 to 1 and more, borders 3 to 1, on the backgrounds that the theme is made for, its own bar
/// and its selection (ThemeTests). At 16 and 8 colours the shades are the terminal's: there only those are used that
/// most terminals draw legibly on such backgrounds.
struct Palette: Sendable, Equatable {
    typealias Color = Theme.Color

    var text: Color?
    var strong: Color?
    var title: Color?
    var faint: Color?
    var border: Color?
    var accent: Color
    var key: Color
    var good: Color
    var warning: Color
    var bad: Color
    var graph: Color
    var bar: Color?
    /// nil exchanges foreground and background instead.
    var selection: Color?

    func foreground(_ style: CellStyle) -> Color? {
        guard style.ground == .selected, selection != nil else { return foreground(style.role) }
        // What is faint elsewhere would sink into the selection.
        let role = style.role == .faint || style.role == .border ? .text : style.role
        guard let color = foreground(role), let ink = text ?? strong else { return nil }
        // Few of the first sixteen go with another of them.
        return Color(color.rgb, color.palette, ink.sixteen, ink.eight)
    }

    private func foreground(_ role: CellStyle.Role) -> Color? {
        switch role {
        case .text, .input: text
        case .strong: strong
        case .title: title
        case .faint: faint
        case .border: border
        case .focusedBorder, .accent: accent
        case .key: key
        case .good: good
        case .warning: warning
        case .bad: bad
        case .graph: graph
        }
    }

    /// For black and nearly black backgrounds.
    static let dark = Palette(
        strong: Color(0xF4F6F8, 255, 15, 7),
        title: Color(0xF4F6F8, 255, 15, 7),
        faint: Color(0x8E98A6, 246, 7, 7),
        border: Color(0x5F6B7A, 242, 8, 7),
        accent: Color(0x5CC8F5, 81, 14, 6),
        key: Color(0x9AD4FF, 117, 14, 6),
        good: Color(0x7DDC92, 114, 10, 2),
        warning: Color(0xF2C661, 221, 11, 3),
        bad: Color(0xFF8A8A, 210, 9, 1),
        graph: Color(0x5FBFB6, 109, 6, 6),
        bar: Color(0x1A212B, 235, 0, 0),
        selection: Color(0x1B3A57, 237, 4, 4))

    /// For white and nearly white backgrounds.
    static let light = Palette(
        // Not 0: many terminals brighten what is bold, which makes black grey.
        text: Color(0x1F2429, 235, nil, nil),
        strong: Color(0x1F2429, 235, nil, nil),
        title: Color(0x0B4F9C, 25, 4, 4),
        faint: Color(0x59636E, 241, 8, nil),
        border: Color(0x858F9B, 245, 8, nil),
        accent: Color(0x0B5CB8, 25, 4, 4),
        key: Color(0x0B5CB8, 25, 4, 4),
        good: Color(0x11652B, 22, 2, 2),
        warning: Color(0x8F5100, 58, 5, 5),
        bad: Color(0xB01E28, 124, 1, 1),
        graph: Color(0x0B6672, 23, 4, 4),
        bar: Color(0xEAEEF2, 255, 15, 7),
        selection: Color(0xCFE3F9, 189, 6, 6))

    /// For black backgrounds, 7 to 1 and more.
    static let contrast = Palette(
        accent: Color(0x4FE3FF, 87, 14, 6),
        key: Color(0x4FE3FF, 87, 14, 6),
        good: Color(0x5DFF6E, 83, 10, 2),
        warning: Color(0xFFE24A, 227, 11, 3),
        bad: Color(0xFF8080, 210, 9, 1),
        graph: Color(0x5DFF6E, 83, 10, 2))
}
