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
                // Exchanged, many colours make patches of a row.
                if style.ground == .selected { result.foreground = nil }
            }
        case .bar:
            if let color = palette?.bar { result.background = color }
        case .button: result.isBold = true
        }
    }
}
