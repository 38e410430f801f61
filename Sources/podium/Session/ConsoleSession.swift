import Console
import Control
import PodiumModel
import Support
import Terminal

/// The console on this process's terminal, whichever process the proxy lives in.
struct ConsoleSession: Sendable {
    enum Ending {
        case stop
        case keepServing
        case hangup
        case unusable(String)
    }

    private let client: EngineClient
    private let app: TerminalApp
    /// In the place of a picture, where plain lines are wanted.
    private let lines: LineConsole?

    init(_ client: EngineClient, options: PictureOptions, keymap: Keymap, greeting: String? = nil) {
        self.client = client
        var terminal = TerminalOptions()
        terminal.ascii = options.ascii
        terminal.theme = options.theme?.rawValue
        terminal.colors = options.colors?.depth
        terminal.refresh = options.refresh.duration
        terminal.isReadOnly = options.readOnly
        // Without a shell above (`ssh host podium attach`) nothing could continue it, and a proxy must not stop with it.
        terminal.canSuspend = client.isAttached && getsid(getppid()) == getsid(0)
        terminal.keymap = keymap
        terminal.greeting = greeting
        app = TerminalApp(options: terminal)
        lines = options.plain ? LineConsole(isReadOnly: options.readOnly, canStop: !client.isAttached) : nil
    }

    func run() async -> Ending {
        let (client, app) = (client, app)
        let following = client.follow.map { follow in Task { await follow { app.wake() } } }
        defer { following?.cancel() }
        if let lines {
            let ending = await lines.run(source: client.picture, perform: client.perform)
            switch ending {
            case .stop, .ended(byRequest: true): return .stop
            case .leave: return .keepServing
            // ^D, or the terminal is gone.
            case .ended(byRequest: false): return isatty(STDIN_FILENO) == 1 ? .keepServing : .hangup
            }
        }
        let reason = await app.run(
            source: client.picture,
            perform: { command, reply in
                Task { reply(await client.perform(command)) }
            })
        switch reason {
        case .quit(.stop), .stopped: return .stop
        case .quit(.keepServing): return .keepServing
        case .hangup: return .hangup
        case .unusable(let reason): return .unusable(reason)
        }
    }

    func stop() {
        if let lines { lines.stop() } else { app.stop() }
    }
}

/// The console on this terminal, of a Podium in another process.
struct AttachSession {
    let client: ControlClient
    let options: PictureOptions
    let greeting: String?
    var keymap = Keymap.standard

    /// Until the operator leaves or the terminal goes away; the other process serves on in any case.
    func run() async -> ExitStatus {
        // A socket that broke must be an error code, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        StandardStreams.goOnWithoutOutput()
        let session = ConsoleSession(
            await .attached(client, refresh: options.refresh.duration), options: options, keymap: keymap,
            greeting: greeting)
        let ending = await session.run()
        if options.plain { return StandardStreams.isLost ? .notSaved : .success }
        switch ending {
        case .stop, .keepServing:
            StandardStreams.output("podium: detached; it serves on (`podium attach` comes back)")
            return .success
        case .hangup:
            return .success
        case .unusable(let reason):
            StandardStreams.error("podium: no console: \(reason); `podium status` and --plain need none")
            return .software
        }
    }
}
