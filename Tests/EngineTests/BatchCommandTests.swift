import Configuration
import PodiumModel
import Proxy
import Ranking
import TestSupport
import Testing

@testable import Engine

/// Several endpoints at once, copies of one, and requests that are ended by hand.
@Suite struct BatchCommandTests {
    private static let epoch = ContinuousClock.now

    private static func state() -> EngineState {
        let endpoints = (1...4).map { number in
            var settings = EndpointSettings(name: "e\(number)")
            (settings.url, settings.priority, settings.tags) = ("http://127.0.0.1:1", number, ["lab"])
            settings.authValue = "sk-\(number)"
            return settings
        }
        return EngineState(
            configuration: Configuration(endpoints: endpoints), context: ConfigurationContext(environment: [:]),
            now: epoch)
    }

    private static func targets(_ names: String...) -> [CommandTarget] { names.map { CommandTarget(name: $0) } }

    @Test func oneStepTakesAllOfItBack() throws {
        var state = Self.state()
        let before = state.persistedState()
        let change = try state.apply(.changeAll(Self.targets("e1", "e3"), .setEnabled(false)), now: Self.epoch)
        #expect(change == "2 endpoints off")
        #expect(["e1", "e3"].allSatisfy { state.record(named: $0)?.settings.enabled == false })
        #expect(state.undoLabel == "2 endpoints off")
        _ = try state.apply(.undo, now: Self.epoch)
        #expect(state.persistedState() == before)
        _ = try state.apply(.redo, now: Self.epoch)
        #expect(["e1", "e3"].allSatisfy { state.record(named: $0)?.settings.enabled == false })
        _ = try state.apply(.undo, now: Self.epoch)
        #expect(state.persistedState() == before)
    }

    @Test func allOfItOrNothing() {
        var state = Self.state()
        let before = state.persistedState()
        #expect(throws: CommandRefusal.noSuchEndpoint("gone")) {
            try state.apply(.changeAll(Self.targets("e1", "gone"), .setEnabled(false)), now: Self.epoch)
        }
        #expect(state.persistedState() == before && state.undoLabel == nil)
        #expect(throws: CommandRefusal.self) { try state.apply(.changeAll([], .clear), now: Self.epoch) }
    }

    @Test func tagsComeAndGo() throws {
        var state = Self.state()
        _ = try state.apply(.changeAll(Self.targets("e1", "e2"), .addTag("prod")), now: Self.epoch)
        _ = try state.apply(.changeAll(Self.targets("e2", "e3"), .removeTag("lab")), now: Self.epoch)
        let tags = (1...4).map { state.record(named: "e\($0)")?.settings.tags }
        #expect(tags == [["lab", "prod"], ["prod"], [], ["lab"]])
        let made = state.actions.made
        #expect(try state.apply(.changeAll(Self.targets("e1"), .addTag("prod")), now: Self.epoch).hasPrefix("left "))
        #expect(state.actions.made == made, "nothing to undo")
    }

    @Test func whatIsGoneByThenIsPassedOver() throws {
        var state = Self.state()
        _ = try state.apply(.changeAll(Self.targets("e1", "e2"), .setEnabled(false)), now: Self.epoch)
        let id = try #require(state.record(named: "e1")?.id)
        state.remove(id, now: Self.epoch)
        _ = try state.apply(.undo, now: Self.epoch)
        #expect(state.record(named: "e2")?.settings.enabled == true)
    }

    @Test func aCopyHasEverythingButTheNameAndIsOff() throws {
        var state = Self.state()
        _ = try state.apply(.clone(CommandTarget(name: "e2"), named: "copy"), now: Self.epoch)
        let copy = try #require(state.record(named: "copy")?.settings)
        #expect(copy.authValue == "sk-2" && copy.tags == ["lab"] && !copy.enabled && !copy.pinned)
        #expect(throws: CommandRefusal.nameTaken("e1")) {
            try state.apply(.clone(CommandTarget(name: "e2"), named: "e1"), now: Self.epoch)
        }
        _ = try state.apply(.undo, now: Self.epoch)
        #expect(state.record(named: "copy") == nil)
    }

    /// The endpoint never answers: what runs is listed, ended by hand, and not held against the endpoint.
    @Test func aRequestThatHangsIsListedAndEnded() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [] }
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            endpoints:
              - { name: hole, url: "http://127.0.0.1:\(upstream.port)" }
            """)
        let answer = Task {
            try await running.exchange(
                "POST /v1/messages HTTP/1.1\r\nHost: here\r\nX-Request-ID: mine\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{\"model\":\"m\"}"
            )
        }
        var row: OpenRequestReport.Row?
        try await eventually {
            row = await running.engine.openRequests().requests.first
            return row?.phase == .waiting
        }
        #expect(row?.id == "mine" && row?.endpoint == "hole" && row?.attempts == 1 && row?.bytesUp == 13)
        #expect(row?.model == "m" && row?.path == "/v1/messages" && row?.client == "127.0.0.1")
        await #expect(throws: CommandRefusal(.notFound, "no request 'none' runs now")) {
            try await running.engine.perform(.cancel("none"), by: "test")
        }
        guard case .done(let receipt) = try await running.engine.perform(.cancel(row?.key ?? ""), by: "test") else {
            Issue.record("no receipt")
            return
        }
        #expect(receipt.message.hasPrefix("cancelled the request mine at hole"))
        #expect(await running.engine.openRequests().requests.isEmpty)
        _ = try? await answer.value
        let endpoint = try #require(running.engine.endpoint(named: "hole"))
        #expect(endpoint.traffic.failures == 0 && endpoint.state != .down)
        var ending: String?
        try await eventually {
            guard case .walk(let walk)? = try? await running.engine.perform(.explain("mine"), by: "test") else {
                return false
            }
            ending = walk.ending
            return true
        }
        #expect(ending == "cancelled")
        await running.stop()
    }
}
