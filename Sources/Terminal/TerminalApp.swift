internal import CSystemShim
public import Console
internal import Dispatch
public import PodiumModel
internal import Support
internal import Synchronization

/// The console on a terminal, drawn with ncurses on a thread of its own.
///
/// One at a time per process: ncurses and the terminal's signals are global. Nothing else may write to the terminal
/// between `run` and its return, so send logs elsewhere.
public final class TerminalApp: Sendable {
    private let options: TerminalOptions
    private let wakeUp = WakeUpPipe()
    private let mailbox = Mutex(Mailbox())

    struct Mailbox {
        var inputs: [ConsoleInput] = []
        var isStopped = false
        var hasNews = false
        var snapshot: ConsolePicture?
    }

    /// Snapshots of many endpoints take a while: keys must not wait for them.
    private let snapshots = DispatchQueue(label: "podium.console.snapshots", qos: .userInteractive)

    /// A console that is not on screen yet.
    public init(options: TerminalOptions = TerminalOptions()) {
        self.options = options
    }

    /// Shows the console until the operator leaves, the terminal goes away or `stop` is called.
    ///
    /// - Parameters:
    ///   - source: Takes a snapshot. Called once per frame, on a thread that the console does not wait for.
    ///   - perform: Starts a command; called on the console's thread, so it must not block. Call the reply once, from any thread.
    /// - Returns: Why it was left; by then the terminal is as it was before.
    public func run(
        source: @escaping @Sendable () -> ConsolePicture,
        perform: @escaping @Sendable (Command, @escaping @Sendable (CommandResult) -> Void) -> Void
    ) async -> ExitReason {
        await withCheckedContinuation { continuation in
            let body: @Sendable () -> Void = { [self] in
                continuation.resume(returning: show(source: source, perform: perform))
            }
            if !DedicatedThread.start(body) {
                continuation.resume(
                    returning: .unusable("no thread for the console: \(String(cString: strerror(errno)))"))
            }
        }
    }

    /// Something changed: the picture is renewed soon, at most five times a second. From any thread.
    public func wake() {
        mailbox.withLock { $0.hasNews = true }
        wakeUp.signal()
    }

    /// Leaves the console with `.stopped`. From any thread.
    public func stop() {
        mailbox.withLock { $0.isStopped = true }
        wakeUp.signal()
    }

    private func show(
        source: @escaping @Sendable () -> ConsolePicture,
        perform: @escaping @Sendable (Command, @escaping @Sendable (CommandResult) -> Void) -> Void
    ) -> ExitReason {
        // The handlers are installed before ncurses would install its own; it leaves alone what is there.
        _ = podium_tty_signals_begin(wakeUp.writeEnd)
        var reason = ExitReason.stopped
        defer { podium_tty_signals_end(reason == .hangup ? 1 : 0) }
        switch CursesScreen.open(options) {
        case .failure(let failure): reason = .unusable(failure.reason)
        case .success(let screen):
            var loop = ConsoleLoop(screen: screen, options: options, wakeUp: wakeUp)
            let request: () -> Void = { [self] in
                snapshots.async { [self] in
                    let snapshot = source()
                    mailbox.withLock { $0.snapshot = snapshot }
                    wakeUp.signal()
                }
            }
            reason = loop.run(first: source(), request: request, takeMail: takeMail) { [self] id, command in
                perform(command) { [self] result in
                    mailbox.withLock { $0.inputs.append(.commandFinished(id, result)) }
                    wakeUp.signal()
                }
            }
        }
        return reason
    }

    private func takeMail() -> Mailbox {
        mailbox.withLock { mailbox in
            let mail = mailbox
            mailbox.inputs = []
            mailbox.hasNews = false
            mailbox.snapshot = nil
            return mail
        }
    }
}

/// Runs a closure on a new thread.
private enum DedicatedThread {
    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body))
        let failure = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, box.toOpaque())
        if failure != 0 {
            box.release()
            errno = failure
            return false
        }
        pthread_detach(thread)
        return true
    }
}

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

/// A pipe that wakes `poll`: signal handlers and other threads write single bytes, a zero or a signal's number.
final class WakeUpPipe: Sendable {
    let readEnd: Int32
    let writeEnd: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        if pipe(&ends) == 0 {
            for end in ends {
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            }
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        if readEnd >= 0 { close(readEnd) }
        if writeEnd >= 0 { close(writeEnd) }
    }

    func signal() {
        var byte: UInt8 = 0
        // A full pipe wakes just as well.
        _ = write(writeEnd, &byte, 1)
    }

    /// Everything that was written since; signals in the order they came.
    func drain() -> [Int32] {
        var signals: [Int32] = []
        var buffer = [UInt8](repeating: 0, count: 256)
        while true {
            let count = read(readEnd, &buffer, buffer.count)
            guard count > 0 else { return signals }
            signals += buffer.prefix(count).filter { $0 != 0 }.map(Int32.init)
            if count < buffer.count { return signals }
        }
    }
}
