import ArgumentParser
import Logging
import Service

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
