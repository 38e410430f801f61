import Testing

@testable import Console

/// Contrasts as in WCAG 2: 4.5 to 1 for text is its level AA, 7 to 1 its level AAA, 3 to 1 for what is no text.
@Suite("Themes")
struct ThemeTests {
    private static let backgrounds: [(theme: Theme, grounds: [UInt32], least: Double)] = [
        (.dark, [0x000000, 0x101418, 0x1E1E1E], 4.5), (.light, [0xFFFFFF, 0xFBFAF7], 4.5), (.contrast, [0x000000], 7),
    ]
    private static let frames: Set<CellStyle.Role> = [.border, .focusedBorder]

    /// Relative luminance of 0xRRGGBB.
    private func luminance(_ rgb: UInt32) -> Double {
        func linear(_ shift: UInt32) -> Double {
            let value = Double(rgb >> shift & 255) / 255
            return value <= 0.04045 ? value / 12.92 : power((value + 0.055) / 1.055)
        }
        return 0.2126 * linear(16) + 0.7152 * linear(8) + 0.0722 * linear(0)
    }

    /// To the power of 2.4, which is the fifth root to the power of twelve.
    private func power(_ value: Double) -> Double {
        var root = 1.0
        for _ in 0..<64 { root -= (root - value / (root * root * root * root)) / 5 }
        let cube = root * root * root
        return cube * cube * cube * cube
    }

    private func contrast(_ one: UInt32, _ other: UInt32) -> Double {
        let (low, high) = (min(luminance(one), luminance(other)), max(luminance(one), luminance(other)))
        return (high + 0.05) / (low + 0.05)
    }

    /// xterm's palette behind its first sixteen.
    private func shade(_ index: UInt8) -> UInt32 {
        guard index >= 16 else { return 0 }
        if index >= 232 { return UInt32(8 + 10 * Int(index - 232)) * 0x010101 }
        let steps: [UInt32] = [0, 95, 135, 175, 215, 255]
        let place = Int(index - 16)
        return steps[place / 36] << 16 | steps[place / 6 % 6] << 8 | steps[place % 6]
    }

    @Test("Contrast is known")
    func formula() {
        #expect(abs(contrast(0x000000, 0xFFFFFF) - 21) < 0.001)
        #expect(abs(contrast(0x777777, 0xFFFFFF) - 4.48) < 0.005)
    }

    @Test("Text is legible and borders are seen at 24 bits and in the palette of 256", arguments: backgrounds)
    func legible(theme: Theme, grounds: [UInt32], least: Double) {
        for shades in [{ $0.rgb }, { shade($0.palette) }] as [(Theme.Color) -> UInt32] {
            for role in CellStyle.Role.allCases {
                for ground in CellStyle.Ground.allCases {
                    // Frames stand on no bar.
                    if Self.frames.contains(role), ground == .bar || ground == .selected { continue }
                    let drawn = theme.appearance(of: CellStyle(role, on: ground))
                    guard let foreground = drawn.foreground else { continue }
                    for background in drawn.background.map({ [shades($0)] }) ?? grounds {
                        let found = contrast(shades(foreground), background)
                        #expect(found >= (Self.frames.contains(role) ? 3 : least), "\(theme.name) \(role) on \(ground)")
                    }
                }
            }
        }
    }

    @Test("The terminal's own text is legible on the bar and the selection", arguments: [Theme.dark, .light])
    func own(theme: Theme) {
        for ground in [CellStyle.Ground.bar, .selected] {
            guard let background = theme.appearance(of: CellStyle(.text, on: ground)).background else { continue }
            let text: UInt32 = theme == .dark ? 0xB2B2B2 : 0x303030
            #expect(contrast(text, background.rgb) >= 4.5 && contrast(text, shade(background.palette)) >= 4.5)
        }
    }

    @Test("Good, warning and bad are told apart at every depth")
    func distinct() {
        for theme in [Theme.dark, .light, .contrast] {
            for depth in ColorDepth.allCases {
                let roles: [CellStyle.Role] = [.good, .warning, .bad, .accent]
                let colors = roles.compactMap { theme.appearance(of: CellStyle($0)).foreground?.index(at: depth) }
                #expect(Set(colors).count == roles.count, "\(theme.name) \(depth)")
            }
        }
    }

    @Test("Every index is within its depth, and no direct colour is taken for one of a palette")
    func indexes() {
        for theme in Theme.all {
            for role in CellStyle.Role.allCases {
                for ground in CellStyle.Ground.allCases {
                    let drawn = theme.appearance(of: CellStyle(role, on: ground))
                    for color in [drawn.foreground, drawn.background].compactMap(\.self) {
                        #expect((0..<8).contains(color.index(at: .eight) ?? 0))
                        #expect((0..<16).contains(color.index(at: .sixteen) ?? 0))
                        #expect(color.index(at: .palette).map { (16...255).contains($0) } == true)
                        #expect(color.index(at: .direct).map { (0x100...0xFFFFFF).contains($0) } == true)
                    }
                }
            }
        }
    }

    @Test("At 16 and 8 colours a selected row is of one colour", arguments: [Theme.dark, .light])
    func selection(theme: Theme) {
        for depth in [ColorDepth.eight, .sixteen] {
            let drawn = CellStyle.Role.allCases.map { theme.appearance(of: CellStyle($0, on: .selected)) }
            #expect(Set(drawn.compactMap { $0.foreground?.index(at: depth) }).count <= 1)
            #expect(drawn.allSatisfy { $0.background?.index(at: depth) != nil })
            #expect(drawn.allSatisfy { $0.foreground?.index(at: depth) != $0.background?.index(at: depth) })
        }
    }

    @Test("Bold black, which many terminals make grey, is not used")
    func boldBlack() {
        for theme in Theme.all {
            for role in CellStyle.Role.allCases {
                for ground in CellStyle.Ground.allCases {
                    let drawn = theme.appearance(of: CellStyle(role, on: ground))
                    guard drawn.isBold else { continue }
                    #expect(drawn.foreground?.index(at: .eight) != 0 && drawn.foreground?.index(at: .sixteen) != 0)
                }
            }
        }
    }

    @Test("Depths by the number of colours")
    func depths() {
        #expect(ColorDepth(colors: 7) == nil && ColorDepth(colors: 8) == .eight && ColorDepth(colors: 255) == .sixteen)
        #expect(ColorDepth(colors: 256) == .palette && ColorDepth(colors: 0x100_0000) == .direct)
    }
}
