import ArgumentParser
import Configuration
import PodiumModel
import Engine
import Persistence
import Proxy
import Service

import Support

/// The operator's file as it was read at start.
struct ConfigurationFile {
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
    /// - Parameter toServe: waits for somebody who is writing the file at the moment, and says so.
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
    static func readOrExit(_ path: String) throws -> ConfigurationFile {
        do {
            return try ConfigurationFile(path: path)
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
            guard toServe else { return (try Persistence.ConfigurationFile.read(path, environment: environment), nil) }
            let (bytes, doubt) = try Persistence.ConfigurationFile.readToServe(path, environment: environment) {
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
