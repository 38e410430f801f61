import ArgumentParser
import Persistence
import PodiumModel

import Support

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Lists the earlier versions of a configuration, or brings one back.",
        discussion: """
            Podium keeps the version before its last write as FILE.backup, and what a crash left behind as FILE.recovered. \
            Bringing one back replaces the file as every other write does: old or new, never half; the replaced file becomes \
            the backup, so that a second restore undoes the first. Credentials are masked in what is shown.

            Exit codes: 0 listed, restored, or the same already; 1 there is nothing to bring back, or the answer was no; \
            64 usage, or no such version; 74 it could not be written; 75 a Podium runs on the file; 78 the version \
            does not load.
            """)

    @Argument(
        help: "The configuration file. Default: config.yaml, else /etc/podium/config.yaml.",
        completion: .file(extensions: ["yaml", "yml"]))
    var file: String?

    private var path: String { file ?? DefaultConfiguration.path }

    @Flag(help: "List the versions with age, validity and the difference to the current file (the default).")
    var list = false

    @Option(help: ArgumentHelp("The version to bring back, as listed, or the path of any other.", valueName: "backup"))
    var from: String?

    @Flag(help: "Do not ask.")
    var yes = false

    private static let shownLines = 40

    func validate() throws {
        guard !list || from == nil else {
            throw ValidationError("--list and --from exclude each other")
        }
    }

    func run() async throws {
        let restore = ConfigurationRestore(path: path, environment: LoadedFile.environment)
        do {
            let points = try restore.points()
            if let from {
                try bringBack(from, restore, points)
            } else {
                try show(points, restore)
            }
        } catch let error as PersistenceError {
            StandardStreams.error("podium: \(error)")
            throw ExitCode(Self.status(of: error).rawValue)
        }
    }

    private func show(_ points: [RestorePoint], _ restore: ConfigurationRestore) throws {
        guard !points.isEmpty else {
            StandardStreams.error("podium: there is no earlier version beside \(path)")
            throw ExitCode(ExitStatus.checkFailed.rawValue)
        }
        for point in points {
            StandardStreams.output("\(point)")
            if let difference = try difference(point.name, restore) { Self.printDifference(difference) }
        }
        if let newest = points.first(where: { $0.isValid && !$0.isCurrent }) {
            StandardStreams.output("To bring one back: podium restore \(path) --from \(newest.name)")
        }
    }

    private func bringBack(_ version: String, _ restore: ConfigurationRestore, _ points: [RestorePoint]) throws {
        let name = Self.absolute(version)
        try restore.requireUnused()
        guard let difference = try difference(name, restore) else {
            let known = points.isEmpty ? "there is none" : points.map(\.name).joined(separator: ", ")
            StandardStreams.error("podium: there is no version \(version) beside \(path) (\(known))")
            throw ExitCode(ExitStatus.usage.rawValue)
        }
        if difference.isEmpty {
            StandardStreams.output("\(path) is the same as \(version); nothing was changed")
            return
        }
        if let point = points.first(where: { $0.name == name }) {
            StandardStreams.output("\(point)")
            guard point.isValid else { throw ExitCode(ExitStatus.badConfiguration.rawValue) }
        }
        Self.printDifference(difference)
        try confirm(version)
        try restore.restore(name)
        StandardStreams.output("\(path) is \(version) again; what it was before is the backup now")
    }

    private func confirm(_ version: String) throws {
        if yes { return }
        guard StandardStreams.isInteractive else {
            StandardStreams.error("podium: nobody can be asked here; add --yes to replace \(path)")
            throw ExitCode(ExitStatus.usage.rawValue)
        }
        StandardStreams.output("Replace \(path) by \(version)? [y/N]")
        guard ["y", "yes"].contains(readLine()?.lowercased()) else {
            StandardStreams.output("nothing was changed")
            throw ExitCode(ExitStatus.checkFailed.rawValue)
        }
    }

    /// Nil if there is no such version: a running Podium may have swept it since it was listed.
    private func difference(
        _ name: String, _ restore: ConfigurationRestore
    ) throws(PersistenceError) -> LineDifference? {
        do throws(PersistenceError) {
            return try restore.difference(restoring: name)
        } catch {
            if case .refused(.missing) = error { return nil }
            throw error
        }
    }

    /// `-` stands in the current file, `+` in the version.
    private static func printDifference(_ difference: LineDifference) {
        var last: Int?
        for line in difference.lines.prefix(shownLines) {
            if line.kind == .kept {
                if let last, line.number > last + 1 { StandardStreams.output("      …") }
                last = line.number
            } else if line.kind == .removed {
                last = line.number
            }
            let number = String(line.number)
            let padding = String(repeating: " ", count: max(0, 5 - number.count))
            StandardStreams.output("\(padding)\(number) \(line.kind.sign)\(line.text)")
        }
        let more = difference.lines.count - shownLines
        if more > 0 { StandardStreams.output("      … and \(more) lines more") }
    }

    /// A plain name stands beside the configuration; a path is one of the shell's.
    private static func absolute(_ version: String) -> String {
        guard version.contains("/"), !version.hasPrefix("/") else { return version }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard getcwd(&buffer, buffer.count) != nil else { return version }
        return "\(String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))/\(version)"
    }

    private static func status(of error: PersistenceError) -> ExitStatus {
        switch error {
        case .locked: .locked
        case .refused(.invalidFile): .badConfiguration
        case .refused, .system, .durabilityUnknown, .closed: .notSaved
        }
    }
}
