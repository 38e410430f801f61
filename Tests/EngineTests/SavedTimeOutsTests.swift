import Configuration
import Foundation
import PodiumModel
import Proxy
import Ranking
import Testing

@testable import Engine

private let epoch = ContinuousClock.now

/// What a process leaves to the next one of the time outs that run.
@Suite struct SavedTimeOutsTests {
    private func endpoint(_ name: String, url: String = "http://127.0.0.1:1") -> EndpointSettings {
        var settings = EndpointSettings(name: name)
        settings.url = url
        (settings.authType, settings.authValue) = (.apiKey, "${KEY}")
        return settings
    }

    private func state(
        _ endpoints: [EndpointSettings], key: String = "sk-1", saved: SavedTimeOuts = SavedTimeOuts(),
        wallTime: Double = 0, now: ContinuousClock.Instant = epoch
    ) -> EngineState {
        EngineState(
            configuration: Configuration(endpoints: endpoints),
            context: ConfigurationContext(environment: ["KEY": key]), saved: saved, wallTime: wallTime, now: now)
    }

    private func record(_ outcome: AttemptOutcome, of id: UInt32, _ state: inout EngineState) -> EngineEffects {
        state.attemptFinished(
            AttemptReport(
                endpoint: EndpointID(id), outcome: outcome, status: 429, timeToFirstByte: nil, duration: .zero,
                at: epoch), wallTime: { 1_000 }, random: { 0 })
    }

    /// Endpoint a is out of quota, b refuses its credential, c lacks a model, d failed, and e is well.
    private func eventful() -> EngineState {
        var state = state(["a", "b", "c", "d", "e"].map { endpoint($0) })
        let quota = TimeOutRequest(cause: .quota, status: 402, first: .seconds(300), limit: .seconds(3_600))
        let model = TimeOutRequest(cause: .model, status: 404, .seconds(300), model: ModelReference("opus"))
        _ = record(.timedOut(quota), of: 0, &state)
        _ = record(.misconfigured(status: 401), of: 1, &state)
        let effects = record(.timedOut(model), of: 2, &state)
        #expect(effects.tasks.contains(.saveTimeOuts))
        for _ in 0..<3 { _ = record(.failure(.connect), of: 3, &state) }
        return state
    }

    @Test func theRuleIsStillNamed() {
        var state = state([endpoint("a")])
        let rule = RuleReference("failover.rules 2\t(of relays)")
        _ = record(
            .timedOut(
                TimeOutRequest(cause: .rule, status: 418, first: .seconds(600), limit: .seconds(600), rule: rule)),
            of: 0, &state)
        let saved = SavedTimeOuts(reading: state.savedTimeOuts(now: epoch, wallTime: 1_000).text)
        let next = self.state([endpoint("a")], saved: saved, wallTime: 1_000)
        let reason = TimeOutReason(.rule, status: 418, rule: rule)
        #expect(
            next.ranking.availability(of: EndpointID(0), now: epoch)
                == .timedOut(until: epoch + .seconds(600), reason))
        #expect(reason.text == "timed out by failover.rules 2(of relays) (418)")
    }

    @Test func theNextProcessGoesOnWithThem() throws {
        let before = eventful()
        let text = before.savedTimeOuts(now: epoch, wallTime: 1_000).text
        let saved = SavedTimeOuts(reading: text)
        #expect(saved == before.savedTimeOuts(now: epoch, wallTime: 1_000))
        #expect(saved.lines.map(\.name).sorted() == ["a", "b", "c"])
        #expect(!text.contains("sk-1"))

        // It starts 100 s later, and its clock is another.
        let start = epoch + .seconds(50_000)
        let next = state(
            ["e", "c", "b", "a"].map { endpoint($0) }, saved: saved, wallTime: 1_100, now: start)
        func availability(_ name: String) -> Availability? {
            next.record(named: name).flatMap { next.ranking.availability(of: $0.id, now: start) }
        }
        #expect(availability("a") == .timedOut(until: start + .seconds(200), TimeOutReason(.quota, status: 402)))
        #expect(availability("b") == .misconfigured(until: start + .seconds(200), status: 401))
        #expect(availability("c") == .available && availability("e") == .available)
        let table = next.routingTable(now: start)
        #expect(table.candidates.map(\.upstream.name) == ["e", "c"])
        #expect(table.candidates.map { $0.limitedModels.map(\.name) } == [[], ["opus"]])
        #expect(next.ranking.nextDeadline == start + .seconds(200))
        // A time out in a row is the second one, in whichever process the first was.
        var later = next
        let end = start + .seconds(200)
        _ = later.deadlineReached(now: end, wallTime: { 1_300 })
        let id = try #require(later.record(named: "a")).id
        let quota = TimeOutRequest(cause: .quota, status: 402, first: .seconds(300), limit: .seconds(3_600))
        _ = later.ranking.record(.timedOut(quota), for: id, now: end, random: { 0 })
        #expect(later.ranking.availability(of: id, now: end)?.recovery == end + .seconds(600))
    }

    @Test func anotherKeyOrURLAndWhatIsOverLeaveNothing() {
        let saved = eventful().savedTimeOuts(now: epoch, wallTime: 1_000)
        let endpoints = ["a", "b", "c"].map { endpoint($0) }
        #expect(state(endpoints, saved: saved, wallTime: 1_100).ranking.hasStandingTimeOuts(now: epoch))
        let others = [
            state(endpoints, key: "sk-2", saved: saved, wallTime: 1_100),
            state(["a", "b", "c"].map { endpoint($0, url: "http://127.0.0.1:2") }, saved: saved, wallTime: 1_100),
            state(endpoints, saved: saved, wallTime: 1_300),
            // The clock was set back by years meanwhile: nothing may be out for so long.
            state(endpoints, saved: saved, wallTime: -1e8),
        ]
        for other in others { #expect(!other.ranking.hasStandingTimeOuts(now: epoch)) }
    }

    @Test func whatCannotBeReadIsLeftOut() {
        let good = eventful().savedTimeOuts(now: epoch, wallTime: 1_000)
        let lines = good.text.split(separator: "\n").map(String.init)
        for damage in [
            "", "x", "podium time outs 2\n" + lines[1], good.text.replacingOccurrences(of: "\t", with: " "),
            lines[0] + "\nnan\tquota\t402\t1\tff\ta\t", lines[0] + "\n1\tquota\t402\t1\tff\t\t",
        ] {
            #expect(SavedTimeOuts(reading: damage).lines.isEmpty, "\(damage)")
        }
        let torn = String(good.text.dropLast(good.text.count / 3))
        #expect(SavedTimeOuts(reading: torn).lines.count < good.lines.count)
        #expect(SavedTimeOuts(reading: good.text + "\nrubbish").lines == good.lines)
        let marks = SavedTimeOuts(
            lines: [
                .init(
                    name: "a\tb", reach: 1, model: nil, until: 1, cause: .credential(status: 401), timesInARow: 0)
            ])
        #expect(marks.text.isEmpty && SavedTimeOuts().text.isEmpty)
    }

    @Test func aDeadEndpointIsNoTimeOutThatIsKept() {
        #expect(eventful().savedTimeOuts(now: epoch, wallTime: 1_000).lines.allSatisfy { $0.name != "d" })
        #expect(eventful().savedTimeOuts(now: epoch + .seconds(300), wallTime: 1_300).lines.isEmpty)
    }

    // MARK: The file

    private func withDirectory(_ body: (String) throws -> Void) rethrows {
        let folder = FileManager.default.temporaryDirectory.appending(path: "podium-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    @Test func theFileIsOneForEachConfigurationAndGoesWhenThereIsNothingToKeep() throws {
        let saved = eventful().savedTimeOuts(now: epoch, wallTime: 1_000)
        try withDirectory { folder in
            let environment = ["XDG_STATE_HOME": folder, "HOME": "/nowhere"]
            func file(_ path: String) throws -> TimeOutFile {
                try #require(TimeOutFile(configuration: path, environment: environment))
            }
            let first = try file("/etc/podium/config.yaml")
            #expect(first.read() == SavedTimeOuts())
            first.finish(saved, within: .seconds(30))
            #expect(try file("/etc/podium/config.yaml").read() == saved)
            #expect(try file("/etc/other/config.yaml").read() == SavedTimeOuts())
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(names == ["%etc%podium%config.yaml.podium-time-outs"])
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(names[0])")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            try file("/etc/podium/config.yaml").finish(SavedTimeOuts(), within: .seconds(30))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
        }
    }

    @Test func withoutAStateDirectoryNothingIsKept() throws {
        for environment in [[:], ["XDG_STATE_HOME": "relative"], ["HOME": "/nowhere"]] {
            #expect(TimeOutFile(configuration: "/config.yaml", environment: environment) == nil)
        }
    }
}
