internal import CSystemShim
public import PodiumModel
internal import Support

extension Snapshot.Persister.File {
    /// What the file system says of the configuration file and of the backup beside it; nil when it cannot be looked at.
    public static func look(at path: String) -> Self? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return nil
        }
        var file = Self(
            size: UInt64(max(0, status.st_size)), mode: UInt32(status.st_mode) & 0o7777, backupTime: nil)
        var backup = stat()
        if stat(path + ".backup", &backup) == 0 {
            file.backupTime = Double(backup.st_mtim.tv_sec) + Double(backup.st_mtim.tv_nsec) / 1e9
        }
        return file
    }
}
