import NIOCore
import Testing

@testable import Sockets

struct ConnectionRaceTests {
    @Test func oneAddressIsTriedAlone() {
        var race = ConnectionRace(count: 1)
        #expect(race.begin() == [.connect(0)])
        #expect(race.delayElapsed() == [])
        #expect(race.failed() == [.giveUp])
    }

    @Test func noAddressIsGivenUpAtOnce() {
        var race = ConnectionRace(count: 0)
        #expect(race.begin() == [.giveUp])
    }

    @Test func theNextIsTriedWhenTheFirstTakesTooLong() {
        var race = ConnectionRace(count: 3)
        #expect(race.begin() == [.connect(0), .awaitNext])
        #expect(race.delayElapsed() == [.connect(1), .awaitNext])
        #expect(race.delayElapsed() == [.connect(2)])
        #expect(race.delayElapsed() == [])
    }

    @Test func theNextIsTriedAtOnceWhenOneFails() {
        var race = ConnectionRace(count: 3)
        #expect(race.begin() == [.connect(0), .awaitNext])
        #expect(race.failed() == [.connect(1), .awaitNext])
        #expect(race.delayElapsed() == [.connect(2)])
        // Two are running: the end is not before both have failed.
        #expect(race.failed() == [])
        #expect(race.failed() == [.giveUp])
    }

    @Test func familiesTakeTurnsBeginningWithTheSystemsFirst() throws {
        func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 80) }
        let (four, five) = (try address("127.0.0.4"), try address("127.0.0.5"))
        let (one, two, three) = (try address("::1"), try address("::2"), try address("::3"))
        #expect(ConnectionRace.order([one, two, three, four, five]) == [one, four, two, five, three])
        #expect(ConnectionRace.order([four, one, two]) == [four, one, two])
        #expect(ConnectionRace.order([five, four]) == [five, four])
        #expect(ConnectionRace.order([]) == [])
    }
}
