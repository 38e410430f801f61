import Configuration
import Foundation
import LLMWire
import Logging
import PodiumModel
import Proxy
import Ranking
import TestSupport
import Testing

@testable import Engine

/// The lists of models that endpoints have given: fetched when a client asks, and kept for the next process.
@Suite(.timeLimit(.minutes(15)))
struct CatalogueTests {
    private func serve(_ models: String...) async throws -> ScriptedUpstream {
        let items = models.map { #"{"id":"\#($0)","object":"model"}"# }.joined(separator: ",")
        return try await ScriptedUpstream.start { _ in
            [.send(RunningEngine.ok(#"{"object":"list","data":[\#(items)],"mine":true}"#))]
        }
    }

    private let get = "GET /v1/models HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test func listsAreFetchedWhenAClientAsksAndSurviveARestart() async throws {
        let first = try await serve("a", "b")
        let second = try await serve("b", "c")
        let state = FileManager.default.temporaryDirectory.appending(path: "state-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: state, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: state) }
        let running = try await RunningEngine.start(
            """
            server: { port: 0 }
            endpoints:
              - { name: one, url: "http://127.0.0.1:\(first.port)", auth_type: api_key, auth_value: key-of-one }
              - { name: two, url: "http://127.0.0.1:\(second.port)", auth_type: none }
            """, environment: ["XDG_STATE_HOME": state.path])
        #expect(first.requests.isEmpty && second.requests.isEmpty)
        // Nothing is known yet.
        #expect(try await running.exchange(get).contains(#""mine":true"#))
        try await eventually { first.requests.count >= 2 && second.requests.count == 1 }
        #expect(first.requests.last?.header("x-api-key") == "key-of-one")
        func isListed(_ running: RunningEngine) async throws -> Bool {
            let got = try await running.exchange(get)
            return ["a", "b", "c"].allSatisfy { got.contains("\"id\":\"\($0)\"") } && !got.contains("mine")
        }
        try await eventually { try await isListed(running) }
        let asked = first.requests.count + second.requests.count
        #expect(try await isListed(running))
        #expect(first.requests.count + second.requests.count == asked)
        _ = await running.engine.stop(drain: .zero)

        let bytes = try Data(contentsOf: URL(filePath: running.path))
        let configuration = try #require(ConfigurationLoader.load(bytes: Array(bytes), environment: [:]).configuration)
        var options = EngineOptions(
            environment: ["XDG_STATE_HOME": state.path], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        options.eventLoops = 1
        let next = try Engine(path: running.path, bytes: Array(bytes), configuration: configuration, options: options)
        let address = try await next.start()
        let again = RunningEngine(engine: next, port: address.port, folder: running.folder)
        #expect(try await isListed(again))
        #expect(first.requests.count + second.requests.count == asked)
        await again.stop()
    }

    @Test func savedListsAreReadAgainAndBelongToTheServerThatGaveThem() {
        var models = [ListedModel(id: "a"), ListedModel(id: "b/c d")]
        models[0].title = "A"
        models[0].createdAt = "2026-01-02T03:04:05Z"
        models[1].created = 1_700_000_000
        models[1].owner = "o"
        var saved = SavedTimeOuts()
        saved.catalogues.append("one", ModelCatalogue(models: models, fetched: 1_800_000_000, reach: 0xAB))
        saved.catalogues.append("two", ModelCatalogue(models: [ListedModel(id: "x")], fetched: 1_800_000_001, reach: 1))
        #expect(SavedTimeOuts(reading: saved.text) == saved)
        let damaged = saved.text.replacing("\tab\tone", with: "\tzz\tone") + "model\t1\t1\n" + "model\t\t\t\t\t\t\t\n"
        #expect(SavedTimeOuts(reading: damaged).catalogues.lines.map(\.endpoint) == ["two"])

        func state(url: String, saved: SavedTimeOuts) -> EngineState {
            var settings = EndpointSettings(name: "one")
            settings.url = url
            return EngineState(
                configuration: Configuration(endpoints: [settings]), context: ConfigurationContext(environment: [:]),
                saved: saved, now: .now)
        }
        let before = state(url: "http://127.0.0.1:1", saved: SavedTimeOuts())
        var left = SavedTimeOuts()
        let reach = before.record(named: "one").map { before.reach(of: $0.settings) } ?? 0
        left.catalogues.append("one", ModelCatalogue(models: models, fetched: 1_800_000_000, reach: reach))
        #expect(state(url: "http://127.0.0.1:1", saved: left).record(named: "one")?.load.catalogue?.models == models)
        #expect(state(url: "http://127.0.0.1:2", saved: left).record(named: "one")?.load.catalogue == nil)
    }

    /// The file is read up to 8 MiB, and the time outs in it must not be lost for lists.
    @Test func listsThatAreTooLongAreLeftOut() {
        var saved = SavedTimeOuts()
        let long = (0..<5_000).map { ListedModel(id: "model-\($0)-" + String(repeating: "x", count: 200)) }
        for number in 0..<6 {
            saved.catalogues.append("e\(number)", ModelCatalogue(models: long, fetched: 1, reach: UInt64(number)))
        }
        saved.lines = [
            SavedTimeOuts.Line(
                name: "a", reach: 1, model: nil, until: 9, cause: .refusal(TimeOutReason(.quota, status: 402)),
                timesInARow: 1)
        ]
        #expect(saved.text.utf8.count < 5 << 20)
        let read = SavedTimeOuts(reading: saved.text)
        #expect(read.lines == saved.lines)
        // Each that is there is whole: more than a megabyte each, so three of four megabytes.
        #expect(read.catalogues.lines.map(\.catalogue.models.count) == [5_000, 5_000, 5_000])
    }

    @Test func whatIsSwitchedOffIsNotAsked() {
        var endpoints = ["one", "two"].map { EndpointSettings(name: $0) }
        for index in endpoints.indices { endpoints[index].url = "http://127.0.0.1:1" }
        endpoints[1].enabled = false
        let state = EngineState(
            configuration: Configuration(endpoints: endpoints), context: ConfigurationContext(environment: [:]),
            now: .now)
        #expect(state.dueCatalogues(at: 1_000).map(\.upstream.name) == ["one"])
        #expect(state.dueCatalogues(at: 1_001).isEmpty)
    }
}
