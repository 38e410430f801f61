import Engine
import Foundation
import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct HealthTests {
    private func ask(_ podium: ControlHarness, _ path: String, overTCP: Bool = false) async throws -> String {
        let raw =
            overTCP
            ? try await RawClient.connect(port: podium.port) : try await RawClient.connect(socket: podium.socket)
        try await raw.send("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return await raw.untilClosed()
    }

    /// A file that cannot be taken in cannot be written either: what is unsaved grows old.
    @Test func changesThatStayUnsavedMakeItFail() async throws {
        let settings = "  config_flush_interval: 10ms\n  config_max_dirty_time: 20ms\n"
        try await ControlHarness.run(server: settings) { podium in
            let healthy = try await ask(podium, "/healthz")
            #expect(healthy.hasPrefix("HTTP/1.1 200 "))
            let good = podium.text
            try Data("endpoints: [".utf8).write(to: podium.config)
            do {
                _ = try await podium.client.setPinned("b", true)
                Issue.record("saved")
            } catch ControlClientError.refused(let problem) {
                #expect(problem.code == .notSaved)
                #expect(problem.status == 503)
            }
            try await eventually { try await ask(podium, "/healthz").hasPrefix("HTTP/1.1 503 ") }
            let sick = try await ask(podium, "/healthz")
            #expect(sick.contains("config_max_dirty_time"))
            // Strangers learn that, and nothing more.
            let stranger = try await ask(podium, "/healthz", overTCP: true)
            #expect(stranger.hasPrefix("HTTP/1.1 503 "))
            #expect(stranger.hasSuffix("\r\n\r\n{\"status\":\"fail\"}"))
            let metrics = try await podium.client.metrics()
            #expect(metrics.contains("\npodium_persist_overdue 1\n"))
            let snapshot = try await podium.client.snapshot()
            #expect(snapshot.persister.isOverdue && snapshot.persister.isDirty)
            #expect(snapshot.server.warning != nil)
            // Nothing is lost: with the file in order again the change is saved.
            try Data(good.utf8).write(to: podium.config)
            _ = try await podium.client.flush()
            let well = try await ask(podium, "/healthz")
            #expect(well.hasPrefix("HTTP/1.1 200 "))
            #expect(podium.text.contains("pinned: true"))
        }
    }

    @Test func withoutAUsableEndpointItIsNotReady() async throws {
        try await ControlHarness.run { podium in
            for name in ["a", "b", "c"] {
                let ready = try await ask(podium, "/readyz")
                #expect(ready.hasPrefix("HTTP/1.1 200 "))
                _ = try await podium.client.setEnabled(name, false)
            }
            let unready = try await ask(podium, "/readyz")
            #expect(unready.hasPrefix("HTTP/1.1 503 "))
            #expect(unready.contains("no endpoint can be used"))
            let healthy = try await ask(podium, "/healthz")
            #expect(healthy.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test func whileItDrainsItIsNotReadyAndSaysWhatItWaitsFor() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.hold("never")] }
        let url = "http://127.0.0.1:\(upstream.port)"
        try await ControlHarness.run(server: "  drain_timeout: 1h\n", url: url) { podium in
            let client = try await RawClient.connect(port: podium.port)
            try await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            try await eventually { !upstream.requests.isEmpty }
            async let drained: Void = podium.engine.drain()
            try await eventually { podium.engine.drainDeadline != nil }
            let unready = try await ask(podium, "/readyz")
            #expect(unready.hasPrefix("HTTP/1.1 503 "))
            #expect(unready.contains("Podium is stopping"))
            let healthy = try await ask(podium, "/healthz")
            #expect(healthy.hasPrefix("HTTP/1.1 200 "))
            let server = try await podium.client.snapshot().server
            #expect(try #require(server.drainingUntil) > server.startedAt + 3_500)
            #expect(server.warning?.hasPrefix("stopping: 1 request in flight may end within 3") == true)
            await podium.engine.hurry()
            await drained
        }
    }
}
