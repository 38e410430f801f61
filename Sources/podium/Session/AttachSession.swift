import Console
import Control
import Terminal

import Support

/// The console on this terminal, of a Podium in another process.
struct AttachSession {
    let client: ControlClient
    let options: PictureOptions
    let greeting: String?
    var keymap = Keymap.standard

    /// Until the operator leaves or the terminal goes away; the other process serves on in any case.
    func run() async -> ExitStatus {
        var terminal = TerminalOptions()
        terminal.ascii = options.ascii
        terminal.theme = options.theme?.rawValue
        terminal.colors = options.colors?.depth
        terminal.refresh = options.refresh.duration
        terminal.isReadOnly = options.readOnly
        // Without a shell above (`ssh host podium attach`) nobody could continue it.
        terminal.canSuspend = getsid(getppid()) == getsid(0)
        terminal.keymap = keymap
        terminal.greeting = greeting
        // A socket that broke must be an error code, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        StandardStreams.goOnWithoutOutput()
        let app = TerminalApp(options: terminal)
        let feed = AttachedFeed(client: client, refresh: options.refresh.duration)
        // The first frame shows what is, not an empty picture.
        try? await feed.refresh()
        let following = Task { await feed.run { app.wake() } }
        defer { following.cancel() }
        let commands = AttachedCommands(client: client)
        let perform: @Sendable (ConsoleCommand) async -> CommandResult = { command in
            let result = await commands.perform(command)
            // The picture that comes with the answer shows what it says.
            try? await feed.refresh()
            return result
        }
        if options.plain {
            let lines = LineConsole(isReadOnly: options.readOnly, canStop: false)
            _ = await lines.run(source: { feed.dashboard() }, perform: perform)
            return StandardStreams.isLost ? .notSaved : .success
        }
        let reason = await app.run(
            source: { feed.dashboard() },
            perform: { command, reply in
                Task { reply(await perform(command)) }
            })
        switch reason {
        case .quit, .stopped:
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
