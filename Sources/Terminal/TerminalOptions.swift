public import Console

/// How a console is opened on a terminal.
///
/// The program's entry is `TerminalApp`:
///
///     let app = TerminalApp(options: TerminalOptions())
///     let reason = await app.run(
///         source: { engine.snapshot() },             // called once per frame, on a queue that the console does not wait for
///         perform: { command, reply in … })          // called on the console's thread; reply from any thread, once
///     app.wake()                                     // from any thread: something changed, take a new snapshot soon
///     app.stop()                                     // from any thread: leave the console
public struct TerminalOptions: Sendable {
    /// Descriptors of the terminal.
    public var input: Int32 = 0
    /// The terminal that is drawn on.
    public var output: Int32 = 1
    /// ASCII glyphs even where the locale could show more.
    public var ascii = false
    /// `dark`, `light`, `contrast` or `mono`; nil chooses (`mono` under `NO_COLOR`).
    public var theme: String?
    /// The most colours that are used; `direct` takes the terminal for one that draws true colour. nil goes by the terminal.
    public var colors: ColorDepth?
    /// How often the picture is renewed, within 0.2…10 s.
    public var refresh = Duration.seconds(1)
    /// The keys.
    public var keymap = Keymap.standard
    /// Operator actions are unbound.
    public var isReadOnly = false
    /// Whether ^Z suspends this process; false where the proxy lives in it.
    public var canSuspend = false
    /// Shown as a toast on the first frame, such as why this console is attached.
    public var greeting: String?

    /// The defaults: standard input and output.
    public init() {}
}

/// Why the console was left.
public enum ExitReason: Sendable, Equatable {
    /// The operator quit and said what becomes of the proxy.
    case quit(QuitChoice)
    /// The terminal went away (SIGHUP, end of file or an I/O error). SIGHUP is ignored from then on.
    case hangup
    /// `TerminalApp.stop()` was called.
    case stopped
    /// There is no terminal a console could be drawn on; the reason is for the operator.
    case unusable(String)
}
