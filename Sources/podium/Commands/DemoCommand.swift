import ArgumentParser
import Configuration
import PodiumModel
import Demo
import Engine
import Proxy

import Support

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Shows Podium at work on simulated endpoints and traffic.",
        discussion: """
            Everything runs on this machine's loopback and on a scratch configuration that is removed at the end; \
            nothing of yours is touched. The same seed gives the same behaviour of the endpoints.
            """)

    @Option(help: "How many simulated endpoints, 1 to 50.")
    var endpoints = 7

    @Option(help: "Requests per second, up to 1000.")
    var rps = 12.0

    @Option(help: "Seed of the simulation.")
    var seed: UInt64 = 7

    @OptionGroup var console: ConsoleOptions

    @OptionGroup var logging: LogOptions

    func validate() throws {
        guard (1...50).contains(endpoints) else {
            throw ValidationError("--endpoints has to be from 1 to 50")
        }
        guard rps >= 0, rps <= 1_000 else {
            throw ValidationError("--rps has to be from 0 to 1000")
        }
    }

    func run() async throws {
        let status: ExitStatus
        do {
            status = try await serve()
        } catch let error as LoadedFile.ReadError {
            StandardStreams.error("podium: \(error)")
            status = .software
        } catch {
            StandardStreams.error("podium: the demo cannot start: \(error)")
            status = .unavailable
        }
        throw ExitCode(status.rawValue)
    }

    private func serve() async throws -> ExitStatus {
        let world = DemoWorld(options: DemoOptions(endpoints: endpoints, requestsPerSecond: rps, seed: seed))
        _ = try await world.start()
        let folder = try ScratchFolder()
        defer { folder.remove() }
        let path = folder.path + "/config.yaml"
        try folder.write(world.configurationText(port: try freeLoopbackPort()), to: path)
        let file = try LoadedFile(path: path)
        guard let configuration = file.loaded.configuration else {
            let problems = file.loaded.diagnostics.map { $0.rendered(file: path) }.joined(separator: "\n")
            throw LoadedFile.ReadError(description: problems)
        }
        let session = ServingSession(
            file: file, configuration: configuration, console: console, logging: logging,
            insecureListen: false, isDemo: true,
            afterStart: { address in world.startTraffic(to: address.host, port: address.port) })
        let status = await session.run()
        await world.stop()
        return status
    }
}

/// A port that nothing listened on a moment ago.
private func freeLoopbackPort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else {
        throw LoadedFile.ReadError(description: "socket: \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            bind(descriptor, generic, length) == 0 ? getsockname(descriptor, generic, &length) : -1
        }
    }
    guard result == 0 else {
        throw LoadedFile.ReadError(description: "bind: \(String(cString: strerror(errno)))")
    }
    return Int(UInt16(bigEndian: address.sin_port))
}

/// A private folder under the temporary directory.
private struct ScratchFolder {
    let path: String

    init() throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/podium-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw LoadedFile.ReadError(description: "\(base): \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func write(_ text: String, to file: String) throws {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw LoadedFile.ReadError(description: "\(file): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        if let failure = DescriptorIO.write(Array(text.utf8), to: descriptor) {
            throw LoadedFile.ReadError(description: "\(file): \(failure.text)")
        }
    }

    /// Removes what Podium itself put there, and nothing else.
    func remove() {
        guard let folder = opendir(path) else {
            return
        }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.contains("config.yaml") {
                unlink(path + "/" + name)
            }
        }
        closedir(folder)
        rmdir(path)
    }
}
