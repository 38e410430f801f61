import Testing

@testable import Engine

struct TrafficWindowTests {
    @Test func countsSuccessesAndFailuresOfTheLastMinute() {
        var window = TrafficWindow()
        for second in Int64(0)..<60 {
            window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(100), second: second)
            window.recordAttempt(succeeded: second % 2 == 0, timeToFirstByte: .milliseconds(100), second: second)
        }
        let summary = window.summary(second: 59)
        // 60 + 60 attempts, of which 30 failed.
        #expect(summary.attempts == 120)
        #expect(summary.failures == 30)
        #expect(summary.successRatio == 0.75)
        // Two a second over the ten whole seconds before this one.
        #expect(summary.attemptsPerSecond == 2)
    }

    @Test func forgetsWhatIsOlderThanAMinute() {
        var window = TrafficWindow()
        window.recordAttempt(succeeded: false, timeToFirstByte: nil, second: 5)
        window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(1), second: 65)
        let summary = window.summary(second: 65)
        #expect(summary.successRatio == 1)
        #expect(summary.failures == 1)
        #expect(window.summary(second: 200).successRatio == nil)
    }

    @Test func aGapLeavesEmptySecondsNotOldOnes() {
        var window = TrafficWindow()
        window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(10), second: 0)
        window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(20), second: 30)
        let series = window.summary(second: 30).firstByteMillisecondsSeries
        #expect(series.count == 60)
        #expect(series[59] == 20)
        #expect(series[29] == 10)
        #expect(series.compactMap { $0 }.count == 2)
    }

    @Test func percentilesComeWithinOnePercent() throws {
        var window = TrafficWindow()
        for milliseconds in 1...100 {
            window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(milliseconds), second: 3)
        }
        let percentiles = try #require(window.summary(second: 4).firstByte)
        // Two significant digits: an error of at most one in a hundred.
        #expect(abs(percentiles.p50 / .milliseconds(50) - 1) <= 0.01)
        #expect(abs(percentiles.p95 / .milliseconds(95) - 1) <= 0.01)
        #expect(window.summary(second: 3 + 121).firstByte == nil)
    }

    @Test func aSuccessTakenBackIsOneAttemptAndOneFailure() {
        var window = TrafficWindow()
        window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(10), second: 1)
        window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(10), second: 2)
        window.takeBackSuccess(second: 4)
        let summary = window.summary(second: 5)
        #expect(summary.attempts == 2)
        #expect(summary.failures == 1)
        #expect(summary.successRatio == 0.5)
        // Its beginning has left the window, its end has not.
        #expect(window.summary(second: 63).successRatio == 0)
    }

    @Test func totalsAreKeptSinceStart() {
        var window = TrafficWindow()
        window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(30), second: 1)
        window.recordAttempt(succeeded: true, timeToFirstByte: .milliseconds(12), second: 400)
        window.recordBytes(in: 7, out: 11, second: 2)
        window.recordBytes(in: 1, out: 2, second: 400)
        let summary = window.summary(second: 900)
        #expect(summary.bytesIn == 8)
        #expect(summary.bytesOut == 13)
        #expect(summary.firstByteSamples == 2)
        #expect(summary.firstByteTotal == .milliseconds(42))
        #expect(summary.bytesOutPerSecond == 0)
    }

    @Test func failuresSayNothingAboutResponseTime() {
        var window = TrafficWindow()
        window.recordAttempt(succeeded: false, timeToFirstByte: .seconds(9), second: 1)
        #expect(window.summary(second: 2).firstByte == nil)
    }
}
