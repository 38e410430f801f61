import CNcurses
import CSystemShim
import Console
import Support

/// The one owner of ncurses: opens the terminal, sends what was drawn, reads bytes, gives the terminal back. `ConsoleLoop` uses it on one
/// thread from `open` to `close`. Keys are not read by ncurses but by Podium's own `InputParser`.
final class CursesScreen {
    struct Failure: Error {
        var reason: String
    }

    private let screen: OpaquePointer
    private let files: (output: UnsafeMutablePointer<FILE>, input: UnsafeMutablePointer<FILE>)
    private let input: Int32
    let output: Int32
    let isUTF8: Bool
    /// nil where it has none.
    let colorDepth: ColorDepth?
    /// Something about the terminal that the operator should know.
    let notice: String?
    /// Terminals of the xterm family: they bracket frames and answer questions.
    let isModern: Bool
    private var isOpen = true

    private init(
        screen: OpaquePointer, files: (UnsafeMutablePointer<FILE>, UnsafeMutablePointer<FILE>),
        input: Int32, output: Int32, isUTF8: Bool, notice: String?, isModern: Bool, colorDepth: ColorDepth?
    ) {
        self.screen = screen
        self.files = files
        self.input = input
        self.output = output
        self.isUTF8 = isUTF8
        self.notice = notice
        self.isModern = isModern
        self.colorDepth = colorDepth
    }

    /// Takes the terminal over.
    static func open(_ options: TerminalOptions) -> Result<CursesScreen, Failure> {
        guard isatty(options.input) == 1, isatty(options.output) == 1 else {
            return .failure(Failure(reason: "standard input and output are not a terminal"))
        }
        let locale = LocaleChoice.set()
        guard let output = fdopen(dup(options.output), "w"), let input = fdopen(dup(options.input), "r") else {
            return .failure(Failure(reason: "the terminal cannot be opened: \(String(cString: strerror(errno)))"))
        }
        guard podium_tty_guard(options.output) == 0 else {
            fclose(output)
            fclose(input)
            return .failure(Failure(reason: "the terminal's modes cannot be read"))
        }
        let wanted = getenv("TERM").map { String(cString: $0) } ?? ""
        let colors = ColorChoice(limit: options.colors)
        var notices = locale.notice.map { [$0] } ?? []
        var chosen: OpaquePointer?
        var name = wanted
        for candidate in [wanted, "xterm-256color", "vt100"] where !candidate.isEmpty {
            chosen = newScreen(candidate, output, input, colors)
            if chosen != nil {
                name = candidate
                if candidate != wanted {
                    let problem = wanted.isEmpty ? "TERM is not set" : "TERM=\(wanted) is not known here"
                    notices.append("\(problem): drawing as \(candidate)")
                }
                break
            }
        }
        guard let chosen else {
            podium_tty_release()
            fclose(output)
            fclose(input)
            return .failure(
                Failure(reason: "no terminal description for TERM=\(wanted.isEmpty ? "(not set)" : wanted)"))
        }
        _ = set_term(chosen)
        guard podium_capability("cup") != nil else {
            endwin()
            delscreen(chosen)
            podium_tty_release()
            fclose(output)
            fclose(input)
            return .failure(Failure(reason: "TERM=\(name) cannot move the cursor"))
        }
        let depth = colors.depth(of: podium_colors(), isDirect: podium_has_direct_color() != 0)
        let screen = CursesScreen(
            screen: chosen, files: (output, input), input: options.input, output: options.output, isUTF8: locale.isUTF8,
            notice: notices.isEmpty ? nil : notices.joined(separator: "; "),
            isModern: !(name.hasPrefix("vt") || name.hasPrefix("linux")),
            colorDepth: has_colors() ? depth : nil)
        screen.configure()
        return .success(screen)
    }

    /// nil where there is no description by that name.
    private static func newScreen(
        _ name: String, _ output: UnsafeMutablePointer<FILE>, _ input: UnsafeMutablePointer<FILE>, _ colors: ColorChoice
    ) -> OpaquePointer? {
        if let description = colors.directDescription(of: name),
            let screen = podium_newterm_described(name, "TERMINFO=b64:" + Base64.encode(description), output, input)
        {
            return screen
        }
        return newterm(name, output, input)
    }

    private func configure() {
        raw()
        noecho()
        nonl()
        // The terminal sends its keys as its description says; `InputParser` knows them, ncurses reads none.
        keypad(podium_stdscr(), true)
        leaveok(podium_stdscr(), false)
        if colorDepth != nil {
            start_color()
            use_default_colors()
        }
        // The program before may have left mouse reports on.
        podium_mouse(1)
        podium_mouse(0)
        if isModern { write("\u{1B}[?1002l\u{1B}[?1003l\u{1B}[?1004l") }
        write("\u{1B}[?2004h")
    }

    /// Gives the terminal back. Nothing is written to one that is gone.
    func close(isGone: Bool, isAnswerDue: Bool) {
        guard isOpen else { return }
        isOpen = false
        if isGone {
            // ncurses still writes while it closes, which must go nowhere.
            let null = Glibc.open("/dev/null", O_RDWR | O_CLOEXEC)
            if null >= 0 {
                dup2(null, fileno(files.output))
                Glibc.close(null)
            }
        } else {
            write("\u{1B}[?2004l")
            if isAnswerDue { swallowAnswer() }
        }
        endwin()
        delscreen(screen)
        podium_tty_release()
        fclose(files.output)
        fclose(files.input)
    }

    /// Takes the answers that the terminal still sends, which the shell would take for typed text.
    private func swallowAnswer() {
        var descriptor = pollfd(fd: fileno(files.input), events: Int16(POLLIN), revents: 0)
        _ = poll(&descriptor, 1, 200)
        tcflush(fileno(files.input), TCIFLUSH)
    }

    var size: (columns: Int, lines: Int) {
        (Int(getmaxx(podium_stdscr())), Int(getmaxy(podium_stdscr())))
    }

    /// Follows the size of the terminal.
    func resize() {
        var size = winsize()
        // A session without a local terminal reports nothing: what terminfo says stays.
        guard ioctl(output, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return }
        resizeterm(Int32(size.ws_row), Int32(size.ws_col))
    }

    func repaintEverything() {
        clearok(podium_curscr(), true)
    }

    /// Sends what was drawn as one piece.
    func show(cursor: CellGrid.Cursor?, asking: Bool) {
        if let cursor {
            wmove(podium_stdscr(), Int32(cursor.line), Int32(cursor.column))
        }
        curs_set(cursor?.isVisible == true ? 1 : 0)
        wnoutrefresh(podium_stdscr())
        if isModern { write("\u{1B}[?2026h") }
        doupdate()
        let question = asking ? "\u{1B}[5n" : ""
        if isModern { write("\u{1B}[?2026l" + question) }
    }

    /// Sends text past ncurses: for what it has no words for.
    func write(_ text: String) {
        // A terminal that takes nothing must not hold the console up; what is lost is drawn again.
        _ = DescriptorIO.write(Array(text.utf8), to: fileno(files.output), patience: 0)
    }

    /// What waits to be read, up to a bound; empty where nothing does, and at the end.
    func read() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = buffer.withUnsafeMutableBytes { Glibc.read(input, $0.baseAddress, $0.count) }
        return count > 0 ? Array(buffer.prefix(count)) : []
    }

    /// The keys of the terminal's description.
    var keySequences: KeySequences {
        var keys: [(String, Key)] = [
            ("kcuu1", .up), ("kcud1", .down), ("kcub1", .left), ("kcuf1", .right), ("khome", .home), ("kend", .end),
            ("kpp", .pageUp), ("knp", .pageDown), ("kbs", .backspace), ("kdch1", .delete), ("kich1", .insert),
            ("kcbt", .backTab), ("kent", .enter),
        ]
        for number in 1...12 { keys.append(("kf\(number)", .function(number))) }
        var described: [[UInt8]: Key] = [:]
        for (name, key) in keys {
            guard let text = podium_capability(name) else { continue }
            let bytes = Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
            // A few terminals have one key for two purposes: the first of the list has it.
            if !bytes.isEmpty, described[bytes] == nil { described[bytes] = key }
        }
        return KeySequences(described: described)
    }

    var characterDecoder: CharacterDecoder {
        guard !isUTF8 else { return .utf8 }
        return CharacterDecoder { bytes in
            var scalar: UInt32 = 0
            switch podium_decode(bytes, bytes.count, &scalar) {
            case 1: return Unicode.Scalar(scalar).map { .character($0) } ?? .invalid
            case 0: return .incomplete
            default: return .invalid
            }
        }
    }

    func reportMouse(_ isOn: Bool) {
        podium_mouse(isOn ? 1 : 0)
    }

    /// Gives the terminal to the shell; `resume` takes it back.
    func yield(isAnswerDue: Bool) {
        write("\u{1B}[?2004l")
        if isAnswerDue { swallowAnswer() }
        endwin()
    }

    /// Takes the terminal over again after the shell had it.
    func resume() {
        reset_prog_mode()
        write("\u{1B}[?2004h")
        resize()
        repaintEverything()
    }
}

/// Draws the difference between two grids.
struct Painter {
    private var previous: CellGrid?
    private var previousTheme: Theme?
    private var pairs: [PairKey: Int32] = [:]
    private let depth: ColorDepth?
    private let isUTF8: Bool

    private struct PairKey: Hashable {
        var foreground: Int32
        var background: Int32
    }

    /// - Parameter depth: nil draws without colours.
    init(depth: ColorDepth?, isUTF8: Bool) {
        self.depth = depth
        self.isUTF8 = isUTF8
    }

    /// Forgets what is on screen.
    mutating func invalidate() {
        previous = nil
    }

    /// Draws into ncurses' window; false when nothing differs from the frame before.
    mutating func draw(_ grid: CellGrid, theme: Theme) -> Bool {
        if let previous, previous == grid, previousTheme == theme { return false }
        let old =
            previousTheme == theme && previous?.width == grid.width && previous?.height == grid.height ? previous : nil
        if old == nil { werase(podium_stdscr()) }
        for line in 0..<grid.height { draw(line, of: grid, over: old, theme) }
        previous = grid
        previousTheme = theme
        return true
    }

    private mutating func draw(_ line: Int, of grid: CellGrid, over old: CellGrid?, _ theme: Theme) {
        var column = 0
        while column < grid.width {
            if let old, old[column, line] == grid[column, line] {
                column += 1
                continue
            }
            // The right half of a wide character is drawn with its left half.
            var start = column
            if grid[start, line].text == nil, start > 0 { start -= 1 }
            let style = grid[start, line].style
            var text = ""
            var end = start
            while end < grid.width, grid[end, line].style == style {
                if end > column, let old, old[end, line] == grid[end, line], grid[end, line].text != nil { break }
                if let character = grid[end, line].text { text += drawable(character) }
                end += 1
            }
            apply(theme.appearance(of: style), theme == .mono ? nil : depth)
            mvwaddstr(podium_stdscr(), Int32(line), Int32(start), text)
            column = max(end, column + 1)
        }
    }

    /// The character, or a stand-in where the C library takes it for another width, which would shift the rest of the line.
    private func drawable(_ character: Character) -> String {
        if character.isASCII { return String(character) }
        guard isUTF8 else { return "?" }
        guard let base = character.unicodeScalars.first else { return " " }
        let width = podium_wcwidth(base.value)
        let expected: Int32 = CellGrid.columns(of: base) == 2 ? 2 : 1
        if width != expected { return expected == 2 ? "??" : "?" }
        return String(character)
    }

    private mutating func apply(_ appearance: Theme.Appearance, _ depth: ColorDepth?) {
        var attributes: UInt32 = 0
        if appearance.isBold { attributes |= podium_bold() }
        if appearance.isDim { attributes |= podium_dim() }
        if appearance.isReverse { attributes |= podium_reverse() }
        if appearance.isUnderlined { attributes |= podium_underline() }
        _ = podium_set_style(attributes, depth.map { pair(appearance, $0) } ?? 0)
    }

    private mutating func pair(_ appearance: Theme.Appearance, _ depth: ColorDepth) -> Int32 {
        let key = PairKey(
            foreground: appearance.foreground?.index(at: depth) ?? -1,
            background: appearance.background?.index(at: depth) ?? -1)
        // The terminal's own colours get a pair too, since ncurses needs six bytes more to go back to pair 0.
        if let pair = pairs[key] { return pair }
        let next = Int32(pairs.count + 1)
        guard next < podium_color_pairs(), init_extended_pair(next, key.foreground, key.background) == OK else {
            return 0
        }
        pairs[key] = next
        return next
    }
}
