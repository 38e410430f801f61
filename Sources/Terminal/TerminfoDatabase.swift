import Support

/// The folders of compiled terminal descriptions, in the order of terminfo(5).
struct TerminfoDatabase {
    private let folders: [String]

    /// - Parameter variable: gives a variable of the environment; nil where it is not set.
    init(variable: (String) -> String?) {
        let standard = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"]
        var folders: [String] = []
        if let first = variable("TERMINFO") { folders.append(first) }
        if let home = variable("HOME") { folders.append(home + "/.terminfo") }
        for folder in (variable("TERMINFO_DIRS") ?? "").split(separator: ":", omittingEmptySubsequences: false) {
            folders += folder.isEmpty ? standard : [String(folder)]
        }
        self.folders = folders + standard
    }

    /// The description by that name; nil if there is none that can be read.
    func entry(_ name: String) -> TerminfoEntry? {
        guard let initial = name.utf8.first, !name.contains("/"), !name.hasPrefix(".") else { return nil }
        // The variable may hold a description itself, which is what the operator wants.
        if let first = folders.first, first.hasPrefix("b64:") || first.hasPrefix("hex:") { return nil }
        // The second form is used by systems whose file names do not differ by case.
        let subfolders = [String(decoding: [initial], as: UTF8.self), String(initial, radix: 16)]
        for folder in folders where !folder.isEmpty {
            for subfolder in subfolders {
                // A file that is too large for a description, or that is no plain file, is none.
                guard
                    let bytes = try? DescriptorIO.contents(
                        of: "\(folder)/\(subfolder)/\(name)", limit: TerminfoEntry.largestSize)
                else { continue }
                return TerminfoEntry(bytes)
            }
        }
        return nil
    }
}
