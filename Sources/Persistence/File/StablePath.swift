import Support

/// A path that keeps its meaning whatever links are switched and whatever directories are moved.
public enum StablePath {
    /// The path made absolute, with no link in it followed.
    ///
    /// A relative path begins where the shell says that it stands (`$PWD`), if that is where the process is: an operator in
    /// `/srv/current`, which is a link to `/srv/releases/2`, means the link.
    public static func absolute(_ path: String, environment: [String: String]) -> String {
        let full = path.hasPrefix("/") ? path : "\(workingDirectory(environment))/\(path)"
        // `..` stays in the path: behind a link it does not lead back to where the path came from.
        let names = full.split(separator: "/").filter { $0 != "." }
        let isDirectory = full.hasSuffix("/") || full.hasSuffix("/.")
        return "/" + names.joined(separator: "/") + (isDirectory && !names.isEmpty ? "/" : "")
    }

    private static func workingDirectory(_ environment: [String: String]) -> String {
        if let logical = environment["PWD"], logical.hasPrefix("/"), let there = identity(of: logical),
            let here = identity(of: "."), there == here
        {
            return logical
        }
        guard let physical = getcwd(nil, 0) else { return "/" }
        defer { free(physical) }
        return String(cString: physical)
    }

    private static func identity(of path: String) -> [UInt64]? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return [UInt64(truncatingIfNeeded: status.st_dev), UInt64(truncatingIfNeeded: status.st_ino)]
    }
}
