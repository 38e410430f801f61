import ArgumentParser
import Console
import Dispatch
// `stdout` is a variable of the C library; no code here sets it.
@preconcurrency import Support
import Synchronization

/// Lines to standard output and standard error, whole, whatever the other threads print.
///
/// A command whose output is lost has failed, whatever else it did: where a line cannot be written the process ends with
/// status 74 and a word on standard error, or by SIGPIPE, in silence, where the reader of a pipe went away. Only what serves or
/// follows goes on, and looks at `isLost`.
enum StandardStreams {
    private static let endsOnLoss = Atomic(true)
    private static let lost = Atomic(false)
    /// SIGPIPE was not ignored when the process began; the network library ignores it for its sockets.
    private static let endsBySignal = Atomic(false)

    static func output(_ line: String) {
        guard let failure = write(line, to: STDOUT_FILENO) else { return }
        lost.store(true, ordering: .relaxed)
        if endsOnLoss.load(ordering: .relaxed) {
            if failure == EPIPE, endsBySignal.load(ordering: .relaxed) {
                signal(SIGPIPE, SIG_DFL)
                raise(SIGPIPE)
            }
            Self.error(lossMessage(failure))
            exit(ExitStatus.notSaved.rawValue)
        }
    }

    static func error(_ line: String) {
        // A line that cannot be written here is lost: there is no other place to report that to.
        _ = write(line, to: STDERR_FILENO)
    }

    static var isInteractive: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    }

    /// Whether a line could not be written to standard output.
    static var isLost: Bool { lost.load(ordering: .relaxed) }

    /// From now on a line that cannot be written does not end the process.
    static func goOnWithoutOutput() {
        endsOnLoss.store(false, ordering: .relaxed)
    }

    /// Call this first.
    static func prepare() {
        var action = sigaction()
        sigaction(SIGPIPE, nil, &action)
        let isDefault = action.__sigaction_handler.sa_handler == nil
        endsBySignal.store(isDefault, ordering: .relaxed)
        // A file or a socket that is opened later must not become the standard output that was closed at the start.
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
        // Help, version and completions are printed through the C library, which writes at the very end.
        atexit {
            let isLost = ferror(stdout) != 0
            guard fflush(stdout) != 0 || isLost, StandardStreams.endsOnLoss.load(ordering: .relaxed) else { return }
            StandardStreams.error(StandardStreams.lossMessage(isLost && errno == 0 ? EIO : errno))
            _exit(ExitStatus.notSaved.rawValue)
        }
    }

    private static func lossMessage(_ failure: Int32) -> String {
        "podium: standard output: \(String(cString: strerror(failure)))"
    }

    /// - Returns: The error number where not all of it was written.
    private static func write(_ line: String, to descriptor: Int32) -> Int32? {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        return DescriptorIO.write(bytes, to: descriptor)?.errno
    }
}

/// Lines of standard input, read on a thread of their own, which a terminal may block for ever.
enum StandardInput {
    /// - Parameter body: gets each line, and nil at the end.
    static func read(_ body: @escaping @Sendable (String?) -> Void) {
        DispatchQueue(label: "podium.input").async {
            while let line = readLine() { body(InputParser.typed(in: line)) }
            body(nil)
        }
    }
}

/// A secret that is typed or comes through a pipe.
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

/// A whole text file, or standard input.
enum TextFile {
    struct ReadError: Error {
        let reason: String
    }

    /// More than any trace that is of use, and less than the memory of a small machine.
    private static let limit = 1 << 30

    /// - Parameter path: `-` is standard input.
    static func read(_ path: String) throws(ReadError) -> String {
        do throws(DescriptorIO.ReadFailure) {
            let bytes =
                try
                (path == "-"
                ? DescriptorIO.contents(of: STDIN_FILENO, limit: limit)
                : DescriptorIO.contents(of: path, limit: limit, waits: true))
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw ReadError(reason: error == .tooLarge ? "larger than 1 GiB" : error.text)
        }
    }
}
