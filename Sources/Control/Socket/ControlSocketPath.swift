internal import Persistence

internal import Support

/// Where the control socket of a configuration lies.
///
/// `DIRECTORY/HASH.sock`: the hash (64-bit FNV-1a, 16 hexadecimal digits) is that of the configuration's absolute path as it
/// was given, with no link followed: a link on the way may be switched while the server runs, and the name has to stay. So
/// that who names the same file in another way finds the same socket, it has a second name beside the first: the hash of
/// the path without links, which follows the links. The directory is the first of
///
/// 1. `$RUNTIME_DIRECTORY`, where systemd made one for the service;
/// 2. `/run/podium`, for root;
/// 3. `$XDG_RUNTIME_DIR/podium`, for everybody else;
/// 4. `/tmp/podium-UID`.
///
/// It is 0700 and belongs to who serves, or it is passed over.
public struct ControlSocketPath: Sendable, Equatable {
    /// The longest path that a socket address holds, without the closing zero.
    public static let longest: Int = {
        107
    }()

    /// Absolute.
    public var directory: String
    /// `HASH.sock`
    public var name: String
    /// Both.
    public var path: String { directory + "/" + name }

    /// Where a server of this configuration may listen, the best first; none when no directory's path is short enough.
    public static func forServing(config: String, environment: [String: String]) -> [ControlSocketPath] {
        candidates(config: config, environment: environment, user: geteuid(), owners: [])
    }

    /// The socket of the Podium that serves this configuration, if there is one to be seen. Root also looks where the
    /// configuration's owner would serve it.
    ///
    /// That the socket is there does not say that anybody still listens.
    public static func find(config: String, environment: [String: String]) -> ControlSocketPath? {
        // Its own as well: who asks need not have the environment that the server was started in.
        var owners: [uid_t] = [geteuid()]
        if geteuid() == 0, let owner = status(of: config)?.st_uid, owner != 0 {
            owners.append(owner)
        }
        var all = candidates(config: config, environment: environment, user: geteuid(), owners: owners)
        // The folder of the service, which belongs to the user that the service runs as.
        if let name = all.first?.name { all.append(ControlSocketPath(directory: "/run/podium", name: name)) }
        // A server that was given another path to the file, or that is older and knows this name alone.
        let resolved = resolvedName(config)
        all += all.map { ControlSocketPath(directory: $0.directory, name: resolved) }
        return all.first { candidate in
            guard let directory = status(of: candidate.directory), let socket = status(of: candidate.path) else {
                return false
            }
            // In /tmp anybody could have put up a socket to listen to an operator.
            let isTrusted = directory.st_uid == geteuid() || directory.st_uid == 0 || geteuid() == 0
            return isTrusted && directory.st_mode & 0o022 == 0 && socket.st_mode & S_IFMT == S_IFSOCK
        }
    }

    static func candidates(
        config: String, environment: [String: String], user: uid_t, owners: [uid_t]
    ) -> [ControlSocketPath] {
        let name = digest(of: StablePath.absolute(config, environment: environment)) + ".sock"
        var directories: [String] = []
        if let service = environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first, service.first == "/" {
            directories.append(String(service))
        }
        if user == 0 {
            directories.append("/run/podium")
        } else if let runtime = environment["XDG_RUNTIME_DIR"], runtime.first == "/" {
            directories.append(runtime + "/podium")
        }
        directories.append("/tmp/podium-\(user)")
        for owner in owners {
            directories += ["/run/user/\(owner)/podium", "/tmp/podium-\(owner)"]
        }
        return directories.map { ControlSocketPath(directory: $0, name: name) }
            .filter { $0.path.utf8.count <= longest }
    }

    /// The second name of the socket, by the path that the links lead to at present.
    static func resolvedName(_ config: String) -> String {
        digest(of: canonical(config)) + ".sock"
    }

    /// Absolute and without links. Where the file itself is not there (yet), its directory is resolved.
    public static func canonical(_ path: String) -> String {
        if let resolved = resolve(path) {
            return resolved
        }
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let file = slash.map { path[path.index(after: $0)...] } ?? path[...]
        let parent = resolve(folder) ?? folder
        return parent == "/" ? "/\(file)" : "\(parent)/\(file)"
    }

    private static func resolve(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else {
            return nil
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Names need to differ, not to be secret.
    private static func digest(of text: String) -> String {
        var hash = FNV1a()
        hash.add(text.utf8)
        return hash.value.hexadecimal(digits: 16)
    }

    private static func status(of path: String) -> stat? {
        var result = stat()
        return lstat(path, &result) == 0 ? result : nil
    }
}
