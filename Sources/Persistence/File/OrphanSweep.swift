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
