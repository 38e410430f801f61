import TestSupport
import Testing

@testable import Ranking

/// docs/states.md shows exactly the transitions that a breaker can make.
@Suite struct BreakerDiagramTests {
    private typealias Transition = StateDiagram.Transition

    private static func name(_ breaker: Breaker) -> String {
        switch (breaker.state, breaker.cause) {
        case (.closed, _): "closed"
        case (.open, .credentialRefused): "refused"
        case (.open, _): "open"
        case (.halfOpen, _): "half_open"
        }
    }

    /// What can happen to a breaker, by the diagram's names.
    private static func happen(
        _ event: String, to breaker: inout Breaker, at now: inout RankingTime, _ random: inout SeededRandom
    ) {
        let settings = EndpointRanking.Settings()
        let source: AttemptSource = random.next() % 4 == 0 ? .probe : .traffic
        let kinds: [FailureKind] = [.connect, .timeout, .status(502), .brokenStream]
        let kind = kinds[Int(random.next() % 4)]
        let lot = random.next()
        func record(_ event: Breaker.Event) {
            breaker.record(event, from: source, at: now, settings: settings) { lot }
        }
        switch event {
        case "success": record(.success)
        case "completion": record(.completion)
        case "failure": record(.failure(kind))
        case "credential_refused": record(.credentialRefused(status: 401))
        case "first_byte": breaker.recordFirstByte(at: now, settings: settings)
        case "credential_changed": breaker.credentialChanged()
        default:
            now = now + .seconds(Int(random.next() % 400))
            breaker.advance(to: now)
        }
    }

    @Test func theDiagramShowsEveryTransitionAndNoOther() throws {
        let events = [
            "success", "completion", "failure", "credential_refused", "first_byte", "credential_changed", "time",
        ]
        var reached: Set<Transition> = []
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var breaker = Breaker()
            var now = RankingTime(nanoseconds: 0)
            for _ in 0..<200 {
                let before = Self.name(breaker)
                let event = events[Int(random.next() % UInt64(events.count))]
                Self.happen(event, to: &breaker, at: &now, &random)
                if Self.name(breaker) != before { reached.insert(Transition(before, event, Self.name(breaker))) }
            }
        }
        let diagram = try StateDiagram(page: "docs/states.md", heading: "The breaker")
        #expect(diagram.initial == [Self.name(Breaker())])
        #expect(diagram.transitions.subtracting(reached).sorted() == [])
        #expect(reached.subtracting(diagram.transitions).sorted() == [])
    }
}
