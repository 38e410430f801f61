import ArgumentParser
import Console
import Control

import FoundationEssentials

import PodiumModel
import Support

/// A target and the way to print what it answers.
struct ControlOptions: ParsableArguments {
    @OptionGroup var target: ControlTarget

    @Flag(help: "Print JSON.")
    var json = false

    /// Asks the running Podium for a change and prints what it did.
    func perform(_ command: Command) async throws {
        let answer = try await ask { client throws(ControlClientError) in try await client.perform(command) }
        guard case .done(let receipt) = answer else { return }
        if json {
            try printJSON(receipt)
        } else {
            StandardStreams.output(SafeText.clean(receipt.message))
        }
    }

    /// - Throws: `ExitCode`, after having said what went wrong.
    func ask<Answer>(_ body: (ControlClient) async throws(ControlClientError) -> Answer) async throws -> Answer {
        try await target.ask(onRefusal: { if json { try printJSON($0) } }, body)
    }

    func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isatty(STDOUT_FILENO) == 1 { encoder.outputFormatting.insert(.prettyPrinted) }
        StandardStreams.output(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
