import ArgumentParser
import Console

import Support

/// A secret that somebody types or pipes in.
enum SecretInput {
    /// The first line of standard input; on a terminal it is asked for and not shown.
    static func read() throws -> String {
        var modes = termios()
        let isTerminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &modes) == 0
        let before = modes
        if isTerminal {
            modes.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(STDIN_FILENO, TCSANOW, &modes)
            StandardStreams.error("The credential, then Enter (it is not shown):")
        }
        let line = readLine()
        if isTerminal {
            var before = before
            tcsetattr(STDIN_FILENO, TCSANOW, &before)
        }
        // A terminal may have put in what it says for itself.
        let typed = isTerminal ? line.map(InputParser.typed(in:)) : line
        let secret = typed.map { String($0.drop { $0 == " " }) } ?? ""
        guard !secret.isEmpty else { throw ValidationError("there is no credential on standard input") }
        return secret
    }
}
