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
@Suite("Two consoles of one Podium", .timeLimit(.minutes(15)))
struct SameScreenTests {
    /// One engine, with its own console and one over its socket.
    private func withBoth(_ body: (_ here: EngineClient, _ there: EngineClient) async throws -> Void) async throws {
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
        let here = EngineClient.of(engine, facts: facts, operatorName: "tester", isReadOnly: false)
        var client = ControlClient(socketPath: socket, operatorName: "tester", source: .console)
        client.timeout = .seconds(50)
        let there = await EngineClient.attached(client, refresh: .seconds(1))
        // On a busy machine the first answer may take longer than the console waits for it.
        try await eventually { there.picture().endpoints.count == 3 }
        try await body(here, there)
        await server.stop()
        _ = await engine.stop(drain: .zero)
    }

    @Test func showTheSameScreen() async throws {
        try await withBoth { here, there in
            // Each gives a command, so that there is something to see of both ways.
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
        }
    }

    /// One text per failure, whichever way a command took: also what others did first, and the field that it is about.
    @Test func refuseInTheSameWords() async throws {
        try await withBoth { here, there in
            let one = try #require(there.picture().endpoints.first { $0.name == "one" })
            _ = await there.perform(.setPinned(one.target, true))
            _ = await here.perform(.setEnabled(CommandTarget(name: "one"), false))
            func patch(_ values: [EndpointField: FieldValue]) -> EndpointPatch {
                var patch = EndpointPatch()
                for (field, value) in values { patch[field] = value }
                return patch
            }
            let two = CommandTarget(name: "two")
            let commands: [Command] = [
                // Two others were first.
                .setPinned(one.target, false), .update(one.target, patch([.tags: .list(["c"])])),
                .preview(one.target, patch([.tags: .list(["c"])])), .remove(one.target),
                .move(CommandTarget(name: "gone\u{1B}[2J"), toRank: 1), .test(CommandTarget(name: "gone")),
                .testDraft(CommandTarget(name: "gone"), patch([:])), .move(two, toRank: 9),
                .update(two, patch([.name: .text("three")])), .add(patch([.name: .text("one")])), .add(patch([:])),
                .preview(two, patch([.name: .text("three")])), .preview(nil, patch([.url: .text("x")])),
                .replace(two, patch([.url: .text("http://127.0.0.1:2")])),
                .update(two, patch([.url: .text("nonsense")])),
                .add(patch([.name: .text("new"), .authType: .text("api_key")])), .redo, .test(two),
            ]
            for command in commands {
                guard case .failure(let mine) = await here.perform(command),
                    case .failure(let theirs) = await there.perform(command)
                else {
                    Issue.record("\(command) was not refused")
                    continue
                }
                #expect(Self.withoutTimes(mine.line) == Self.withoutTimes(theirs.line), "\(command)")
                #expect(mine.endpointField == theirs.endpointField, "\(command)")
                #expect(mine.revision == theirs.revision && mine.changes == theirs.changes, "\(command)")
                // What a preview has always called a taken name on its way through the API; the field is the same.
                if case .preview = command, mine.code == .nameTaken { continue }
                #expect(mine.code == theirs.code, "\(command)")
            }
        }
    }

    /// How long the steps of a test took is another time each time.
    private static func withoutTimes(_ text: String) -> String {
        text.replacing(/\d+(\.\d+)? (ns|µs|ms|s)\b/, with: "N ms")
    }
}
