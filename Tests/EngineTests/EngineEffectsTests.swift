import Configuration
import PodiumModel
import Foundation
import Proxy
import Ranking
import Testing

@testable import Engine

private let epoch = ContinuousClock.now

/// What the engine's state says has to be done, and what its sources may not do themselves.
@Suite struct EngineEffectsTests {
    private static func state(_ count: Int) -> EngineState {
        let endpoints = (0..<count).map { index in
            var settings = EndpointSettings(name: "e\(index)")
            settings.url = "http://127.0.0.1:\(index + 1)"
            settings.priority = index + 1
            return settings
        }
        return EngineState(
            configuration: Configuration(endpoints: endpoints), context: ConfigurationContext(), now: epoch)
    }

    private func report(_ outcome: AttemptOutcome, of id: UInt32, after seconds: Int) -> AttemptReport {
        AttemptReport(
            endpoint: EndpointID(id), outcome: outcome, status: nil, timeToFirstByte: nil, duration: .zero,
            at: epoch + .seconds(seconds))
    }

    @Test func aRequestThatGoesWellMakesNothingNecessary() {
        var state = Self.state(2)
        _ = state.start(wallTime: 0)
        _ = state.attemptFinished(report(.success(timeToFirstByte: .milliseconds(20)), of: 0, after: 1)) {
            Issue.record("a clock was read")
            return 0
        } random: {
            0
        }
        let effects = state.attemptFinished(report(.success(timeToFirstByte: .milliseconds(20)), of: 0, after: 2)) {
            Issue.record("a clock was read")
            return 0
        } random: {
            0
        }
        #expect(effects.isEmpty)
        // One word for the tasks, one for the table: returning it allocates nothing.
        #expect(MemoryLayout<EngineEffects>.size <= 16)
    }

    @Test func anOutagePublishesMarksLogsAndSetsTheTimer() throws {
        var state = Self.state(2)
        _ = state.start(wallTime: 0)
        var effects = EngineEffects()
        for second in 1...3 {
            effects = state.attemptFinished(report(.failure(.connect), of: 0, after: second)) {
                7
            } random: {
                0
            }
        }
        #expect(effects.tasks.isSuperset(of: [.markPersister, .setTimer, .signalReaders, .writeLines]))
        #expect(try #require(effects.routes).candidates.map(\.upstream.name) == ["e1"])
        // The cooldown's end: ten seconds, without jitter.
        #expect(state.timerDeadline == epoch + .seconds(13))
        #expect(state.takeLines().map(\.endpoint) == ["e0", "e0"])
        // Taken once.
        #expect(state.takeLines().isEmpty)
        // Published later, and so newer.
        let later = state.deadlineReached(now: epoch + .seconds(13)) { 8 }
        #expect(try #require(later.routes).version > #require(effects.routes).version)
    }

    @Test func withoutTimersNoneIsSet() {
        var state = Self.state(2)
        for second in 1...3 {
            let effects = state.attemptFinished(report(.failure(.connect), of: 0, after: second)) {
                7
            } random: {
                0
            }
            #expect(!effects.tasks.contains(.setTimer))
        }
        #expect(state.timerDeadline == nil)
        #expect(state.start(wallTime: 0).tasks.contains(.setTimer))
        state.stopTimers()
        #expect(!state.deadlineReached(now: epoch + .seconds(13)) { 0 }.tasks.contains(.setTimer))
    }

    /// No file, clock, lock, queue or TLS context is in reach of what runs under the engine's lock.
    @Test func theSourcesOfTheStateReachNothingThatWaits() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let folder = root.appending(path: "Sources/Engine")
        let state = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "State").path)
        let files =
            state.filter { $0.hasSuffix(".swift") }.map { "State/\($0)" }
            + ["EventLog", "EngineMetrics", "TrafficWindow", "PersisterLine"]
            .map { "Observation/\($0).swift" }
        #expect(files.count > 10)
        let imports: Set = [
            "Configuration", "Conversion", "Histogram", "LLMWire", "Limits", "Persistence", "PodiumModel", "Proxy",
            "PureSupport",
            "Ranking",
        ]
        let doers = [
            "Persister(", "ProxyServer", "TLSContextCache", ".prepare(", "Mutex", "Atomic", "DispatchQueue", "Task {",
            ".now }", "ContinuousClock.now", "= .now", ": .now", "clock_gettime", ".look(at:",
            "AccessLogOutput", "EventListeners", "TraceRecorder", "logger", "random(in:",
        ]
        for file in files {
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            // Without comments, which may name what is not done.
            let lines = text.split(separator: "\n").filter {
                !$0.trimmingCharacters(in: .whitespaces).hasPrefix("//")
            }
            let imported = lines.compactMap { line -> String? in
                let words = line.split(separator: " ")
                return words.dropLast().last == "import" ? words.last.map(String.init) : nil
            }
            #expect(Set(imported).isSubset(of: imports), "\(file) imports \(imported)")
            let code = lines.joined(separator: "\n")
            for word in doers { #expect(!code.contains(word), "\(file) has \(word)") }
        }
    }
}
