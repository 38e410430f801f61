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
