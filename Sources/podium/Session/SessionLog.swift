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

    /// Somebody rotated the log.
    func reopen() {
        file?.reopen()
    }

    /// Before the end. A reader that is stuck is not waited for.
    func flush() {
        sink.flush(within: 1)
    }
}
