#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

extension FileFacts {
    /// What the file system says of the configuration file and of the backup beside it; nil when it cannot be looked at.
    public static func look(at path: String) -> FileFacts? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return nil
        }
        var facts = FileFacts(size: UInt64(max(0, status.st_size)), mode: UInt32(status.st_mode) & 0o7777)
        var backup = stat()
        if stat(path + ".backup", &backup) == 0 {
            #if canImport(Glibc)
                facts.backupTime = Double(backup.st_mtim.tv_sec) + Double(backup.st_mtim.tv_nsec) / 1e9
            #else
                facts.backupTime = Double(backup.st_mtimespec.tv_sec)
            #endif
        }
        return facts
    }
}
