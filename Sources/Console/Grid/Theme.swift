/// Colours and attributes for what cells mean.
public struct Theme: Sendable, Equatable {
    /// `dark`, `light`, `contrast` or `mono`.
    public let name: String

    /// For dark backgrounds.
    public static let dark = Theme(unchecked: "dark")
    /// For light backgrounds.
    public static let light = Theme(unchecked: "light")
    /// Strong colours only.
    public static let contrast = Theme(unchecked: "contrast")
    /// Attributes only.
    public static let mono = Theme(unchecked: "mono")
    /// In the order the key goes through them.
    public static let all: [Theme] = [dark, light, contrast, mono]

    private init(unchecked name: String) {
        self.name = name
    }

    /// The theme of that name; nil if there is none.
    public init?(name: String) {
        guard Self.all.contains(where: { $0.name == name }) else { return nil }
        self.init(unchecked: name)
    }

    var next: Theme {
        let index = Self.all.firstIndex(of: self) ?? 0
        return Self.all[(index + 1) % Self.all.count]
    }

    /// A colour of the 256-colour palette with its nearest twin of the first eight.
    public struct Color: Sendable, Hashable {
        /// Index in the 256-colour palette.
        public let extended: UInt8
        /// Index among the first eight.
        public let basic: UInt8
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
        if name == "mono" {
            switch style.role {
            case .strong, .title, .key, .accent, .bad, .warning, .focusedBorder: result.isBold = true
            case .faint, .border: result.isDim = true
            case .input: result.isUnderlined = true
            case .text, .good, .graph: break
            }
        } else {
            result.foreground = foreground(style.role)
            switch style.role {
            case .strong, .title, .bad, .key, .focusedBorder: result.isBold = true
            case .input: result.isUnderlined = true
            default: break
            }
        }
        ground(style, &result)
        return result
    }

    private func ground(_ style: CellStyle, _ result: inout Appearance) {
        switch style.ground {
        case .plain, .overlay: break
        case .selected, .focusedButton:
            if let color = selection, style.ground == .selected {
                result.background = color
                result.isBold = true
            } else {
                result.isReverse = true
                result.isDim = false
            }
        case .bar:
            if let color = bar { result.background = color }
        case .button: result.isBold = true
        }
    }

    private var selection: Color? {
        switch name {
        case "dark": Color(extended: 24, basic: 4)
        case "light": Color(extended: 153, basic: 6)
        default: nil
        }
    }

    private var bar: Color? {
        switch name {
        case "dark": Color(extended: 235, basic: 0)
        case "light": Color(extended: 254, basic: 7)
        default: nil
        }
    }

    private func foreground(_ role: CellStyle.Role) -> Color? {
        switch name {
        case "light":
            switch role {
            case .text, .strong, .input: Color(extended: 235, basic: 0)
            case .title: Color(extended: 25, basic: 4)
            case .faint, .border: Color(extended: 243, basic: 0)
            case .focusedBorder, .accent, .key: Color(extended: 25, basic: 4)
            case .good: Color(extended: 28, basic: 2)
            case .warning: Color(extended: 130, basic: 3)
            case .bad: Color(extended: 160, basic: 1)
            case .graph: Color(extended: 30, basic: 6)
            }
        case "contrast":
            switch role {
            case .text, .strong, .input, .title, .border, .faint: nil
            case .focusedBorder, .accent, .key: Color(extended: 14, basic: 6)
            case .good, .graph: Color(extended: 10, basic: 2)
            case .warning: Color(extended: 11, basic: 3)
            case .bad: Color(extended: 9, basic: 1)
            }
        default:
            switch role {
            case .text, .input: nil
            case .strong, .title: Color(extended: 255, basic: 7)
            case .faint: Color(extended: 245, basic: 7)
            case .border: Color(extended: 240, basic: 7)
            case .focusedBorder, .accent: Color(extended: 81, basic: 6)
            case .key: Color(extended: 117, basic: 6)
            case .good: Color(extended: 114, basic: 2)
            case .warning: Color(extended: 221, basic: 3)
            case .bad: Color(extended: 210, basic: 1)
            case .graph: Color(extended: 73, basic: 6)
            }
        }
    }
}
