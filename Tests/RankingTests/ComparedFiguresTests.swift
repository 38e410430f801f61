import PureSupport
@testable import Ranking
import TestSupport
import Testing

private let opus: UInt32 = 1
private let haiku: UInt32 = 2

extension EndpointRanking {
    fileprivate mutating func answer(
        _ id: EndpointID, _ seconds: Double, _ kind: AnswerKind = .stream, model: UInt32 = opus, at moment: Double
    ) {
        _ = record(
            .success(ResponseSample(.seconds(seconds), kind: kind, model: model)), for: id, now: Podium.at(moment),
            random: noJitter)
    }

    fileprivate func average(_ id: EndpointID, at moment: Double) -> Double? {
        explanation(for: id, now: Podium.at(moment))?.responseTime?.average.inSeconds
    }
}

/// Figures of kinds that cannot be compared are not.
@Suite struct ComparedKindTests {
    /// However long the answers take that come whole, and whatever order of endpoints they come from: as long as there are streams, they
    /// change nothing.
    @Test(arguments: 0..<200) func wholeAnswersDecideNothingWhereThereAreStreams(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var (one, other) = (EndpointRanking(count: 4), EndpointRanking(count: 4))
        var now = 0.0
        func both(_ body: (_ ranking: inout EndpointRanking, _ factor: Double) -> Void, factor: Double) {
            body(&one, 1)
            body(&other, factor)
        }
        both({ ranking, _ in ranking.answer(0, 0.4, at: 0) }, factor: 1)
        for _ in 0..<200 {
            now += Double.random(in: 0...20, using: &generator)
            let id = EndpointID(UInt32.random(in: 0..<4, using: &generator))
            let seconds = Double.random(in: 0.1...2, using: &generator)
            let model = UInt32.random(in: 1...2, using: &generator)
            // The last one is never asked for a stream.
            if id == 3 || Int.random(in: 0..<3, using: &generator) == 0 {
                let factor = [0.001, 0.1, 7.0, 1_000.0][Int.random(in: 0..<4, using: &generator)]
                both(
                    { ranking, factor in ranking.answer(id, seconds * factor, .whole, model: model, at: now) },
                    factor: factor)
            } else {
                both({ ranking, _ in ranking.answer(id, seconds, model: model, at: now) }, factor: 1)
            }
            #expect(one.order == other.order)
        }
        #expect(one.comparedKind == .stream)
    }

    @Test func anEndpointAskedWithoutStreamsAloneIsTakenToBeAsUsual() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<60 {
            ranking.answer(0, 0.4, at: Double(second))
            ranking.answer(1, 0.01, .whole, at: Double(second))
        }
        #expect(ranking.order == [0, 1])
        let explanation = ranking.explanation(for: 1, now: at(60))
        #expect(explanation?.responseTime?.kind == .stream)
        #expect(explanation?.responseTime?.isPresumed == true)
        #expect(explanation?.responseTime?.average == .milliseconds(400))
        #expect(explanation?.otherTime?.kind == .whole)
        #expect(explanation?.otherTime?.samples == 60)
    }

    @Test func whereThereAreNoStreamsWholeAnswersAreCompared() {
        var ranking = EndpointRanking(count: 2)
        for second in 0..<20 {
            ranking.answer(0, 9, .whole, at: Double(second))
            ranking.answer(1, 3, .whole, at: Double(second))
        }
        #expect(ranking.comparedKind == .whole)
        #expect(ranking.order == [1, 0])
        #expect(ranking.average(0, at: 20) == 9)
    }

    /// The first stream brings its kind back at once; whole answers are compared when 20 × `decay` have passed without one.
    @Test func theLastStreamIsForgottenAfterTenMinutes() {
        var ranking = EndpointRanking(count: 2)
        ranking.answer(0, 0.4, at: 0)
        ranking.answer(0, 9, .whole, at: 599)
        #expect(ranking.comparedKind == .stream)
        ranking.answer(0, 9, .whole, at: 600)
        #expect(ranking.comparedKind == .whole)
        #expect(ranking.average(0, at: 600) == 9)
        ranking.answer(1, 0.5, at: 601)
        #expect(ranking.comparedKind == .stream)
        #expect(ranking.average(1, at: 601) == 0.5)
        #expect(ranking.average(0, at: 601) == 0.4)
    }

    /// Whether an endpoint answers at all is the same question for both kinds.
    @Test func aWholeAnswerIsASuccessLikeAnyOther() {
        var ranking = EndpointRanking(count: 2)
        ranking.answer(0, 0.4, at: 0)
        for second in 1...3 { ranking.fail(1, at: Double(second)) }
        _ = ranking.advance(now: at(14))
        ranking.answer(1, 5, .whole, at: 14)
        #expect(ranking.availability(of: 1, now: at(14)) == .available)
    }
}

/// An endpoint is not slow because it was asked for the slower model.
@Suite struct ModelNormalisationTests {
    private typealias Model = (number: UInt32, seconds: Double)

    /// Changes of rank in ten minutes in which both are asked once a second.
    private func changes(_ first: Model, _ second: Model, noise: Double, seed: UInt64) -> Int {
        var generator = SeededRandom(seed: seed)
        var ranking = EndpointRanking(count: 2)
        for tick in 0..<600 {
            let factors = (0..<2).map { _ in Double.random(in: 1 - noise...1 + noise, using: &generator) }
            ranking.answer(0, first.seconds * factors[0], model: first.number, at: Double(tick))
            ranking.answer(1, second.seconds * factors[1], model: second.number, at: Double(tick))
        }
        return ranking.changes.count
    }

    @Test(arguments: 0..<50) func twoEqualEndpointsAskedForTwoModelsKeepTheirPlaces(seed: UInt64) {
        #expect(changes((opus, 3), (haiku, 0.5), noise: 0.05, seed: seed) == 0, "seed \(seed)")
        #expect(changes((haiku, 0.5), (opus, 3), noise: 0.05, seed: seed) == 0, "seed \(seed)")
    }

    /// Where samples scatter by 30 %, a factor that was learnt from eight of them may be a tenth too small: that moves an endpoint once at
    /// most, as two equal ones with one model change places once at most.
    @Test func aFactorWithAnErrorIsNoReasonToGoToAndFro() {
        func sum(_ first: Model, _ second: Model) -> Int {
            (0..<100).reduce(0) { $0 + changes(first, second, noise: 0.3, seed: $1) }
        }
        #expect(sum((opus, 3), (haiku, 0.5)) < 100)
        #expect(sum((haiku, 0.5), (opus, 3)) < 100)
    }

    @Test(arguments: 0..<100) func anEndpointThatIsSlowerForBothModelsLoses(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var ranking = EndpointRanking(count: 2)
        for tick in 0..<200 {
            for (id, slowness) in [(EndpointID(0), 2.0), (1, 1.0)] {
                let noise = Double.random(in: 0.7...1.3, using: &generator)
                let isOpus = Int.random(in: 0..<3, using: &generator) == 0
                ranking.answer(
                    id, (isOpus ? 3 : 0.5) * slowness * noise, model: isOpus ? opus : haiku, at: Double(tick))
            }
        }
        #expect(ranking.order == [1, 0], "seed \(seed)")
        // What is twice as slow is so by its figure, in whatever unit: within the margin that noise has.
        let ratio = (ranking.average(0, at: 200) ?? 0) / (ranking.average(1, at: 200) ?? 1)
        #expect((1.6...2.6).contains(ratio), "seed \(seed): \(ratio)")
    }

    @Test func aModelsSlownessIsNotTheEndpointsAndItsOwnIs() {
        var ranking = EndpointRanking(count: 2)
        for tick in 0..<100 {
            ranking.answer(0, 3, model: opus, at: Double(tick))
            ranking.answer(1, 0.5, model: haiku, at: Double(tick))
        }
        #expect(ranking.order == [0, 1])
        // Four times what it took, and so four times what the other one takes for its model.
        ranking.answer(1, 2, model: haiku, at: 100)
        let ratio = (ranking.average(1, at: 100) ?? 0) / (ranking.average(0, at: 100) ?? 1)
        #expect(abs(ratio - 4) < 1e-6)
        // Five times as slow as usual says little of two that were asked for one model each; thirty times says enough.
        ranking.answer(0, 15, model: opus, at: 101)
        #expect(ranking.order == [0, 1])
        ranking.answer(0, 90, model: opus, at: 102)
        #expect(ranking.order == [1, 0])
    }

    /// One is asked for one model, the other for the other: noise is no reason to change their places, as it would be within one model.
    /// From then on that both are asked for one of them, it is known which of the two is fast.
    @Test(arguments: 0..<50, [false, true])
    func whichOfTwoIsFastIsKnownOnceTheyShareAModel(seed: UInt64, isFirstFast: Bool) {
        var generator = SeededRandom(seed: seed)
        var ranking = EndpointRanking(count: 2)
        func noise() -> Double { Double.random(in: 0.5...2, using: &generator) }
        let (fast, slow) = (0.04, 0.4)
        let (first, second) = isFirstFast ? (fast, slow) : (slow, fast)
        // The second is measured first, by what the first is limited for.
        for tick in 0..<300 {
            ranking.answer(1, second * noise(), model: opus, at: Double(tick) / 10)
            ranking.answer(0, first * noise(), model: haiku, at: Double(tick) / 10)
            #expect(ranking.order == [0, 1], "seed \(seed), \(tick)")
        }
        for tick in 300..<600 {
            ranking.answer(1, second * noise(), model: tick % 3 == 0 ? haiku : opus, at: Double(tick) / 10)
            ranking.answer(0, first * noise(), model: haiku, at: Double(tick) / 10)
        }
        #expect(ranking.order == (isFirstFast ? [0, 1] : [1, 0]), "seed \(seed)")
        #expect(ranking.changes.count == (isFirstFast ? 0 : 1), "seed \(seed)")
    }

    /// Where it matters: the second is asked while the first is limited, and for a model six times as slow. Its own slowness still counts.
    @Test func theOneThatStoodInIsLeftOnlyIfItIsSlower() {
        func switches(_ slowness: Double) -> (Int, leader: Int?) {
            let scenario = Scenario("stand-in", endpoints: 2, seconds: 1_200, seed: 3) { endpoint, second, noise in
                if endpoint == 0, (300..<340).contains(second % 600) { return .rateLimited(retryAfter: .seconds(40)) }
                let isOpus = endpoint == 1 && (second / 3) % 2 == 0
                let seconds = (isOpus ? 3 : 0.5) * (endpoint == 1 ? slowness : 1) * noise
                return .success(ResponseSample(.seconds(seconds), model: isOpus ? opus : haiku))
            }
            let report = RankingSimulator(trace: scenario.trace, start: start).run(.podium(.init()))
            return (report.switches, report.finalOrder.first)
        }
        // Away once, when the limit begins, and not back.
        #expect(switches(1) == (1, leader: 1))
        // Away and back with each limit.
        #expect(switches(4) == (4, leader: 0))
    }

    @Test func withOneModelTimesAreWhatTheyAre() {
        var ranking = EndpointRanking(count: 1)
        ranking.answer(0, 0.123, model: haiku, at: 0)
        #expect(ranking.average(0, at: 0) == 0.123)
        ranking.answer(0, 0.456, model: haiku, at: 1)
        #expect(ranking.average(0, at: 1) == 0.456)
    }

    @Test func figuresAreShownInTheTimeOfTheModelThatIsAskedForMost() {
        var ranking = EndpointRanking(count: 1)
        ranking.answer(0, 0.5, model: haiku, at: 0)
        for tick in 1...40 { ranking.answer(0, 3, model: opus, at: Double(tick)) }
        #expect(ranking.average(0, at: 40).map { abs($0 - 3) < 1e-6 } == true)
    }
}

@Suite struct ModelFactorsTests {
    private func moment(_ second: Int) -> RankingTime { RankingTime(nanoseconds: Int64(second) * 1_000_000_000) }

    @Test func aFactorIsTheMeanOfItsLessons() {
        var factors = ModelFactors()
        #expect(factors.normalise(3, of: opus, level: nil, usual: nil, previous: nil, at: moment(0)) == 3)
        // Half of them are a third above 0.5, half a third below: on average 1/6 of what the first model takes.
        for lesson in 0..<Int(ModelFactors.lessons) {
            let seconds = 0.5 * (lesson % 2 == 0 ? 4 : 2) / 3
            #expect(factors.normalise(seconds, of: haiku, level: 3, usual: 3, previous: nil, at: moment(lesson)) == nil)
        }
        let normalised = factors.normalise(0.5, of: haiku, level: 3, usual: 3, previous: nil, at: moment(20))
        #expect(normalised.map { abs($0 - 3) < 1e-9 } == true)
    }

    /// It was learnt while the endpoint had a bad time: pairs of samples mend it, and neither one nor an odd one moves it far.
    @Test func pairsOfSamplesMendAFactor() {
        var factors = ModelFactors()
        _ = factors.normalise(3, of: opus, level: nil, usual: nil, previous: nil, at: moment(0))
        for lesson in 0..<Int(ModelFactors.lessons) {
            _ = factors.normalise(1, of: haiku, level: 3, usual: 3, previous: nil, at: moment(lesson))
        }
        let previous = ModelFactors.Previous(model: opus, seconds: 3, at: moment(100))
        #expect(
            factors.normalise(0.5, of: haiku, level: 3, usual: 3, previous: nil, at: moment(100)).map {
                abs($0 - 1.5) < 1e-9
            }
                == true)
        var odd = factors
        _ = odd.normalise(1_000, of: haiku, level: 3, usual: 3, previous: previous, at: moment(100))
        let after = odd.normalise(0.5, of: haiku, level: 3, usual: 3, previous: nil, at: moment(100)) ?? 0
        // It was the tenth sample: twice a tenth is the most that a pair can do then.
        #expect(after > 1.5 / 1.21 && after < 1.5)
        for _ in 0..<400 {
            _ = factors.normalise(0.5, of: haiku, level: 3, usual: 3, previous: previous, at: moment(100))
        }
        let mended = factors.normalise(0.5, of: haiku, level: 3, usual: 3, previous: nil, at: moment(100)) ?? 0
        #expect(abs(mended - 3) < 0.03)
    }

    @Test func twoSamplesFarApartTellNothing() {
        var factors = ModelFactors()
        _ = factors.normalise(3, of: opus, level: nil, usual: nil, previous: nil, at: moment(0))
        for lesson in 0..<Int(ModelFactors.lessons) {
            _ = factors.normalise(1, of: haiku, level: 3, usual: 3, previous: nil, at: moment(lesson))
        }
        let previous = ModelFactors.Previous(model: opus, seconds: 3, at: moment(0))
        for _ in 0..<100 {
            _ = factors.normalise(0.5, of: haiku, level: 3, usual: 3, previous: previous, at: moment(300))
        }
        let normalised = factors.normalise(0.5, of: haiku, level: 3, usual: 3, previous: nil, at: moment(300))
        #expect(normalised.map { abs($0 - 1.5) < 1e-9 } == true)
    }

    /// Strangers choose names.
    @Test func manyNamesNeitherFillTheMemoryNorPushOutWhatIsInUse() {
        var factors = ModelFactors()
        for second in 0...Int(ModelFactors.lessons) {
            for model in 1...UInt32(ModelFactors.capacity - 1) {
                _ = factors.normalise(1, of: model, level: 1, usual: 1, previous: nil, at: moment(second))
            }
        }
        for name in 0..<10_000 {
            let known = factors.normalise(
                1, of: UInt32(1_000 + name), level: 1, usual: 1, previous: nil, at: moment(30))
            #expect(known == nil)
        }
        #expect(factors.count == ModelFactors.capacity)
        for model in 1...UInt32(ModelFactors.capacity - 1) {
            #expect(factors.normalise(2, of: model, level: 1, usual: 1, previous: nil, at: moment(31)) == 2)
        }
        // What nobody asks for any more makes room, when there is no other.
        for second in 32...60 {
            _ = factors.normalise(1, of: 77, level: 1, usual: 1, previous: nil, at: moment(second))
        }
        for second in 4_000...4_020 {
            _ = factors.normalise(1, of: 88, level: 1, usual: 1, previous: nil, at: moment(second))
        }
        #expect(factors.normalise(2, of: 88, level: 1, usual: 1, previous: nil, at: moment(4_021)) == 2)
        #expect(factors.count == ModelFactors.capacity)
    }
}
