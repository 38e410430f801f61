import Console
import Control
import Support

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
