import Cluster
import Testing

/// What a clear does to observations, in the cases that a random history seldom has.
@Suite struct TimeOutBookTests {
    private static let key = TimeOutBook.Key("x", "")

    private static func book() -> TimeOutBook {
        var book = TimeOutBook()
        book.observe(key, id: "o", until: 60_000, cause: "quota 429", instance: "one", now: 0)
        return book
    }

    @Test func theEndOfWhatWasClearedIsKnownAgain() {
        var book = Self.book()
        #expect(!book.isCleared(Self.key, until: 60_000, now: 0, slack: 1_500))
        book.clear(Self.key, by: "e")
        #expect(book.isCleared(Self.key, until: 61_000, now: 0, slack: 1_500))
        // Another end is that of something newer.
        #expect(!book.isCleared(Self.key, until: 90_000, now: 0, slack: 1_500))
    }

    @Test func aLogThatIsNoMoreBlindsNoHostToOthers() {
        var book = Self.book()
        book.clear(Self.key, by: "e")
        book.forgetClears()
        // What was cleared does not come back by it.
        #expect(book.inForce(Self.key, now: 0) == nil && book.unshared.isEmpty)
        let other = TimeOutObservation(id: "p", until: 70_000, cause: "quota 429", instance: "two", knows: [])
        book.merge(Self.key, other)
        #expect(book.inForce(Self.key, now: 0) == other)
    }
}
