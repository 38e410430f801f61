import Configuration
import Foundation
import PodiumModel
import TestSupport
import Testing

@testable import Engine

/// Commands about named clients: in force at once, in the file when they are answered, and taken back by undo.
@Suite(.timeLimit(.minutes(15)))
struct ClientCommandTests {
    private static func patch(_ change: (inout ClientPatch) -> Void) -> ClientPatch {
        var patch = ClientPatch()
        change(&patch)
        return patch
    }

    private static func ask(_ running: RunningEngine, _ token: String?) async throws -> Int {
        let answer = try await running.exchange(RunningEngine.post(token: token))
        return Int(answer.dropFirst(9).prefix(3)) ?? 0
    }

    private static func message(_ answer: CommandAnswer) -> String {
        if case .done(let receipt) = answer { receipt.message } else { "" }
    }

    @Test("A client is added, changed, switched off and removed, live and in the file, and undo takes each back")
    func way() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(RunningEngine.ok("x"))] }
        let text =
            "# mine\nserver: { port: 0 }\nendpoints:\n  - { name: a, url: \"http://127.0.0.1:\(upstream.port)\" }\n"
        let running = try await RunningEngine.start(text)
        let engine = running.engine
        #expect(try await Self.ask(running, nil) == 200)
        let added = try await engine.perform(
            .addClient(
                Self.patch {
                    ($0.name, $0.token) = ("alice", "token-of-alice")
                    ($0.models, $0.limits) = (["claude-*"], "requests_per_minute 100")
                }), by: "test")
        #expect(
            Self.message(added).hasPrefix("added client alice; from now on clients have to present a token; saved in "))
        #expect(try await Self.ask(running, nil) == 401)
        #expect(try await Self.ask(running, "token-of-alice") == 200)
        let list = engine.clients()
        #expect(list.clients.map(\.name) == ["alice"] && list.clients[0].models == ["claude-*"])
        #expect(list.clients[0].requests == 1 && list.clients[0].usedLimits.map(\.used) == [1])
        let saved = try running.text()
        #expect(saved.hasPrefix(text) && saved.contains("token-of-alice"))

        // Refused, and nothing is changed by it.
        for wrong in [
            Self.patch { ($0.name, $0.token) = ("alice", "other") },
            Self.patch { ($0.name, $0.token) = ("bob", "token-of-alice") },
            Self.patch { $0.name = "bob" }, Self.patch { $0.token = "b" },
            Self.patch { ($0.name, $0.token) = ("bob", "${NOT_SET_ANYWHERE}") },
            Self.patch { ($0.name, $0.token, $0.limits) = ("bob", "b", "tokens_per_year 1") },
            Self.patch { ($0.name, $0.token, $0.limits) = ("bob", "b", "spend 1 per day reset 00:00 No/Where") },
            Self.patch { ($0.name, $0.token, $0.expires) = ("bob", "b", "soon") },
        ] {
            await #expect(throws: CommandRefusal.self) { try await engine.perform(.addClient(wrong), by: "test") }
        }
        await #expect(throws: CommandRefusal.noSuchClient("bob")) {
            try await engine.perform(.removeClient("bob"), by: "test")
        }
        #expect(try running.text() == saved)

        let off = try await engine.perform(.changeClient("alice", Self.patch { $0.enabled = false }), by: "test")
        #expect(Self.message(off).hasPrefix("disabled client alice; saved in "))
        #expect(try await Self.ask(running, "token-of-alice") == 403)
        #expect(try running.text().contains("enabled: false"))
        #expect(engine.snapshot().undo == "disabled client alice")
        _ = try await engine.perform(.undo, by: "test")
        #expect(try await Self.ask(running, "token-of-alice") == 200)

        let gone = try await engine.perform(.removeClient("alice"), by: "test")
        #expect(Self.message(gone).hasPrefix("removed client alice; every client is admitted now; saved in "))
        #expect(try await Self.ask(running, nil) == 200)
        #expect(!(try running.text().contains("alice")))
        _ = try await engine.perform(.undo, by: "test")
        // It has its token again, and what it had used.
        #expect(try await Self.ask(running, "token-of-alice") == 200)
        #expect(engine.clients().clients[0].usedLimits.map(\.used) == [3])
        _ = try await engine.perform(.redo, by: "test")
        #expect(engine.clients().clients.isEmpty)
        let texts = engine.events(after: 0, limit: 1_000).events.map(\.text)
        #expect(texts.contains("test added client alice; from now on clients have to present a token"))
        #expect(!texts.contains { $0.contains("token-of-alice") })
        await running.stop()
        try await upstream.stop()
    }

    @Test("A hand edit and a command are merged, and what others changed since is not undone")
    func merge() async throws {
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            clients:
              - { name: alice, token: a-token }
              - { name: bob, token: b-token }
            endpoints:
              - { name: a, url: "http://127.0.0.1:1" }

            """)
        _ = try await running.engine.perform(.changeClient("bob", Self.patch { $0.tags = ["cheap"] }), by: "test")
        try await running.rewrite {
            $0.replacingOccurrences(of: "token: a-token }", with: "token: a-token, tags: [prod] }")
        }
        #expect(running.engine.clients().clients.map(\.tags) == [["prod"], ["cheap"]])
        _ = try await running.engine.perform(.undo, by: "test")
        #expect(running.engine.clients().clients.map(\.tags) == [["prod"], []])
        #expect(try running.text().contains("tags: [prod]") && !(try running.text().contains("cheap")))
        await running.stop()
    }

    @Test("No undo gives two clients one token, and one whose client is gone does not bar the way to those before")
    func undo() async throws {
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            clients:
              - { name: alice, token: a-token }
              - { name: carol, token: c-token }
            endpoints:
              - { name: a, url: "http://127.0.0.1:1" }

            """)
        let engine = running.engine
        _ = try await engine.perform(.changeClient("carol", Self.patch { $0.tags = ["cheap"] }), by: "test")
        _ = try await engine.perform(.removeClient("alice"), by: "test")
        try await running.rewrite {
            $0.replacingOccurrences(of: "clients:\n", with: "clients:\n  - { name: bob, token: a-token }\n")
        }
        await #expect(throws: CommandRefusal.self) { try await engine.perform(.undo, by: "test") }
        #expect(engine.clients().clients.map(\.name) == ["bob", "carol"])
        // Everything can still be saved.
        _ = try await engine.perform(.setEnabled(CommandTarget(name: "a"), false), by: "test")
        #expect(try running.text().contains("enabled: false"))
        _ = try await engine.perform(.undo, by: "test")

        _ = try await engine.perform(.changeClient("bob", Self.patch { $0.tags = ["fast"] }), by: "test")
        try await running.rewrite {
            $0.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains("bob") }
                .joined(separator: "\n")
        }
        #expect(engine.snapshot().undo == "remove client alice")
        _ = try await engine.perform(.undo, by: "test")
        #expect(Set(engine.clients().clients.map(\.name)) == ["alice", "carol"])
        await running.stop()
    }

    @Test(
        "An endpoint that is renamed by command is so in the clients that may use it, and an undo takes that back too")
    func rename() async throws {
        let text =
            "server: { port: 0 }\nclients: [{ name: alice, token: a-token, endpoints: [b, a] }]   # mine\nendpoints:\n"
            + "  - { name: a, url: \"http://127.0.0.1:1\" }\n  - { name: b, url: \"http://127.0.0.1:2\" }\n"
        let running = try await RunningEngine.start(text)
        var patch = EndpointPatch()
        patch[.name] = .text("relay")
        _ = try await running.engine.perform(.update(CommandTarget(name: "a"), patch), by: "test")
        #expect(running.engine.clients().clients[0].endpoints == ["b", "relay"])
        #expect(try running.text().contains("relay] }]   # mine"))
        _ = try await running.engine.perform(.undo, by: "test")
        #expect(running.engine.clients().clients[0].endpoints == ["b", "a"])
        #expect(try running.text().contains("[b, a]"))
        await running.stop()
    }

    @Test("The last token that keeps other machines out stays")
    func open() async throws {
        let running = try await RunningEngine.start(
            "server: { port: 0, host: 0.0.0.0 }\nclients: [{ name: alice, token: a-token }]\nendpoints:\n"
                + "  - { name: a, url: \"http://127.0.0.1:1\" }\n")
        await #expect(throws: CommandRefusal.self) {
            try await running.engine.perform(.removeClient("alice"), by: "test")
        }
        #expect(running.engine.clients().clients.map(\.name) == ["alice"])
        await running.stop()
    }
}
