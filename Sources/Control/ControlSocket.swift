internal import Persistence
internal import Support

/// Why the control socket cannot be put up.
public struct ControlSocketError: Error, Sendable, CustomStringConvertible {
    /// What is in the way and what to do about it.
    public let description: String
}

/// The file of a listening Unix socket: where it may be put, and whose it is.
///
/// A socket is bound under a name of its own and then renamed, so that whoever finds a socket under its final name, and
/// nobody listening, knows that its owner is dead.
struct ControlSocket {
    let path: ControlSocketPath
    /// Where to bind.
    let provisional: String
    private var identity: (device: dev_t, inode: ino_t)?
    /// The second name, beside the first; nil where it has none.
    private var alias: String?

    init(_ path: ControlSocketPath) {
        self.path = path
        provisional = path.directory + "/.\(getpid())"
    }

    /// Makes the directory, or checks that it is ours alone, and removes what the dead left in it.
    func prepare() throws(ControlSocketError) {
        if mkdir(path.directory, 0o700) != 0, errno != EEXIST {
            throw ControlSocketError(description: "\(path.directory): \(Self.text(errno))")
        }
        guard let status = Self.status(path.directory), status.st_mode & S_IFMT == S_IFDIR else {
            throw ControlSocketError(description: "\(path.directory) is not a directory: remove it")
        }
        guard status.st_uid == geteuid() else {
            throw ControlSocketError(description: "\(path.directory) belongs to another user: remove it")
        }
        if status.st_mode & 0o077 != 0, chmod(path.directory, 0o700) != 0 {
            throw ControlSocketError(
                description: "\(path.directory) is open to others and cannot be closed to them: \(Self.text(errno))")
        }
        guard !Self.isListening(path.path) else {
            throw ControlSocketError(description: "\(path.path) is in use by another process")
        }
        sweep()
        unlink(provisional)
    }

    /// Gives the bound socket its final name.
    mutating func publish() throws(ControlSocketError) {
        guard chmod(provisional, 0o600) == 0, let status = Self.status(provisional) else {
            throw ControlSocketError(description: "\(provisional): \(Self.text(errno))")
        }
        guard rename(provisional, path.path) == 0 else {
            throw ControlSocketError(description: "\(path.path): \(Self.text(errno))")
        }
        identity = (status.st_dev, status.st_ino)
    }

    /// Whether clients still find it: the directory of a login session goes away with the session, and cleaners of
    /// temporary files do not ask.
    var isInPlace: Bool {
        isOurs(path.path)
    }

    /// Gives the socket a second name in its directory, in place of the one that it had. Best effort: the first one is what
    /// everybody looks for before.
    mutating func publish(alias name: String) {
        let wanted = name == path.name ? nil : path.directory + "/" + name
        if let alias, alias != wanted { remove(alias) }
        alias = wanted
        guard let wanted, !isOurs(wanted) else { return }
        if Self.isDead(wanted) { unlink(wanted) }
        // Fails where another Podium listens under that name, as it should.
        _ = link(path.path, wanted)
    }

    /// Removes the socket, unless that of another process stands there by now.
    func remove() {
        unlink(provisional)
        if let alias { remove(alias) }
        remove(path.path)
    }

    private func remove(_ name: String) {
        if isOurs(name) { unlink(name) }
    }

    private func isOurs(_ name: String) -> Bool {
        guard let identity, let status = Self.status(name) else { return false }
        return status.st_dev == identity.device && status.st_ino == identity.inode
    }

    private func sweep() {
        guard let directory = opendir(path.directory) else {
            return
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let found = path.directory + "/" + name
            if name.hasSuffix(".sock"), Self.isDead(found) {
                unlink(found)
            }
        }
    }

    private static func isListening(_ path: String) -> Bool { connect(to: path) == 0 }

    /// Connecting to a file that is no socket is refused as well.
    private static func isDead(_ path: String) -> Bool {
        status(path).map { $0.st_mode & S_IFMT == S_IFSOCK } == true && connect(to: path) == ECONNREFUSED
    }

    /// - Returns: the errno; 0 when a process accepted the connection.
    private static func connect(to path: String) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            return ENAMETOOLONG
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let kind = Int32(SOCK_STREAM.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else {
            return errno
        }
        defer { close(descriptor) }
        // A full queue must not make this wait.
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connectSocket(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return result == 0 ? 0 : errno
    }

    private static func status(_ path: String) -> stat? {
        var result = stat()
        return lstat(path, &result) == 0 ? result : nil
    }

    private static func text(_ code: Int32) -> String {
        String(cString: strerror(code))
    }
}

private func connectSocket(_ descriptor: Int32, _ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> Int32 {
    connect(descriptor, address, length)
}

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
