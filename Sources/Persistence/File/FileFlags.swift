import Support

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
