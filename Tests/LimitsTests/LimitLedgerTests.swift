import Foundation
import TestSupport
import Testing

@testable import Limits

/// What the operator writes.
struct LimitRulesTests {
    @Test func aLineSaysItAll() throws {
        let rules = try LimitRules(
            "requests_per_minute 60, tokens_per_minute: 100k, tokens_per_day=2M, spend 1.5 per day reset 04:30 Asia/Shanghai, reserve 10%"
        )
        #expect(rules.requestsPerMinute == 60 && rules.tokensPerMinute == 100_000 && rules.tokensPerDay == 2_000_000)
        #expect(rules.spend?.amount == 1_500_000_000_000 && rules.spend?.period == .day)
        #expect(rules.spend?.reset == ClockTime(seconds: 4 * 3_600 + 1_800, zone: "Asia/Shanghai"))
        #expect(rules.reserve == 10 && rules.usable(2_000_000) == 1_800_000 && rules.usable(5) == 4)
    }

    @Test(arguments: [
        "", "requests_per_minute", "requests_per_minute 0", "requests_per_minute -1", "requests_per_minute 1.5",
        "rpm 3",
        "spend 10", "spend 10 per year", "spend 10 per day reset 25:00", "spend 10 per 5h reset 00:00",
        "spend 1 per day reset 00:00 ../x", "reserve 95%", "reserve 10", "tokens_per_day 1, tokens_per_day 2",
        "tokens_per_day 99999999999999999999", "requests_per_minute 60,",
    ]) func whatIsWrongIsNamed(text: String) {
        #expect(throws: LimitsProblem.self) { _ = try LimitRules(text) }
    }
}

/// What was used, in virtual time.
struct LimitLedgerTests {
    private static func time(_ text: String) throws -> Int64 {
        Int64(try Date("\(text)", strategy: .iso8601).timeIntervalSince1970)
    }

    // MARK: Minutes

    /// In no sixty seconds, wherever they begin, are there more requests than the limit says, and none is refused without need.
    @Test(arguments: 0..<UInt64(20)) func noMinuteHasOneTooMany(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let limit = Int64.random(in: 1...30, using: &random)
        var rules = LimitRules()
        rules.requestsPerMinute = limit
        var ledger = LimitLedger()
        var admitted: [Int64] = []
        var second: Int64 = 1_000
        for _ in 0..<2_000 {
            second +=
                random.chance(30) ? Int64.random(in: 0...40, using: &random) : Int64.random(in: 0...1, using: &random)
            let recent = Int64(admitted.count { $0 > second - 61 })
            let refusal = ledger.admit(rules, .utc, wall: 5_000 + second, steady: second)
            #expect((refusal == nil) == (recent < limit))
            if let refusal {
                // Whoever comes then is let in, and not one second earlier.
                let opens = refusal.until - 5_000
                #expect(Int64(admitted.count { $0 > opens - 61 }) < limit)
                #expect(Int64(admitted.count { $0 > opens - 1 - 61 }) >= limit)
            } else {
                admitted.append(second)
            }
        }
        for start in admitted { #expect(Int64(admitted.count { start..<start + 60 ~= $0 }) <= limit) }
    }

    @Test func tokensOfTheMinuteAreKnownAtTheEnd() {
        var rules = LimitRules()
        rules.tokensPerMinute = 100
        var ledger = LimitLedger()
        #expect(ledger.admit(rules, .utc, wall: 0, steady: 0) == nil)
        // Two that ran at once: the limit is passed by what was running.
        #expect(ledger.add(tokens: 90, cost: nil, rules, .utc, wall: 1, steady: 1).isEmpty)
        #expect(ledger.add(tokens: 90, cost: nil, rules, .utc, wall: 2, steady: 2).isEmpty)
        #expect(ledger.refusal(rules, .utc, wall: 3, steady: 3) == .init(kind: .tokensPerMinute, until: 62))
        #expect(ledger.refusal(rules, .utc, wall: 62, steady: 62) == nil)
    }

    // MARK: Days and longer

    /// Days, weeks and months meet without a gap, hold the moment that they are of, and begin at the time of the clock that was asked for.
    @Test(arguments: ["Europe/Berlin", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"])
    func spansFollowTheClockOfThePlace(name: String) throws {
        let zone = try ZoneRulesTests.rules(name)
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = try #require(TimeZone(identifier: name))
        var time = try Self.time("2026-01-01T00:30:00Z")
        for _ in 0..<1_500 {
            for (period, reset) in [
                (LimitRules.Period.day, Int64(0)), (.day, 2 * 3_600 + 1_800), (.week, 0), (.month, 4 * 3_600),
            ] {
                let (start, end) = LimitLedger.span(period, reset, zone, at: time)
                #expect(start <= time && time < end)
                #expect(LimitLedger.span(period, reset, zone, at: start) == (start, end))
                #expect(LimitLedger.span(period, reset, zone, at: end).start == end)
                let begin = calendar.dateComponents(
                    [.day, .weekday, .hour, .minute], from: Date(timeIntervalSince1970: Double(start)))
                // 02:30 is not there in the night in which summer begins: then the day begins with the next moment that is.
                if reset != 2 * 3_600 + 1_800 { #expect(begin.hour == Int(reset / 3_600) && begin.minute == 0) }
                if period == .week { #expect(begin.weekday == 2) }
                if period == .month { #expect(begin.day == 1) }
            }
            time += 6 * 3_600 + 1_234
        }
    }

    @Test func moneyIsSpentUntilTheReset() throws {
        let rules = try LimitRules("spend 10 per day reset 00:00 Asia/Shanghai, reserve 10%")
        let zone = try ZoneRulesTests.rules("Asia/Shanghai")
        let morning = try Self.time("2026-11-30T02:00:00Z")
        let midnight = try Self.time("2026-11-30T16:00:00Z")
        let unit: Int64 = 1_000_000_000_000
        var ledger = LimitLedger()
        #expect(ledger.add(tokens: 5, cost: 7 * unit, rules, zone, wall: morning, steady: 1).isEmpty)
        // Four fifths of nine.
        let warned = ledger.add(tokens: 5, cost: unit / 4, rules, zone, wall: morning, steady: 2)
        #expect(warned.map(\.kind) == [.spend] && warned.map(\.isReached) == [false] && warned[0].until == midnight)
        #expect(ledger.add(tokens: 5, cost: unit, rules, zone, wall: morning, steady: 3).isEmpty)
        #expect(ledger.refusal(rules, zone, wall: morning, steady: 4) == nil)
        #expect(ledger.add(tokens: 5, cost: unit, rules, zone, wall: morning, steady: 5).map(\.isReached) == [true])
        #expect(ledger.refusal(rules, zone, wall: midnight - 1, steady: 6) == .init(kind: .spend, until: midnight))
        #expect(ledger.refusal(rules, zone, wall: midnight, steady: 7) == nil)
        #expect(ledger.spend?.used == 0)
    }

    @Test func fiveHoursBeginWithTheFirstAnswer() throws {
        let rules = try LimitRules("spend 1 per 5h")
        var ledger = LimitLedger()
        #expect(ledger.refusal(rules, .utc, wall: 1_000, steady: 0) == nil && ledger.spend == nil)
        _ = ledger.add(tokens: 1, cost: 2_000_000_000_000, rules, .utc, wall: 2_000, steady: 1)
        #expect(ledger.refusal(rules, .utc, wall: 2_001, steady: 2) == .init(kind: .spend, until: 20_000))
        #expect(ledger.refusal(rules, .utc, wall: 20_000, steady: 3) == nil && ledger.spend == nil)
    }

    /// A clock that is set back neither gives a budget twice nor keeps an endpoint out for years.
    @Test func aClockThatIsSetBackChangesNothing() throws {
        let rules = try LimitRules("tokens_per_day 100")
        var ledger = LimitLedger()
        let future = try Self.time("2030-05-05T12:00:00Z")
        let now = try Self.time("2026-11-30T12:00:00Z")
        _ = ledger.add(tokens: 100, cost: nil, rules, .utc, wall: future, steady: 1)
        #expect(ledger.refusal(rules, .utc, wall: now, steady: 2)?.until == (try Self.time("2026-12-01T00:00:00Z")))
        #expect(ledger.refusal(rules, .utc, wall: now + 12 * 3_600, steady: 3) == nil)
    }

    /// At a start the clock may be wrong by hours: when it is right again, what was used that day is used still.
    @Test func aClockThatIsWrongForAWhileGivesNoBudgetTwice() throws {
        let rules = try LimitRules("tokens_per_day 100")
        var ledger = LimitLedger()
        let noon = try Self.time("2026-11-30T12:00:00Z")
        let midnight = try Self.time("2026-12-01T00:00:00Z")
        _ = ledger.add(tokens: 100, cost: nil, rules, .utc, wall: noon, steady: 1)
        #expect(ledger.refusal(rules, .utc, wall: noon - 20 * 3_600, steady: 2)?.until == midnight)
        #expect(ledger.refusal(rules, .utc, wall: noon, steady: 3)?.until == midnight)
        #expect(ledger.refusal(rules, .utc, wall: midnight, steady: 4) == nil)
    }

    @Test func whatWasSetForAMonthEndsAfterFiveHoursWhereTheseAreSet() throws {
        let month = try LimitRules("spend 100 per month")
        let hours = try LimitRules("spend 5 per 5h")
        var ledger = LimitLedger()
        let noon = try Self.time("2026-11-30T12:00:00Z")
        _ = ledger.add(tokens: 1, cost: 50_000_000_000_000, month, .utc, wall: noon, steady: 1)
        // The window began with the month, which is longer ago than five hours.
        #expect(ledger.refusal(hours, .utc, wall: noon, steady: 2) == nil)
        #expect(ledger.spend == nil)
    }

    @Test func aRequestThatDidNotBeginIsTakenBack() throws {
        let rules = try LimitRules("requests_per_minute 1")
        var ledger = LimitLedger()
        for second in 0..<Int64(5) {
            #expect(ledger.admit(rules, .utc, wall: 100 + second, steady: second) == nil)
            // Perhaps the next second has begun meanwhile.
            ledger.withdraw(rules, steady: second + second % 2)
        }
        #expect(ledger.admit(rules, .utc, wall: 110, steady: 10) == nil)
        #expect(ledger.admit(rules, .utc, wall: 110, steady: 10) != nil)
        var empty = LimitLedger()
        empty.withdraw(rules, steady: 5)
        #expect(empty.readings(rules, .utc, wall: 5, steady: 5).map(\.used) == [0])
    }

    /// The limit that lasts longest says when the endpoint is asked again.
    @Test func theLongestOfSeveralLimitsCounts() throws {
        let rules = try LimitRules("requests_per_minute 1, tokens_per_day 10")
        var ledger = LimitLedger()
        #expect(ledger.admit(rules, .utc, wall: 100, steady: 100) == nil)
        _ = ledger.add(tokens: 10, cost: nil, rules, .utc, wall: 100, steady: 100)
        #expect(ledger.admit(rules, .utc, wall: 101, steady: 101) == .init(kind: .tokensPerDay, until: 86_400))
    }

    // MARK: Another process

    @Test func theNextProcessGoesOn() throws {
        let rules = try LimitRules("requests_per_minute 3, tokens_per_day 100, spend 1 per month")
        var first = LimitLedger()
        for _ in 0..<3 { #expect(first.admit(rules, .utc, wall: 1_000, steady: 50) == nil) }
        _ = first.add(tokens: 40, cost: 5, rules, .utc, wall: 1_000, steady: 50)
        let saved = first.saved(wall: 1_010, steady: 60)
        var second = LimitLedger()
        second.restore(saved, wall: 1_020, steady: 7)
        #expect(second.day?.used == 40 && second.spend?.used == 5)
        #expect(second.refusal(rules, .utc, wall: 1_020, steady: 7)?.kind == .requestsPerMinute)
        // Counted as if all had come when it was saved, so never too few.
        #expect(second.refusal(rules, .utc, wall: 1_071, steady: 58) == nil)
        var third = LimitLedger()
        third.restore(saved, wall: 200_000, steady: 7)
        #expect(third.refusal(rules, .utc, wall: 200_000, steady: 7) == nil && third.day?.used == 0)
        #expect(third.spend?.used == 5)
    }
}
