import Console

extension TerminfoEntry {
    /// The same terminal, taken for one that draws 24-bit colours: what xterm-direct is to xterm.
    ///
    /// ncurses sends such colours only where the description says so (`RGB`), while most terminals that draw them go by
    /// descriptions that do not, such as xterm-256color. The separators are semicolons, which more of them understand than
    /// the colons of ISO 8613-6.
    ///
    /// - Returns: nil where the description has direct colours already, or sets colours in a way of its own.
    func withDirectColor() -> TerminfoEntry? {
        guard !hasExtended("RGB"), let foreground = string(Index.setForeground), foreground.starts(with: [0x1B, 0x5B])
        else { return nil }
        var entry = self
        // Numbers are colours, no longer entries of a palette that could be changed.
        if entry.booleans.indices.contains(Index.canChange) { entry.booleans[Index.canChange] = 0 }
        for index in Index.paletteStrings { entry.setString(index, to: nil) }
        entry.setNumber(Index.colors, to: Int32(ColorDepth.direct.rawValue))
        entry.setNumber(Index.pairs, to: 0x10000)
        entry.setString(Index.setForeground, to: Self.setColor("3"))
        entry.setString(Index.setBackground, to: Self.setColor("4"))
        let flag = Array("RGB".utf8)
        entry.extended.booleans.removeAll { $0.name == flag }
        entry.extended.booleans.append(Named(name: flag, value: 1))
        return entry
    }

    /// The first eight stay the terminal's own.
    private static func setColor(_ ground: String) -> [UInt8] {
        let red = "%p1%{65536}%/%d"
        let green = "%p1%{256}%/%{255}%&%d"
        let blue = "%p1%{255}%&%d"
        return Array("\u{1B}[%?%p1%{8}%<%t\(ground)%p1%d%e\(ground)8;2;\(red);\(green);\(blue)%;m".utf8)
    }

    private enum Index {
        static let canChange = 27
        static let colors = 13
        static let pairs = 14
        static let setForeground = 359
        static let setBackground = 360
        /// orig_colors, initialize_color, initialize_pair, set_foreground, set_background.
        static let paletteStrings = [298, 299, 300, 302, 303]
    }
}
