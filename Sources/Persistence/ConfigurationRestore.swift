internal import Configuration
internal import PodiumModel
internal import Support

/// Brings back an earlier version of the configuration: what `podium restore` does. It works only while no Podium has the file, under
/// the same lock and by the same protocol as every write, so that even a restore can be interrupted at any instant.
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

/// A version of the configuration that can be brought back.
public struct RestorePoint: Sendable, Equatable {
    /// Where it comes from.
    public enum Kind: String, Sendable, Equatable {
        /// The version before the last write.
        case backup
        /// A version that a crash left behind, found at the next start.
        case recovered
        /// A temporary of a process that crashed or still runs.
        case orphan
    }

    /// The file's name, beside the configuration.
    public var name: String
    /// Where it comes from.
    public var kind: Kind
    /// When its content was written, since 1970-01-01 00:00 UTC.
    public var modified: Duration
    /// In bytes.
    public var size: Int
    /// What keeps it from loading; empty when it is valid.
    public var problems: [FileProblem]
    /// It says the same as the current file, byte for byte.
    public var isCurrent: Bool

    /// Whether it can be restored.
    public var isValid: Bool { problems.isEmpty }
}

extension RestorePoint: CustomStringConvertible {
    /// Name, origin, age, size and validity, such as
    /// `config.yaml.backup: the version before the last write, 3 min old, 1204 bytes, loads`.
    public var description: String { described(at: WallClock.now) }

    func described(at now: Duration) -> String {
        let state =
            isCurrent
            ? "the same as the current file"
            : problems.first.map { "does not load: \($0)" } ?? "loads"
        return "\(name): \(kind.origin), \(Self.age(now - modified)), \(size) bytes, \(state)"
    }

    private static func age(_ age: Duration) -> String {
        let seconds = age.components.seconds
        return switch seconds {
        case ..<0: "dated in the future"
        case ..<60: "\(seconds) s old"
        case ..<7_200: "\(seconds / 60) min old"
        case ..<172_800: "\(seconds / 3_600) hours old"
        default: "\(seconds / 86_400) days old"
        }
    }
}

extension RestorePoint.Kind {
    fileprivate var origin: String {
        switch self {
        case .backup: "the version before the last write"
        case .recovered: "left by a crash"
        case .orphan: "a temporary, unfinished or left by a crash"
        }
    }
}
