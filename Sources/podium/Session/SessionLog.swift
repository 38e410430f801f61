import ArgumentParser
import Logging
import Service
import Support

/// The log of one session: a file, or standard error where no console is in the way.
struct SessionLog: Sendable {
    let logger: Logger
    private let sink: LogSink
    private let file: LogFile?
    private let standardError: StandardErrorLog

    /// - Parameter hasConsole: a console is about to own the terminal.
    /// - Throws: `LogFile.OpenError`.
    init(_ options: LogOptions, hasConsole: Bool, environment: [String: String]) throws(LogFile.OpenError) {
        let file: LogFile? =
            if let path = options.logFile { try LogFile(path: path) } else { nil }
        // Standard error that leads elsewhere does not disturb the console.
        let standardError = StandardErrorLog(isOpen: !hasConsole || isatty(STDERR_FILENO) == 0)
        let automatic: LogFormat =
            file == nil && StandardErrorLog.leadsToJournal(environment["JOURNAL_STREAM"]) ? .journal : .text
        let sink = LogSink(format: options.logFormat?.format ?? automatic) { bytes in
            file?.write(bytes) ?? (file == nil ? standardError.write(bytes) : nil)
        }
        let level = options.logLevel.level
        logger = Logger(label: "podium") { _ in SinkLogHandler(sink: sink, level: level) }
        self.file = file
        self.sink = sink
        self.standardError = standardError
    }

    /// The console is gone: its terminal is free for lines.
    func consoleClosed() {
        standardError.isOpen = true
    }

    /// The log was rotated, by logrotate or by hand.
    func reopen() {
        file?.reopen()
    }

    /// Before the end. A reader that is stuck is not waited for.
    func flush() {
        sink.flush(within: 1)
    }
}

/// Where the log goes, and how much of it.
struct LogOptions: ParsableArguments {
    @Option(help: "text or json (one object per line). Default: text, and what the journal expects where it listens.")
    var logFormat: LogStyle?

    @Option(help: "The least important level that is logged: debug, info, warning or error.")
    var logLevel = LogThreshold.info

    @Option(
        help: ArgumentHelp(
            "Append the log to a file instead of standard error; it may be rotated at any time.", valueName: "path"),
        completion: .file())
    var logFile: String?
}

enum LogStyle: String, ExpressibleByArgument, CaseIterable {
    case text, json

    var format: LogFormat {
        switch self {
        case .text: .text
        case .json: .json
        }
    }
}

enum LogThreshold: String, ExpressibleByArgument, CaseIterable {
    case debug, info, warning, error

    var level: Logger.Level {
        switch self {
        case .debug: .debug
        case .info: .info
        case .warning: .warning
        case .error: .error
        }
    }
}
