import Support

/// The file as one read found it: its bytes, what `stat` said of it, and a descriptor to that very inode.
struct FileImage: Sendable {
    static let largest = 16 << 20

    let file: OpenFile
    let status: FileStatus
    let bytes: [UInt8]

    /// Nil if there is no such file.
    ///
    /// The kind is looked at before the open, which for a device could have effects, and after it, when it can no longer
    /// be swapped.
    static func read(
        _ name: String, in target: ConfigurationTarget, _ fileSystem: FileSystem
    ) throws(PersistenceError) -> FileImage? {
        let path = "\(target.directoryPath)/\(name)"
        do {
            guard let seen = try fileSystem.entryStatus(target.directory, name) else { return nil }
            guard seen.isRegular else { throw PersistenceError.refused(.notRegularFile(path: path, kind: seen.kind)) }
            let file = try fileSystem.open(target.directory, name)
            let status = try fileSystem.status(file, name)
            guard status.isRegular else {
                throw PersistenceError.refused(.notRegularFile(path: path, kind: status.kind))
            }
            let bytes = try fileSystem.read(file, name, limit: largest, sizeHint: status.size)
            guard bytes.count <= largest else {
                throw PersistenceError.refused(.tooLarge(path: path, bytes: max(status.size, bytes.count)))
            }
            // The file was written to while it was read, so the bytes may be no version at all.
            guard try fileSystem.status(file, name) == status, bytes.count == status.size else {
                throw PersistenceError.refused(.beingEdited(path: path))
            }
            return FileImage(file: file, status: status, bytes: bytes)
        } catch let error as PersistenceError {
            throw error
        } catch let error as FileError {
            if error.errno == ENOENT { return nil }
            throw error.asPersistenceError
        } catch {
            throw .closed
        }
    }
}

/// What `fstat` says, as far as the persister compares it.
struct FileStatus: Sendable, Equatable {
    struct Time: Sendable, Equatable, Comparable {
        var seconds: Int
        var nanoseconds: Int

        static func < (left: Time, right: Time) -> Bool {
            (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
        }
    }

    var device: UInt64
    var inode: UInt64
    var size: Int
    var mode: UInt32
    var owner: UInt32
    var group: UInt32
    var links: Int
    var modified: Time
    var changed: Time

    init(_ raw: stat) {
        device = UInt64(truncatingIfNeeded: raw.st_dev)
        inode = UInt64(truncatingIfNeeded: raw.st_ino)
        size = Int(raw.st_size)
        mode = UInt32(raw.st_mode)
        owner = raw.st_uid
        group = raw.st_gid
        links = Int(raw.st_nlink)
        modified = Time(seconds: raw.st_mtim.tv_sec, nanoseconds: raw.st_mtim.tv_nsec)
        changed = Time(seconds: raw.st_ctim.tv_sec, nanoseconds: raw.st_ctim.tv_nsec)
    }

    var permissions: UInt32 { mode & 0o7777 }
    var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    var isSymbolicLink: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFLNK) }

    /// The kind in the words of a message.
    var kind: String {
        switch mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): "a regular file"
        case UInt32(S_IFDIR): "a directory"
        case UInt32(S_IFLNK): "a symbolic link"
        case UInt32(S_IFIFO): "a FIFO"
        case UInt32(S_IFSOCK): "a socket"
        case UInt32(S_IFBLK), UInt32(S_IFCHR): "a device"
        default: "not a regular file"
        }
    }

    /// The same file with the same content, as far as its metadata tells. The time of change is left out: renaming and
    /// taking a backup alter it.
    func isSameContent(as other: FileStatus) -> Bool {
        isSameFile(as: other) && size == other.size && modified == other.modified
    }

    /// The same people may do the same with it, as far as its metadata tells.
    func grantsTheSame(as other: FileStatus) -> Bool {
        permissions == other.permissions && owner == other.owner && group == other.group
    }

    /// How long ago the file was changed, by the clock of the file system; zero where that lies ahead.
    var age: Duration {
        let now = WallClock.now
        let last = max(modified, changed)
        return max(.zero, now - .seconds(last.seconds) - .nanoseconds(last.nanoseconds))
    }

    /// The same inode.
    func isSameFile(as other: FileStatus) -> Bool {
        device == other.device && inode == other.inode
    }
}
