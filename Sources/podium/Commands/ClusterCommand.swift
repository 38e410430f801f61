import ArgumentParser
import ClusterStore
import Configuration
import Console
import Control
import PodiumModel
import Support

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Several Podiums that share time outs, clears and operators' changes through PostgreSQL.",
        discussion: """
            The store is the one that cluster.store of the configuration names. A Podium joins by being started with it; \
            docs/cluster.md shows how to set one up.
            """,
        subcommands: [Founding.self, Status.self, Leaving.self], defaultSubcommand: Status.self)

    struct Founding: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Makes the cluster's tables in the store, once for all hosts. Done again, it changes nothing.",
            discussion: """
                Its user needs the right to make a schema in the database; the Podiums themselves need not have it afterwards.

                Exit codes: 0 the cluster is there, 69 the store cannot be reached or refuses, 78 the configuration names none.
                """)

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let settings = try store.settings()
            let isNew = try store.ask { () throws(ClusterStore.Failure) in
                try ClusterStore.found(settings.target, cluster: settings.name)
            }
            StandardStreams.output(
                isNew
                    ? "founded cluster \(settings.name): start Podium with this cluster section on each host"
                    : "cluster \(settings.name) is there already")
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Shows the instances as the Podium that runs here sees them.",
            discussion:
                "Exits 0 while the store can be reached, 1 where it cannot be or Podium is alone, 69 when nothing runs."
        )

        @OptionGroup var control: ControlOptions

        func run() async throws {
            let report = try await control.ask { client throws(ControlClientError) in try await client.cluster() }
            if control.json {
                try control.printJSON(report)
            } else {
                for line in ClusterTable.lines(report) { StandardStreams.output(line) }
            }
            if !report.isConnected { throw ExitCode(ExitStatus.checkFailed.rawValue) }
        }
    }

    struct Leaving: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "leave",
            abstract: "Takes an instance that is gone for good out of the cluster's list.",
            discussion: """
                A Podium leaves by being started without `cluster:`; this takes its name from the list. One that still runs puts \
                itself in again. What it shared stays.

                Exit codes: 0 it is out, 1 there is none of that name, 69 the store cannot be reached, 78 the configuration names none.
                """)

        @Argument(help: "Its name, as `podium cluster status` shows it.")
        var instance: String

        @OptionGroup var store: StoreOptions

        func run() async throws {
            let settings = try store.settings()
            let name = instance
            let count = try store.ask { () throws(ClusterStore.Failure) in
                try ClusterStore(settings.target, cluster: settings.name).remove(instanceNamed: name)
            }
            guard count > 0 else {
                StandardStreams.error("podium: cluster \(settings.name) has no instance '\(SafeText.clean(name))'")
                throw ExitCode(ExitStatus.checkFailed.rawValue)
            }
            StandardStreams.output("\(SafeText.clean(name)) is out of cluster \(settings.name)")
        }
    }
}

/// The store that a configuration names, for verbs that go to it themselves.
struct StoreOptions: ParsableArguments {
    @Option(
        help: "The configuration with the cluster section. Default: config.yaml, else /etc/podium/config.yaml.",
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    /// - Throws: `ExitCode`, after having said what is missing.
    func settings() throws -> (target: String, name: String) {
        let file = try LoadedFile.readOrExit(config ?? DefaultConfiguration.path)
        guard let configuration = file.loaded.configuration else {
            StandardStreams.error("podium: \(file.path) cannot be used: see `podium check`")
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
        guard let written = configuration.cluster.store,
            let target = try? SecretExpansion.expand(written, environment: LoadedFile.environment)
        else {
            StandardStreams.error("podium: \(file.path) names no cluster.store")
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
        return (target, configuration.cluster.name)
    }

    /// - Throws: `ExitCode`, after having said why not.
    func ask<Answer>(_ body: () throws(ClusterStore.Failure) -> Answer) throws -> Answer {
        do throws(ClusterStore.Failure) {
            return try body()
        } catch {
            StandardStreams.error("podium: \(SafeText.clean(error.description))")
            throw ExitCode(ExitStatus.unavailable.rawValue)
        }
    }
}

/// A report of the cluster as text.
enum ClusterTable {
    static func lines(_ report: ClusterReport) -> [String] {
        guard let name = report.name else { return ["this Podium is alone: its configuration has no cluster section"] }
        var table = [["INSTANCE", "ADDRESS", "VERSION", "UP", "STATE", "CHANGE", "BEHIND SINCE"]]
        for one in report.instances {
            table.append([
                SafeText.clean(one.name) + (one.isSelf ? " (this)" : ""), SafeText.clean(one.address),
                SafeText.clean(one.version), time(one.uptimeSeconds),
                one.isAlive ? "here" : "gone for \(time(one.seenSeconds))", "\(one.revision)",
                one.behindSeconds.map { "\(time($0)) ago" } ?? "",
            ])
        }
        var lines = TextTable.lines(table, leftColumns: 5) + [""]
        if report.isConnected {
            lines.append("cluster \(name): change \(report.revision) is in force here")
        } else {
            let since = report.lostSeconds.map { " for \(time($0))" } ?? ""
            let reason = report.problem.map { ": \(SafeText.clean($0))" } ?? ""
            lines.append("cluster \(name): the store has been away\(since)\(reason); Podium goes on alone")
        }
        if report.pending > 0 {
            lines.append("\(report.pending.counted("change")) made here the store does not have yet")
        }
        return lines
    }

    private static func time(_ seconds: Double) -> String {
        Duration.seconds(Int64(max(0, min(seconds, 1e9)))).shortText
    }
}
