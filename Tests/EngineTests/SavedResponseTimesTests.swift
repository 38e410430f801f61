import Configuration
import PodiumModel
import Proxy
import PureSupport
import TestSupport
import Testing

@testable import Engine
@testable import Ranking

private let epoch = ContinuousClock.now

/// What a process leaves to the next one of response times.
@Suite struct SavedResponseTimesTests {
    private func state(
        _ names: [String], port: Int = 1, key: String = "sk-1", saved: SavedTimeOuts = SavedTimeOuts(),
        wallTime: Double = 1_000, now: ContinuousClock.Instant = epoch
    ) -> EngineState {
        let endpoints = names.map { name in
            var settings = EndpointSettings(name: name)
            settings.url = "http://127.0.0.1:\(port)"
            (settings.authType, settings.authValue) = (.apiKey, "${KEY}")
            return settings
        }
        return EngineState(
            configuration: Configuration(endpoints: endpoints),
            context: ConfigurationContext(environment: ["KEY": key]), saved: saved, wallTime: wallTime, now: now)
    }

    /// Answers of one endpoint, one a second.
    private func measure(
        _ state: inout EngineState, _ name: String, milliseconds: Int, model: UInt32 = 7, kind: AnswerKind = .stream,
        count: Int = 20, from start: ContinuousClock.Instant = epoch
    ) throws {
        let id = try #require(state.record(named: name)).id
        for second in 0..<count {
            let sample = ResponseSample(.milliseconds(milliseconds), kind: kind, model: model)
            _ = state.ranking.record(.success(sample), for: id, now: start + .seconds(second), random: { 0 })
        }
    }

    private func leave(_ state: EngineState, wallTime: Double, now: ContinuousClock.Instant) -> SavedTimeOuts {
        var saved = state.savedTimeOuts(now: now, wallTime: wallTime)
        saved.times = SavedResponseTimes(
            state.ranking.memory, of: state.measuredSettings, state.context, now: now, wallTime: wallTime)
        return saved
    }

    @Test func theNextProcessKnowsThemAndTakesThemForIdle() throws {
        var before = state(["a", "b", "c"])
        try measure(&before, "a", milliseconds: 400)
        try measure(&before, "b", milliseconds: 100)
        try measure(&before, "b", milliseconds: 3_000, kind: .whole)
        let end = epoch + .seconds(60)
        let saved = leave(before, wallTime: 1_060, now: end)
        let text = saved.text
        #expect(SavedTimeOuts(reading: text) == saved)
        #expect(!text.contains("sk-1") && saved.times.times.count == 3)

        // It starts 40 s later, and its clock is another.
        let start = epoch + .seconds(50_000)
        var next = state(["c", "a", "b"], saved: SavedTimeOuts(reading: text), wallTime: 1_100, now: start)
        let memory = next.ranking.memory
        #expect(memory.fleet == before.ranking.memory.fleet && memory.factors == before.ranking.memory.factors)
        for times in memory.times {
            let name = next.record(times.endpoint)?.settings.name
            let old = try #require(
                before.ranking.memory.times.first {
                    before.record($0.endpoint)?.settings.name == name && $0.kind == times.kind
                })
            #expect(times.value == old.value && times.usual == old.usual && times.samples == old.samples)
            // Sampled 19 s after the epoch, which is 81 s before the start.
            #expect(abs((start - times.sampled).inSeconds - 81) < 0.001)
        }
        let b = try #require(next.record(named: "b")).id
        let slot = try #require(next.ranking.slotByID[b])
        #expect(next.ranking.endpoints[slot].response[.stream].evidence == .idle)
        // The file's order holds for the minimum dwell; then what is four times as fast passes also with twice the hysteresis.
        #expect(next.ranking.order.first != b)
        _ = next.deadlineReached(now: start + .seconds(11), wallTime: { 1_111 })
        #expect(next.ranking.order.first == b)
        // One that was never measured is taken to be as fast as is usual.
        let last = try #require(next.record(named: "c")).id
        let c = try #require(next.ranking.slotByID[last])
        #expect(next.ranking.endpoints[c].response[.stream].samples == 0)
        #expect(next.ranking.endpoints[c].response[.stream].value != nil)
    }

    @Test func aDifferenceWithinTwiceTheHysteresisMovesNothing() throws {
        var before = state(["a", "b"])
        try measure(&before, "a", milliseconds: 400)
        // 25 % faster: more than 15 % and less than 30 %.
        try measure(&before, "b", milliseconds: 300)
        let saved = leave(before, wallTime: 1_060, now: epoch + .seconds(60))
        var next = state(["a", "b"], saved: saved, wallTime: 1_100)
        _ = next.deadlineReached(now: epoch + .seconds(30), wallTime: { 1_130 })
        #expect(next.ranking.order.first == next.record(named: "a")?.id)
    }

    @Test func timesOfAnotherModelAreBroughtToTheSameOne() throws {
        var before = state(["a", "b"])
        // Model 8 takes ten times as long as model 7, at the same endpoint.
        try measure(&before, "a", milliseconds: 100, model: 7)
        try measure(&before, "a", milliseconds: 1_000, model: 8, from: epoch + .seconds(20))
        try measure(&before, "b", milliseconds: 110, model: 7, from: epoch + .seconds(20))
        let saved = leave(before, wallTime: 1_060, now: epoch + .seconds(60))
        // The next process is asked for model 8 alone, and only at a: it stays first.
        var next = state(["a", "b"], saved: saved, wallTime: 1_100)
        try measure(&next, "a", milliseconds: 1_000, model: 8, count: 40)
        #expect(next.ranking.order.first == next.record(named: "a")?.id)
    }

    @Test func anotherKeyOrURLAndWhatIsLongAgoLeaveNothing() throws {
        var before = state(["a", "b"])
        try measure(&before, "b", milliseconds: 100)
        let saved = leave(before, wallTime: 1_060, now: epoch + .seconds(60))
        #expect(state(["a", "b"], saved: saved, wallTime: 1_100).ranking.memory.times.count == 1)
        // The clock was set back meanwhile: the time is as old as it was.
        #expect(state(["a", "b"], saved: saved, wallTime: 10).ranking.memory.times.count == 1)
        for other in [
            state(["a", "b"], key: "sk-2", saved: saved, wallTime: 1_100),
            state(["a", "b"], port: 2, saved: saved, wallTime: 1_100),
            state(["a", "c"], saved: saved, wallTime: 1_100),
            state(["a", "b"], saved: saved, wallTime: 1_061 + 86_400),
        ] { #expect(other.ranking.memory.times.isEmpty) }
    }

    @Test func whatCannotBeReadIsLeftOut() throws {
        var before = state(["a", "b"])
        try measure(&before, "b", milliseconds: 100)
        let good = leave(before, wallTime: 1_060, now: epoch + .seconds(60)).text
        var random = SeededRandom(seed: 1)
        for _ in 0..<2_000 {
            var bytes = Array(good.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 9...126, using: &random)
            }
            let saved = SavedTimeOuts(
                reading: String(decoding: bytes.dropLast(Int.random(in: 0..<40, using: &random)), as: UTF8.self))
            let next = state(["a", "b"], saved: saved, wallTime: 1_100)
            for times in next.ranking.memory.times {
                #expect(times.value.isFinite && times.value > 0 && times.value <= 1e6 && times.samples > 0)
            }
            #expect(next.ranking.order.count == 2)
        }
        // An earlier version passes over lines that it does not know, and this one over those of time outs alone.
        #expect(SavedTimeOuts(reading: good).lines.isEmpty)
    }
}
