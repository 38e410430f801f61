import ArgumentParser
import Console
import Control
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
        socket ?? ControlSocketPath.find(config: configPath, environment: ConfigurationFile.environment)?.path
    }

    /// - Throws: `ExitCode`, after having said that nothing runs and how to start it.
    func client(_ kind: ControlClient.Kind = .commandLine) throws -> ControlClient {
        guard let path = socketPath else {
            StandardStreams.error("podium: \(absence)")
            throw ExitCode(ExitStatus.unavailable.rawValue)
        }
        return ControlClient(socketPath: path, operatorName: Operator.name, kind: kind)
    }

    /// Why there is nobody to talk to, and what to do.
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
        guard socket == nil, let file = try? ConfigurationFile(path: configPath) else { return .standard }
        return file.keymap
    }
}
