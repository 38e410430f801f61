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
