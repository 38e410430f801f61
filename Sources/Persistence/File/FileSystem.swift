import CSystemShim
import Support

/// The file operations of the write protocol.
///
/// There is one implementation, the real one. Tests interfere before single calls: they let one fail, write less than
/// asked, let an editor in between two of them, or stop everything there as a crash would.
struct FileSystem: Sendable {
    enum Interference: Sendable, Equatable {
        case fail(Int32)
        case shorten(to: Int)
        /// The call seems to succeed without being made.
        case skip
    }

    /// Asked before each call when set.
    var interfere: (@Sendable (FileCall, String) -> Interference?)?

    // MARK: Directories and names

    func openDirectory(_ path: String) throws(FileError) -> OpenFile {
        OpenFile(
            Int32(try run(.openDirectory, path) { system(openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) }))
    }

    /// The target of a symbolic link; nil if the name is none or does not exist.
    func linkTarget(_ path: String) throws(FileError) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        do throws(FileError) {
            let length = try run(.readLink, path) {
                buffer.withUnsafeMutableBytes { raw in
                    guard let start = raw.baseAddress else { return 0 }
                    return system(readlink(path, start.assumingMemoryBound(to: CChar.self), raw.count))
                }
            }
            return String(decoding: buffer[..<length], as: UTF8.self)
        } catch {
            guard error.errno == EINVAL || error.errno == ENOENT else { throw error }
            return nil
        }
    }

    /// Of the name itself, where it is a link; nil if there is none.
    func status(at path: String) throws(FileError) -> FileStatus? {
        var raw = stat()
        do throws(FileError) {
            _ = try run(.status, path) { system(lstat(path, &raw)) }
            return FileStatus(raw)
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }

    func entryStatus(_ directory: OpenFile, _ name: String) throws(FileError) -> FileStatus? {
        var raw = stat()
        do throws(FileError) {
            _ = try run(.status, name) { system(fstatat(directory.descriptor, name, &raw, AT_SYMLINK_NOFOLLOW)) }
            return FileStatus(raw)
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
    }

    func status(_ file: OpenFile, _ name: String) throws(FileError) -> FileStatus {
        var raw = stat()
        _ = try run(.status, name) { system(fstat(file.descriptor, &raw)) }
        return FileStatus(raw)
    }

    func names(in directory: OpenFile, _ path: String) throws(FileError) -> [String] {
        // The listing gets a descriptor of its own, since `closedir` closes it and the position must not be shared.
        let copy = try run(.list, path) {
            system(openat(directory.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        }
        guard let stream = fdopendir(Int32(copy)) else {
            close(Int32(copy))
            throw FileError(call: .list, path: path, errno: ENOMEM)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                    String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
                })
        }
        return names.filter { $0 != "." && $0 != ".." }
    }

    func exchange(_ directory: OpenFile, _ first: String, _ second: String) throws(FileError) {
        _ = try run(.exchange, second) { Int(podium_rename_exchange(directory.descriptor, first, second)) }
    }

    func rename(_ directory: OpenFile, _ old: String, to new: String) throws(FileError) {
        _ = try run(.rename, new) { system(renameat(directory.descriptor, old, directory.descriptor, new)) }
    }

    /// Gives a file a name that must not exist yet.
    func link(_ directory: OpenFile, _ old: String, to new: String) throws(FileError) {
        _ = try run(.link, new) { system(linkat(directory.descriptor, old, directory.descriptor, new, 0)) }
    }

    func unlink(_ directory: OpenFile, _ name: String) throws(FileError) {
        _ = try run(.unlink, name) { system(unlinkat(directory.descriptor, name, 0)) }
    }

    func syncDirectory(_ directory: OpenFile, _ path: String) throws(FileError) {
        _ = try run(.syncDirectory, path) { Int(podium_sync(directory.descriptor)) }
    }

    // MARK: Files

    /// Never follows a link and never waits for the other end of a FIFO.
    func open(_ directory: OpenFile, _ name: String, writing: Bool = false) throws(FileError) -> OpenFile {
        let flags = (writing ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY
        return OpenFile(Int32(try run(.open, name) { system(openat(directory.descriptor, name, flags)) }))
    }

    /// A new file, readable by its owner only; fails with EEXIST if the name is taken.
    func create(_ directory: OpenFile, _ name: String) throws(FileError) -> OpenFile {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        return OpenFile(Int32(try run(.create, name) { system(openat(directory.descriptor, name, flags, 0o600)) }))
    }

    /// Opens or creates a lock file without touching what it holds.
    func openLock(_ directory: OpenFile, _ name: String) throws(FileError) -> OpenFile {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC
        return OpenFile(Int32(try run(.create, name) { system(openat(directory.descriptor, name, flags, 0o600)) }))
    }

    func lock(_ file: OpenFile, _ name: String) throws(FileError) {
        _ = try run(.lock, name) { Int(podium_lock(file.descriptor)) }
    }

    /// At most `limit` bytes from the start; one more byte than allowed shows that there is more.
    func read(_ file: OpenFile, _ name: String, limit: Int, sizeHint: Int = 0) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        var failure: FileError?
        let capacity = min(limit, max(sizeHint, 0)) + 1
        bytes.reserveCapacity(capacity)
        while bytes.count <= limit {
            let chunk = min(max(capacity - bytes.count, 4_096), limit + 1 - bytes.count)
            guard chunk > 0 else { break }
            let offset = bytes.count
            var got = 0
            bytes.append(
                contentsOf: [UInt8](unsafeUninitializedCapacity: chunk) { buffer, count in
                    do throws(FileError) {
                        got = try run(.read, name, length: chunk) { length in
                            system(pread(file.descriptor, buffer.baseAddress, length, off_t(offset)))
                        }
                        count = got
                    } catch {
                        failure = error
                    }
                })
            if let failure { throw failure }
            if got == 0 { break }
        }
        return bytes
    }

    func write(_ file: OpenFile, _ name: String, _ bytes: [UInt8]) throws(FileError) {
        var offset = 0
        while offset < bytes.count {
            let written = try run(.write, name, length: bytes.count - offset) { length in
                bytes.withUnsafeBytes { raw in
                    system(pwrite(file.descriptor, raw.baseAddress?.advanced(by: offset), length, off_t(offset)))
                }
            }
            // A regular file that takes nothing and says nothing is full.
            guard written > 0 else { throw FileError(call: .write, path: name, errno: ENOSPC) }
            offset += written
        }
    }

    func truncate(_ file: OpenFile, _ name: String, to size: Int) throws(FileError) {
        _ = try run(.truncate, name) { system(ftruncate(file.descriptor, off_t(size))) }
    }

    /// Reserves space where the file system can.
    func allocate(_ file: OpenFile, _ name: String, size: Int) throws(FileError) {
        guard size > 0 else { return }
        do throws(FileError) {
            _ = try run(.allocate, name) { Int(podium_allocate(file.descriptor, off_t(size))) }
        } catch {
            guard error.errno == EOPNOTSUPP || error.errno == ENOSYS || error.errno == EINVAL else { throw error }
            return
        }
    }

    func sync(_ file: OpenFile, _ name: String) throws(FileError) {
        _ = try run(.sync, name) { Int(podium_sync(file.descriptor)) }
    }

    /// The errno with which writing to a name would fail for this process; 0 where it would not.
    func writeObstacle(_ directory: OpenFile, _ name: String) -> Int32 {
        do throws(FileError) {
            _ = try run(.access, name) { system(faccessat(directory.descriptor, name, W_OK, AT_EACCESS)) }
            return 0
        } catch {
            return error.errno
        }
    }

    func setOwner(_ file: OpenFile, _ name: String, owner: UInt32, group: UInt32) throws(FileError) {
        _ = try run(.setOwner, name) { system(fchown(file.descriptor, owner, group)) }
    }

    func setMode(_ file: OpenFile, _ name: String, _ mode: UInt32) throws(FileError) {
        _ = try run(.setMode, name) { system(fchmod(file.descriptor, mode_t(mode))) }
    }

    // MARK: Waiting

    func pause(_ duration: Duration) throws(FileError) {
        let nanoseconds = duration.wholeNanoseconds
        _ = try run(.pause, "") {
            var rest = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
            return system(nanosleep(&rest, nil))
        }
    }

    // MARK: One call

    /// Runs one call, again if a signal interrupts it, and turns a negative result into an error.
    func run(_ call: FileCall, _ path: String, _ body: () -> Int) throws(FileError) -> Int {
        try run(call, path, length: 0) { _ in body() }
    }

    func run(_ call: FileCall, _ path: String, length: Int, _ body: (Int) -> Int) throws(FileError) -> Int {
        while true {
            var allowed = length
            switch interfere?(call, path) {
            case .fail(let errno) where errno == EINTR: continue
            case .fail(let errno): throw FileError(call: call, path: path, errno: errno)
            case .shorten(let shorter): allowed = min(length, shorter)
            case .skip: return length
            case nil: break
            }
            let result = body(allowed)
            if result >= 0 { return result }
            let errno = Int32(-result)
            if errno != EINTR { throw FileError(call: call, path: path, errno: errno) }
        }
    }

    /// A call that reports through `errno`, in the form of the shim's.
    private func system(_ result: Int) -> Int {
        result < 0 ? -Int(errno) : result
    }

    private func system(_ result: Int32) -> Int {
        system(Int(result))
    }
}

extension FileSystem {
    /// Extended attributes by name, access control lists included; empty where the file system has none.
    func attributes(_ file: OpenFile, _ name: String) throws(FileError) -> [String: [UInt8]] {
        let names: [UInt8]
        do throws(FileError) {
            names = try growing(.listAttributes, name) { podium_attribute_names(file.descriptor, $0, $1) }
        } catch {
            guard error.errno == ENOTSUP || error.errno == EOPNOTSUPP || error.errno == ENOSYS else { throw error }
            return [:]
        }
        var attributes: [String: [UInt8]] = [:]
        for slice in names.split(separator: 0) {
            let attribute = String(decoding: slice, as: UTF8.self)
            do throws(FileError) {
                attributes[attribute] = try growing(.readAttribute, name) { buffer, size in
                    podium_attribute_get(file.descriptor, attribute, buffer, size)
                }
            } catch {
                guard error.errno == ENODATA else { throw error }
                continue
            }
        }
        return attributes
    }

    func setAttribute(_ file: OpenFile, _ name: String, _ attribute: String, _ value: [UInt8]) throws(FileError) {
        _ = try run(.setAttribute, name) {
            value.withUnsafeBytes { Int(podium_attribute_set(file.descriptor, attribute, $0.baseAddress, $0.count)) }
        }
    }

    func removeAttribute(_ file: OpenFile, _ name: String, _ attribute: String) throws(FileError) {
        _ = try run(.removeAttribute, name) { Int(podium_attribute_remove(file.descriptor, attribute)) }
    }

    /// Nil where the file system has no flags.
    func flags(_ file: OpenFile, _ name: String) throws(FileError) -> FileFlags? {
        var raw: UInt32 = 0
        do throws(FileError) {
            _ = try run(.getFlags, name) { Int(podium_flags_get(file.descriptor, &raw)) }
            return FileFlags(rawValue: raw)
        } catch {
            switch error.errno {
            case ENOTTY, ENOTSUP, EOPNOTSUPP, ENOSYS, EINVAL: return nil
            default: throw error
            }
        }
    }

    func setFlags(_ file: OpenFile, _ name: String, _ flags: FileFlags) throws(FileError) {
        _ = try run(.setFlags, name) { Int(podium_flags_set(file.descriptor, flags.rawValue)) }
    }

    /// Asks for the size, then for the content, again if it grew in between.
    private func growing(
        _ call: FileCall, _ name: String, _ body: (UnsafeMutablePointer<CChar>?, Int) -> Int
    ) throws(FileError) -> [UInt8] {
        while true {
            let size = try run(call, name) { body(nil, 0) }
            guard size > 0 else { return [] }
            var buffer = [UInt8](repeating: 0, count: size)
            do throws(FileError) {
                let length = try run(call, name) {
                    buffer.withUnsafeMutableBytes { raw in
                        body(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
                    }
                }
                return Array(buffer[..<length])
            } catch {
                guard error.errno == ERANGE else { throw error }
                continue
            }
        }
    }
}

extension FileSystem {
    /// Fails with EAGAIN while anyone has the file open for writing.
    func takeLease(_ file: OpenFile, _ name: String) throws(FileError) {
        _ = try run(.takeLease, name) { Int(podium_lease_take(file.descriptor)) }
    }

    /// Whether no program has tried to open the file for writing since the lease was taken.
    func leaseIsUndisturbed(_ file: OpenFile, _ name: String) throws(FileError) -> Bool {
        try run(.checkLease, name) { Int(podium_lease_is_undisturbed(file.descriptor)) } != 0
    }

    func releaseLease(_ file: OpenFile, _ name: String) throws(FileError) {
        _ = try run(.releaseLease, name) { Int(podium_lease_release(file.descriptor)) }
    }
}

/// The operations through which the persister touches the disk: where a test may interfere, and what an error names.
enum FileCall: String, Sendable, Hashable, CaseIterable {
    case openDirectory = "open directory"
    case readLink = "readlink"
    case open
    case create
    case status = "stat"
    case read
    case allocate = "fallocate"
    case write
    case truncate
    case setOwner = "chown"
    case setMode = "chmod"
    case listAttributes = "listxattr"
    case readAttribute = "getxattr"
    case setAttribute = "setxattr"
    case removeAttribute = "removexattr"
    case getFlags = "get flags"
    case setFlags = "set flags"
    case sync = "fsync"
    case syncDirectory = "fsync directory"
    case exchange = "renameat2"
    case rename
    case link
    case unlink
    case list = "readdir"
    case lock = "flock"
    case takeLease = "lease"
    case checkLease = "check lease"
    case releaseLease = "release lease"
    case access
    case pause
}

/// A file operation that failed.
struct FileError: Error, Sendable, Equatable {
    var call: FileCall
    var path: String
    var errno: Int32

    /// As the owner and the console see it.
    var asPersistenceError: PersistenceError {
        .system(operation: call.rawValue, path: path, errno: errno)
    }
}
