import Support

/// The real file behind the path that the operator named: an open directory and a name in it.
///
/// Everything after the resolution goes through the directory's descriptor, so that a directory or link that is moved
/// meanwhile cannot lead half of a write elsewhere.
struct ConfigurationTarget: Sendable {
    static let longestLinkChain = 40

    let directory: OpenFile
    let directoryPath: String
    let name: String
    /// Every name on the way, the links and at last the file: whoever changes one changes the configuration.
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
