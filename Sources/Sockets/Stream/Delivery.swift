package import NIOCore

/// What the other side's kernel has confirmed of what was sent to it.
package struct Delivery: Sendable, Equatable {
    /// Jiffies of old kernels, twice.
    private static let granularity = TimeAmount.milliseconds(20)

    package var unconfirmedSegments: Int
    /// That the kernel has, sent or not.
    package var unconfirmedBytes: Int
    /// Since it confirmed anything at all.
    package var sinceConfirmation: TimeAmount
    /// That the kernel has not taken.
    package var queuedBytes: Int

    package init(
        unconfirmedSegments: Int, unconfirmedBytes: Int, sinceConfirmation: TimeAmount, queuedBytes: Int = 0
    ) {
        self.unconfirmedSegments = unconfirmedSegments
        self.unconfirmedBytes = unconfirmedBytes
        self.sinceConfirmation = sinceConfirmation
        self.queuedBytes = queuedBytes
    }

    /// Whether not a single byte of a message was confirmed. In doubt one was: what the other side has may be worked on, and
    /// billed.
    ///
    /// - Parameters:
    ///   - size: of the message, in bytes
    ///   - isExact: there is no more to it; otherwise (encryption, chunks) a part of it may be confirmed though as much as `size`
    ///     is not, and only a side that has confirmed nothing at all since then has confirmed nothing of it
    ///   - age: since the message was written, behind everything that came before it
    package func confirmsNothing(of size: Int, isExact: Bool, writtenBefore age: TimeAmount) -> Bool {
        guard unconfirmedSegments > 0, unconfirmedBytes >= size - queuedBytes else { return false }
        return isExact && queuedBytes == 0 || sinceConfirmation >= age - Self.granularity
    }
}
