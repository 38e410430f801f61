import Support

// Where the configuration is: which file the operator's path leads to, and what may be written there. It is found out anew for
// each flush and each look at the file, since links are switched and rights are changed while Podium runs.

/// The real file behind the path that the operator named: an open directory and a name in it.
///
/// Everything after the resolution goes through the directory's descriptor, so that a directory or link that is moved
/// meanwhile cannot lead half of a write elsewhere.
struct ConfigurationTarget: Sendable {
    static let longestLinkChain = 40

    let directory: OpenFile
    let directoryPath: String
    let name: String
    /// Every name on the way, the links and at last the file: a program that changes one of them changes the configuration.
    let places: [DirectoryWatch.Place]

    var path: String { directoryPath == "/" ? "/\(name)" : "\(directoryPath)/\(name)" }
    var backupName: String { "\(name).backup" }
    var lockName: String { ".\(name).lock" }
    var temporaryPrefix: String { ".\(name).podium-" }

    /// Follows symbolic links in every part of the path, so that a write replaces the file and not the link to it, and so
    /// that a link which is switched is noticed wherever it stands.
    static func resolve(_ path: String, _ fileSystem: FileSystem) throws(PersistenceError) -> ConfigurationTarget {
        do {
            var walk = try PathWalk(path, fileSystem)
            while let step = try walk.next() {
                guard step.isFile else { continue }
                guard
                    let directory = try existing({ () throws(FileError) in try fileSystem.openDirectory(step.directory)
                    })
                else { break }
                return ConfigurationTarget(
                    directory: directory, directoryPath: step.directory, name: step.name, places: walk.places)
            }
            throw PersistenceError.refused(.missing(path: path))
        } catch {
            throw PersistenceError(anyOf: error)
        }
    }

    /// Nil where it went away since it was seen.
    private static func existing(_ open: () throws(FileError) -> OpenFile) throws(FileError) -> OpenFile? {
        do throws(FileError) {
            return try open()
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }
}

/// Goes along a path name by name, with each symbolic link replaced by what it says.
private struct PathWalk {
    struct Step {
        /// A path without links, as far as it has been gone.
        var directory: String
        var name: String
        /// The last name: what it stands for is the configuration, or would be.
        var isFile: Bool
    }

    let path: String
    let fileSystem: FileSystem
    private(set) var places: [DirectoryWatch.Place] = []
    private var directory: String
    /// Of the directory; nil where there is none.
    private var status: FileStatus?
    /// What is still to go, the next name last.
    private var rest: [Substring] = []
    private var links = 0

    init(_ path: String, _ fileSystem: FileSystem) throws {
        self.path = path
        self.fileSystem = fileSystem
        directory = path.hasPrefix("/") ? "/" : "."
        status = try fileSystem.status(at: directory)
        try push(path)
    }

    /// Nil where a directory is missing.
    mutating func next() throws -> Step? {
        while let name = rest.popLast() {
            guard let present = status else { return nil }
            let full = Self.join(directory, String(name))
            if name == ".." {
                directory = full
                status = try fileSystem.status(at: full)
                continue
            }
            places.append(
                DirectoryWatch.Place(
                    directory: directory, name: String(name), device: present.device, inode: present.inode,
                    holdsFile: rest.isEmpty))
            let entry = try fileSystem.status(at: full)
            guard entry?.isSymbolicLink == true, let target = try fileSystem.linkTarget(full) else {
                let step = Step(directory: directory, name: String(name), isFile: rest.isEmpty)
                if !step.isFile {
                    directory = full
                    status = entry
                }
                return step
            }
            links += 1
            guard links <= ConfigurationTarget.longestLinkChain else {
                throw PersistenceError.refused(.symbolicLinkLoop(path: path))
            }
            if target.hasPrefix("/") {
                directory = "/"
                status = try fileSystem.status(at: "/")
            }
            try push(target)
        }
        return nil
    }

    private mutating func push(_ text: String) throws {
        let names = text.split(separator: "/").filter { $0 != "." }
        let last = text.split(separator: "/", omittingEmptySubsequences: false).last
        if rest.isEmpty, names.isEmpty || last == "" || last == "." || last == ".." {
            throw PersistenceError.refused(.notRegularFile(path: path, kind: "a directory"))
        }
        rest += names.reversed()
    }

    private static func join(_ directory: String, _ name: String) -> String {
        switch directory {
        case ".": name
        case "/": "/\(name)"
        default: "\(directory)/\(name)"
        }
    }
}

/// A path that keeps its meaning whatever links are switched and whatever directories are moved.
public enum StablePath {
    /// The path made absolute, with no link in it followed.
    ///
    /// A relative path begins where the shell says that it stands (`$PWD`), if that is where the process is: an operator in
    /// `/srv/current`, which is a link to `/srv/releases/2`, means the link.
    public static func absolute(_ path: String, environment: [String: String]) -> String {
        let full = path.hasPrefix("/") ? path : "\(workingDirectory(environment))/\(path)"
        // `..` stays in the path: behind a link it does not lead back to where the path came from.
        let names = full.split(separator: "/").filter { $0 != "." }
        let isDirectory = full.hasSuffix("/") || full.hasSuffix("/.")
        return "/" + names.joined(separator: "/") + (isDirectory && !names.isEmpty ? "/" : "")
    }

    private static func workingDirectory(_ environment: [String: String]) -> String {
        if let logical = environment["PWD"], logical.hasPrefix("/"), let there = identity(of: logical),
            let here = identity(of: "."), there == here
        {
            return logical
        }
        guard let physical = getcwd(nil, 0) else { return "/" }
        defer { free(physical) }
        return String(cString: physical)
    }

    private static func identity(of path: String) -> [UInt64]? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return [UInt64(truncatingIfNeeded: status.st_dev), UInt64(truncatingIfNeeded: status.st_ino)]
    }
}

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
