import CSystemShim
public import Console
import Dispatch
import PodiumModel
import Support
import Synchronization

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
        perform: @escaping @Sendable (ConsoleCommand, @escaping @Sendable (CommandResult) -> Void) -> Void
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
        perform: @escaping @Sendable (ConsoleCommand, @escaping @Sendable (CommandResult) -> Void) -> Void
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
