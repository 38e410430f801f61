import ArgumentParser
import FoundationEssentials

// The manual page podium(1): `make install` runs `podium manual`. Verbs and options are taken from the argument parser's own description, so
// that the page cannot say something else than `--help`; what the parser does not know (files, signals, environment) is written here.

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

/// podium(1) in roff: the verbs from the parser, so that the page cannot drift, the rest from here.
struct ManualPage {
    let help: HelpDump.Command
    let version: String

    var text: String {
        var lines = [".TH PODIUM 1 \"\" \"podium \(version)\" \"User Commands\"", ".nh", ".ad l"]
        lines += [".SH NAME", "podium \\- \(Self.escaped(Self.withoutStop(help.abstract ?? "")))"]
        lines += [".SH SYNOPSIS"]
        for command in help.shownSubcommands { lines += synopsis(command, prefix: "podium") }
        lines += [".SH DESCRIPTION", Self.escaped(help.discussion ?? "")]
        lines += [".SH VERBS"]
        for command in help.shownSubcommands { lines += section(command, prefix: "podium") }
        lines += Self.closing
        return lines.joined(separator: "\n") + "\n"
    }

    private func synopsis(_ command: HelpDump.Command, prefix: String) -> [String] {
        let name = "\(prefix) \(command.commandName)"
        guard command.shownSubcommands.isEmpty else {
            return command.shownSubcommands.flatMap { synopsis($0, prefix: name) }
        }
        let required = command.shownArguments.filter { $0.isOptional != true }.map { " " + Self.usage($0) }
        let positional = command.shownArguments.filter { $0.isOptional == true && $0.kind == "positional" }
            .map { " [\(Self.usage($0))]" }
        let hasOptions = command.shownArguments.contains { $0.isOptional == true && $0.kind != "positional" }
        return [
            ".B \(Self.escaped(name))\(hasOptions ? " \\fR[\\fIoptions\\fR]" : "")"
                + "\((required + positional).joined())", ".br",
        ]
    }

    private func section(_ command: HelpDump.Command, prefix: String) -> [String] {
        let name = "\(prefix) \(command.commandName)"
        var lines = [".SS \"\(Self.escaped(name))\"", Self.escaped(command.abstract ?? "")]
        for paragraph in (command.discussion ?? "").split(separator: "\n\n") {
            lines += [".PP", Self.escaped(String(paragraph))]
        }
        for argument in command.shownArguments { lines += entry(argument) }
        for subcommand in command.shownSubcommands { lines += section(subcommand, prefix: name) }
        return lines
    }

    private func entry(_ argument: HelpDump.Argument) -> [String] {
        var text = Self.escaped(argument.abstract ?? "")
        if let value = argument.defaultValue, !value.isEmpty {
            text += " Default: \(Self.escaped(value))."
        }
        return [".TP", Self.names(argument), text]
    }

    private static func names(_ argument: HelpDump.Argument) -> String {
        let value = "\\fI\(escaped(argument.valueName ?? "value"))\\fR"
        guard argument.kind != "positional" else { return value }
        let names = (argument.names ?? []).map { "\\fB\(escaped($0.text))\\fR" }.joined(separator: ", ")
        return argument.kind == "option" ? "\(names) \(value)" : names
    }

    private static func usage(_ argument: HelpDump.Argument) -> String {
        let value = "\\fI\(escaped(argument.valueName ?? "value"))\\fR"
        guard argument.kind != "positional", let name = argument.preferredName else { return value }
        return "\\fB\(escaped(name.text))\\fR \(value)"
    }

    private static func withoutStop(_ text: String) -> String {
        text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// A backslash, a leading dot and an apostrophe are commands of roff; a plain hyphen is typeset as a dash.
    static func escaped(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let plain = line.reduce(into: "") { result, character in
                switch character {
                case "\\": result += "\\e"
                case "-": result += "\\-"
                case "`", "'": result += "\\(aq"
                default: result.append(character)
                }
            }
            return plain.hasPrefix(".") ? "\\&" + plain : plain
        }.joined(separator: "\n")
    }
}

extension ManualPage {
    /// What no parser knows.
    static let closing: [String] = [
        section(
            "SIGNALS",
            [
                (
                    "SIGTERM, SIGINT",
                    "Stop accepting, let running requests end within drain_timeout, save, exit 0. "
                        + "A second one skips the wait, never the save."
                ),
                (
                    "SIGHUP",
                    "Without a terminal: read the configuration again and open the log file anew. "
                        + "With one: it went away; Podium serves on, or ends where server.on_hangup is exit."
                ),
            ]),
        section("EXIT STATUS", ExitStatus.allCases.map { ("\($0.rawValue)", $0.meaning) }),
        section(
            "ENVIRONMENT",
            [
                (
                    "${NAME} in the configuration",
                    "Replaced by that variable. A variable that is not set, or empty, is "
                        + "also looked for as a file of that name in $CREDENTIALS_DIRECTORY (systemd's LoadCredential=)."
                ),
                ("NO_COLOR", "When not empty, the console uses no colours."),
                (
                    "TERM, COLORTERM",
                    "What the terminal can do. The console uses true colour where COLORTERM is truecolor or 24bit, or "
                        + "the terminal's description says so."
                ),
                ("NOTIFY_SOCKET, WATCHDOG_USEC", "Set by systemd: readiness, state and liveness are reported there."),
                ("RUNTIME_DIRECTORY, XDG_RUNTIME_DIR", "Where the control socket lies: see docs/control-api.md."),
            ]),
        section(
            "FILES",
            [
                (
                    "config.yaml",
                    "The configuration, unless --config names another. Podium changes only the values in "
                        + "it that change."
                ),
                ("config.yaml.backup", "The version before the last write; podium restore brings it back."),
                (".config.yaml.lock", "Held by the Podium that serves this configuration."),
            ]),
        section(
            "EXAMPLES",
            [
                ("podium demo", "See it at work without endpoints of your own."),
                ("podium check config.yaml", "Before a start or after an edit."),
                ("podium run --headless --log-format json", "As a service without systemd."),
            ]),
    ].flatMap { $0 }

    private static func section(_ title: String, _ entries: [(term: String, text: String)]) -> [String] {
        [".SH \(title)"] + entries.flatMap { [".TP", ".B \(escaped($0.term))", escaped($0.text)] }
    }
}

/// The parser's own description of every verb, as `--experimental-dump-help` prints it.
struct HelpDump: Decodable {
    var command: Command

    struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var discussion: String?
        var arguments: [Argument]?
        var subcommands: [Command]?
        var shouldDisplay: Bool?

        /// Those that a reader of the manual needs, without what every verb has.
        var shownArguments: [Argument] {
            (arguments ?? []).filter { argument in
                argument.shouldDisplay != false && !["help", "version"].contains(argument.preferredName?.name)
            }
        }

        var shownSubcommands: [Command] {
            (subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
        }
    }

    struct Argument: Decodable {
        var kind: String
        var names: [Name]?
        var preferredName: Name?
        var valueName: String?
        var abstract: String?
        var defaultValue: String?
        var allValues: [String]?
        var isOptional: Bool?
        var isRepeating: Bool?
        var shouldDisplay: Bool?
    }

    struct Name: Decodable {
        var kind: String
        var name: String

        var text: String { kind == "long" ? "--\(name)" : "-\(name)" }
    }
}
