import CSystemShim

import Support

/// The lock that makes this process the only one to write a configuration, held until it is let go.
///
/// It is on a file of its own, never removed: a lock on the configuration itself would be on an inode that the next
/// write swaps away, and a removed lock file could be locked twice.
final class ProcessLock: Sendable {
    let file: OpenFile
    /// Of the file that carries it.
    private let status: FileStatus
    private let name: String

    private init(file: OpenFile, status: FileStatus, name: String) {
        self.file = file
        self.status = status
        self.name = name
    }

    deinit {
        // Closing is not enough while a child that was just forked still has the descriptor.
        _ = podium_unlock(file.descriptor)
    }

    static func take(
        _ target: ConfigurationTarget, _ fileSystem: FileSystem
    ) throws(PersistenceError) -> ProcessLock {
        do {
            let (file, isOwnFile) = try open(target, fileSystem)
            do {
                try fileSystem.lock(file, target.lockName)
            } catch {
                guard error.errno == EWOULDBLOCK || error.errno == EAGAIN else { throw error }
                throw PersistenceError.locked(path: target.path, holder: holder(file, target.lockName, fileSystem))
            }
            // The holder's process id is for messages only, so a full disk that cannot take it must not keep the program from
            // starting.
            if isOwnFile {
                try? fileSystem.truncate(file, target.lockName, to: 0)
                try? fileSystem.write(file, target.lockName, Array("\(getpid())\n".utf8))
            }
            return ProcessLock(
                file: file, status: try fileSystem.status(file, target.lockName),
                name: isOwnFile ? target.lockName : target.name)
        } catch {
            throw PersistenceError(anyOf: error)
        }
    }

    /// Where no file can be made, the configuration itself is locked: there it is never swapped away, only written in place.
    private static func open(
        _ target: ConfigurationTarget, _ fileSystem: FileSystem
    ) throws(FileError) -> (file: OpenFile, isOwnFile: Bool) {
        do throws(FileError) {
            return (try fileSystem.openLock(target.directory, target.lockName), true)
        } catch {
            guard error.errno == EROFS || error.errno == EACCES || error.errno == EPERM else { throw error }
            return (try fileSystem.open(target.directory, target.name), false)
        }
    }

    /// Whether this lock keeps others from that file: it may stand beside another one, and what carries it may be gone.
    func covers(_ target: ConfigurationTarget, _ fileSystem: FileSystem) -> Bool {
        guard name == target.lockName || name == target.name,
            let present = (try? fileSystem.entryStatus(target.directory, name)) ?? nil
        else { return false }
        return present.isSameFile(as: status)
    }

    private static func holder(_ file: OpenFile, _ name: String, _ fileSystem: FileSystem) -> Int32? {
        guard let bytes = try? fileSystem.read(file, name, limit: 32) else { return nil }
        return Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
