import ArgumentParser

import FoundationEssentials

/// What `make install` makes the manual page with.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Prints the manual page podium(1), in roff.", shouldDisplay: false)

    func run() throws {
        let help = try JSONDecoder().decode(HelpDump.self, from: Data(Podium._dumpHelp().utf8))
        var text = ManualPage(help: help.command, version: Version.number).text
        text.removeLast()
        StandardStreams.output(text)
    }
}
