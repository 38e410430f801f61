/// Exit codes after sysexits(3).
enum ExitStatus: Int32, CaseIterable {
    case success = 0
    /// `check` found errors, or a running Podium refused.
    case checkFailed = 1
    /// EX_USAGE
    case usage = 64
    /// EX_DATAERR: a trace cannot be read as one.
    case badData = 65
    /// EX_NOINPUT: a file named on the command line cannot be opened.
    case noInput = 66
    /// EX_UNAVAILABLE: cannot bind, or nobody to talk to.
    case unavailable = 69
    /// EX_SOFTWARE: the terminal could not be used, or another inner fault.
    case software = 70
    /// EX_CANTCREAT: an output file cannot be made.
    case cannotCreate = 73
    /// EX_IOERR: the final flush failed, a change is not on disk, or standard output cannot be written.
    case notSaved = 74
    /// EX_TEMPFAIL: another Podium holds the file, or somebody else was first.
    case locked = 75
    /// EX_NOPERM: the running Podium belongs to another user.
    case noPermission = 77
    /// EX_CONFIG
    case badConfiguration = 78

    /// For the manual.
    var meaning: String {
        switch self {
        case .success: "Done, or stopped as asked with everything saved."
        case .checkFailed: "check found errors; a running Podium refused a command."
        case .usage: "Wrong usage."
        case .badData: "A trace cannot be read as one."
        case .noInput: "A file named on the command line cannot be opened."
        case .unavailable: "The address cannot be bound; no Podium runs on this configuration."
        case .software: "An inner fault, or a terminal that cannot be used."
        case .cannotCreate: "The log file or another output cannot be made."
        case .notSaved:
            "The final save failed; a change holds in memory and is not on disk; standard output cannot be written."
        case .locked: "Another Podium has the file; somebody else changed the endpoint first."
        case .noPermission: "The running Podium belongs to another user."
        case .badConfiguration: "The configuration cannot be used."
        }
    }
}
