import Support

/// Why the file was not written, in words that say what to do.
public enum PersistenceError: Error, Sendable, Equatable {
    /// Another process holds the lock of this configuration.
    case locked(path: String, holder: Int32?)
    /// A file operation failed.
    case system(operation: String, path: String, errno: Int32)
    /// Writing would have damaged something or could not be done faithfully.
    case refused(Refusal)
    /// The new directory entry may not survive a power cut: the file is in place but its directory did not sync.
    case durabilityUnknown(errno: Int32)
    /// The persister was shut down.
    case closed
}

/// Why the persister declined to write.
public enum Refusal: Sendable, Equatable {
    /// The file on disk was edited and does not validate.
    case invalidFile(path: String, problems: [FileProblem])
    /// The file is gone.
    case missing(path: String)
    /// The file is empty, and was not before.
    case empty(path: String)
    /// The file keeps changing or another program has it open for writing.
    case beingEdited(path: String)
    /// The file was changed and may not be complete; `reason` says why, and what it waits for.
    case unfinishedEdit(path: String, reason: String)
    /// A directory, FIFO, device or socket stands where the file should.
    case notRegularFile(path: String, kind: String)
    /// More than 40 symbolic links, or a loop of them.
    case symbolicLinkLoop(path: String)
    /// Replacing the file would part it from its other names.
    case hardLinked(path: String, links: Int)
    /// Larger than the 16 MiB the editor accepts.
    case tooLarge(path: String, bytes: Int)
    /// The file may not be changed: `flags` says what `chattr` has set on it.
    case protectedFile(path: String, flags: String)
    /// Owner, mode, access list or extended attributes could not be kept.
    case attributesNotKept(path: String, attribute: String, errno: Int32)
    /// The file cannot be replaced, and `server.allow_in_place` is off.
    case needsInPlace(path: String, errno: Int32)
    /// The change cannot be made without touching more than was meant.
    case cannotEdit(path: String, reason: String)
    /// The program's own state does not validate; it must never reach the file.
    case invalidState(problems: [FileProblem])
}

/// One problem of a configuration file.
public struct FileProblem: Sendable, Equatable, CustomStringConvertible {
    /// 1-based; 0 when the problem has no place.
    public var line: Int
    /// 1-based; 0 when the problem has no place.
    public var column: Int
    /// What is wrong and what to write instead.
    public var message: String

    /// A problem at a place.
    public init(line: Int, column: Int, message: String) {
        self.line = line
        self.column = column
        self.message = message
    }

    /// `LINE:COLUMN: message`.
    public var description: String {
        line > 0 ? "\(line):\(column): \(message)" : message
    }
}

extension PersistenceError: CustomStringConvertible {
    /// What went wrong and what to do about it, in one line.
    public var description: String {
        switch self {
        case .locked(let path, let holder):
            let who = holder.map { "process \($0)" } ?? "another process"
            return "\(path) is in use by another Podium (\(who)): stop that one first"
        case .system(let operation, let path, let errno):
            return "\(path.isEmpty ? "" : "\(path): ")\(operation): \(errnoText(errno))\(Self.advice(errno))"
        case .refused(let refusal): return refusal.description
        case .durabilityUnknown(let errno):
            return "the file is in place, but its directory did not sync (\(errnoText(errno))): "
                + "a power cut could bring the old version back; it is written again until it does"
        case .closed: return "the persister is shut down"
        }
    }

    private static func advice(_ errno: Int32) -> String {
        switch errno {
        case ENOSPC, EDQUOT: ": free some space; the changes are kept and written then"
        case EIO: ": the disk or its connection fails; look at the kernel's log"
        case EROFS: ": remount the file system writable"
        case EACCES, EPERM: ": give the user that runs Podium write access"
        case EFBIG: ": raise the limit on file sizes (ulimit -f)"
        default: ""
        }
    }
}

extension Refusal: CustomStringConvertible {
    /// Why nothing was written and what to do about it, in one line.
    public var description: String {
        switch self {
        case .invalidFile(let path, let problems):
            let first = problems.first.map { ":\($0)" } ?? ""
            let more = problems.count > 1 ? " (and \(problems.count - 1) more; `podium check` lists them)" : ""
            return "\(path)\(first)\(more): correct the file, or bring back an older one with `podium restore`"
        case .missing(let path):
            return "\(path) is gone: put it back, or bring back the last version with `podium restore`"
        case .empty(let path):
            return "\(path) is empty: restore its content, or bring back the last version with `podium restore`"
        case .beingEdited(let path):
            return "\(path) is open for writing in another program: it is written as soon as that program has closed it"
        case .unfinishedEdit(let path, let reason):
            return "\(path) may not be complete yet: \(reason)"
        case .notRegularFile(let path, let kind):
            return "\(path) is \(kind), not a regular file: name the configuration file itself"
        case .symbolicLinkLoop(let path):
            return "\(path): the symbolic links lead in a circle or are more than 40: let the link name the file"
        case .hardLinked(let path, let links):
            return "\(path) has \(links) hard links: replacing it would part it from the others; "
                + "make it a file of its own, or use symbolic links"
        case .tooLarge(let path, let bytes):
            return "\(path) has \(bytes) bytes; the limit is \(FileImage.largest)"
        case .protectedFile(let path, let flags):
            return "\(path) is \(flags): take that away with chattr -i or -a, or set server.persist: off"
        case .attributesNotKept(let path, let attribute, let errno):
            return "\(path): \(attribute) cannot be kept (\(errnoText(errno))): "
                + "run Podium as the file's owner, or change the owner with chown"
        case .needsInPlace(let path, let errno):
            return "\(path) cannot be replaced (\(errnoText(errno))): mount its directory instead of the file, "
                + "make the directory writable, or set server.allow_in_place: true "
                + "(server.persist: off, where it is meant to stay as it is)"
        case .cannotEdit(let path, let reason):
            return "\(path): \(reason): write this place in a simpler form, or make the change by hand"
        case .invalidState(let problems):
            return "not written, because it would not load again: \(problems.first.map(\.description) ?? "")"
        }
    }
}

/// The system's words for an errno.
func errnoText(_ errno: Int32) -> String {
    guard errno > 0, let text = strerror(errno) else { return "not as it was" }
    return String(cString: text)
}

extension PersistenceError {
    /// What a block has thrown that throws both this error and those of single calls.
    init(anyOf error: any Error) {
        self = (error as? PersistenceError) ?? (error as? FileError)?.asPersistenceError ?? .closed
    }
}

extension PersistenceError {
    /// Short and symbolic, for tables: `ENOSPC`, `LOCKED`, `REFUSED`.
    public var symbol: String {
        switch self {
        case .locked: "LOCKED"
        case .system(_, _, let code), .durabilityUnknown(let code): errnoSymbol(code)
        case .refused(let refusal): refusal.errnoValue.map(errnoSymbol) ?? "REFUSED"
        case .closed: "CLOSED"
        }
    }

    /// The name of an errno that a write can meet, such as `ENOSPC`; others as `errno 5`.
    public static func symbol(ofErrno code: Int32) -> String {
        errnoSymbol(code)
    }
}

extension Refusal {
    fileprivate var errnoValue: Int32? {
        switch self {
        case .attributesNotKept(_, _, let code), .needsInPlace(_, let code): code
        default: nil
        }
    }
}

/// The names that a write can meet; others as numbers.
private func errnoSymbol(_ code: Int32) -> String {
    let names: [Int32: String] = [
        EPERM: "EPERM", ENOENT: "ENOENT", EINTR: "EINTR", EIO: "EIO", EBADF: "EBADF", EAGAIN: "EAGAIN",
        ENOMEM: "ENOMEM", EACCES: "EACCES", EBUSY: "EBUSY", EEXIST: "EEXIST", EXDEV: "EXDEV", ENODEV: "ENODEV",
        ENOTDIR: "ENOTDIR", EISDIR: "EISDIR", EINVAL: "EINVAL", ENFILE: "ENFILE", EMFILE: "EMFILE",
        ETXTBSY: "ETXTBSY", EFBIG: "EFBIG", ENOSPC: "ENOSPC", EROFS: "EROFS", EMLINK: "EMLINK",
        ENAMETOOLONG: "ENAMETOOLONG", ENOSYS: "ENOSYS", ELOOP: "ELOOP", EOVERFLOW: "EOVERFLOW",
        EOPNOTSUPP: "EOPNOTSUPP", EDQUOT: "EDQUOT", ESTALE: "ESTALE", ETIMEDOUT: "ETIMEDOUT",
    ]
    return names[code] ?? "errno \(code)"
}
