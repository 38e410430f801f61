internal import Support

/// Differs once a file was replaced or written to.
struct FileVersion: Equatable {
    private let inode: UInt64
    private let size: Int64
    /// As the system holds it; only ever compared.
    private let modified: [UInt8]

    /// nil where there is no file.
    init?(path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        modified = withUnsafeBytes(of: status.st_mtim) { Array($0) }
    }
}
