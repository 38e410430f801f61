import NIOCore
import Ranking
import TestSupport
import Testing

@testable import LLMWire
@testable import Proxy

/// Where sessions have their cache, without any clock.
struct SessionTableTests {
    private let idle = TimeAmount.minutes(5)
    private let a = EndpointID(1)
    private let b = EndpointID(2)

    private func key(_ name: String) -> SessionKey {
        Array(name.utf8).withUnsafeBytes { SessionKey(field: $0) } ?? SessionKey(hash: 0)
    }

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .seconds(seconds) }

    private func home(_ endpoint: EndpointID, order: UInt64 = 0) -> SessionTable.Home {
        SessionTable.Home(endpoint: endpoint, order: order)
    }

    @Test func aSessionIsKnownUntilItWasIdleForTheTime() {
        var table = SessionTable()
        table.began(key("s"), at: home(a), now: at(0), idle: idle)
        table.ended(key("s"), broken: nil, now: at(10))
        #expect(table.counts == [a: 1])
        #expect(table.find(key("s"), now: at(309), idle: idle)?.home == home(a))
        #expect(table.find(key("t"), now: at(309), idle: idle) == nil)
        // Looking is no use of it: the time runs from the end of its last request.
        #expect(table.find(key("s"), now: at(310), idle: idle) == nil)
        #expect(table.counts.isEmpty && table.count == 0 && table.spread == .none)
    }

    /// A stream may take longer than caches live, and is a use of its cache all the time.
    @Test func aSessionIsRunningAsLongAsOneOfItsRequestsIs() {
        var table = SessionTable()
        table.began(key("s"), at: home(a), now: at(0), idle: idle)
        table.began(key("s"), at: home(a), now: at(1), idle: idle)
        table.ended(key("s"), broken: nil, now: at(2))
        table.expire(now: at(1_000), idle: idle)
        #expect(table.counts == [a: 1])
        table.ended(key("s"), broken: nil, now: at(1_100))
        table.expire(now: at(1_399), idle: idle)
        #expect(table.count == 1)
        table.expire(now: at(1_400), idle: idle)
        #expect(table.count == 0)
    }

    @Test func aSessionMovesWithItsAnswersUnlessItIsKept() {
        var table = SessionTable()
        table.began(key("s"), at: home(a), now: at(0), idle: idle)
        table.began(key("s"), at: home(b), now: at(1), idle: idle) { $0 == home(a) }
        #expect(table.find(key("s"), now: at(1), idle: idle)?.home == home(a))
        table.began(key("s"), at: home(b, order: 3), now: at(2), idle: idle)
        #expect(table.find(key("s"), now: at(2), idle: idle)?.home == home(b, order: 3))
        #expect(table.counts == [b: 1])
    }

    @Test func aBrokenStreamIsToldOnceAndForgotten() {
        var table = SessionTable()
        table.began(key("s"), at: home(a), now: at(0), idle: idle)
        #expect(table.spread == .one(a))
        table.ended(key("s"), broken: a, now: at(1))
        // Its retry has to be looked up although all sessions are at one endpoint.
        #expect(table.spread == .several)
        #expect(table.find(key("s"), now: at(60), idle: idle)?.broken == a)
        #expect(table.find(key("s"), now: at(60), idle: idle) == .init(home: home(a), broken: nil))
        #expect(table.spread == .one(a))
        table.broke(key("s"), at: a, now: at(100))
        #expect(table.find(key("s"), now: at(160), idle: idle)?.broken == nil)
        // Of a session that is not known otherwise.
        table.broke(key("t"), at: b, now: at(170))
        #expect(table.find(key("t"), now: at(171), idle: idle) == .init(home: nil, broken: b))
        table.expire(now: at(1_000), idle: idle)
        #expect(table.count == 0 && table.spread == .none)
    }

    @Test func theOneUsedLongestAgoMakesRoom() {
        var table = SessionTable()
        for number in 0..<SessionTable.capacity {
            table.began(SessionKey(hash: UInt64(number)), at: home(a), now: at(0), idle: idle)
            table.ended(SessionKey(hash: UInt64(number)), broken: nil, now: at(0))
        }
        // The first one is used again, so the second is the oldest.
        table.began(SessionKey(hash: 0), at: home(a), now: at(1), idle: idle)
        table.began(key("new"), at: home(b), now: at(2), idle: idle)
        #expect(table.count == SessionTable.capacity && table.counts == [a: SessionTable.capacity - 1, b: 1])
        #expect(table.find(SessionKey(hash: 0), now: at(2), idle: idle) != nil)
        #expect(table.find(SessionKey(hash: 1), now: at(2), idle: idle) == nil)
        #expect(table.find(SessionKey(hash: 2), now: at(2), idle: idle) != nil)
        // The end of a request whose session had to make room.
        table.ended(SessionKey(hash: 1), broken: nil, now: at(3))
        #expect(table.count == SessionTable.capacity)
    }

    @Test func changesOfTheCountsAreToldOnce() {
        var table = SessionTable()
        var told: [EndpointID: Int] = [:]
        table.began(key("s"), at: home(a), now: at(0), idle: idle)
        table.began(key("t"), at: home(a), now: at(0), idle: idle)
        table.began(key("t"), at: home(b), now: at(0), idle: idle)
        table.takeChanges { told[$0] = $1 }
        #expect(told == [a: 1, b: 1])
        told = [:]
        table.ended(key("s"), broken: nil, now: at(1))
        table.takeChanges { told[$0] = $1 }
        #expect(told.isEmpty)
        table.removeAll()
        table.takeChanges { told[$0] = $1 }
        #expect(told == [a: 0, b: 0])
    }

    /// Random uses against a table that is kept in the plainest way.
    @Test(arguments: UInt64(0)..<8)
    func itIsWhatAPlainTableIs(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = SessionTable()
        var plain: [UInt64: (home: EndpointID, used: Int64, running: Int)] = [:]
        var now: Int64 = 0
        for _ in 0..<3_000 {
            now += Int64.random(in: 0..<40, using: &random)
            let name = UInt64.random(in: 0..<12, using: &random)
            for (key, entry) in plain where entry.used + 300 <= now {
                plain[key] = entry.running > 0 ? (entry.home, now, entry.running) : nil
            }
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let endpoint = EndpointID(UInt32.random(in: 0..<3, using: &random))
                table.began(SessionKey(hash: name), at: home(endpoint), now: at(now), idle: idle)
                plain[name] = (endpoint, now, (plain[name]?.running ?? 0) + 1)
            case 1:
                table.expire(now: at(now), idle: idle)
                table.ended(SessionKey(hash: name), broken: nil, now: at(now))
                if let entry = plain[name] { plain[name] = (entry.home, now, max(0, entry.running - 1)) }
            default:
                let found = table.find(SessionKey(hash: name), now: at(now), idle: idle)
                #expect(found?.home?.endpoint == plain[name]?.home)
            }
            let counts = Dictionary(grouping: plain.values, by: \.home).mapValues(\.count)
            #expect(table.counts == counts)
        }
    }
}
