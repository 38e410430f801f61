import ArgumentParser
import Console
import Control
import FoundationEssentials
import PodiumModel
import Support

/// Which running Podium is meant.
struct ControlTarget: ParsableArguments {
    @Option(
        help: "The configuration that the running Podium serves. Default: config.yaml, else /etc/podium/config.yaml.",
        completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(
        help: ArgumentHelp("Its control socket, where it cannot be found by the configuration.", valueName: "path"),
        completion: .file(extensions: ["sock"]))
    var socket: String?

    var configPath: String { config ?? DefaultConfiguration.path }

    /// Nil where none is to be seen.
    var socketPath: String? {
        socket ?? ControlSocketPath.find(config: configPath, environment: LoadedFile.environment)?.path
    }

    /// - Throws: `ExitCode`, after having said that nothing runs and how to start it.
    func client(_ source: CommandAuthor.Source = .cli) throws -> ControlClient {
        guard let path = socketPath else {
            StandardStreams.error("podium: \(absence)")
            throw ExitCode(ExitStatus.unavailable.rawValue)
        }
        return ControlClient(socketPath: path, operatorName: UserName.current, source: source)
    }

    /// Why no running Podium is found, and what to do.
    var absence: String {
        if let socket { return "no Podium listens at \(socket)" }
        if let holder = LockHolder.pid(config: configPath) {
            return "process \(holder) serves \(configPath), but its control socket is not to be seen from here: "
                + "try as its user or with sudo, or name it with --socket PATH"
        }
        if config == nil, DefaultConfiguration.serviceIsHidden {
            return
                "no Podium runs on config.yaml here, and what the service runs on, in /etc/podium, only root and the service "
                + "may look into: try with sudo"
        }
        return "no Podium runs on \(configPath); start it with `podium run --config \(configPath)` "
            + "or, as a service, `systemctl start podium`; --config FILE names another"
    }

    /// - Parameter onRefusal: sees a refusal before it is said.
    /// - Throws: `ExitCode`, after having said what went wrong.
    func ask<Answer>(
        onRefusal: (CommandRefusal) throws -> Void = { _ in },
        _ body: (ControlClient) async throws(ControlClientError) -> Answer
    ) async throws -> Answer {
        let client = try client()
        do throws(ControlClientError) {
            return try await body(client)
        } catch {
            if case .refused(let refusal) = error { try onRefusal(refusal) }
            StandardStreams.error("podium: \(explain(error))")
            throw ExitCode(status(of: error).rawValue)
        }
    }

    private func explain(_ error: ControlClientError) -> String {
        switch error {
        case .unreachable(let path, let reason):
            status(of: error) == .noPermission ? "\(path): \(reason); try with sudo" : absence
        case .timeout, .disconnected: "\(error); a change may have been made all the same: see `podium status`"
        case .refused(let refusal): SafeText.clean(refusal.line)
        case .unexpectedAnswer, .cancelled: "\(error)"
        }
    }

    private func status(of error: ControlClientError) -> ExitStatus {
        switch error {
        case .unreachable(let path, _): access(path, W_OK) != 0 && errno == EACCES ? .noPermission : .unavailable
        case .timeout, .disconnected: .unavailable
        case .unexpectedAnswer, .cancelled: .software
        case .refused(let refusal):
            switch refusal.code {
            case .revisionConflict: .locked
            case .notSaved: .notSaved
            case .unavailable, .tooManyRequests: .unavailable
            case .forbidden, .unauthorized: .noPermission
            default: .checkFailed
            }
        }
    }
}

extension ControlTarget {
    /// The keys that the served configuration gives the console, where it can be read from here.
    var keymap: Keymap {
        guard socket == nil, let file = try? LoadedFile(path: configPath) else { return .standard }
        return file.keymap
    }
}

/// A target and the way to print what it answers.
struct ControlOptions: ParsableArguments {
    @OptionGroup var target: ControlTarget

    @Flag(help: "Print JSON.")
    var json = false

    /// Asks the running Podium for a change and prints what it did.
    func perform(_ command: Command) async throws {
        let answer = try await ask { client throws(ControlClientError) in try await client.perform(command) }
        guard case .done(let receipt) = answer else { return }
        if json {
            try printJSON(receipt)
        } else {
            StandardStreams.output(SafeText.clean(receipt.message))
        }
    }

    /// - Throws: `ExitCode`, after having said what went wrong.
    func ask<Answer>(_ body: (ControlClient) async throws(ControlClientError) -> Answer) async throws -> Answer {
        try await target.ask(onRefusal: { if json { try printJSON($0) } }, body)
    }

    func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isatty(STDOUT_FILENO) == 1 { encoder.outputFormatting.insert(.prettyPrinted) }
        StandardStreams.output(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}

/// The names of the running Podium's endpoints, for the shell to complete.
enum EndpointNames {
    static let completion = CompletionKind.custom { words, _, _ in
        await NameCompletion.complete(words) { try await $0.endpoints().endpoints.map(\.name) }
    }
}

/// What a running Podium knows by names, for the shell to complete.
enum NameCompletion {
    static func complete(_ words: [String], _ names: (ControlClient) async throws -> [String]) async -> [String] {
        let options = value(of: "--config", in: words).map { ["--config", $0] } ?? []
        let socket = value(of: "--socket", in: words).map { ["--socket", $0] } ?? []
        // Whatever is wrong, a shell that completes is no place to say it.
        guard let target = try? ControlTarget.parse(options + socket), let path = target.socketPath else { return [] }
        var client = ControlClient(socketPath: path, operatorName: UserName.current)
        client.timeout = .seconds(1)
        return (try? await names(client)) ?? []
    }

    private static func value(of option: String, in words: [String]) -> String? {
        guard let index = words.lastIndex(of: option), index + 1 < words.count else { return nil }
        return words[index + 1]
    }
}

/// The process that holds a configuration, by what its lock file says. To try the lock instead could keep a Podium from starting.
enum LockHolder {
    /// Nil where no process holds it any more.
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

/// Who sits at this terminal: the user, and the address an SSH client comes from.
enum UserName {
    static var current: String {
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
