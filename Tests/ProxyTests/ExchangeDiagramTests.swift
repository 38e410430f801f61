import TestSupport
import Testing

@testable import Proxy

/// docs/states.md shows exactly the transitions that the exchange can make.
struct ExchangeDiagramTests {
    @Test func theDiagramShowsEveryTransitionAndNoOther() throws {
        let states = ExchangeState.allCases
        var legal: Set<[String]> = []
        for state in states {
            for next in states where state.canBecome(next) { legal.insert(["\(state)", "\(next)"]) }
        }
        let diagram = try StateDiagram(page: "docs/states.md", heading: "The exchange")
        #expect(diagram.initial == ["idle"] && diagram.final == ["closed"])
        #expect(diagram.states == Set(states.map { "\($0)" }))
        #expect(diagram.arrows.subtracting(legal) == [])
        #expect(legal.subtracting(diagram.arrows) == [])
    }
}
