// From what a cell means to how it looks. Panels name roles, never colours; the terminal asks the theme once a cell is drawn, with as
// many colours as it has.

/// Colours and attributes for what cells mean.
public struct Theme: Sendable, Equatable {
    /// `dark`, `light`, `contrast` or `mono`.
    public let name: String

    /// nil is attributes only.
    private let palette: Palette?

    /// For dark backgrounds.
    public static let dark = Theme(name: "dark", palette: .dark)
    /// For light backgrounds.
    public static let light = Theme(name: "light", palette: .light)
    /// Strong colours only, for black backgrounds.
    public static let contrast = Theme(name: "contrast", palette: .contrast)
    /// Attributes only.
    public static let mono = Theme(name: "mono", palette: nil)
    /// In the order the key goes through them.
    public static let all: [Theme] = [dark, light, contrast, mono]

    private init(name: String, palette: Palette?) {
        self.name = name
        self.palette = palette
    }

    /// The theme of that name; nil if there is none.
    public init?(name: String) {
        guard let theme = Self.all.first(where: { $0.name == name }) else { return nil }
        self = theme
    }

    var next: Theme {
        let index = Self.all.firstIndex(of: self) ?? 0
        return Self.all[(index + 1) % Self.all.count]
    }

    /// What a terminal is told to draw a cell with.
    public struct Appearance: Sendable, Hashable {
        /// nil is the terminal's own.
        public var foreground: Color?
        /// nil is the terminal's own.
        public var background: Color?
        /// Drawn bold.
        public var isBold = false
        /// Drawn dim.
        public var isDim = false
        /// Foreground and background exchanged.
        public var isReverse = false
        /// Drawn underlined.
        public var isUnderlined = false
    }

    /// How a style is drawn.
    public func appearance(of style: CellStyle) -> Appearance {
        var result = Appearance()
        if let palette {
            result.foreground = palette.foreground(style)
            switch style.role {
            case .strong, .title, .bad, .key, .focusedBorder: result.isBold = true
            case .input: result.isUnderlined = true
            default: break
            }
        } else {
            switch style.role {
            case .strong, .title, .key, .accent, .bad, .warning, .focusedBorder: result.isBold = true
            case .faint, .border: result.isDim = true
            case .input: result.isUnderlined = true
            case .text, .good, .graph: break
            }
        }
        ground(style, &result)
        return result
    }

    private func ground(_ style: CellStyle, _ result: inout Appearance) {
        switch style.ground {
        case .plain, .overlay: break
        case .selected, .focusedButton:
            if let color = palette?.selection, style.ground == .selected {
                result.background = color
                result.isBold = true
            } else {
                result.isReverse = true
                result.isDim = false
                // With foreground and background exchanged, a row of many colours would be a row of patches.
                if style.ground == .selected { result.foreground = nil }
            }
        case .bar:
            if let color = palette?.bar { result.background = color }
        case .button: result.isBold = true
        }
    }
}

/// A theme's colours by what they mean; nil is the terminal's own.
///
/// Text has a contrast of 4.5 to 1 and more, borders 3 to 1, on the backgrounds that the theme is made for, its own bar
/// and its selection (ThemeTests). At 16 and 8 colours the shades are the terminal's: there only those are used that
/// most terminals draw legibly on such backgrounds.
private struct Palette: Sendable, Equatable {
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
        // Text that is faint elsewhere could not be read on the ground of the selection.
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

/// How many colours a terminal shows.
public enum ColorDepth: Int, Sendable, Comparable, CaseIterable {
    /// The first eight, in the terminal's own shades.
    case eight = 8
    /// These and their bright twins.
    case sixteen = 16
    /// The palette of xterm: a cube of 216 colours and 24 greys behind those sixteen.
    case palette = 256
    /// Red, green and blue with eight bits each: true colour.
    case direct = 0x100_0000

    /// The deepest that so many colours suffice for; nil where they are fewer than eight.
    public init?(colors: Int) {
        guard let depth = Self.allCases.last(where: { $0.rawValue <= colors }) else { return nil }
        self = depth
    }

    /// By the number of colours.
    public static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension Theme {
    /// One colour, chosen for each depth.
    public struct Color: Sendable, Hashable {
        /// 0xRRGGBB. 256 and more, since terminals take the smaller numbers for those of their palette.
        public let rgb: UInt32
        /// Index in the 256-colour palette, behind the sixteen whose shades each terminal chooses by itself.
        public let palette: UInt8
        /// Index among the first sixteen; nil is the terminal's own colour.
        public let sixteen: UInt8?
        /// Index among the first eight; nil is the terminal's own colour.
        public let eight: UInt8?

        init(_ rgb: UInt32, _ palette: UInt8, _ sixteen: UInt8?, _ eight: UInt8?) {
            self.rgb = rgb
            self.palette = palette
            self.sixteen = sixteen
            self.eight = eight
        }

        /// What stands for this colour at a depth, at `direct` the number of the colour itself; nil is the terminal's own.
        public func index(at depth: ColorDepth) -> Int32? {
            switch depth {
            case .eight: eight.map(Int32.init)
            case .sixteen: sixteen.map(Int32.init)
            case .palette: Int32(palette)
            case .direct: Int32(rgb)
            }
        }
    }
}
