import Foundation
import TestSupport
import Testing

@testable import Limits

/// Time zones, held against Foundation's, which reads the same database with other code.
struct ZoneRulesTests {
    static let names = [
        "UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin",
        "America/Sao_Paulo", "Asia/Kolkata", "Pacific/Apia", "Africa/Casablanca", "America/Nuuk", "Pacific/Kiritimati",
    ]

    static func rules(_ name: String) throws -> ZoneRules {
        let bytes = try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)"))
        return try #require(ZoneRules(file: Array(bytes)))
    }

    @Test(arguments: names) func offsetsAreThoseOfFoundation(name: String) throws {
        let rules = try Self.rules(name)
        let zone = try #require(TimeZone(identifier: name))
        // From 1990 to 2036: beyond, Foundation goes by a rule of its own in some zones.
        for time in stride(from: Int64(631_152_000), to: 2_082_758_400, by: 86_400 * 3 + 4_711) {
            let expected = Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time))))
            #expect(rules.offset(at: time) == expected, "\(name) at \(time)")
        }
    }

    /// What a clock shows comes back, also around the changes of summer time.
    @Test(arguments: names) func timesOfAClockAreFound(name: String) throws {
        let rules = try Self.rules(name)
        var time: Int64 = 1_767_225_600
        while time < 1_767_225_600 + 400 * 86_400 {
            let local = time + rules.offset(at: time)
            let found = rules.time(ofLocal: local)
            // Where the clock shows it twice it is the first time.
            #expect(found + rules.offset(at: found) == local && found <= time, "\(name) at \(time)")
            time += 1_800
        }
    }

    /// Berlin, 2026-03-29: from 02:00 the clocks go to 03:00. 2026-10-25: from 03:00 back to 02:00.
    @Test func skippedAndRepeatedHours() throws {
        let berlin = try Self.rules("Europe/Berlin")
        let change: Int64 = 1_774_746_000
        let skipped = (change + 3_600) + 1_800
        #expect(berlin.offset(at: change - 1) == 3_600 && berlin.offset(at: change) == 7_200)
        #expect(berlin.time(ofLocal: skipped) == change)
        let back: Int64 = 1_792_890_000
        let twice = back + 3_600 + 1_800
        #expect(berlin.time(ofLocal: twice) == twice - 7_200)
    }

    /// A damaged file is no zone, and no crash.
    @Test func whatIsNoZoneIsRefused() throws {
        let whole = Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Europe/Berlin")))
        var random = SeededRandom(seed: 7)
        for length in stride(from: 0, to: whole.count, by: 13) { _ = ZoneRules(file: Array(whole[..<length])) }
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = ZoneRules(file: bytes)?.offset(at: 2_000_000_000)
        }
        #expect(ZoneRules(file: []) == nil && ZoneRules(file: Array("TZif2".utf8)) == nil)
    }

    @Test func namesLeadNowhereElse() {
        for name in ["Asia/Shanghai", "America/Argentina/Ushuaia", "Etc/GMT+5", "UTC", "+08:00", "-05:30"] {
            #expect(ZoneName.isPossible(name), "\(name)")
        }
        for name in ["", "../etc/passwd", "/etc/localtime", "Asia/../x", "a b", "Asia//X", "+25:00", "+8"] {
            #expect(!ZoneName.isPossible(name), "\(name)")
        }
        #expect(ZoneName.fixed("+08:00") == 28_800 && ZoneName.fixed("-05:30") == -19_800)
    }
}

/// Hours in which an endpoint is asked.
struct ActiveHoursTests {
    private static func time(_ text: String) throws -> Int64 {
        Int64(try Date("\(text)", strategy: .iso8601).timeIntervalSince1970)
    }

    @Test func aNightGoesOverMidnight() throws {
        let hours = try ActiveHours("23:00-08:00 Asia/Shanghai")
        #expect(hours.zone == "Asia/Shanghai")
        let zone = try ZoneRulesTests.rules("Asia/Shanghai")
        // 15:00 UTC is 23:00 there, 00:00 UTC is 08:00.
        #expect(
            hours.resumes(at: try Self.time("2026-11-30T14:59:59Z"), zone) == (try Self.time("2026-11-30T15:00:00Z")))
        #expect(hours.resumes(at: try Self.time("2026-11-30T15:00:00Z"), zone) == nil)
        #expect(hours.resumes(at: try Self.time("2026-11-30T23:59:59Z"), zone) == nil)
        #expect(
            hours.resumes(at: try Self.time("2026-12-01T00:00:00Z"), zone) == (try Self.time("2026-12-01T15:00:00Z")))
    }

    @Test func severalSpansAndTheEndOfTheDay() throws {
        let hours = try ActiveHours("06:00-07:00, 20:00-24:00 +00:00")
        #expect(hours.spans.count == 2 && hours.zone == "+00:00")
        #expect(hours.resumes(at: try Self.time("2026-11-30T23:59:59Z"), .utc) == nil)
        #expect(
            hours.resumes(at: try Self.time("2026-11-30T00:00:00Z"), .utc) == (try Self.time("2026-11-30T06:00:00Z")))
        #expect(
            hours.resumes(at: try Self.time("2026-11-30T07:00:00Z"), .utc) == (try Self.time("2026-11-30T20:00:00Z")))
    }

    /// Each second of two years of a zone with summer time, in steps: what is not active becomes so at the moment that is named, and not before.
    @Test(arguments: ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai"])
    func theMomentThatIsNamedIsTheFirstOne(name: String) throws {
        let zone = try ZoneRulesTests.rules(name)
        for text in ["23:00-08:00", "02:15-02:45", "00:00-01:00,12:30-13:00"] {
            let hours = try ActiveHours(text)
            var time = try Self.time("2026-01-01T00:00:00Z")
            let end = time + 500 * 86_400
            while time < end {
                guard let next = hours.resumes(at: time, zone) else {
                    time += 900
                    continue
                }
                #expect(next > time && next - time <= 2 * 86_400, "\(name) \(text) at \(time)")
                #expect(hours.resumes(at: next - 1, zone) == next, "\(name) \(text) at \(time)")
                time = max(next, time + 900)
            }
        }
    }

    @Test(arguments: ["", "23:00", "true", "23:00-25:00", "08:00-08:00", "9:00-17:00", "23:00-08:00 ../x"])
    func whatIsNoSpanIsRefused(text: String) {
        #expect(throws: LimitsProblem.self) { _ = try ActiveHours(text) }
    }
}
