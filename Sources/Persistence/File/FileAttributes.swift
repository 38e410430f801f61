internal import Support

// What a file has besides its bytes: owner, mode, access lists, extended attributes, flags. `FileReplacement` gives a new file all that
// the old one had; `ConfigurationWriter` takes from older copies what the file no longer grants.

/// Makes the new file indistinguishable from the one it replaces: owner, mode, access lists, extended attributes.
struct FileAttributes {
    /// Signatures of the content: the kernel or its tools make new ones.
    private static let recalculated: Set<String> = ["security.ima", "security.evm"]

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

/// What `chattr` sets on a file.
struct FileFlags: OptionSet, Sendable, Hashable {
    let rawValue: UInt32

    static let immutable = FileFlags(rawValue: 0x10)
    static let appendOnly = FileFlags(rawValue: 0x20)

    /// Those that a file can be given and that say something about this one: name, letter of `chattr`, bit.
    private static let named: [(name: String, letter: String, bit: UInt32)] = [
        ("secure deletion", "s", 0x1), ("undeletable", "u", 0x2), ("compressed", "c", 0x4),
        ("synchronous updates", "S", 0x8), ("immutable", "i", 0x10), ("append only", "a", 0x20),
        ("no dump", "d", 0x40), ("no atime updates", "A", 0x80), ("not compressed", "m", 0x400),
        ("encrypted", "E", 0x800), ("journaled data", "j", 0x4000), ("no tail merging", "t", 0x8000),
        ("fs-verity", "V", 0x10_0000), ("no copy on write", "C", 0x80_0000), ("direct access", "x", 0x200_0000),
    ]

    /// All of them. The others are the file system's own, or mean something for directories alone.
    static let kept = FileFlags(rawValue: named.reduce(0) { $0 | $1.bit })

    /// Each as `no dump (chattr +d)`.
    var descriptions: [String] {
        Self.named.filter { rawValue & $0.bit != 0 }.map { "\($0.name) (chattr +\($0.letter))" }
    }

    /// Each by itself.
    var single: [FileFlags] {
        Self.named.filter { rawValue & $0.bit != 0 }.map { FileFlags(rawValue: $0.bit) }
    }
}

extension FileFlags {
    /// Gives an empty file the flags of another: some, such as `no copy on write`, can be given to an empty one alone.
    ///
    /// - Returns: what it cannot be given, by this process or on this file system.
    static func copy(
        from original: OpenFile, to copy: OpenFile, named name: String, _ fileSystem: FileSystem
    ) throws(FileError) -> FileFlags {
        guard let flags = try fileSystem.flags(original, name), let fresh = try fileSystem.flags(copy, name) else {
            return []
        }
        let wanted = flags.intersection(kept)
        // Attributes that the directory has given the new file and the original does not have are removed.
        var present = fresh
        if try change(&present, fresh.subtracting(kept).union(wanted), copy, name, fileSystem) { return [] }
        var missing: FileFlags = []
        for flag in wanted.symmetricDifference(fresh.intersection(kept)).single
        where try !change(&present, present.symmetricDifference(flag), copy, name, fileSystem) {
            missing.formUnion(flag)
        }
        return missing
    }

    private static func change(
        _ present: inout FileFlags, _ wanted: FileFlags, _ file: OpenFile, _ name: String, _ fileSystem: FileSystem
    ) throws(FileError) -> Bool {
        guard wanted != present else { return true }
        do throws(FileError) {
            try fileSystem.setFlags(file, name, wanted)
            present = wanted
            return true
        } catch {
            switch error.errno {
            case EPERM, EACCES, ENOTSUP, EOPNOTSUPP, EINVAL, ENOTTY: return false
            default: throw error
            }
        }
    }
}

/// Keeps the copies beside the configuration from being read by people who may not read the configuration.
///
/// A copy has the rights that the file had when the copy was made; an operator who takes rights from the file means its
/// content.
struct CopyGuard {
    struct Exposed: Sendable, Equatable {
        var name: String
        var errno: Int32
    }

    private static let accessList = "system.posix_acl_access"

    let fileSystem: FileSystem
    let target: ConfigurationTarget

    /// Takes from each copy what the file does not grant; never gives any.
    ///
    /// - Returns: the copies that stay readable by others.
    func narrow(like file: FileImage) -> [Exposed] {
        guard let names = try? fileSystem.names(in: target.directory, target.directoryPath) else { return [] }
        let lists = (try? fileSystem.attributes(file.file, target.name)) ?? [:]
        return names.filter(isCopy).sorted().compactMap { name in
            do throws(FileError) {
                try narrow(name, like: file.status, list: lists[Self.accessList])
                return nil
            } catch {
                return error.errno == ENOENT ? nil : Exposed(name: name, errno: error.errno)
            }
        }
    }

    private func isCopy(_ name: String) -> Bool {
        name == target.backupName || name == OrphanSweep.recoveredName(target) || name.hasPrefix(target.temporaryPrefix)
    }

    private func narrow(_ name: String, like file: FileStatus, list: [UInt8]?) throws(FileError) {
        guard let seen = try fileSystem.entryStatus(target.directory, name), seen.isRegular else { return }
        // Without rights for other users there is nothing to take, and nothing to open.
        guard seen.permissions & 0o077 != 0 || seen.owner != file.owner else { return }
        let copy = try fileSystem.open(target.directory, name)
        var status = try fileSystem.status(copy, name)
        if status.owner != file.owner || status.group != file.group {
            // Only root may change the owner. Rights that cannot be given to the right users are taken away.
            try? fileSystem.setOwner(copy, name, owner: file.owner, group: file.group)
            status = try fileSystem.status(copy, name)
        }
        var allowed = file.permissions & 0o777
        if status.group != file.group { allowed &= ~0o070 }
        let present = try fileSystem.attributes(copy, name)[Self.accessList]
        if let present, present != list {
            // An access list says which other users may read; without the same one only the owner may.
            try fileSystem.removeAttribute(copy, name, Self.accessList)
            if list != nil { allowed &= 0o700 }
        }
        let wanted = status.permissions & allowed
        if wanted != status.permissions { try fileSystem.setMode(copy, name, wanted) }
    }
}
