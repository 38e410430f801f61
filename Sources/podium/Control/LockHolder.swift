import Control

import Support

/// Who holds a configuration, by what its lock file says. To try the lock instead could keep a Podium from starting.
enum LockHolder {
    /// Nil where nobody does any more.
    static func pid(config: String) -> Int32? {
        let path = ControlSocketPath.canonical(config)
        guard let slash = path.lastIndex(of: "/") else { return nil }
        let lock = "\(path[..<slash])/.\(path[path.index(after: slash)...]).lock"
        guard let text = read(lock), let pid = Int32(text.prefix { $0.isNumber }), pid > 0 else { return nil }
        guard kill(pid, 0) == 0 || errno == EPERM else { return nil }
        // Another program can have got the number since.
        let name = read("/proc/\(pid)/comm")
        return name == nil || name?.hasPrefix("podium") == true ? pid : nil
    }

    private static func read(_ path: String) -> String? {
        // A lock file holds a number, and a program's name is short as well.
        guard let bytes = try? DescriptorIO.contents(of: path, limit: 4_096), !bytes.isEmpty else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
