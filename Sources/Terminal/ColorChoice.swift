import Console
import Support

/// Which colours a terminal is sent, by its description, the environment and the operator.
struct ColorChoice {
    /// What the operator allows; `direct` is also believed to be what the terminal draws.
    var limit: ColorDepth?
    /// Gives a variable of the environment; nil where it is not set.
    var variable: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }

    /// The description of the terminal, compiled, with direct colours put in; nil where it is to be taken as it is.
    func directDescription(of term: String) -> [UInt8]? {
        guard limit == nil || limit == .direct, let entry = TerminfoDatabase(variable: variable).entry(term),
            drawsDirect(term, entry)
        else { return nil }
        return entry.withDirectColor()?.encoded()
    }

    private func drawsDirect(_ term: String, _ entry: TerminfoEntry) -> Bool {
        // tmux's own flag for it, which kitty and others have.
        if limit == .direct || entry.hasExtended("Tc") { return true }
        guard let named = variable("COLORTERM"), named == "truecolor" || named == "24bit" else { return false }
        // GNU screen hands the variable of the terminal around it on, and garbles such colours before version 5; the
        // kernel's console makes sixteen of them. tmux goes by screen's name too, and understands them.
        return variable("TMUX") != nil || !(term.hasPrefix("screen") || term.hasPrefix("linux"))
    }

    /// - Parameters:
    ///   - colors: How many the description names.
    ///   - isDirect: Whether their numbers are the colours themselves, but for the first eight.
    /// - Returns: nil where there are too few.
    func depth(of colors: Int32, isDirect: Bool) -> ColorDepth? {
        if isDirect {
            // The colours of the palette have eight bits for each part.
            let isWhole = colors == ColorDepth.direct.rawValue && limit ?? .direct == .direct
            return isWhole ? .direct : ColorDepth(colors: min(Int(colors), ColorDepth.eight.rawValue))
        }
        let depth = ColorDepth(colors: min(Int(colors), ColorDepth.palette.rawValue))
        return depth.map { min($0, limit ?? $0) }
    }
}
