import Configuration
import PodiumModel
import Engine
import Foundation
import Logging
import Proxy
import Testing

@testable import Control

/// A running engine with its control API, on a configuration of its own.
final class ControlHarness: Sendable {
    static let secret = "sk-nobody-may-see-this"

    let folder: URL
    let engine: Engine
    let server: ControlServer
    let socket: String
    let port: Int

    private init(folder: URL, engine: Engine, server: ControlServer, socket: String, port: Int) {
        self.folder = folder
        self.engine = engine
        self.server = server
        self.socket = socket
        self.port = port
    }

    var config: URL { folder.appending(path: "config.yaml") }
    var text: String { (try? String(contentsOf: config, encoding: .utf8)) ?? "" }
    var client: ControlClient { Self.client(of: socket) }

    /// A client that waits longer than a real one: tests run beside each other, perhaps on a machine that has more to do.
    static func client(
        of socket: String, operatorName: String = "tester@192.0.2.7", source: CommandAuthor.Source = .cli
    ) -> ControlClient {
        var client = ControlClient(socketPath: socket, operatorName: operatorName, source: source)
        client.timeout = .seconds(50)
        return client
    }

    /// Endpoints `a`, `b`, `c` at rank 1, 2, 3; auto-sort is off.
    static func run(
        server settings: String = "", endpoints: [String] = ["a", "b", "c"], url: String = "http://127.0.0.1:1",
        limits: ControlLimits = ControlLimits(), _ body: (ControlHarness) async throws -> Void
    ) async throws {
        // Short: a socket's path has to fit into its address.
        let folder = URL(filePath: "/tmp/pc-\(UInt32.random(in: .min ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var text = "server:\n  host: 127.0.0.1\n  port: 0\n  auto_sort_endpoints: false\n\(settings)endpoints:\n"
        for (index, name) in endpoints.enumerated() {
            text += "  - name: \(name)\n    url: \(url)\n    auth_type: auth_token\n    auth_value: \(secret)\n"
            text += "    headers: { x-secret: \(secret) }\n    priority: \(index + 1)\n"
        }
        let path = folder.appending(path: "config.yaml").path
        try Data(text.utf8).write(to: URL(filePath: path))
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
        let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)")
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var options = EngineOptions(environment: [:], logger: logger)
        options.eventLoops = 1
        let engine = try Engine(path: path, bytes: Array(text.utf8), configuration: configuration, options: options)
        let address = try await engine.start()
        let server = ControlServer(engine: engine, facts: ServerFacts(version: "9.9", isDemo: false), limits: limits)
        let socket = try await server.start(
            config: path, environment: ["RUNTIME_DIRECTORY": folder.appending(path: "run").path])
        let harness = ControlHarness(
            folder: folder, engine: engine, server: server, socket: socket, port: address.port)
        do {
            try await body(harness)
        } catch {
            await harness.stop()
            throw error
        }
        await harness.stop()
    }

    private func stop() async {
        await server.stop()
        _ = await engine.stop(drain: .zero)
    }
}
