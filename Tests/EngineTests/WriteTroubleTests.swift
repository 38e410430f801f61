import History
import Testing

@testable import Engine

@Suite("What becomes of writes that fail")
struct WriteTroubleTests {
    @Test("A problem is told once, one that passes only where it lasts, and its end only where it was told")
    func telling() {
        var trouble = WriteTrouble()
        #expect(
            (1...8).map { _ in trouble.failed(.busy).isTold } == [
                false, false, false, false, false, true, false, false,
            ])
        #expect(trouble.succeeded() && !trouble.succeeded())
        #expect(!trouble.failed(.busy).isTold && !trouble.succeeded())
        #expect(trouble.failed(.full).isTold && !trouble.failed(.full).isTold)
        #expect(trouble.failed(.held("x")).isTold && trouble.told == .held("x"))
        #expect(trouble.succeeded() && trouble.told == nil)
    }

    @Test(
        "What is tried when: a full disk each minute, other problems after longer and longer pauses, a lock the next time"
    )
    func pauses() {
        var trouble = WriteTrouble()
        #expect(
            (1...8).map { _ in trouble.failed(.failed("x")).rest }
                == [2, 4, 8, 16, 32, 60, 60, 60].map { .seconds($0) })
        #expect(trouble.failed(.busy).rest == nil && trouble.failed(.held("x")).rest == nil)
        #expect(trouble.failed(.full).rest == .seconds(60) && !trouble.failed(.full).isClosed)
        let damaged = trouble.failed(.damaged("x"))
        #expect(damaged.isClosed && damaged.isDistrusted && !damaged.isRefused)
        let refused = trouble.failed(.refused("x"))
        #expect(refused.isClosed && refused.isRefused && !refused.isDistrusted)
        _ = trouble.succeeded()
        #expect(trouble.failed(.failed("x")).rest == .seconds(2))
    }
}
