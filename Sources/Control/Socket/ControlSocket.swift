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

    /// Removes the socket, unless somebody else's stands there by now.
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

    /// - Returns: the errno; 0 when somebody accepted.
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
