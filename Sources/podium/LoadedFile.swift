import ArgumentParser
import Configuration
import Console
import Engine
import Persistence
import PodiumModel
import Proxy
import Service
import Support

/// The operator's file as it was read at the start of a command, with all that is to be said about it. `run`, `demo`, `check` and `simulate`
/// read it so; from then on a serving Podium knows the file by its persister.
struct LoadedFile {
    let path: String
    let bytes: [UInt8]
    let loaded: LoadedConfiguration
    /// Why the file may not be complete, though it was read.
    var doubt: String?

    struct ReadError: Error, CustomStringConvertible {
        let description: String
    }

    /// Reads and loads. An overwriting in place that a crash interrupted is undone first.
    ///
    /// - Parameter toServe: waits for a program that is writing the file at the moment, and says so.
    init(path: String, toServe: Bool = false) throws(ReadError) {
        self.path = path
        (bytes, doubt) = try Self.read(path, toServe: toServe)
        let folder = Engine.folder(ofConfiguration: path)
        loaded = ConfigurationLoader.load(bytes: bytes, environment: Self.environment) { file in
            AuthorityFile.problem(at: file.hasPrefix("/") ? file : folder + file)
        }
    }

    /// The same for a command that has nothing to do without the file.
    ///
    /// - Throws: `ExitCode`, after having said what went wrong.
    static func readOrExit(_ path: String) throws -> LoadedFile {
        do {
            return try LoadedFile(path: path)
        } catch {
            StandardStreams.error("podium: \(error)")
            throw ExitCode(ExitStatus.badConfiguration.rawValue)
        }
    }

    /// The environment, and the credentials of the service manager.
    static let environment: [String: String] = {
        var result: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                result[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return Credentials.added(to: result)
    }()

    /// How to get out where the file cannot be used, if an earlier version can be brought back.
    static func wayOut(_ path: String) -> String? {
        let restore = ConfigurationRestore(path: path, environment: environment)
        guard let point = try? restore.points().first(where: { $0.isValid && !$0.isCurrent }) else {
            return nil
        }
        return "an earlier version can be brought back: `podium restore \(path) --from \(point.name)` "
            + "(`podium restore \(path)` shows what that changes)"
    }

    private static func read(_ path: String, toServe: Bool) throws(ReadError) -> ([UInt8], doubt: String?) {
        do throws(PersistenceError) {
            guard toServe else { return (try ConfigurationFile.read(path, environment: environment), nil) }
            let (bytes, doubt) = try ConfigurationFile.readToServe(path, environment: environment) {
                StandardStreams.error("podium: \($0)")
            }
            return (bytes, doubt?.description)
        } catch .refused(.missing) {
            let advice =
                wayOut(path)
                ?? (path == DefaultConfiguration.here && DefaultConfiguration.serviceIsHidden
                    ? "the service's, in /etc/podium, only root and the service may look into: try with sudo; or " : "")
                + "copy config.yaml.example to start one, name another with --config FILE, or see `podium demo` first"
            throw ReadError(description: "\(path): no such file; \(advice)")
        } catch {
            throw ReadError(description: "\(error)")
        }
    }
}

extension LoadedFile {
    /// All findings: the loader's, what could not be saved, and those about the keys of the console, in the file's order.
    var diagnostics: [Diagnostic] {
        (loaded.diagnostics + unwritable + configuredKeys.diagnostics).enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
    }

    private var unwritable: [Diagnostic] {
        guard let document = loaded.document, let configuration = loaded.configuration else { return [] }
        return Writability.warnings(about: document, configuration)
    }

    /// The console's keys as the file has them; what cannot be used is left out.
    var keymap: Keymap { configuredKeys.keymap }

    private var configuredKeys: (keymap: Keymap, diagnostics: [Diagnostic]) {
        let settings = loaded.configuration?.console.keys ?? []
        let overrides = settings.map { KeyOverride(command: $0.command.text, keys: $0.keys.map(\.text)) }
        let (keymap, problems) = Keymap.standard.overridden(by: overrides)
        let diagnostics = problems.map { problem in
            let setting = settings[problem.override]
            let word = problem.key.map { setting.keys[$0] } ?? setting.command
            return Diagnostic(
                severity: .warning, line: word.line, column: word.column,
                message: "console keys: \(problem.message); its own stay", fix: problem.fix)
        }
        return (keymap, diagnostics)
    }
}

/// Which configuration is meant where none is named.
enum DefaultConfiguration {
    /// The one here.
    static let here = "config.yaml"
    /// The service's, where the packaged unit has it.
    static let service = "/etc/podium/config.yaml"

    /// `config.yaml`, or the service's where there is none here.
    static var path: String {
        access(here, F_OK) != 0 && access(service, F_OK) == 0 ? service : here
    }

    /// Whether there is a service's folder that this user may not look into.
    static var serviceIsHidden: Bool {
        access("/etc/podium", F_OK) == 0 && access("/etc/podium", X_OK) != 0
    }

    /// The same for a program that would serve it: what the service serves already can be attached to, but a service that is
    /// stopped is not started in passing.
    static var pathToServe: String {
        path == service && LockHolder.pid(config: service) == nil ? here : path
    }
}
