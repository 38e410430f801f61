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

    /// Follows symbolic links, so that a write replaces the file and not the link to it.
    static func resolve(_ path: String, _ fileSystem: FileSystem) throws(PersistenceError) -> ConfigurationTarget {
        var current = path
        var places: [DirectoryWatch.Place] = []
        for _ in 0...longestLinkChain {
            let (directory, name) = split(current)
            guard !name.isEmpty, name != ".", name != ".." else {
                throw .refused(.notRegularFile(path: path, kind: "a directory"))
            }
            places.append(DirectoryWatch.Place(directory: directory, name: name))
            do {
                guard let link = try fileSystem.linkTarget(current) else {
                    return ConfigurationTarget(
                        directory: try fileSystem.openDirectory(directory), directoryPath: directory, name: name,
                        places: places)
                }
                current = link.hasPrefix("/") ? link : "\(directory)/\(link)"
            } catch {
                throw error.asPersistenceError
            }
        }
        throw .refused(.symbolicLinkLoop(path: path))
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = path[..<slash]
        return (directory.isEmpty ? "/" : String(directory), String(path[path.index(after: slash)...]))
    }
}
