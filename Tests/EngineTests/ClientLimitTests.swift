import Configuration
import Foundation
import Logging
import PodiumModel
import Proxy
import TestSupport
import Testing

@testable import Engine

/// What clients may use, on a configuration file, live and over restarts.
@Suite(.timeLimit(.minutes(15)))
struct ClientLimitTests {
    /// 100 tokens with each answer.
    private static let answer =
        #"{"type":"message","model":"m","content":[{"type":"text","text":"a"}],"#
        + #""stop_reason":"end_turn","usage":{"input_tokens":60,"output_tokens":40}}"#

    private static func upstream() async throws -> ScriptedUpstream {
        try await ScriptedUpstream.start { _ in
            [
                .send(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(answer.utf8.count)\r\n\r\n"
                        + answer)
            ]
        }
    }

    private static func newState() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: "client-limits-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private static func text(_ clients: String, port: Int, endpoint: String = "") -> String {
        """
        server: { port: 0 }
        clients:
        \(clients)
        endpoints:
          - { name: relay, url: "http://127.0.0.1:\(port)", auth_type: none\(endpoint) }

        """
    }

    private static let bobsLimit = "tokens_per_day 250, spend 1000 per day"
    private static let clients = """
          - { name: alice, token: token-of-alice }
          - { name: bob, token: token-of-bob, limits: "\(bobsLimit)" }
        """

    private static func ask(_ running: RunningEngine, _ client: String) async throws -> Int {
        let answer = try await running.exchange(RunningEngine.post(token: "token-of-\(client)"))
        return Int(answer.dropFirst(9).prefix(3)) ?? 0
    }

    private static func events(_ running: RunningEngine, about text: String) -> [String] {
        running.engine.events(after: 0, limit: 1_000).events.map(\.text).filter { $0.contains(text) }
    }

    @Test(
        "A client's own limits are counted for it alone, warned of, told with 429, and stay where the settings change")
    func limits() async throws {
        let state = try Self.newState()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let upstream = try await Self.upstream()
        let text = Self.text(Self.clients, port: upstream.port)
        let running = try await RunningEngine.start(text, environment: environment)
        // 250 tokens: the third answer passes the limit, as it is known when it has ended.
        for _ in 0..<2 { #expect(try await Self.ask(running, "bob") == 200) }
        #expect(
            Self.events(running, about: "client 'bob'").map {
                $0.hasPrefix("client 'bob': 80 % of limit tokens_per_day used (200 of 250)")
            } == [true])
        #expect(try await Self.ask(running, "bob") == 200)
        #expect(
            Self.events(running, about: "client 'bob'").last?.hasPrefix(
                "client 'bob': limit tokens_per_day used up (300 of 250): refused until ") == true)
        #expect(try await Self.ask(running, "bob") == 429)
        #expect(try await Self.ask(running, "alice") == 200)
        // Nothing of it is the endpoint's business.
        let endpoint = try #require(running.engine.snapshot().endpoints.first)
        #expect(endpoint.availability.kind == .available)
        #expect(endpoint.usedLimits.isEmpty && upstream.requests.count == 4)
        // A higher limit is in force at once, with what was used.
        try await running.rewrite { $0.replacingOccurrences(of: "tokens_per_day 250", with: "tokens_per_day 400") }
        #expect(try await Self.ask(running, "bob") == 200)
        #expect(try await Self.ask(running, "bob") == 429)
        // Removed and back: what was used stays used.
        try await running.rewrite { $0.replacingOccurrences(of: "name: bob", with: "name: bobby") }
        #expect(try await Self.ask(running, "bob") == 200)
        try await running.rewrite { $0.replacingOccurrences(of: "name: bobby", with: "name: bob") }
        #expect(try await Self.ask(running, "bob") == 429)
        await running.stop()
        try await upstream.stop()
    }

    @Test(
        "The next process on the same file goes on with what clients and endpoints have used; an endpoint that only took a name does not"
    )
    func restart() async throws {
        let state = try Self.newState()
        defer { try? FileManager.default.removeItem(at: state) }
        let environment = ["STATE_DIRECTORY": state.path]
        let (first, second) = (try await Self.upstream(), try await Self.upstream())
        let limit = ", limits: tokens_per_day 150"
        let running = try await RunningEngine.start(
            Self.text(Self.clients, port: first.port, endpoint: limit), environment: environment)
        let path = running.path
        func start(_ text: String) async throws -> RunningEngine {
            try FileManager.default.createDirectory(at: running.folder, withIntermediateDirectories: true)
            let bytes = Array(text.utf8)
            try Data(bytes).write(to: URL(filePath: path))
            let configuration = try #require(
                ConfigurationLoader.load(bytes: bytes, environment: environment).configuration)
            var options = EngineOptions(
                environment: environment, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            options.eventLoops = 1
            let engine = try Engine(path: path, bytes: bytes, configuration: configuration, options: options)
            return RunningEngine(engine: engine, port: try await engine.start().port, folder: running.folder)
        }
        for _ in 0..<2 { #expect(try await Self.ask(running, "bob") == 200) }
        _ = await running.engine.stop(drain: .zero)

        // The endpoint has used 200 of 150, the client 200 of 250.
        var next = try await start(Self.text(Self.clients, port: first.port, endpoint: limit))
        #expect(next.engine.snapshot().endpoints.first?.usedLimits.map(\.used) == [200])
        #expect(try await Self.ask(next, "alice") == 429)
        _ = await next.engine.stop(drain: .zero)

        // Another server under the old name has used nothing; the client has used what it had.
        next = try await start(Self.text(Self.clients, port: second.port, endpoint: limit))
        #expect(next.engine.snapshot().endpoints.first?.usedLimits.map(\.used) == [0])
        #expect(try await Self.ask(next, "bob") == 200)
        #expect(try await Self.ask(next, "bob") == 429)
        #expect(first.requests.count == 2 && second.requests.count == 1)
        await next.stop()
        try await first.stop()
        try await second.stop()
    }

    @Test("Models and endpoints of a client are in force as soon as the file is saved")
    func live() async throws {
        let upstream = try await Self.upstream()
        let running = try await RunningEngine.start(Self.text(Self.clients, port: upstream.port))
        func ask(_ model: String) async throws -> String {
            try await running.exchange(RunningEngine.post(token: "token-of-alice", body: #"{"model":"\#(model)"}"#))
        }
        #expect(try await ask("gpt-5.4").hasPrefix("HTTP/1.1 200 "))
        try await running.rewrite {
            $0.replacingOccurrences(of: "token-of-alice }", with: "token-of-alice, models: [\"claude-*\"] }")
        }
        let refusal = try await ask("gpt-5.4")
        #expect(
            refusal.hasPrefix("HTTP/1.1 404 ") && refusal.contains("client 'alice' may not use the model 'gpt-5.4'"))
        #expect(try await ask("claude-haiku-4-5").hasPrefix("HTTP/1.1 200 "))
        try await running.rewrite {
            $0.replacingOccurrences(of: "models: [\"claude-*\"] }", with: "endpoints: [other] }")
        }
        #expect(try await ask("gpt-5.4").contains("client 'alice' may use no endpoint that is here"))
        try await running.rewrite {
            $0.replacingOccurrences(
                of: "endpoints: [other] }", with: "limits: \"spend 1 per day reset 00:00 No/Where\" }")
        }
        #expect(try await ask("gpt-5.4").contains("client 'alice' is misconfigured: 'No/Where' is no time zone"))
        await running.stop()
        try await upstream.stop()
    }
}
