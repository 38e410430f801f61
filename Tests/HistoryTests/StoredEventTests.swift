import Foundation
import Support
import TestSupport
import Testing
import Trends

@testable import History

/// On a real disk, in a folder of its own.
@Suite("Events and flushes in the file")
struct StoredEventTests {
    private static func event(_ id: Int64, _ random: inout SeededRandom) -> StoredEvent {
        StoredEvent(
            id: id, last: id + .random(in: 0...20, using: &random), count: .random(in: 1...9, using: &random),
            level: .random(in: 0...3, using: &random), isChange: Bool.random(using: &random),
            source: ["proxy", "endpoint"].randomElement(using: &random) ?? "",
            endpoint: ["", "a", "b"].randomElement(using: &random) ?? "", text: "'text' \(id)")
    }

    private static func flush(_ id: Int64) -> StoredFlush {
        StoredFlush(
            id: id, trigger: "operator", generation: id, changes: 2, bytesChanged: 3, fileSize: 4, encode: 5, write: 6,
            fsync: 7, rename: 8, total: 9, result: "written", error: "")
    }

    @Test("A random walk of events, repeats, restarts and deletions agrees with a list", arguments: 0..<6)
    func walk(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let folder = try HistoryFolder("test.history.db")
        var file = try RollUpFile.open(path: folder.file, date: "x")
        var list: [Int64: StoredEvent] = [:]
        var flushes: [Int64] = []
        var next: Int64 = 1_000
        for _ in 0..<60 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0: file = try RollUpFile.open(path: folder.file, date: "x")
            case 1:
                let cut = Int64.random(in: 900...next, using: &random)
                try file.deleteEvents(before: cut, atMost: 10_000)
                list = list.filter { $0.value.last >= cut || $0.key >= cut }
                flushes.removeAll { $0 < cut }
            case 2...5:
                var events: [StoredEvent] = []
                var rows: [Int: Int64] = [:]
                var keys: [Int64] = []
                for index in 0..<Int.random(in: 0...20, using: &random) {
                    if Bool.random(using: &random), let known = list.keys.sorted().randomElement(using: &random),
                        !keys.contains(known)
                    {
                        // It happened again.
                        rows[index] = known
                        events.append(Self.event(known, &random))
                        keys.append(known)
                    } else {
                        // Now and then two begin at once.
                        next += Int64.random(in: 0...3, using: &random)
                        events.append(Self.event(next, &random))
                        var key = next
                        while list[key] != nil || keys.contains(key) { key += 1 }
                        next = max(next, key)
                        keys.append(key)
                    }
                }
                next += 1
                let written = try file.write(events, rows: rows, flushes: [Self.flush(next)])
                flushes.append(next)
                #expect(written == keys)
                for (key, event) in zip(keys, events) {
                    var event = event
                    event.id = key
                    list[key] = event
                }
            default:
                var question = StoredQuestion()
                question.limit = .random(in: 0...30, using: &random)
                question.level = .random(in: 0...3, using: &random)
                if Bool.random(using: &random) { question.since = .random(in: 900...next, using: &random) }
                if Bool.random(using: &random) { question.before = .random(in: 900...next, using: &random) }
                if Bool.random(using: &random) { question.endpoint = "a" }
                let wanted = list.values.filter {
                    $0.last >= question.since && $0.id < question.before && $0.level >= question.level
                        && (question.endpoint == nil || $0.endpoint == "a")
                }.sorted { $0.id > $1.id }.prefix(question.limit)
                let reader = try RollUpFile.reader(path: folder.file)
                #expect(try reader.events(question) == Array(wanted))
                let times = flushes.filter { $0 >= question.since && $0 < question.before }.sorted(by: >)
                #expect(
                    try reader.flushes(question) == times.prefix(question.limit).map { Self.flush($0) })
            }
        }
        #expect(try file.check().isEmpty)
        // No more than there may be: the oldest go.
        try file.deleteEvents(before: 0, most: 5)
        var all = StoredQuestion()
        all.limit = .max
        #expect(try file.events(all).map(\.id) == Array(list.keys.sorted(by: >).prefix(5)))
    }

    @Test("A file of the version before is brought to this one, its rows stay, and it can be read as it is")
    func migration() throws {
        let folder = try HistoryFolder("test.history.db")
        var entry = Entry(at: LocalMoment(microseconds: 3_600_000_000, offset: 0))
        entry.bytesUp = 7
        do {
            let old = StoreSchema(application: RollUpFile.schema.application, steps: [RollUpFile.schema.steps[0]])
            let file = RollUpFile(try StoreFile(path: folder.file, old), isFresh: true)
            var ledger = Ledger(other: NameTable.other)
            ledger.add(entry)
            _ = try file.write(try #require(ledger.batch()), NameTable())
        }
        let reader = try RollUpFile.reader(path: folder.file)
        #expect(try reader.events(StoredQuestion()).isEmpty && reader.flushes(StoredQuestion()).isEmpty)
        #expect(try reader.rows(.hour, from: 0, to: .max).first?.cell[.bytesUp] == 7)
        let file = try RollUpFile.open(path: folder.file, date: "x")
        #expect(try file.write([], rows: [:], flushes: [Self.flush(5)]).isEmpty)
        #expect(try file.flushes(StoredQuestion()) == [Self.flush(5)])
        #expect(try file.rows(.hour, from: 0, to: .max).first?.cell[.bytesUp] == 7)
        #expect(!file.isFresh && FileManager.default.fileExists(atPath: folder.file + ".backup"))
    }

    @Test("Events that a damaged file had come back from the daily copy, and a flipped bit leaves one out")
    func damage() throws {
        let folder = try HistoryFolder("test.history.db")
        var random = SeededRandom(seed: 4)
        let events = (1...50).map { Self.event($0 * 100, &random) }
        do {
            let file = try RollUpFile.open(path: folder.file, date: "x")
            _ = try file.write(events, rows: [:], flushes: [Self.flush(1), Self.flush(2)])
            try file.copy(to: folder.file + ".backup")
        }
        var asides = 0
        let file = try RollUpFile.open(path: folder.file, date: "x", isDistrusted: true) { _ in asides += 1 }
        var all = StoredQuestion()
        all.limit = .max
        #expect(asides == 1)
        #expect(try file.events(all) == events.reversed())
        #expect(try file.flushes(all).map(\.id) == [2, 1])
        try file.store.database.execute(
            "UPDATE event SET level=level+1 WHERE id=100; UPDATE flush SET total=0 WHERE id=2")
        #expect(try file.events(all) == events.dropFirst().reversed())
        #expect(try file.flushes(all).map(\.id) == [1])
        #expect(try file.check() == ["2 rows whose checksum does not hold"])
    }
}
