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
            _ = try inPlace.recover(own: nil)
            withExtendedLifetime(lock) {}
        }
        guard let image = try FileImage.read(target.name, in: target, fileSystem) else {
            throw .refused(.missing(path: target.path))
        }
        return image.bytes
    }

    /// The same for a program that is about to serve it: waits for a program that is writing it at the moment.
    ///
    /// - Parameter onWait: told once, where that takes long.
    /// - Returns: the bytes, and why they are doubted where the file has stayed open for writing but did not change any more.
    public static func readToServe(
        _ path: String, environment: [String: String], onWait: (Refusal) -> Void
    ) throws(PersistenceError) -> (bytes: [UInt8], doubt: Refusal?) {
        try readToServe(path, environment: environment, FileSystem(), onWait: onWait)
    }

    static func readToServe(
        _ path: String, environment: [String: String], _ fileSystem: FileSystem, onWait: (Refusal) -> Void
    ) throws(PersistenceError) -> (bytes: [UInt8], doubt: Refusal?) {
        var settling = Settling()
        let start = settling.now
        var isTold = false
        // What a crash left in the middle has to be undone first.
        var bytes: [UInt8]?
        while true {
            var obstacle = Refusal.unfinishedEdit(path: path, reason: SettledFile.changing)
            do throws(PersistenceError) {
                if bytes == nil { bytes = try read(path, environment: environment, fileSystem) }
                let target = try ConfigurationTarget.resolve(path, fileSystem)
                let file = SettledFile(fileSystem: fileSystem, environment: environment)
                switch try file.firstLook(target, settling: &settling) {
                case .ready(let image, let doubt): return (image.bytes, doubt)
                case .wait(let reason): obstacle = reason
                }
            } catch {
                guard case .refused(.beingEdited) = error else { throw error }
                settling.forget()
            }
            let waited = settling.now - start
            guard waited < longestWait else { throw .refused(obstacle) }
            if waited >= SettledFile.patience, !isTold {
                isTold = true
                onWait(obstacle)
            }
            _ = try SettledFile(fileSystem: fileSystem, environment: environment).pause(&settling)
        }
    }

    /// A file that never stops changing is refused after that.
    private static let longestWait = Duration.seconds(60)

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
