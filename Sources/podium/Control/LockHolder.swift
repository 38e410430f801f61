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
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }
}
