import ArgumentParser
import Console
import Control
import PodiumModel
import Support

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Says how the running Podium is doing: endpoints in rank order, traffic, what is unsaved.",
        discussion: """
            Exit codes: 0 it runs, 69 nothing runs (or no answer), 77 it belongs to another user. Exit 0 does not say that \
            all is well: the lines, or --json, do.
            """)

    @OptionGroup var control: ControlOptions

    @Option(help: "Show that many of the latest events as well.")
    var events = 0

    func run() async throws {
        let snapshot = try await control.ask { client throws(ControlClientError) in try await client.snapshot() }
        if control.json {
            try control.printJSON(snapshot)
            return
        }
        let picture = ConsolePicture(
            snapshot, receivedAt: .now, utcOffset: WallClock.utcOffset(at: snapshot.takenAt))
        for line in PlainReport.lines(picture) { StandardStreams.output(line) }
        for event in picture.events.suffix(max(0, events)) {
            StandardStreams.output(PlainReport.line(event, utcOffset: picture.utcOffset))
        }
    }
}
