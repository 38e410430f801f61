/// Exit codes after sysexits(3).
enum ExitStatus: Int32 {
    case success = 0
    /// `check` found errors.
    case checkFailed = 1
    /// EX_USAGE
    case usage = 64
    /// EX_UNAVAILABLE: cannot bind.
    case unavailable = 69
    /// EX_SOFTWARE: the terminal could not be used, or another inner fault.
    case software = 70
    /// EX_IOERR: the final flush failed.
    case notSaved = 74
    /// EX_TEMPFAIL: another Podium holds the file.
    case locked = 75
    /// EX_CONFIG
    case badConfiguration = 78
}
