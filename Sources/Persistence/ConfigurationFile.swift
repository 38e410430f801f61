/// The operator's file, apart from any running persister.
public enum ConfigurationFile {
    /// The largest file that is read.
    public static let largest = FileImage.largest

    /// Reads the file as the persister will: through symbolic links, never a FIFO, device or directory, at most 16 MiB,
    /// and never while it is being written. An overwriting in place that a crash interrupted is undone first.
    ///
    /// - Parameter environment: names the state directory, where such an overwriting may have left its journal.
    /// - Throws: what stands in the way, in words that say what to do.
    public static func read(_ path: String, environment: [String: String] = [:]) throws(PersistenceError) -> [UInt8] {
        try read(path, environment: environment, FileSystem())
    }

    static func read(
        _ path: String, environment: [String: String], _ fileSystem: FileSystem
    ) throws(PersistenceError) -> [UInt8] {
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        var inPlace = InPlaceWrite(fileSystem: fileSystem, target: target, environment: environment)
        if inPlace.journalExists, let lock = try? ProcessLock.take(target, fileSystem) {
            _ = try inPlace.recover(isOwnFailure: false)
            withExtendedLifetime(lock) {}
        }
        guard let image = try FileImage.read(target.name, in: target, fileSystem) else {
            throw .refused(.missing(path: target.path))
        }
        return image.bytes
    }

    /// Writes a new file, readable by its owner only, whole or not at all. Never replaces one that exists: that fails with
    /// EEXIST.
    public static func create(_ path: String, _ bytes: [UInt8]) throws(PersistenceError) {
        let fileSystem = FileSystem()
        let target = try ConfigurationTarget.resolve(path, fileSystem)
        var token = WriteToken()
        var replacement = FileReplacement(fileSystem: fileSystem, target: target, token: token.next())
        try replacement.createNew(bytes)
    }
}
