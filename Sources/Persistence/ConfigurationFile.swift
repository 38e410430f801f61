/// The operator's file, apart from any running persister.
public enum ConfigurationFile {
    /// The largest file that is read.
    public static let largest = FileImage.largest

    /// Reads the file as the persister will: through symbolic links, never a FIFO, device or directory, at most 16 MiB,
    /// and never while it is being written.
    ///
    /// - Throws: what stands in the way, in words that say what to do.
    public static func read(_ path: String) throws(PersistenceError) -> [UInt8] {
        let fileSystem = FileSystem()
        let target = try ConfigurationTarget.resolve(path, fileSystem)
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
