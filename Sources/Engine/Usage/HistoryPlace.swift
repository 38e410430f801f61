public import Configuration
internal import Support

/// Where what outlives a process is kept: a directory for state, and in it files that are named for their configuration.
public enum HistoryPlace {
    /// The directory that systemd gives (`StateDirectory=`), or the user's as the XDG specification places it; nil where there is none.
    ///
    /// - Parameter makes: makes Podium's own folder in the user's directory, which then has to be there
    static func directory(_ environment: [String: String], makes: Bool) -> String? {
        if let given = environment["STATE_DIRECTORY"], isUsable(given) { return given }
        let places = [environment["XDG_STATE_HOME"], environment["HOME"].map { "\($0)/.local/state" }]
        guard let parent = places.compactMap(\.self).first(where: isUsable) else { return nil }
        let folder = "\(parent)/podium"
        if makes { mkdir(folder, 0o700) }
        return makes && !isUsable(folder) ? nil : folder
    }

    private static func isUsable(_ path: String) -> Bool { path.hasPrefix("/") && access(path, W_OK | X_OK) == 0 }

    /// The file of the log of requests, beside that of the sums.
    public static func requests(besides rollUps: String) -> String {
        let suffix = ".history.db"
        return (rollUps.hasSuffix(suffix) ? String(rollUps.dropLast(suffix.count)) : rollUps) + ".requests.db"
    }

    /// The file of the sums; nil where there is no place for it.
    ///
    /// - Parameters:
    ///   - configuration: the configuration's file, by whatever name
    ///   - settings: say whether it is to be elsewhere than in the directory for state
    public static func rollUps(
        configuration: String, _ settings: UsageSettings = UsageSettings(), environment: [String: String],
        makes: Bool = false
    ) -> String? {
        let place: String?
        switch settings.place {
        case .off: return nil
        case .auto: place = directory(environment, makes: makes)
        case .folder(let folder):
            let base = configuration.lastIndex(of: "/").map { String(configuration[...$0]) } ?? ""
            let located = folder.hasPrefix("/") ? folder : base + folder
            if makes { mkdir(located, 0o700) }
            place = located
        }
        guard let directory = place else { return nil }
        var path = configuration
        if let canonical = realpath(configuration, nil) {
            path = String(cString: canonical)
            free(canonical)
        }
        let base = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
        var hash = FNV1a()
        hash.add(path.utf8)
        return "\(directory)/\(base.prefix(100))-\(hash.value.hexadecimal(digits: 16).prefix(8)).history.db"
    }
}
