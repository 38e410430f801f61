import Synchronization

// `stdout` is a variable, which nobody sets.
@preconcurrency import Support

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
        // Nobody can be told that nobody listens.
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
        // A file or a socket that is opened later must not become the standard output that somebody closed.
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
