import Testing

@testable import Terminal

@Suite("Frame pacing")
struct FramePacingTests {
    private let start = ContinuousClock.now

    private func expect(
        _ draws: Bool, _ pacing: inout FramePacing, isUrgent: Bool = false, after wait: Duration = .zero,
        at location: SourceLocation = #_sourceLocation
    ) {
        let answer = pacing.mayDraw(isUrgent: isUrgent, now: start + wait)
        #expect(answer == draws, sourceLocation: location)
    }

    @Test("A picture waits for the one before; keys may run four ahead")
    func waits() {
        var pacing = FramePacing(asks: true)
        expect(true, &pacing)
        pacing.sent(now: start)
        expect(false, &pacing)
        for _ in 0..<3 {
            expect(true, &pacing, isUrgent: true)
            pacing.sent(now: start)
        }
        expect(false, &pacing, isUrgent: true)
        for _ in 0..<4 { pacing.answered() }
        expect(true, &pacing)
        #expect(!pacing.isWaiting)
    }

    @Test("A terminal that never answers is not asked again")
    func silent() {
        var pacing = FramePacing(asks: true)
        pacing.sent(now: start)
        expect(false, &pacing, after: .milliseconds(1_999))
        expect(true, &pacing, after: .seconds(2))
        #expect(!pacing.asks)
        pacing.sent(now: start)
        expect(true, &pacing, after: .seconds(2))
    }

    @Test("A lost answer stops the picture for ten seconds at most")
    func lost() {
        var pacing = FramePacing(asks: true)
        pacing.sent(now: start)
        pacing.answered()
        pacing.sent(now: start)
        expect(false, &pacing, after: .milliseconds(9_999))
        expect(true, &pacing, after: .seconds(10))
        #expect(pacing.asks)
    }
}
