internal import Support
/// Makes the new file indistinguishable from the one it replaces: owner, mode, access lists, extended attributes.
struct FileAttributes {
    /// Signatures of the content: the kernel or its tools make new ones.
    static let recalculated: Set<String> = ["security.ima", "security.evm"]

    let fileSystem: FileSystem
    let path: String

    /// Refuses if anything cannot be kept: a configuration that suddenly belongs to another user, or is readable by
    /// more or fewer, is worse than one that was not saved yet.
    func copy(from original: FileImage, to copy: OpenFile, named name: String) throws(PersistenceError) {
        var step = "owner"
        do throws(FileError) {
            let wanted = original.status
            let fresh = try fileSystem.status(copy, name)
            if fresh.owner != wanted.owner || fresh.group != wanted.group {
                try fileSystem.setOwner(copy, name, owner: wanted.owner, group: wanted.group)
            }
            step = "extended attributes"
            let attributes = try fileSystem.attributes(original.file, name)
            let inherited = try fileSystem.attributes(copy, name)
            for attribute in inherited.keys.sorted() where attributes[attribute] == nil {
                step = attribute
                try fileSystem.removeAttribute(copy, name, attribute)
            }
            step = "mode"
            try fileSystem.setMode(copy, name, wanted.permissions)
            for (attribute, value) in attributes.sorted(by: { $0.key < $1.key })
            where inherited[attribute] != value && !Self.recalculated.contains(attribute) {
                step = attribute
                try fileSystem.setAttribute(copy, name, attribute, value)
            }
            step = "mode"
            let result = try fileSystem.status(copy, name)
            guard result.owner == wanted.owner, result.group == wanted.group, result.permissions == wanted.permissions
            else { throw FileError(call: .setMode, path: path, errno: 0) }
        } catch {
            throw .refused(.attributesNotKept(path: path, attribute: step, errno: error.errno))
        }
    }
}
