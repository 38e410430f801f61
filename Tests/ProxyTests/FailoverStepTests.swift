import LLMWire
import NIOCore
import NIOEmbedded
import Ranking
import Testing

@testable import Proxy

/// Which endpoint a request goes to next, without any of them.
struct FailoverStepTests {
    private let request = CurrentRequest(decodedLimit: 1 << 20)
    private let attempt = CurrentAttempt()
    private let failover = Failover()

    private func candidate(
        _ id: UInt32, gate: Candidate.Gate = .open, lacks: OpenAIAPI? = nil, servesAll: Bool = true
    ) throws -> Candidate {
        let url = try UpstreamURL("http://127.0.0.1:\(1000 + id)")
        let upstream = try Upstream(
            id: EndpointID(id), name: "endpoint-\(id)", anyURL: servesAll ? url : nil,
            anthropicURL: servesAll ? nil : url, lacks: lacks)
        return Candidate(upstream: upstream, gate: gate)
    }

    private func begin(
        _ candidates: [Candidate], admits: @escaping @Sendable (EndpointID) -> Bool = { _ in true }
    ) -> LoopContext {
        let table = RoutingTable(candidates: candidates)
        failover.begin(table)
        return LoopContext(
            eventLoop: EmbeddedEventLoop(), shared: SharedState(options: ProxyOptions(), routes: table),
            events: ProxyEvents(admitHalfOpen: admits), seed: 1)
    }

    /// The endpoints asked until there is none left, or the body is waited for.
    private func walk(
        _ loop: LoopContext, halfOpen: ExchangeStateMachine.HalfOpen = .ask
    ) -> (asked: [EndpointID], isExhausted: Bool) {
        var asked: [EndpointID] = []
        while true {
            switch failover.nextStep(of: request, attempt, halfOpen: halfOpen, on: loop) {
            case .ask: if let upstream = attempt.upstream { asked.append(upstream.id) }
            case .waitForBody: return (asked, false)
            case .exhausted: return (asked, true)
            }
        }
    }

    @Test func eachEndpointIsAskedOnceInOrder() throws {
        let loop = begin([try candidate(3), try candidate(1), try candidate(2)])
        #expect(failover.hasNext(for: request))
        let (asked, isExhausted) = walk(loop)
        #expect(asked == [3, 1, 2].map { EndpointID($0) } && isExhausted)
        #expect(!failover.hasNext(for: request))
        // The next request begins anew.
        failover.begin(RoutingTable(candidates: [try candidate(7)]))
        #expect(walk(loop).asked == [EndpointID(7)])
    }

    @Test func endpointsThatDoNotServeTheAPIAreSkipped() throws {
        let candidates = [
            try candidate(1, servesAll: false), try candidate(2, lacks: .responses), try candidate(3),
            try candidate(4, lacks: .responses),
        ]
        request.api = .openAI
        request.openAIAPI = .responses
        let loop = begin(candidates)
        #expect(walk(loop).asked == [EndpointID(3)])
        failover.begin(RoutingTable(candidates: candidates))
        _ = failover.nextStep(of: request, attempt, halfOpen: .ask, on: loop)
        // The fourth lacks what is asked for, so nothing is left.
        #expect(!failover.hasNext(for: request))
    }

    @Test func anEndpointThatDoesNotKnowThePathIsAskedLastAndNamed() throws {
        let candidates = [try candidate(1), try candidate(2)]
        request.operation = .countTokens
        candidates[0].upstream.unknownPaths.insert(.countTokens, now: request.started)
        let loop = begin(candidates)
        #expect(walk(loop).asked == [EndpointID(2), EndpointID(1)])
        #expect(failover.passes == [PassedOver(EndpointID(1), .pathUnknown)])
        failover.begin(RoutingTable(candidates: [try candidate(3)]))
        #expect(failover.passes.isEmpty)
    }

    @Test func aHalfOpenEndpointIsAskedIfTheRankingAdmits() throws {
        let candidates = [try candidate(1, gate: .halfOpen), try candidate(2, gate: .halfOpen), try candidate(3)]
        let loop = begin(candidates, admits: { $0 == EndpointID(2) })
        #expect(walk(loop).asked == [EndpointID(2), EndpointID(3)])
    }

    @Test func aHalfOpenEndpointWaitsForTheBodyAndKeepsItsPlace() throws {
        let loop = begin([try candidate(1), try candidate(2, gate: .halfOpen), try candidate(3)])
        let first = walk(loop, halfOpen: .waitForBody)
        #expect(first.asked == [EndpointID(1)] && !first.isExhausted)
        #expect(walk(loop).asked == [EndpointID(2), EndpointID(3)])
    }

    /// The body is too long to be kept until all of it is here.
    @Test func aHalfOpenEndpointIsSkippedWhereOthersAreLeft() throws {
        let loop = begin([try candidate(1, gate: .halfOpen), try candidate(2), try candidate(3, gate: .halfOpen)])
        #expect(walk(loop, halfOpen: .skipIfOthersAreLeft).asked == [EndpointID(2), EndpointID(3)])
    }
}
