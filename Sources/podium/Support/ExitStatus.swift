/// Exit codes after sysexits(3).
enum ExitStatus: Int32 {
    case success = 0
    /// `check` found errors.
    case checkFailed = 1
    /// EX_USAGE
    case usage = 64
    /// EX_DATAERR: a trace cannot be read as one.
    case badData = 65
    /// EX_NOINPUT: a file named on the command line cannot be opened.
    case noInput = 66
    /// EX_UNAVAILABLE: cannot bind.
    case unavailable = 69
    /// EX_SOFTWARE: the terminal could not be used, or another inner fault.
    case software = 70
    /// EX_CANTCREAT: an output file cannot be made.
    case cannotCreate = 73
    /// EX_IOERR: the final flush failed.
    case notSaved = 74
    /// EX_TEMPFAIL: another Podium holds the file.
    case locked = 75
    /// EX_CONFIG
    case badConfiguration = 78
}
