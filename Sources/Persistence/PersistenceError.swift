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
