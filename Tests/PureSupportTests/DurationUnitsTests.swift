import Testing

@testable import PureSupport

struct DurationUnitsTests {
    /// By the long way: what the short one has to agree with.
    private func parts(_ duration: Duration) -> (seconds: Int64, nanoseconds: Int64, microseconds: UInt64) {
        let (seconds, attoseconds) = duration.components
        return (
            seconds, seconds * 1_000_000_000 + attoseconds / 1_000_000_000,
            duration < .zero ? 0 : UInt64(seconds) * 1_000_000 + UInt64(attoseconds / 1_000_000_000_000)
        )
    }

    @Test func theShortWayAgreesWithTheLongOne() {
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let seconds = Int64(bitPattern: state >> (state & 63)) % 9_000_000_000
            let attoseconds = Int64(bitPattern: state &* 31 >> (state >> 8 & 63)) % 1_000_000_000_000_000_000
            let sign: Int64 = state & 0x1_0000 == 0 ? 1 : -1
            let duration = Duration(
                secondsComponent: sign * abs(seconds), attosecondsComponent: sign * abs(attoseconds))
            let expected = parts(duration)
            #expect(duration.wholeSeconds == expected.seconds)
            #expect(duration.wholeNanoseconds == expected.nanoseconds)
            #expect(duration.wholeMicroseconds == expected.microseconds)
        }
    }

    @Test func unitsAreRoundedTowardsZero() {
        #expect(Duration.nanoseconds(1_999).wholeMicroseconds == 1)
        #expect(Duration.milliseconds(1_999).wholeSeconds == 1)
        #expect(Duration.milliseconds(-1_999).wholeSeconds == -1)
        #expect(Duration.zero.wholeNanoseconds == 0)
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 999_999_999).wholeNanoseconds == 0)
    }

    @Test func whatDoesNotFitSaturates() {
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == .min)
        #expect(Duration.seconds(Int64.max).wholeMicroseconds == .max)
        #expect(Duration.seconds(-1).wholeMicroseconds == 0)
        #expect(Duration.seconds(Int64.max).wholeSeconds == .max)
    }

    @Test func secondsOfJSONKeepEveryDigit() {
        #expect(Duration.seconds(0.3).inSeconds == 0.3)
        #expect(Duration.milliseconds(1_500).inSeconds == 1.5)
        #expect(Duration.microseconds(2_500).inMilliseconds == 2.5)
        #expect(Duration.milliseconds(1_500).secondsToTheNanosecond == 1.5)
        // What is below a nanosecond is dropped, which is why figures for people do not come this way.
        #expect(Duration(secondsComponent: 0, attosecondsComponent: 999_999_999).secondsToTheNanosecond == 0)
    }

    @Test(arguments: [
        (Duration.microseconds(3_240), "3.2 ms"), (.milliseconds(812), "812 ms"), (.milliseconds(2_900), "2.9 s"),
        (.milliseconds(3_199), "3.2 s"), (.seconds(12), "12 s"), (.seconds(282), "4m42s"), (.seconds(3_900), "1h05m"),
        (.seconds(7_500), "2h05m"), (.seconds(187_920), "2d 4h"), (.seconds(-1), "0 ms"), (.zero, "0 ms"),
    ])
    func textHasThreeDigitsAtMost(duration: Duration, text: String) {
        #expect(duration.shortText == text)
    }
}
