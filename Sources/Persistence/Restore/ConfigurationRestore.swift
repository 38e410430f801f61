import Configuration
import PodiumModel

/// Brings back an earlier version of the configuration: what `podium restore` does.
public struct ConfigurationRestore: Sendable {
    private let path: String
    private let environment: [String: String]
    private let fileSystem: FileSystem

    /// - Parameter environment: what `${NAME}` is looked up in when versions are validated.
    public init(path: String, environment: [String: String]) {
        self.init(path: path, environment: environment, fileSystem: FileSystem())
    }

    init(path: String, environment: [String: String], fileSystem: FileSystem) {
        self.path = path
        self.environment = environment
        self.fileSystem = fileSystem
    }

    /// All versions beside the file, newest first.
    public func points() throws(PersistenceError) -> [RestorePoint] {
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        let current = try currentBytes(target)
        var points: [RestorePoint] = []
        for (name, kind) in try candidates(target) {
            // A copy that cannot be read is no version to offer; the others are offered.
            guard let image = (try? FileImage.read(name, in: target, fileSystem)) ?? nil else { continue }
            points.append(
                RestorePoint(
                    name: name, kind: kind,
                    modified: .seconds(image.status.modified.seconds) + .nanoseconds(image.status.modified.nanoseconds),
                    size: image.bytes.count, problems: problems(image.bytes), isCurrent: image.bytes == current))
        }
        return points.sorted { ($1.modified, $0.name) < ($0.modified, $1.name) }
    }

    /// What restoring would change in the current file.
    ///
    /// - Parameter name: as in ``RestorePoint/name``, or any file beside the configuration.
    public func difference(restoring name: String) throws(PersistenceError) -> LineDifference {
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        return LineDifference(from: try currentBytes(target) ?? [], to: try version(name, target))
    }

    /// Throws ``PersistenceError/locked(path:holder:)`` while a Podium runs on this configuration, before the operator is asked
    /// anything.
    public func requireUnused() throws(PersistenceError) {
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        let lock = try ProcessLock.take(target, fileSystem)
        withExtendedLifetime(lock) {}
    }

    /// Puts a version in place of the current file by the same protocol as every write; the current one becomes the backup.
    ///
    /// - Throws: ``PersistenceError/locked(path:holder:)`` while a Podium runs on this configuration, a refusal if the
    ///   version does not validate.
    public func restore(_ name: String) throws(PersistenceError) {
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        let lock = try ProcessLock.take(target, fileSystem)
        defer { withExtendedLifetime(lock) {} }
        let bytes = try version(name, target)
        let problems = problems(bytes)
        guard problems.isEmpty else {
            throw .refused(.invalidFile(path: "\(target.directoryPath)/\(name)", problems: problems))
        }
        var token = WriteToken()
        var replacement = FileReplacement(fileSystem: fileSystem, target: target, token: token.next())
        guard let current = try FileImage.read(target.name, in: target, fileSystem) else {
            return try replacement.createNew(bytes)
        }
        guard case .replaced = try replacement.replace(current, with: bytes) else {
            throw .refused(.beingEdited(path: target.path))
        }
    }

    private func candidates(
        _ target: ConfigurationTarget
    ) throws(PersistenceError) -> [(name: String, kind: RestorePoint.Kind)] {
        do throws(FileError) {
            return try fileSystem.names(in: target.directory, target.directoryPath).compactMap { name in
                if name == target.backupName { return (name, .backup) }
                if name == OrphanSweep.recoveredName(target) { return (name, .recovered) }
                return name.hasPrefix(target.temporaryPrefix) && name.hasSuffix(".tmp") ? (name, .orphan) : nil
            }
        } catch {
            throw error.asPersistenceError
        }
    }

    private func currentBytes(_ target: ConfigurationTarget) throws(PersistenceError) -> [UInt8]? {
        try FileImage.read(target.name, in: target, fileSystem)?.bytes
    }

    private func version(_ name: String, _ target: ConfigurationTarget) throws(PersistenceError) -> [UInt8] {
        guard let image = try FileImage.read(name, in: target, fileSystem) else {
            throw .refused(.missing(path: "\(target.directoryPath)/\(name)"))
        }
        return image.bytes
    }

    private func problems(_ bytes: [UInt8]) -> [FileProblem] {
        guard !bytes.isEmpty else { return [FileProblem(line: 0, column: 0, message: "the file is empty")] }
        let loaded = ConfigurationLoader.load(bytes: bytes, environment: environment)
        return loaded.configuration == nil ? loaded.problems : []
    }
}
