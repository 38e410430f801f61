import Configuration
import Control
import Engine
import Foundation
import Logging
import PodiumModel
import TestSupport
import Testing

@testable import Console
@testable import podium

/// The console of the engine's process and one that is attached over the control socket, of one engine at one moment.
@Suite("Two consoles of one Podium", .timeLimit(.minutes(1)))
struct SameScreenTests {
    @Test func showTheSameScreen() async throws {
        // Short: a socket's path has to fit into its address.
        let folder = URL(filePath: "/tmp/ps-\(UInt32.random(in: .min ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let text = """
            server: { port: 0, auto_sort_endpoints: false }
            timeouts: { check_interval: 24h }
            endpoints:
              - { name: one, url: "http://127.0.0.1:1", priority: 1, tags: [a, b], headers: { x-org: blue } }
              - { name: two, url_anthropic: "http://127.0.0.1:1", priority: 2, enabled: false }
              - { name: three, url_openai: "http://127.0.0.1:1", priority: 3, pinned: true, openai_preference: responses }

            """
        let path = folder.appending(path: "config.yaml").path
        try Data(text.utf8).write(to: URL(filePath: path))
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
        let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)")
        var options = EngineOptions(
            environment: [:], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.eventLoops = 1
        let engine = try Engine(path: path, bytes: Array(text.utf8), configuration: configuration, options: options)
        _ = try await engine.start()
        let facts = ServerFacts(version: Version.number, isDemo: false)
        let server = ControlServer(engine: engine, facts: facts)
        let socket = try await server.start(
            config: path, environment: ["RUNTIME_DIRECTORY": folder.appending(path: "run").path])
        // Each gives a command, so that there is something to see of both ways.
        let here = EngineClient.of(engine, facts: facts, operatorName: "tester", isReadOnly: false)
        var client = ControlClient(socketPath: socket, operatorName: "tester", source: .console)
        client.timeout = .seconds(50)
        let there = await EngineClient.attached(client, refresh: .seconds(1))
        // On a busy machine the first answer may take longer than the console waits for it.
        try await eventually { there.picture().endpoints.count == 3 }
        let first = try #require(there.picture().endpoints.first)
        for result in [await there.perform(.setPinned(first.target, true)), await here.perform(.flush)] {
            guard case .success = result else {
                Issue.record("\(result)")
                continue
            }
        }
        _ = await there.perform(.flush)
        var (mine, theirs) = (here.picture(), there.picture())
        #expect(theirs.isAttached && !mine.isAttached)
        // How long a rank has been held goes on between the two.
        for index in mine.endpoints.indices where index < theirs.endpoints.count {
            theirs.endpoints[index].explanation?.sentences = mine.endpoints[index].explanation?.sentences ?? []
        }
        #expect(mine.endpoints == theirs.endpoints)
        // What passes while one is taken after the other, and the word that says which is which.
        theirs.isAttached = false
        theirs.receivedAt = mine.receivedAt
        theirs.takenAt = mine.takenAt
        theirs.server.uptimeSeconds = mine.server.uptimeSeconds
        (theirs.load, theirs.server.residentBytes) = (mine.load, mine.server.residentBytes)
        for (columns, lines) in [(40, 10), (80, 24), (140, 40), (250, 70)] {
            let screens = [mine, theirs].map { picture in
                var state = ConsoleState(
                    setup: ConsoleSetup(), columns: columns, lines: lines, now: picture.receivedAt)
                _ = state.handle(.snapshot(picture), now: picture.receivedAt)
                return state.render(now: picture.receivedAt).text
            }
            #expect(screens[0] == screens[1], "\(columns)x\(lines)")
            #expect(screens[0].contains("one"))
        }
        await server.stop()
        _ = await engine.stop(drain: .zero)
    }
}
