import ArgumentParser
import Control

struct AttachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Opens the console of the Podium that runs already.",
        discussion: """
            Any number may be attached at once, each with its own view; q leaves and ^Z suspends this console only. When \
            Podium restarts, the console says so and comes back by itself.

            Exit codes: 0 left, or the terminal went away; 69 nothing runs; 70 no terminal for a console; 77 it belongs \
            to another user.
            """)

    @OptionGroup var target: ControlTarget

    @OptionGroup var picture: PictureOptions

    func run() async throws {
        // One question first: whoever cannot be reached is better told of on a plain screen.
        _ = try await target.ask { client throws(ControlClientError) in try await client.persister() }
        guard picture.plain || StandardStreams.isInteractive else {
            StandardStreams.error(
                "podium: attach needs a terminal; `podium status` prints the state, --plain needs none")
            throw ExitCode(ExitStatus.software.rawValue)
        }
        let session = AttachSession(
            client: try target.client(.console), options: picture, greeting: nil, keymap: target.keymap)
        throw ExitCode(await session.run().rawValue)
    }
}
