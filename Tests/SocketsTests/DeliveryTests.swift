import NIOCore
import Testing

@testable import Sockets

/// What may be sent again, judged by what the other side's kernel has confirmed.
struct DeliveryTests {
    private func nothing(
        _ segments: Int, _ bytes: Int, since: Int64, queued: Int = 0, of size: Int, isExact: Bool = true
    ) -> Bool {
        Delivery(
            unconfirmedSegments: segments, unconfirmedBytes: bytes, sinceConfirmation: .milliseconds(since),
            queuedBytes: queued
        ).confirmsNothing(of: size, isExact: isExact, writtenBefore: .milliseconds(1_000))
    }

    @Test func whatIsConfirmedInPartIsConfirmed() {
        #expect(nothing(1, 100, since: 5_000, of: 100))
        #expect(!nothing(0, 0, since: 990, of: 100))
        #expect(!nothing(1, 99, since: 5_000, of: 100))
        // The other side repeats itself, and does not hear.
        #expect(nothing(1, 100, since: 10, of: 100))
    }

    @Test func encryptedItHasToBeSilentAsWell() {
        #expect(nothing(3, 4_300, since: 5_000, of: 4_096, isExact: false))
        #expect(nothing(3, 4_300, since: 981, of: 4_096, isExact: false))
        #expect(!nothing(3, 4_300, since: 979, of: 4_096, isExact: false))
        #expect(!nothing(3, 4_000, since: 5_000, of: 4_096, isExact: false))
    }

    /// What the kernel has not taken cannot be confirmed; how much of what it has taken is of this message cannot be told.
    @Test func whatIsQueuedHereIsNotThere() {
        #expect(nothing(9, 60_000, since: 5_000, queued: 40_000, of: 100_000))
        #expect(!nothing(9, 60_000, since: 10, queued: 40_000, of: 100_000))
        #expect(!nothing(9, 50_000, since: 5_000, queued: 40_000, of: 100_000))
    }
}
