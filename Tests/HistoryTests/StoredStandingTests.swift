import Foundation
import Support
import TestSupport
import Testing
import Trends

@testable import History

/// On a real disk, in a folder of its own.
@Suite("How endpoints stood, in the file")
struct StoredStandingTests {
    private func batch(_ seconds: ClosedRange<Int64>, _ states: [Standing.State]) -> StandingRecorder.Batch {
        var recorder = StandingRecorder()
        let step = (seconds.upperBound - seconds.lowerBound) * 1_000_000 / Int64(states.count)
        var now = seconds.lowerBound * 1_000_000
        for state in states {
            recorder.note(
                ["a": Standing(state, rank: 1)], at: .init(wall: now, steady: now), offset: { _ in 0 })
            now += step
        }
        return recorder.take(at: .init(wall: now, steady: now), offset: { _ in 0 }) ?? recorder.waiting
    }

    @Test("What is written adds to what is there, over restarts, and a change has its key")
    func adding() throws {
        let folder = try HistoryFolder("test.history.db")
        let parts = [batch(0...1_000, [.up]), batch(1_000...5_000, [.up, .open, .probation, .up])]
        for part in parts { try RollUpFile.open(path: folder.file, date: "x").write(part) }
        let file = try RollUpFile.open(path: folder.file, date: "x")
        let rows = try file.standings(.hour, from: 0, to: .max)
        #expect(rows.map(\.start) == [0, 3_600] && rows.allSatisfy { $0.endpoint == "a" })
        #expect(rows.map(\.sums[.up]) == [2_000_000, 1_000_000])
        #expect(rows.map(\.sums[.open]) == [1_000_000, 0])
        #expect(rows.map(\.sums[.probation]) == [600_000, 400_000])
        #expect(try file.standings(.day, from: 0, to: 1).first?.sums.known == 5_000_000)
        #expect(try file.standings(.hour, from: 0, to: 3_600).count == 1)
        let changes = try file.changes(StoredQuestion())
        #expect(changes.map(\.after) == [.up, .probation, .open] && changes.map(\.before) == [.probation, .open, .up])
        #expect(changes.map(\.id) == [4_000_000_000, 3_000_000_000, 2_000_000_000])
        var asked = StoredQuestion()
        asked.endpoint = "b"
        #expect(try file.changes(asked).isEmpty)
        // Bits that flip leave a row out.
        try file.store.database.execute(
            "UPDATE standing_hour SET up=up+1 WHERE start=0; UPDATE change SET after=5 WHERE id=2000000000")
        #expect(try file.standings(.hour, from: 0, to: .max).count == 1)
        #expect(try file.changes(StoredQuestion()).count == 2 && file.brokenRows == 2)
        #expect(try file.check().count == 1)
        // What is old goes.
        try file.deleteStandings(before: Retention.Cut(requestsBefore: 0, hoursBefore: 3_600, daysBefore: 1))
        #expect(try file.standings(.hour, from: 0, to: .max).map(\.start) == [3_600])
        #expect(try file.standings(.day, from: 0, to: .max).isEmpty && file.changes(StoredQuestion()).isEmpty)
    }

    @Test("A file of the version before has none, and gets its tables")
    func migration() throws {
        let folder = try HistoryFolder("test.history.db")
        do {
            let steps = Array(RollUpFile.schema.steps.prefix(2))
            _ = try StoreFile(path: folder.file, StoreSchema(application: RollUpFile.schema.application, steps: steps))
        }
        let reader = try RollUpFile.reader(path: folder.file)
        #expect(try reader.standings(.hour, from: 0, to: .max).isEmpty && reader.changes(StoredQuestion()).isEmpty)
        try RollUpFile.open(path: folder.file, date: "x").write(batch(0...10, [.up, .limited]))
        #expect(try RollUpFile.reader(path: folder.file).standings(.day, from: 0, to: .max).count == 1)
    }
}

/// Holes, cuts and flips in files of which there is a daily copy, or none.
@Suite("What comes back of a damaged file")
struct SalvageTests {
    /// CI runs few of them.
    private static let runs =
        ProcessInfo.processInfo.environment["PODIUM_DAMAGES"].flatMap { Int($0) } ?? 24

    private func fill(_ file: RollUpFile, hours: Range<Int64>) throws {
        var ledger = Ledger(other: NameTable.other)
        var names = NameTable()
        for hour in hours {
            for endpoint in 0..<8 {
                var entry = Entry(at: LocalMoment(microseconds: hour * 3_600_000_000, offset: 0))
                entry.endpoint = names.number(.endpoint, "endpoint-\(endpoint)")
                entry.model = names.number(.model, "m")
                entry.bytesUp = hour * 100 + Int64(endpoint)
                for value in 1...40 { entry.total = Int64(value) * hour * 977; ledger.add(entry) }
            }
        }
        let batch = try #require(ledger.batch())
        ledger.committed(batch, bases: try file.write(batch, names))
        _ = try file.write(
            hours.map {
                StoredEvent(
                    id: $0 * 3_600_000_000, last: $0 * 3_600_000_000, count: 1, level: 1, isChange: true, source: "s",
                    endpoint: "e", text: "hour \($0)")
            }, rows: [:], flushes: [])
    }

    /// - Parameter kind: 0: bits flip; 1: it is cut; others: a hole
    private func spoil(_ path: String, _ kind: Int, _ random: inout SeededRandom) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        switch kind {
        case 0:
            for _ in 0..<300 {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
        case 1: bytes.removeLast(Int.random(in: 1..<bytes.count / 2, using: &random))
        default:
            let begin = Int.random(in: 0..<bytes.count - 65_536, using: &random)
            let byte = UInt8.random(in: .min ... .max, using: &random)
            bytes.replaceSubrange(begin..<begin + 65_536, with: Data(repeating: byte, count: 65_536))
        }
        try bytes.write(to: URL(filePath: path))
    }

    @Test("With a daily copy nine rows of ten are back, and none of them is wrong", arguments: [true, false])
    func damages(hasCopy: Bool) throws {
        var random = SeededRandom(seed: 21)
        var (all, back) = ([0, 0, 0], [0, 0, 0])
        for run in 0..<Self.runs {
            let folder = try HistoryFolder("test.history.db")
            let kind = min(run % 4, 2)
            do {
                let file = try RollUpFile.open(path: folder.file, date: "x")
                try fill(file, hours: 0..<142)
                if hasCopy { try file.copy(to: folder.file + ".backup") }
                try fill(file, hours: 142..<150)
                try file.checkpoint()
            }
            for suffix in ["-wal", "-shm"] { unlink(folder.file + suffix) }
            try spoil(folder.file, kind, &random)
            // What no check notices is found out by a write, at the latest.
            guard let file = try? RollUpFile.open(path: folder.file, date: "y", isDistrusted: true) else {
                // Its head says that it is none of ours: then it is left as it is.
                continue
            }
            let rows = try file.rows(.hour, from: .min, to: .max)
            for row in rows {
                let endpoint = Int64(row.endpoint.dropFirst(9)) ?? -1
                #expect(row.cell[.bytesUp] == 40 * (row.start / 3_600 * 100 + endpoint), "\(run)")
                #expect(row.cell[.total].count == 40)
            }
            var question = StoredQuestion()
            question.limit = .max
            let events = try file.events(question)
            for event in events { #expect(event.text == "hour \(event.id / 3_600_000_000)") }
            #expect(Set(rows.map { "\($0.start) \($0.endpoint)" }).count == rows.count)
            #expect(Set(events.map(\.text)).count == events.count)
            if hasCopy { #expect(rows.count >= 1_080 && events.count >= 135, "\(run): \(rows.count) \(events.count)") }
            #expect(file.restoredRows > 0 || !hasCopy)
            all[kind] += 1_200
            back[kind] += rows.count
        }
        print("salvage \(hasCopy ? "with" : "without") a copy: of flips, cuts, holes \(back) of \(all) rows")
        // Without a copy a cut leaves nothing, a hole most of it, unless it takes the names or the root of a table.
        if !hasCopy { #expect(back[2] * 2 >= all[2]) }
    }

    @Test("Of a damaged log the newest requests come back, each with its way")
    func requests() throws {
        var random = SeededRandom(seed: 22)
        var (all, back) = (0, 0)
        for _ in 0..<max(4, Self.runs / 4) {
            let folder = try HistoryFolder("test.requests.db")
            do {
                let file = try RequestFile.open(path: folder.file, date: "x")
                try file.write(
                    (1...4_000).map { number in
                        var row = LoggedRequest(id: Int64(number) * 1_000_000)
                        row.endpoint = "e\(number % 5)"
                        row.bytesUp = Int64(number)
                        row.ending = "completed"
                        if number % 10 == 0 {
                            row.walk = [
                                .init(
                                    endpoint: "x", outcome: "timeout", verdict: "", status: nil, firstByte: nil,
                                    total: 9)
                            ]
                        }
                        return row
                    })
                try file.checkpoint()
            }
            for suffix in ["-wal", "-shm"] { unlink(folder.file + suffix) }
            var bytes = try Data(contentsOf: URL(filePath: folder.file))
            let begin = Int.random(in: 100_000..<bytes.count - 40_000, using: &random)
            bytes.replaceSubrange(begin..<begin + 32_768, with: Data(count: 32_768))
            try bytes.write(to: URL(filePath: folder.file))
            let file = try RequestFile.open(path: folder.file, date: "y", isDistrusted: true)
            var question = LogQuestion()
            question.limit = 10_000
            let rows = try file.rows(question)
            for row in rows {
                #expect(row.bytesUp * 1_000_000 == row.id && row.endpoint == "e\(row.bytesUp % 5)")
                #expect(row.walk.isEmpty == (row.bytesUp % 10 != 0))
            }
            #expect(file.restoredRows == rows.count)
            all += 4_000
            back += rows.count
        }
        #expect(back * 100 >= all * 70, "\(back) of \(all)")
    }

    @Test("Events go on in the row that came back, and others that begin at once have their own")
    func eventsOnce() throws {
        let folder = try HistoryFolder("test.history.db")
        func event(_ id: Int64, count: Int64 = 1, _ text: String, source: String = "s") -> StoredEvent {
            StoredEvent(
                id: id, last: id + count, count: count, level: 1, isChange: true, source: source, endpoint: "",
                text: text)
        }
        let file = try RollUpFile.open(path: folder.file, date: "x")
        _ = try file.write([event(10, "a"), event(20, "b")], rows: [:], flushes: [])
        let keys = try file.write(
            [event(10, count: 3, "a, later"), event(20, "c", source: "other"), event(30, "d")], rows: [:], flushes: [],
            mends: true)
        #expect(keys == [10, 21, 30])
        var all = StoredQuestion()
        all.limit = .max
        #expect(try file.events(all).map(\.text) == ["d", "c", "b", "a, later"])
    }

    @Test("Of two processes one has the history, and the other one once that has gone")
    func lock() throws {
        let folder = try HistoryFolder("test.history.db")
        var first = try HistoryLock.take(besides: folder.file)
        #expect(first != nil && HistoryLock.path(besides: folder.file) == folder.path + "/test.history.lock")
        #expect(throws: HistoryProblem.held(folder.path + "/test.history.lock")) {
            try HistoryLock.take(besides: folder.file)
        }
        first = nil
        #expect(try HistoryLock.take(besides: folder.file) != nil)
        #expect(try HistoryLock.take(besides: folder.path + "/nowhere/x.history.db") == nil)
        var status = stat()
        #expect(stat(folder.path + "/test.history.lock", &status) == 0 && status.st_mode & 0o777 == 0o600)
    }
}
