import CSystemShim

extension FileSystem {
    /// Fails with EAGAIN while anyone has the file open for writing.
    func takeLease(_ file: OpenFile, _ name: String) throws(FileError) {
        _ = try run(.takeLease, name) { Int(podium_lease_take(file.descriptor)) }
    }

    /// Whether nobody has tried to open the file for writing since the lease was taken.
    func leaseIsUndisturbed(_ file: OpenFile, _ name: String) throws(FileError) -> Bool {
        try run(.checkLease, name) { Int(podium_lease_is_undisturbed(file.descriptor)) } != 0
    }

    func releaseLease(_ file: OpenFile, _ name: String) throws(FileError) {
        _ = try run(.releaseLease, name) { Int(podium_lease_release(file.descriptor)) }
    }
}
