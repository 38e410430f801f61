import Support

/// Puts new content in the place of the file: whole or not at all, at every instant.
///
/// `ConfigurationWriter` and `ConfigurationRestore` call it. The steps (new file, sync, exchange, backup, sync of the directory) and
/// their order are what the fault and crash tests hold: after each of them a crash leaves the old version or the new one.
struct FileReplacement {
    enum Outcome: Equatable {
        /// In place and durable. `backupFailure`: why the old version could not be kept.
        case replaced(backupFailure: Int32?)
        /// Another program saved the file meanwhile; nothing of it was touched.
        case fileChanged
    }

    let fileSystem: FileSystem
    let target: ConfigurationTarget
    /// Distinguishes this write's temporary from all others.
    let token: String
    /// The backup there is stays: what is replaced was never known to be durable.
    var keepsBackup = false
    var durations = FlushDurations()
    private(set) var bytesWritten = 0
    /// What `chattr` had set on the file and cannot be set on the new one.
    private(set) var lostFlags: FileFlags = []

    init(fileSystem: FileSystem, target: ConfigurationTarget, token: String) {
        self.fileSystem = fileSystem
        self.target = target
        self.token = token
    }

    private var temporaryName: String { "\(target.temporaryPrefix)\(token).tmp" }
    private var backupTemporaryName: String { "\(target.temporaryPrefix)\(token).backup.tmp" }

    mutating func replace(_ original: FileImage, with bytes: [UInt8]) throws(PersistenceError) -> Outcome {
        guard original.status.links == 1 else {
            throw .refused(.hardLinked(path: target.path, links: original.status.links))
        }
        try requireReplaceable(original)
        let guarded = try takeLease(original)
        defer { if guarded { try? fileSystem.releaseLease(original.file, target.name) } }
        let temporary = try prepare(temporaryName, bytes, like: original)
        guard try stillThere(original) else {
            discard(temporaryName)
            return .fileChanged
        }
        switch try exchange() {
        case .done: return try settle(original, ours: temporary, guarded: guarded)
        case .gone: return .fileChanged
        case .unsupported: return try replaceWithoutExchange(original)
        }
    }

    /// A file where there is none. A link, unlike a rename, fails if another program was first.
    mutating func createNew(_ bytes: [UInt8]) throws(PersistenceError) {
        _ = try prepare(temporaryName, bytes, like: nil)
        defer { discard(temporaryName) }
        do throws(FileError) {
            try fileSystem.link(target.directory, temporaryName, to: target.name)
        } catch {
            throw error.asPersistenceError
        }
        try syncDirectory()
    }

    // MARK: Before

    /// A swap that the system is going to refuse must not leave a temporary that it refuses to remove.
    private func requireReplaceable(_ original: FileImage) throws(PersistenceError) {
        let fixed: FileFlags = [.immutable, .appendOnly]
        do throws(FileError) {
            if let flags = try fileSystem.flags(original.file, target.name)?.intersection(fixed), !flags.isEmpty {
                throw FileError(call: .getFlags, path: flags.descriptions.joined(separator: ", "), errno: 0)
            }
            if let flags = try fileSystem.flags(target.directory, target.directoryPath), !flags.isDisjoint(with: fixed)
            {
                throw FileError(call: .getFlags, path: target.directoryPath, errno: EPERM)
            }
        } catch {
            switch error.errno {
            case 0: throw .refused(.protectedFile(path: target.path, flags: error.path))
            case EPERM: throw .refused(.needsInPlace(path: target.path, errno: EPERM))
            default: throw error.asPersistenceError
            }
        }
    }

    /// A program that has the file open for writing would go on writing to the inode that is swapped away; while the lease
    /// is held, no other program gets it open. Not every file system and not every owner can have one.
    private func takeLease(_ original: FileImage) throws(PersistenceError) -> Bool {
        do throws(FileError) {
            try fileSystem.takeLease(original.file, target.name)
            return true
        } catch {
            guard error.errno != EAGAIN else { throw .refused(.beingEdited(path: target.path)) }
            return false
        }
    }

    /// A complete, synced file under another name. What goes wrong here leaves no trace.
    private mutating func prepare(
        _ name: String, _ bytes: [UInt8], like original: FileImage?
    ) throws(PersistenceError) -> FileStatus {
        let clock = ContinuousClock()
        let file: OpenFile
        do throws(FileError) {
            file = try fileSystem.create(target.directory, name)
        } catch {
            throw error.errno == EROFS || error.errno == EACCES || error.errno == EPERM
                ? .refused(.needsInPlace(path: target.path, errno: error.errno)) : error.asPersistenceError
        }
        do {
            durations.write += try clock.measure {
                if let original {
                    lostFlags = try FileFlags.copy(from: original.file, to: file, named: name, fileSystem)
                }
                try fileSystem.allocate(file, name, size: bytes.count)
                try fileSystem.write(file, name, bytes)
                bytesWritten += bytes.count
                guard let original else { return }
                try FileAttributes(fileSystem: fileSystem, path: target.path).copy(
                    from: original, to: file, named: name)
            }
            // After a failed sync the kernel takes the lost pages for clean, so a second sync of this descriptor
            // would succeed wrongly.
            durations.fsync += try clock.measure { try fileSystem.sync(file, name) }
            return try fileSystem.status(file, name)
        } catch {
            discard(name)
            throw Self.persistenceError(error)
        }
    }

    /// The last look before the swap. Afterwards it can only be undone.
    private func stillThere(_ original: FileImage) throws(PersistenceError) -> Bool {
        do throws(FileError) {
            return try fileSystem.entryStatus(target.directory, target.name) == original.status
        } catch {
            discard(temporaryName)
            throw error.asPersistenceError
        }
    }

    private enum Exchange {
        case done
        case gone
        case unsupported
    }

    private mutating func exchange() throws(PersistenceError) -> Exchange {
        let start = ContinuousClock.now
        defer { durations.rename += ContinuousClock.now - start }
        do throws(FileError) {
            try fileSystem.exchange(target.directory, temporaryName, target.name)
            return .done
        } catch {
            switch error.errno {
            case ENOSYS, EINVAL, ENOTSUP: return .unsupported
            case ENOENT:
                discard(temporaryName)
                return .gone
            case EBUSY, EXDEV, EPERM, EACCES:
                discard(temporaryName)
                throw .refused(.needsInPlace(path: target.path, errno: error.errno))
            default:
                discard(temporaryName)
                throw error.asPersistenceError
            }
        }
    }

    // MARK: After

    /// The swap has happened: the old version lies under the temporary's name. From here that name is not ours to remove.
    private mutating func settle(
        _ original: FileImage, ours: FileStatus, guarded: Bool
    ) throws(PersistenceError) -> Outcome {
        guard try cameOut(original, guarded: guarded) else {
            try putBack(ours: ours)
            return .fileChanged
        }
        let start = ContinuousClock.now
        var backupFailure: Int32?
        let hadBackup = keepsBackup && (try? fileSystem.entryStatus(target.directory, target.backupName)) != nil
        do throws(FileError) {
            if !hadBackup { try fileSystem.rename(target.directory, temporaryName, to: target.backupName) }
        } catch {
            backupFailure = error.errno
        }
        durations.rename += ContinuousClock.now - start
        do throws(PersistenceError) {
            try syncDirectory()
        } catch {
            if hadBackup { discard(temporaryName) }
            throw error
        }
        // Only now is the new version safe enough to let the old one go.
        if hadBackup || backupFailure != nil { discard(temporaryName) }
        return .replaced(backupFailure: backupFailure)
    }

    /// Whether what the swap brought out is what the edit was based on, and no program waits to write to it.
    private func cameOut(_ original: FileImage, guarded: Bool) throws(PersistenceError) -> Bool {
        do {
            guard let displaced = try fileSystem.entryStatus(target.directory, temporaryName),
                displaced.isSameContent(as: original.status), displaced.grantsTheSame(as: original.status)
            else { return false }
            // A save of the same length within one tick of the file system's clock shows in the bytes alone.
            let bytes = try fileSystem.read(
                original.file, temporaryName, limit: FileImage.largest, sizeHint: original.bytes.count)
            guard bytes == original.bytes else { return false }
            return try !guarded || fileSystem.leaseIsUndisturbed(original.file, target.name)
        } catch {
            return false
        }
    }

    /// Undoes the swap because another program saved in between. Its version goes back to its place.
    private func putBack(ours: FileStatus) throws(PersistenceError) {
        do throws(FileError) {
            try fileSystem.exchange(target.directory, temporaryName, target.name)
            if let out = try fileSystem.entryStatus(target.directory, temporaryName), out.isSameFile(as: ours) {
                try fileSystem.unlink(target.directory, temporaryName)
                return
            }
            // A second save replaced ours while it was in place. It is the newest and has to stand; what it displaced is
            // the version before it.
            try fileSystem.exchange(target.directory, temporaryName, target.name)
            try fileSystem.rename(target.directory, temporaryName, to: target.backupName)
        } catch {
            throw error.asPersistenceError
        }
    }

    private mutating func syncDirectory() throws(PersistenceError) {
        let start = ContinuousClock.now
        defer { durations.fsync += ContinuousClock.now - start }
        do throws(FileError) {
            try fileSystem.syncDirectory(target.directory, target.directoryPath)
        } catch {
            throw .durabilityUnknown(errno: error.errno)
        }
    }

    // MARK: Without RENAME_EXCHANGE

    /// The backup is a synced copy, made first; then one rename. Between the last look and the rename a save by others
    /// could be lost, but for the instant that no file system without an exchange can close.
    private mutating func replaceWithoutExchange(_ original: FileImage) throws(PersistenceError) -> Outcome {
        var backupFailure: Int32?
        let hadBackup = keepsBackup && (try? fileSystem.entryStatus(target.directory, target.backupName)) != nil
        if !hadBackup { backupFailure = try keepCopy(original) }
        guard try stillThere(original) else {
            discard(temporaryName)
            return .fileChanged
        }
        let start = ContinuousClock.now
        do throws(FileError) {
            try fileSystem.rename(target.directory, temporaryName, to: target.name)
        } catch {
            discard(temporaryName)
            throw error.errno == EBUSY || error.errno == EXDEV
                ? .refused(.needsInPlace(path: target.path, errno: error.errno)) : error.asPersistenceError
        }
        durations.rename += ContinuousClock.now - start
        try syncDirectory()
        return .replaced(backupFailure: backupFailure)
    }

    /// - Returns: why the copy did not become the backup.
    private mutating func keepCopy(_ original: FileImage) throws(PersistenceError) -> Int32? {
        var backupFailure: Int32?
        do throws(PersistenceError) {
            _ = try prepare(backupTemporaryName, original.bytes, like: original)
            do throws(FileError) {
                try fileSystem.rename(target.directory, backupTemporaryName, to: target.backupName)
            } catch {
                backupFailure = error.errno
                discard(backupTemporaryName)
            }
        } catch {
            discard(temporaryName)
            throw error
        }
        return backupFailure
    }

    /// Best effort: what stays is swept at the next start.
    private func discard(_ name: String) {
        try? fileSystem.unlink(target.directory, name)
    }

    private static func persistenceError(_ error: any Error) -> PersistenceError {
        (error as? PersistenceError) ?? (error as? FileError)?.asPersistenceError ?? .closed
    }
}

/// Settles what a process that ended in the middle of a write has left beside the file. Runs under the lock, so nothing
/// that is found belongs to a write in progress.
///
/// A crash between the swap and the naming of the backup leaves the old version under a temporary's name: that one must
/// not be removed. Everything that is not valid, or is found elsewhere, can go.
struct OrphanSweep {
    let fileSystem: FileSystem
    let target: ConfigurationTarget
    /// Whether bytes are a configuration that loads.
    let isValid: ([UInt8]) -> Bool

    static func recoveredName(_ target: ConfigurationTarget) -> String {
        "\(target.name).recovered"
    }

    func run() throws(PersistenceError) -> [OrphanOutcome] {
        var outcomes: [OrphanOutcome] = []
        for name in try orphans() {
            outcomes.append(try settle(name))
        }
        if !outcomes.isEmpty { try? fileSystem.syncDirectory(target.directory, target.directoryPath) }
        return outcomes
    }

    private func orphans() throws(PersistenceError) -> [String] {
        do throws(FileError) {
            return try fileSystem.names(in: target.directory, target.directoryPath)
                .filter { $0.hasPrefix(target.temporaryPrefix) && $0.hasSuffix(".tmp") }
                .sorted()
        } catch {
            throw error.asPersistenceError
        }
    }

    private func settle(_ name: String) throws(PersistenceError) -> OrphanOutcome {
        let current = try FileImage.read(target.name, in: target, fileSystem)
        let backup = (try? FileImage.read(target.backupName, in: target, fileSystem)) ?? nil
        do throws(FileError) {
            guard let orphan = (try? FileImage.read(name, in: target, fileSystem)) ?? nil, !orphan.bytes.isEmpty,
                orphan.bytes != current?.bytes, orphan.bytes != backup?.bytes, isValid(orphan.bytes)
            else {
                try fileSystem.unlink(target.directory, name)
                return .removed(name: name)
            }
            // This copy was written before the file that is in place now, so it is the version that the file
            // displaced.
            let isOlder = current.map { orphan.status.modified <= $0.status.modified } ?? true
            let isNewerThanBackup = backup.map { $0.status.modified <= orphan.status.modified } ?? true
            if isOlder, isNewerThanBackup {
                try fileSystem.rename(target.directory, name, to: target.backupName)
                return .keptAsBackup(name: target.backupName)
            }
            let kept = Self.recoveredName(target)
            try fileSystem.rename(target.directory, name, to: kept)
            return .keptForRestore(name: kept)
        } catch {
            throw error.asPersistenceError
        }
    }
}
