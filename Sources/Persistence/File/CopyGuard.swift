import Support

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
