import Testing

@testable import Sockets

/// Times in nanoseconds from an arbitrary beginning.
struct TurnPacingTests {
    private static let start = 1_000_000_000

    /// A loop on which `running` requests are under way and, in the period that has just ended, `started` began.
    private func pacing(running: Int, started: Int) -> TurnPacing {
        var pacing = TurnPacing()
        // Closes the period before.
        _ = pacing.rest(turnBegan: Self.start, now: Self.start)
        for _ in 0..<started { pacing.requestStarted() }
        for _ in 0..<started - running { pacing.requestEnded() }
        _ = pacing.rest(turnBegan: periodEnd, now: periodEnd)
        return pacing
    }

    private var periodEnd: Int { Self.start + TurnPacing.period }

    @Test func turnsOfABusyLoopBeginAnIntervalApart() {
        var pacing = pacing(running: 20, started: 60)
        let began = periodEnd + 100_000
        #expect(pacing.rest(turnBegan: began, now: began + 30_000) == TurnPacing.interval - 30_000)
        #expect(pacing.rest(turnBegan: began, now: began + TurnPacing.interval) == 0)
        #expect(pacing.rest(turnBegan: began, now: began + TurnPacing.interval + 1) == 0)
    }

    @Test func aTurnThatWasNotTimedIsNotPaced() {
        var pacing = pacing(running: 20, started: 60)
        #expect(pacing.rest(turnBegan: 0, now: periodEnd + 1) == 0)
    }

    @Test func streamsThatGoOnAreNotHeldUp() {
        var pacing = TurnPacing()
        _ = pacing.rest(turnBegan: Self.start, now: Self.start)
        for _ in 0..<5_000 { pacing.requestStarted() }
        _ = pacing.rest(turnBegan: periodEnd, now: periodEnd)
        // All of them run on, and none begins.
        let next = periodEnd + TurnPacing.period
        #expect(pacing.rest(turnBegan: next, now: next) == 0)
        #expect(pacing.isBusy)
        #expect(pacing.rest(turnBegan: next + 10, now: next + 20) == 0)
    }

    @Test(arguments: [(31, 0), (32, TurnPacing.interval)])
    func itTakesSixteenThousandRequestsASecond(started: Int, expected: Int) {
        var pacing = pacing(running: 8, started: started)
        #expect(pacing.rest(turnBegan: periodEnd + 1, now: periodEnd + 1) == expected)
    }

    @Test func nobodyWaitsForCompanyThatCannotCome() {
        var pacing = pacing(running: 8, started: 60)
        pacing.requestEnded()
        #expect(!pacing.isBusy)
        #expect(pacing.rest(turnBegan: periodEnd + 1, now: periodEnd + 1) == 0)
        pacing.requestStarted()
        #expect(pacing.rest(turnBegan: periodEnd + 1, now: periodEnd + 1) == TurnPacing.interval)
    }

    @Test func aPeriodThatNobodyClosedInTimeSaysNothing() {
        var pacing = TurnPacing()
        _ = pacing.rest(turnBegan: Self.start, now: Self.start)
        for _ in 0..<1_000 { pacing.requestStarted() }
        let late = Self.start + 2 * TurnPacing.period
        #expect(pacing.rest(turnBegan: late, now: late) == 0)
    }
}
