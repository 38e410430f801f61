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
