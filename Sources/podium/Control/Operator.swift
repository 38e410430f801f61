import Support

/// Who sits at this terminal: the user, and the address an SSH client comes from.
enum Operator {
    static var name: String {
        let user = variable("SUDO_USER") ?? accountName ?? "uid-\(getuid())"
        let client = (variable("SSH_CLIENT") ?? variable("SSH_CONNECTION"))?.split(separator: " ").first
        return user + (client.map { "@\($0)" } ?? "")
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// `USER` is missing under cron and can be set to anything.
    private static var accountName: String? {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else { return variable("USER") }
        return String(cString: name)
    }
}
