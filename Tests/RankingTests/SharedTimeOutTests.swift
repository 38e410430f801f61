import Testing

@testable import Ranking

private let epoch = ContinuousClock.now

/// Time outs that another process has begun.
@Suite struct SharedTimeOutTests {
    private static func ranking() -> EndpointRanking {
        EndpointRanking(
            endpoints: [.init(id: EndpointID(0), priority: 1), .init(id: EndpointID(1), priority: 2)], now: epoch)
    }

    private static func timeOut(_ seconds: Int, model: String? = nil) -> StandingTimeOut {
        StandingTimeOut(
            endpoint: EndpointID(0), model: model, until: epoch + .seconds(seconds),
            cause: .refusal(TimeOutReason(.rateLimited, status: 429)))
    }

    @Test func itLeavesTheEndpointOutUntilItsEnd() {
        var ranking = Self.ranking()
        #expect(ranking.resume(Self.timeOut(60), now: epoch).candidatesChanged)
        #expect(ranking.candidates(now: epoch).map(\.endpoint) == [EndpointID(1)])
        _ = ranking.advance(now: epoch + .seconds(61))
        #expect(ranking.candidates(now: epoch + .seconds(61)).count == 2)
    }

    @Test func itNeverShortensOneThatRuns() {
        var ranking = Self.ranking()
        _ = ranking.resume(Self.timeOut(60), now: epoch)
        #expect(!ranking.resume(Self.timeOut(30), now: epoch).candidatesChanged)
        #expect(ranking.standingTimeOuts(now: epoch).map(\.until) == [epoch + .seconds(60)])
    }

    @Test func oneOfAModelLeavesTheOthersBe() {
        var ranking = Self.ranking()
        #expect(ranking.resume(Self.timeOut(60, model: "m"), now: epoch).candidatesChanged)
        #expect(!ranking.resume(Self.timeOut(90, model: "m"), now: epoch).candidatesChanged)
        #expect(ranking.limitedModels(of: EndpointID(0), now: epoch).map(\.until) == [epoch + .seconds(90)])
        #expect(ranking.clear(EndpointID(0), now: epoch).isCleared)
        #expect(ranking.limitedModels(of: EndpointID(0), now: epoch).isEmpty)
    }

    @Test func oneThatIsOverOrOfARefusedCredentialIsNothing() {
        var ranking = Self.ranking()
        #expect(!ranking.resume(Self.timeOut(-1), now: epoch).candidatesChanged)
        let refused = StandingTimeOut(
            endpoint: EndpointID(0), until: epoch + .seconds(9), cause: .credential(status: 401))
        #expect(!ranking.resume(refused, now: epoch).candidatesChanged)
    }
}
