import ArgumentParser
import Console
import Control
import PodiumModel
import Support

// The verbs that ask the running Podium for something: one command of the model each, or a look at its state.

/// A verb that gives the running Podium one command and prints what it did.
protocol CommandVerb: AsyncParsableCommand {
    var control: ControlOptions { get }

    var command: Command { get }
}

extension CommandVerb {
    func run() async throws {
        try await control.perform(command)
    }
}

struct FlushCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "flush", abstract: "Makes the running Podium write what is unsaved, now.",
        discussion: "Exits 0 when all of it is on disk, 74 when it could not be written, 69 when nothing runs.")

    @OptionGroup var control: ControlOptions

    var command: Command { .flush }
}

struct SortCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "sort",
        abstract: "Makes the running Podium sort its endpoints once, or by itself from now on.",
        discussion: "Sorts by availability and response time whatever hysteresis and dwell say; pinned endpoints stay.")

    @OptionGroup var control: ControlOptions

    @Option(help: ArgumentHelp("Switch automatic sorting on or off instead.", valueName: "on|off"))
    var auto: Switch?

    enum Switch: String, ExpressibleByArgument, CaseIterable {
        case on, off
    }

    var command: Command { auto.map { .setAutoSort($0 == .on) } ?? .sortNow }
}

struct ReloadCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Makes the running Podium read its configuration file again, now.",
        discussion: """
            Edits are noticed by themselves; this says at once whether they were taken in. An invalid file is refused, \
            and what runs stays.
            """)

    @OptionGroup var control: ControlOptions

    var command: Command { .reload }
}

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

struct RequestsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requests",
        abstract: "Lists the requests that run now: how long, what they wait for, where.",
        discussion: """
            The first word of a line is its key, which `podium cancel` takes. Those that have ended are in `podium history \
            requests`.

            Exit codes: 0, 69 nothing runs, 77 it belongs to another user.
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let answer = try await control.ask { client throws(ControlClientError) in
            try await client.perform(.openRequests)
        }
        guard case .openRequests(let report) = answer else { return }
        if control.json {
            try control.printJSON(report)
            return
        }
        for line in PlainReport.lines(report) { StandardStreams.output(line) }
    }
}

struct CancelCommand: CommandVerb {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Ends a request that runs. Nothing is held against its endpoint.",
        discussion:
            "Its client's connection is closed. Exit codes: 0 it is ended, 1 no such request runs, 69 nothing runs.")

    @Argument(help: ArgumentHelp("As `podium requests` prints it, or the request's id.", valueName: "key"))
    var key: String

    @OptionGroup var control: ControlOptions

    var command: Command { .cancel(key) }
}

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Says which endpoints a request went to and what came of it, and why the others were passed over.",
        discussion: """
            The last 10,000 requests are known. The id is in the access log and in events (req ID), and in X-Request-ID of the \
            answer, unless the endpoint has put one of its own there; a client may choose it by the same header.

            Exit codes: 0 it is known, 1 it is not, 69 nothing runs, 77 it belongs to another user.
            """)

    @Argument(help: ArgumentHelp("The request's id.", valueName: "request-id"))
    var id: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        let answer = try await control.ask { client throws(ControlClientError) in try await client.perform(.explain(id))
        }
        guard case .walk(let walk) = answer else { return }
        if control.json {
            try control.printJSON(walk)
            return
        }
        for line in PlainReport.lines(walk, utcOffset: WallClock.utcOffset(at: walk.time)) {
            StandardStreams.output(line)
        }
    }
}

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
        // One question first: a Podium that cannot be reached is better reported on a plain screen.
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
