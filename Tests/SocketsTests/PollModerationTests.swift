import Testing

@testable import Sockets

/// Times in nanoseconds from an arbitrary beginning.
struct PollModerationTests {
    private static let start = 1_000_000_000

    /// A loop on which `running` requests are under way and, in the period that has just ended, `started` began.
    private func moderation(running: Int, started: Int) -> PollModeration {
        var moderation = PollModeration()
        // Closes the period before.
        _ = moderation.pause(tickBegan: Self.start, now: Self.start)
        for _ in 0..<started { moderation.requestStarted() }
        for _ in 0..<started - running { moderation.requestEnded() }
        _ = moderation.pause(tickBegan: periodEnd, now: periodEnd)
        return moderation
    }

    private var periodEnd: Int { Self.start + PollModeration.period }

    @Test func turnsOfABusyLoopBeginAnIntervalApart() {
        var moderation = moderation(running: 20, started: 60)
        let began = periodEnd + 100_000
        #expect(moderation.pause(tickBegan: began, now: began + 30_000) == PollModeration.interval - 30_000)
        #expect(moderation.pause(tickBegan: began, now: began + PollModeration.interval) == 0)
        #expect(moderation.pause(tickBegan: began, now: began + PollModeration.interval + 1) == 0)
    }

    @Test func aTurnThatWasNotTimedIsNotPaced() {
        var moderation = moderation(running: 20, started: 60)
        #expect(moderation.pause(tickBegan: 0, now: periodEnd + 1) == 0)
    }

    @Test func streamsThatGoOnAreNotHeldUp() {
        var moderation = PollModeration()
        _ = moderation.pause(tickBegan: Self.start, now: Self.start)
        for _ in 0..<5_000 { moderation.requestStarted() }
        _ = moderation.pause(tickBegan: periodEnd, now: periodEnd)
        // All of them run on, and none begins.
        let next = periodEnd + PollModeration.period
        #expect(moderation.pause(tickBegan: next, now: next) == 0)
        #expect(moderation.isBusy)
        #expect(moderation.pause(tickBegan: next + 10, now: next + 20) == 0)
    }

    @Test(arguments: [(31, 0), (32, PollModeration.interval)])
    func itTakesSixteenThousandRequestsASecond(started: Int, expected: Int) {
        var moderation = moderation(running: 8, started: started)
        #expect(moderation.pause(tickBegan: periodEnd + 1, now: periodEnd + 1) == expected)
    }

    @Test func nobodyWaitsForCompanyThatCannotCome() {
        var moderation = moderation(running: 8, started: 60)
        moderation.requestEnded()
        #expect(!moderation.isBusy)
        #expect(moderation.pause(tickBegan: periodEnd + 1, now: periodEnd + 1) == 0)
        moderation.requestStarted()
        #expect(moderation.pause(tickBegan: periodEnd + 1, now: periodEnd + 1) == PollModeration.interval)
    }

    @Test func aPeriodThatNobodyClosedInTimeSaysNothing() {
        var moderation = PollModeration()
        _ = moderation.pause(tickBegan: Self.start, now: Self.start)
        for _ in 0..<1_000 { moderation.requestStarted() }
        let late = Self.start + 2 * PollModeration.period
        #expect(moderation.pause(tickBegan: late, now: late) == 0)
    }
}
