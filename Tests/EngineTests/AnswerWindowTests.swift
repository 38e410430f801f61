import Ranking
import Testing

@testable import Engine

/// First content, whole answers and speed, each in a window of its own.
struct AnswerWindowTests {
    /// Values are known to an eighth of an octave, of which the middle is shown: 1/16 at most.
    private func isNear(_ value: Double?, _ expected: Double) -> Bool {
        value.map { abs($0 / expected - 1) <= 1.0 / 16 } ?? false
    }

    @Test func figuresAreKeptApart() {
        var window = AnswerWindow()
        for _ in 0..<19 {
            window.record(ResponseSample(.milliseconds(400), kind: .stream), second: 10)
            window.record(ResponseSample(.seconds(8), kind: .whole), second: 10)
            window.record(tokensPerSecond: 70, second: 10)
        }
        window.record(ResponseSample(.seconds(3), kind: .stream), second: 11)
        window.record(ResponseSample(.seconds(60), kind: .whole), second: 11)
        window.record(tokensPerSecond: 5, second: 11)
        let summary = window.summary(second: 12)
        #expect(isNear(summary.firstContent?.median, 0.4))
        #expect(isNear(summary.whole?.median, 8))
        #expect(isNear(summary.speed?.median, 70))
        // The worst of twenty is beyond the 95th percentile; of speeds, the low end is the worse one.
        #expect(isNear(summary.firstContent?.worst, 0.4))
        #expect(isNear(summary.speed?.worst, 5))
        for _ in 0..<2 { window.record(ResponseSample(.seconds(3), kind: .stream), second: 12) }
        #expect(isNear(window.summary(second: 12).firstContent?.worst, 3))
    }

    @Test func fiveMinutesAreShownAndTenForgotten() {
        var window = AnswerWindow()
        window.record(ResponseSample(.milliseconds(400)), second: 1_000)
        #expect(window.summary(second: 1_299).firstContent != nil)
        window.record(ResponseSample(.seconds(4)), second: 1_300)
        let both = window.summary(second: 1_300).firstContent
        #expect(isNear(both?.median, 0.4) && isNear(both?.worst, 4))
        #expect(window.summary(second: 1_900).firstContent == nil)
        #expect(AnswerWindow().summary(second: 0) == AnswerWindow.Summary())
    }

    @Test(arguments: [0, 1, 7, 8, 9, 100, 999, 123_456, 5_000_000, 3_600_000_000] as [Int64])
    func everyTimeHasItsPlace(microseconds: Int64) {
        var window = AnswerWindow()
        window.record(ResponseSample(.microseconds(microseconds)), second: 0)
        let shown = window.summary(second: 0).firstContent?.median
        #expect(microseconds < 8 ? shown == Double(microseconds) / 1e6 : isNear(shown, Double(microseconds) / 1e6))
    }
}
