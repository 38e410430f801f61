import Configuration
import PodiumModel
import Foundation
import Persistence
import TestSupport
import Testing

@testable import Engine

/// The file changes while requests run: they end as they began, new ones follow the file.
@Suite(.timeLimit(.minutes(15)))
struct ReloadTests {
    /// Sends the beginning of a stream, and its end when released.
    private static func streaming(_ name: String) async throws -> ScriptedUpstream {
        try await ScriptedUpstream.start { request in
            guard request.head.contains("/stream") else { return [.send(RunningEngine.ok(name))] }
            return [
                .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"),
                .send("b\r\ndata: one\n\n\r\n"), .hold("end"), .send("b\r\ndata: two\n\n\r\n0\r\n\r\n"),
            ]
        }
    }

    private static func file(_ endpoints: [(name: String, port: Int)], extra: String = "") -> String {
        let entries = endpoints.map { "  - name: \($0.name)\n    url: http://127.0.0.1:\($0.port)\n" }
        return "server: { port: 0, auto_sort_endpoints: false }\n\(extra)endpoints:\n" + entries.joined()
    }

    /// Opens a stream, changes the file, lets the stream end.
    private func streamThrough(
        _ upstream: ScriptedUpstream, _ running: RunningEngine, change: (String) -> String,
        meanwhile: () async throws -> Void
    ) async throws {
        let client = try await RawClient.connect(port: running.port)
        try await client.send(RunningEngine.post("/stream"))
        #expect(await client.until("one\n\n").hasSuffix("data: one\n\n\r\n"))
        try await running.rewrite(change)
        try await meanwhile()
        upstream.release("end")
        #expect(await client.untilClosed().hasSuffix("data: two\n\n\r\n0\r\n\r\n"))
    }

    @Test func aStreamOutlivesItsEndpoint() async throws {
        let old = try await Self.streaming("old")
        let new = try await Self.streaming("new")
        let running = try await RunningEngine.start(Self.file([("old", old.port), ("new", new.port)]))
        let alone = Self.file([("new", new.port)])
        try await streamThrough(old, running) { _ in
            alone
        } meanwhile: {
            #expect(running.engine.snapshot().endpoints.map(\.name) == ["new"])
            let answer = try await running.exchange(RunningEngine.post())
            #expect(answer.hasSuffix("new"))
        }
        // Its end is nobody's business any more.
        #expect(running.engine.snapshot().endpoints.map(\.traffic.inFlight) == [0])
        await running.stop()
    }

    @Test func aStreamOutlivesItsURL() async throws {
        let old = try await Self.streaming("old")
        let new = try await Self.streaming("new")
        let running = try await RunningEngine.start(Self.file([("moved", old.port)]))
        try await streamThrough(old, running) {
            $0.replacing(":\(old.port)", with: ":\(new.port)")
        } meanwhile: {
            let answer = try await running.exchange(RunningEngine.post())
            #expect(answer.hasSuffix("new"))
            #expect(running.engine.snapshot().endpoints.map(\.traffic.inFlight) == [1])
        }
        #expect(running.engine.snapshot().endpoints.map(\.traffic.inFlight) == [0])
        await running.stop()
    }

    @Test func anEndpointThatIsAddedServesAtOnce() async throws {
        let old = try await Self.streaming("old")
        let new = try await Self.streaming("new")
        let running = try await RunningEngine.start(Self.file([("old", old.port)]))
        let both = Self.file([("new", new.port), ("old", old.port)]).replacing(
            "name: new", with: "name: new\n    priority: 1")
        try await streamThrough(old, running) { _ in
            both
        } meanwhile: {
            let answer = try await running.exchange(RunningEngine.post())
            #expect(answer.hasSuffix("new"))
        }
        await running.stop()
    }

    @Test func aNewCredentialGoesOutOnTheKeptConnection() async throws {
        let upstream = try await Self.streaming("here")
        let text = Self.file([("one", upstream.port)])
        let running = try await RunningEngine.start(text + "    auth_type: api_key\n    auth_value: first\n")
        #expect(try await running.exchange(RunningEngine.post()).hasSuffix("here"))
        try await running.rewrite { $0.replacing("first", with: "second") }
        #expect(try await running.exchange(RunningEngine.post()).hasSuffix("here"))
        #expect(upstream.requests.map { $0.header("x-api-key") } == ["first", "second"])
        #expect(
            upstream.requests.map(\.connection) == [upstream.requests[0].connection, upstream.requests[0].connection])
        await running.stop()
    }

    @Test func newTimeoutsAreForNewRequests() async throws {
        let slow = try await ScriptedUpstream.start { _ in [.hold("answer"), .send(RunningEngine.ok("late"))] }
        let running = try await RunningEngine.start(
            Self.file([("slow", slow.port)], extra: "timeouts: { response: 50s }\n"))
        let client = try await RawClient.connect(port: running.port)
        try await client.send(RunningEngine.post())
        try await eventually { !slow.requests.isEmpty }
        try await running.rewrite { $0.replacing("50s", with: "30ms") }
        let second = try await running.exchange(RunningEngine.post())
        #expect(second.hasPrefix("HTTP/1.1 503 "))
        #expect(second.contains("slow: timed out"))
        slow.release("answer")
        #expect(await client.untilClosed().hasSuffix("late"))
        await running.stop()
    }

    @Test func anEndpointThatGetsAProxyIsNotReachedByItsOldConnections() async throws {
        let upstream = try await Self.streaming("here")
        let forward = try await ForwardProxy.start(.http)
        let running = try await RunningEngine.start(Self.file([("one", upstream.port)]))
        #expect(try await running.exchange(RunningEngine.post()).hasSuffix("here"))
        try await running.rewrite { $0 + "    proxy: http://127.0.0.1:\(forward.port)\n" }
        #expect(try await running.exchange(RunningEngine.post()).hasSuffix("here"))
        #expect(forward.visits.contains { $0.target == "127.0.0.1:\(upstream.port)" })
        #expect(Set(upstream.requests.map(\.connection)).count == 2)
        await running.stop()
    }

    @Test func anOriginThatIsAllowedByAnEditMayComeAtOnce() async throws {
        let upstream = try await Self.streaming("here")
        let text = Self.file([("one", upstream.port)])
        let running = try await RunningEngine.start(text)
        let request = RunningEngine.post().replacing(
            "\r\nContent-Length", with: "\r\nOrigin: https://app.example\r\nContent-Length")
        #expect(try await running.exchange(request).hasPrefix("HTTP/1.1 403 "))
        try await running.rewrite { $0.replacing("port: 0", with: "port: 0, allowed_origins: [https://app.example]") }
        #expect(try await running.exchange(request).hasSuffix("here"))
        #expect(running.engine.snapshot().events.contains { $0.text.hasPrefix("allowed_origins: 1") })
        await running.stop()
    }

    /// Others can reach the port, and only the tokens keep them out.
    @Test func anEditThatTakesTheLastTokenAwayIsRefused() async throws {
        let upstream = try await Self.streaming("here")
        let text = Self.file([("one", upstream.port)]).replacing(
            "port: 0", with: "host: 0.0.0.0, port: 0, client_tokens: [first, second]")
        let running = try await RunningEngine.start(text)
        func status(_ token: String?) async throws -> String {
            let header = token.map { "\r\nAuthorization: Bearer \($0)\r\nContent-Length" } ?? "\r\nContent-Length"
            let request = RunningEngine.post().replacing("\r\nContent-Length", with: header)
            return String(try await running.exchange(request).prefix(12))
        }
        do {
            try await running.rewrite { $0.replacing("[first, second]", with: "[]") }
            Issue.record("taken in")
        } catch let refusal as CommandRefusal {
            #expect(refusal.code == .fileNotUsed)
            let reason = refusal.detail
            #expect(reason.contains("config.yaml:1:") && reason.contains("client_tokens is empty"), "\(reason)")
        }
        #expect(try await status(nil) == "HTTP/1.1 401")
        #expect(try await status("second") == "HTTP/1.1 200")
        #expect(running.engine.snapshot().persister.refusedFile != nil)
        // One of two may go, and all the rest of an edit is taken in with it.
        try await running.rewrite { _ in text.replacing("first, ", with: "").replacing("name: one", with: "name: two") }
        #expect(try await status("first") == "HTTP/1.1 401")
        #expect(try await status("second") == "HTTP/1.1 200")
        #expect(running.engine.snapshot().endpoints.map(\.name) == ["two"])
        await running.stop()
    }

    @Test func anEndpointThatBreaksByTheEditIsNamedAndTheOthersServe() async throws {
        let one = try await Self.streaming("one")
        let two = try await Self.streaming("two")
        let running = try await RunningEngine.start(Self.file([("one", one.port), ("two", two.port)]))
        try await running.rewrite { $0.replacing("name: one", with: "name: one\n    ca_file: gone.pem") }
        #expect(try await running.exchange(RunningEngine.post()).hasSuffix("two"))
        let snapshot = running.engine.snapshot()
        #expect(snapshot.endpoints.first?.misconfiguration == "ca_file gone.pem does not exist")
        #expect(snapshot.events.contains { $0.text == "one is misconfigured: ca_file gone.pem does not exist" })
        await running.stop()
    }

    /// What is off stands last: at the start, and after a hand edit, the file's ranks become those of memory by themselves.
    @Test func ranksInMemoryAndInTheFileBecomeTheSameByThemselves() async throws {
        func entry(_ name: String, _ priority: Int, _ rest: String = "") -> String {
            "  - name: \(name)\n    url: http://127.0.0.1:1\n    priority: \(priority)\n\(rest)"
        }
        let off = "    enabled: false\n"
        let head = "server: { port: 0, auto_sort_endpoints: false, persist_strategy: immediate }\nendpoints:\n"
        let running = try await RunningEngine.start(head + entry("a", 1) + entry("b", 2, off) + entry("c", 3))
        let settled = head + entry("a", 1) + entry("b", 3, off) + entry("c", 2)
        try await eventually { (try? running.text()) == settled }
        #expect(running.engine.snapshot().endpoints.map(\.name) == ["a", "c", "b"])

        let edited = settled + entry("d", 4)
        try Data(edited.utf8).write(to: URL(filePath: running.path), options: .atomic)
        let expected = head + entry("a", 1) + entry("b", 4, off) + entry("c", 2) + entry("d", 3)
        try await eventually { (try? running.text()) == expected }
        let snapshot = running.engine.snapshot()
        #expect(snapshot.endpoints.map(\.name) == ["a", "c", "d", "b"])
        #expect(snapshot.endpoints.map(\.priority) == [1, 2, 3, 4])
        try await eventually { !running.engine.hasUnsavedChanges }
        await running.stop()
    }
}
