import Testing
import Trends

/// The minutes of the last hour.
@Suite struct MinuteTableTests {
    private static func sums(_ minute: Int64, endpoint: Int32, failures: [Int32] = []) -> EntrySums {
        var sums = EntrySums()
        var entry = Entry(at: LocalMoment(microseconds: (minute * 60 + 17) * 1_000_000, offset: 1_800))
        (entry.endpoint, entry.attempts, entry.failures) = (endpoint, Int32(1 + failures.count), failures)
        sums.add(entry)
        return sums
    }

    @Test func countsByMinuteAndEndpoint() {
        var names = NameTable()
        let (one, two) = (names.number(.endpoint, "one"), names.number(.endpoint, "two"))
        var table = MinuteTable(other: NameTable.other)
        table.add(Self.sums(100, endpoint: one))
        table.add(Self.sums(100, endpoint: one, failures: [two]))
        table.add(Self.sums(101, endpoint: two))
        let rows = table.rows(names, from: 6_000, to: 6_120).sorted {
            ($0.start, $0.endpoint) < ($1.start, $1.endpoint)
        }
        #expect(rows.map(\.endpoint) == ["one", "two", "two"] && rows.map(\.start) == [6_000, 6_000, 6_060])
        #expect(rows.map { $0.cell[.requests] } == [2, 0, 1] && rows.map { $0.cell[.failed] } == [0, 1, 0])
        let groups = UsageGroup.groups(of: rows, by: [.minute]) { _ in 1_800 }
        #expect(groups.map(\.values) == [["1970-01-01 02:10"], ["1970-01-01 02:11"]])
    }

    @Test func forgetsAfterAnHourAndStaysSmall() {
        var table = MinuteTable(other: NameTable.other)
        for minute in 0..<200 { table.add(Self.sums(Int64(minute), endpoint: 5)) }
        #expect(table.count == MinuteTable.minutes)
        for endpoint in 0..<10_000 { table.add(Self.sums(200, endpoint: Int32(10 + endpoint))) }
        #expect(table.count <= MinuteTable.limit + 1)
        let all = table.rows(NameTable(), from: 200 * 60, to: 201 * 60).reduce(0) { $0 + $1.cell[.requests] }
        #expect(all == 10_000, "what has no room of its own is counted together")
    }
}
