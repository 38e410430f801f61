import ArgumentParser
import PodiumModel

struct FlushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flush", abstract: "Makes the running Podium write what is unsaved, now.",
        discussion: "Exits 0 when all of it is on disk, 74 when it could not be written, 69 when nothing runs.")

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.perform(.flush)
    }
}

struct SortCommand: AsyncParsableCommand {
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

    func run() async throws {
        try await control.perform(auto.map { .setAutoSort($0 == .on) } ?? .sortNow)
    }
}

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Makes the running Podium read its configuration file again, now.",
        discussion: """
            Edits are noticed by themselves; this says at once whether they were taken in. An invalid file is refused, \
            and what runs stays.
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.perform(.reload)
    }
}
