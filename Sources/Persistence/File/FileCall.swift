/// The operations through which the persister touches the disk: where a test may interfere, and what an error names.
enum FileCall: String, Sendable, Hashable, CaseIterable {
    case openDirectory = "open directory"
    case readLink = "readlink"
    case open
    case create
    case status = "stat"
    case read
    case allocate = "fallocate"
    case write
    case truncate
    case setOwner = "chown"
    case setMode = "chmod"
    case listAttributes = "listxattr"
    case readAttribute = "getxattr"
    case setAttribute = "setxattr"
    case removeAttribute = "removexattr"
    case getFlags = "get flags"
    case setFlags = "set flags"
    case sync = "fsync"
    case syncDirectory = "fsync directory"
    case exchange = "renameat2"
    case rename
    case link
    case unlink
    case list = "readdir"
    case lock = "flock"
    case takeLease = "lease"
    case checkLease = "check lease"
    case releaseLease = "release lease"
    case access
    case pause
}

/// A file operation that failed.
struct FileError: Error, Sendable, Equatable {
    var call: FileCall
    var path: String
    var errno: Int32

    /// As the owner and the console see it.
    var asPersistenceError: PersistenceError {
        .system(operation: call.rawValue, path: path, errno: errno)
    }
}
