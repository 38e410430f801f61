import Configuration
import PodiumModel
import Foundation
import Logging
import Persistence
import Proxy
import TestSupport
import Testing

@testable import Engine

/// A whole engine on a configuration file, with clients and endpoints over sockets.
struct RunningEngine {
    let engine: Engine
    let port: Int
    let folder: URL

    var path: String { folder.appending(path: "config.yaml").path }

    static func start(
        _ text: String, environment: [String: String] = [:], change: (inout EngineOptions) -> Void = { _ in }
    ) async throws -> RunningEngine {
        let folder = FileManager.default.temporaryDirectory.appending(path: "engine-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appending(path: "config.yaml").path
        let bytes = Array(text.utf8)
        try Data(bytes).write(to: URL(filePath: path))
        let loaded = ConfigurationLoader.load(bytes: bytes, environment: environment)
        let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)")
        var options = EngineOptions(
            environment: environment, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        options.eventLoops = 1
        change(&options)
        let engine = try Engine(path: path, bytes: bytes, configuration: configuration, options: options)
        let address = try await engine.start()
        return RunningEngine(engine: engine, port: address.port, folder: folder)
    }

    func exchange(_ request: String) async throws -> String {
        let client = try await RawClient.connect(port: port)
        try await client.send(request)
        return await client.untilClosed()
    }

    /// Writes the file as an editor would and has it taken in.
    func rewrite(_ change: (String) -> String) async throws {
        let text = change(try text())
        try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
        _ = try await engine.perform(.reload, by: "test")
    }

    func text() throws -> String { String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self) }

    func stop() async {
        _ = await engine.stop(drain: .zero)
        try? FileManager.default.removeItem(at: folder)
    }

    static func post(_ path: String = "/v1/messages", token: String? = nil, body: String = "{}") -> String {
        let credential = token.map { "x-api-key: \($0)\r\n" } ?? ""
        return "POST \(path) HTTP/1.1\r\nHost: here\r\n\(credential)Content-Length: \(body.utf8.count)\r\n"
            + "Connection: close\r\n\r\n\(body)"
    }

    static func ok(_ body: String) -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}

@Suite(.timeLimit(.minutes(15)))
struct ServingTests {
    @Test func theAccessLogHasALineForEachRequestAndFollowsAReload() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(RunningEngine.ok("x"))] }
        let running = try await RunningEngine.start(
            """
            server: { port: 0, access_log: access.json }
            endpoints:
              - name: only
                url: http://127.0.0.1:\(upstream.port)
            """)
        _ = try await running.exchange(RunningEngine.post("/v1/messages?secret=1"))
        let log = running.folder.appending(path: "access.json")
        try await eventually { (try? Data(contentsOf: log)).map { !$0.isEmpty } ?? false }
        try await running.rewrite { $0.replacing("access.json", with: "other.json") }
        _ = try await running.exchange(RunningEngine.post("/v1/second"))
        _ = await running.engine.stop(drain: .zero)
        let first = String(decoding: try Data(contentsOf: log), as: UTF8.self)
        let second = String(decoding: try Data(contentsOf: running.folder.appending(path: "other.json")), as: UTF8.self)
        #expect(first.split(separator: "\n").count == 1)
        #expect(first.contains(#""path":"/v1/messages","status":200"#))
        #expect(first.contains(#""attempts":[{"endpoint":"only","outcome":"ok""#))
        #expect(!first.contains("secret"))
        #expect(second.contains(#""path":"/v1/second""#))
        try FileManager.default.removeItem(at: running.folder)
    }

    /// What an endpoint is given follows the file, and a browser's question is no refusal.
    @Test func whatAnEndpointIsToldFollowsTheFile() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(RunningEngine.ok("x"))] }
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            endpoints:
              - name: only
                url: http://127.0.0.1:\(upstream.port)/v1/chat/completions
                endpoint_type: openai
                cookies: off
            """)
        func ask(_ path: String) async throws -> String {
            try await running.exchange(
                "GET \(path) HTTP/1.1\r\nHost: localhost\r\nCookie: a=b\r\nConnection: close\r\n\r\n")
        }
        _ = try await ask("/v1/models")
        #expect(upstream.requests.last?.head.hasPrefix("GET /v1/models HTTP/1.1\r\n") == true)
        #expect(upstream.requests.last?.header("Cookie") == nil && upstream.requests.last?.header("Via") == nil)
        #expect(try await ask("/v1/messages").hasPrefix("HTTP/1.1 404 "))
        try await running.rewrite { $0.replacing("cookies: off", with: "cookies: pass\n    forwarded: on") }
        _ = try await ask("/v1/models")
        #expect(upstream.requests.last?.header("Cookie") == "a=b")
        #expect(upstream.requests.last?.header("Via") == "1.1 podium")
        let preflight = try await running.exchange(
            "OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\n"
                + "Access-Control-Request-Method: GET\r\nConnection: close\r\n\r\n")
        #expect(preflight.hasPrefix("HTTP/1.1 204 "))
        #expect(!running.engine.snapshot().events.contains { $0.text.contains("OPTIONS") })
        _ = await running.engine.stop(drain: .zero)
        try FileManager.default.removeItem(at: running.folder)
    }

    /// What is kept out of the file by a reference is not told by the endpoint either.
    @Test func whatIsReferredToDoesNotComeBack() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            let path = request.head.split(separator: " ")[1]
            return [.send("HTTP/1.1 307 Elsewhere\r\nLocation: https://e.example\(path)\r\nContent-Length: 0\r\n\r\n")]
        }
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            endpoints:
              - { name: only, url: "http://127.0.0.1:\(upstream.port)/${PATH_KEY}" }
            """, environment: ["PATH_KEY": "key-of-the-path"])
        let answer = try await running.exchange(RunningEngine.post("/v1/messages"))
        #expect(upstream.requests.last?.head.hasPrefix("POST /key-of-the-path/v1/messages ") == true)
        #expect(answer.hasPrefix("HTTP/1.1 307 ") && !answer.contains("key-of-the-path"))
        _ = await running.engine.stop(drain: .zero)
        try FileManager.default.removeItem(at: running.folder)
    }

    @Test func stoppingAgainReturnsTheSame() async throws {
        let running = try await RunningEngine.start("server: { port: 0 }\nendpoints: []\n")
        async let first = running.engine.stop(drain: .zero)
        async let second = running.engine.stop()
        let results = await [first, second]
        let late = await running.engine.stop(drain: .zero)
        await running.engine.drain()
        await running.engine.hurry()
        #expect(Set(try (results + [late]).map { try $0.get().generation }).count == 1)
        try FileManager.default.removeItem(at: running.folder)
    }

    @Test func whileRequestsEndTheEngineIsThereAndSavesAndAShorterDrainCutsThemOff() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("never")] }
        let running = try await RunningEngine.start(
            """
            server: { port: 0, auto_sort_endpoints: false, drain_timeout: 1h }
            endpoints:
              - name: only
                url: http://127.0.0.1:\(upstream.port)
            """)
        let client = try await RawClient.connect(port: running.port)
        try await client.send(RunningEngine.post())
        try await eventually { !upstream.requests.isEmpty }
        #expect(running.engine.health().isListening)
        async let drained: Void = running.engine.drain()
        while running.engine.drainDeadline == nil { await Task.yield() }
        #expect(!running.engine.health().isListening && running.engine.health().isDraining)
        let snapshot = running.engine.snapshot()
        let rest = try #require(snapshot.server.drainingUntil) - snapshot.takenAt
        // The deadline is told to the millisecond.
        #expect(rest > 3_500 && rest <= 3_600.001)
        #expect(snapshot.traffic.inFlight == 1)
        _ = try await running.engine.perform(.setPinned(CommandTarget(name: "only"), true), by: "test")
        #expect(try running.text().contains("pinned: true"))
        let result = await running.engine.stop(drain: .zero)
        await drained
        #expect(throws: Never.self) { try result.get() }
        #expect(await client.untilClosed().isEmpty)
        try FileManager.default.removeItem(at: running.folder)
    }

    @Test func whatIsLearnedIsInTheFileAtOnce() async throws {
        let upstream = try await ScriptedUpstream.start { request in
            request.head.contains("/responses")
                ? [.send("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found")]
                : [.send(RunningEngine.ok("{}"))]
        }
        let running = try await RunningEngine.start(
            """
            server: { port: 0, config_flush_interval: 1h }
            endpoints:
              - name: chat-only   # ours
                url: http://127.0.0.1:\(upstream.port)
            """)
        #expect(try await running.exchange(RunningEngine.post("/v1/chat/completions")).hasPrefix("HTTP/1.1 200 "))
        #expect(try await running.exchange(RunningEngine.post("/v1/responses")).hasPrefix("HTTP/1.1 404 "))
        try await eventually {
            try running.text().contains("openai_preference: chat_completions")
                && !running.engine.snapshot().flushes.isEmpty
        }
        #expect(try running.text().contains("- name: chat-only   # ours\n"))
        let snapshot = running.engine.snapshot()
        #expect(snapshot.endpoints.first?.openAIPreference == .chatCompletions)
        #expect(snapshot.flushes.map(\.trigger) == ["learned"])
        #expect(
            snapshot.events.contains {
                $0.text
                    == "learned openai_preference chat_completions: it does not know /responses; such requests pass "
                    + "it over"
            })
        // Nobody asks the endpoint any more.
        #expect(
            try await running.exchange(RunningEngine.post("/v1/responses")).contains("no endpoint serves /responses"))
        #expect(upstream.requests.count == 2)
        try await running.rewrite {
            $0.replacing("openai_preference: chat_completions", with: "openai_preference: auto")
        }
        _ = try await running.exchange(RunningEngine.post("/v1/responses"))
        #expect(upstream.requests.count == 3)
        await running.stop()
    }

    @Test func anEndpointBehindAProxyIsServedAndTested() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(RunningEngine.ok("through"))] }
        let forward = try await ForwardProxy.start(.socks5, credentials: ("me", "pass word"))
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            timeouts: { connect: 40s }
            endpoints:
              - name: behind
                url: http://localhost:\(upstream.port)
                proxy: socks5://me:${SECRET}@127.0.0.1:\(forward.port)
            """, environment: ["SECRET": "pass word"])
        #expect(try await running.exchange(RunningEngine.post()).hasSuffix("through"))
        let receipt = try await running.engine.done(.test(CommandTarget(name: "behind")))
        #expect(receipt.message.contains("connect"))
        #expect(forward.visits.count >= 2)
        await running.stop()
    }
}

extension Engine {
    /// Has a command carried out that is no preview.
    func done(_ command: Command) async throws -> CommandReceipt {
        guard case .done(let receipt) = try await perform(command, by: "test") else { throw CancellationError() }
        return receipt
    }
}
