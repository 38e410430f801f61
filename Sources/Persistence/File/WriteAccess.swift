import Support

/// Why ranks and changes live in memory alone.
public enum MemoryOnly: Sendable, Equatable, CustomStringConvertible {
    /// `server.persist` is off.
    case asConfigured
    /// The file lies where nothing can be written and never could: a mounted ConfigMap, an image, a store of packages.
    case readOnly(path: String, errno: Int32)

    /// In a few words.
    public var description: String {
        switch self {
        case .asConfigured: "server.persist is off"
        case .readOnly(let path, let errno): "\(path) cannot be written (\(errnoText(errno)))"
        }
    }
}

/// What may be written at the file's place, as the system says without anything being tried.
struct WriteAccess {
    /// The errno with which a new file beside the configuration would fail; 0 where it would not.
    var directory: Int32
    /// The same for writing to the file itself.
    var file: Int32
    /// A Podium has written here before: its lock or a backup is there.
    var hasTraces: Bool

    init(directory: Int32, file: Int32, hasTraces: Bool) {
        self.directory = directory
        self.file = file
        self.hasTraces = hasTraces
    }

    init(_ target: ConfigurationTarget, _ fileSystem: FileSystem) {
        directory = fileSystem.writeObstacle(target.directory, ".")
        file = directory == 0 ? 0 : fileSystem.writeObstacle(target.directory, target.name)
        hasTraces =
            directory != 0
            && [target.lockName, target.backupName].contains {
                (try? fileSystem.entryStatus(target.directory, $0)) ?? nil != nil
            }
    }

    /// A place that could be written to and no longer can is broken, and so is one where the file could be written but not
    /// replaced: both are the operator's to know of. All else was made so.
    func isReadOnlyOnPurpose(wasWritable: Bool) -> Bool {
        let isReadOnly = [EROFS, EACCES, EPERM].contains(directory) && [EROFS, EACCES, EPERM].contains(file)
        return isReadOnly && !hasTraces && !wasWritable
    }
}
