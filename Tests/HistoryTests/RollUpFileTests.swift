import Foundation
import LLMWire
import Support
import TestSupport
import Testing
import Trends

@testable import History

/// On a real disk, in a folder of its own.
@Suite("The file of the sums")
struct RollUpFileTests {
    private struct Process {
        var ledger = Ledger(other: NameTable.other)
        var names = NameTable()

        mutating func add(_ endpoint: String, _ model: String, hour: Int64, output: Int64) {
            var entry = Entry(at: LocalMoment(microseconds: hour * 3_600_000_000, offset: 0))
            entry.endpoint = names.number(.endpoint, endpoint)
            entry.model = names.number(.model, model)
            entry.attempts = 1
            entry.reading = .whole
            entry.usage.output = output
            entry.cost = output * 3
            entry.total = output * 1_000
            ledger.add(entry)
        }

        mutating func commit(to file: RollUpFile) throws {
            guard let batch = ledger.batch() else { return }
            ledger.committed(batch, bases: try file.write(batch, names))
        }
    }

    private func open(_ folder: HistoryFolder) throws -> RollUpFile {
        try RollUpFile.open(path: folder.file, date: "x")
    }

    private func output(_ rows: [UsageRow]) -> Int64 { rows.reduce(0) { $0 + $1.cell[.output] } }

    private let hours = (from: Int64.min, to: Int64.max)

    @Test("A restart within the hour adds up, and names stay what they are")
    func restart() throws {
        let folder = try HistoryFolder("test.history.db")
        for round in 0..<3 {
            var process = Process()
            // Another order gives the names other numbers in each process.
            for name in round == 1 ? ["b", "a"] : ["a", "b"] { process.add(name, "m", hour: 5, output: 10) }
            let file = try open(folder)
            try process.commit(to: file)
            process.add("a", "m", hour: 5, output: 1)
            try process.commit(to: file)
        }
        let rows = try open(folder).rows(.hour, from: 0, to: .max).sorted { $0.endpoint < $1.endpoint }
        #expect(
            rows.map(\.endpoint) == ["a", "b"] && rows.map(\.model) == ["m", "m"]
                && rows.allSatisfy { $0.client.isEmpty })
        #expect(rows.map { $0.cell[.output] } == [33, 30])
        #expect(rows.map { $0.cell[.cost] } == [99, 90])
        #expect(rows.map { $0.cell[.total].count } == [6, 3])
        #expect(rows.allSatisfy { $0.start == 18_000 })
        #expect(try open(folder).rows(.day, from: 0, to: 1).count == 2)
        #expect(try open(folder).rows(.hour, from: 0, to: 18_000).isEmpty)
    }

    @Test("Only the owner can read it, and it is not followed elsewhere")
    func access() throws {
        let folder = try HistoryFolder("test.history.db")
        var process = Process()
        process.add("a", "m", hour: 1, output: 1)
        let file = try open(folder)
        try process.commit(to: file)
        for suffix in ["", "-wal", "-shm"] {
            var status = stat()
            #expect(lstat(folder.file + suffix, &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
        let link = folder.path + "/link.db"
        symlink(folder.file, link)
        #expect(throws: HistoryProblem.self) { try RollUpFile.open(path: link, date: "x") }
        mkdir(folder.path + "/folder.db", 0o700)
        #expect(throws: HistoryProblem.self) { try RollUpFile.open(path: folder.path + "/folder.db", date: "x") }
    }

    @Test("What is another program's, or a newer Podium's, is refused and left as it is")
    func foreign() throws {
        let folder = try HistoryFolder("test.history.db")
        do {
            try #require(FileManager.default.createFile(atPath: folder.file, contents: nil))
            let database = try Database(path: folder.file, .readWrite)
            try database.execute("CREATE TABLE theirs(x)")
        }
        let before = try Data(contentsOf: URL(filePath: folder.file))
        #expect(throws: HistoryProblem.refused("\(folder.file) is not Podium's")) { try open(folder) }
        #expect(try Data(contentsOf: URL(filePath: folder.file)) == before)
        try Data(repeating: 0x41, count: 9_000).write(to: URL(filePath: folder.file))
        #expect(throws: HistoryProblem.self) { try open(folder) }
        #expect(try Data(contentsOf: URL(filePath: folder.file)).count == 9_000)
        unlink(folder.file)
        _ = try open(folder)
        do {
            let database = try Database(path: folder.file, .readWrite)
            try database.execute("PRAGMA user_version=99")
        }
        do {
            _ = try open(folder)
            Issue.record("opened")
        } catch HistoryProblem.refused(let reason) { #expect(reason.contains("newer")) }
    }

    @Test("Locked by another program, nothing is lost: the next time writes all of it")
    func locked() throws {
        let folder = try HistoryFolder("test.history.db")
        let file = try open(folder)
        var process = Process()
        process.add("a", "m", hour: 1, output: 5)
        let other = try Database(path: folder.file, .readWrite)
        try other.execute("BEGIN IMMEDIATE")
        #expect(throws: HistoryProblem.busy) { try process.commit(to: file) }
        process.add("a", "m", hour: 1, output: 6)
        try other.execute("ROLLBACK")
        try process.commit(to: file)
        #expect(output(try file.rows(.hour, from: 0, to: .max)) == 11)
    }

    @Test("A full disk fails a commit as a whole, and with room again all of it is there")
    func full() throws {
        let folder = try HistoryFolder("test.history.db")
        let file = try open(folder)
        var process = Process()
        process.add("a", "m", hour: 1, output: 5)
        try process.commit(to: file)
        // SQLite's own limit of pages stands for the disk's: the error is the same.
        try file.limitPages(true)
        for index in 0..<400 { process.add("a\(index)", "m", hour: 2, output: 1) }
        #expect(throws: HistoryProblem.full) { try process.commit(to: file) }
        #expect(output(try file.rows(.hour, from: 0, to: .max)) == 5)
        try file.limitPages(false)
        try process.commit(to: file)
        #expect(output(try file.rows(.hour, from: 0, to: .max)) == 405)
        #expect(try file.check().isEmpty)
    }

    @Test("A row whose bits have flipped is left out and counted, and never shown wrong")
    func flippedRow() throws {
        let folder = try HistoryFolder("test.history.db")
        do {
            let file = try open(folder)
            var process = Process()
            process.add("a", "m", hour: 1, output: 5)
            process.add("b", "m", hour: 1, output: 7)
            try process.commit(to: file)
        }
        do {
            let database = try Database(path: folder.file, .readWrite)
            try database.execute("UPDATE hour SET output=output+1 WHERE output=5")
        }
        let file = try open(folder)
        #expect(output(try file.rows(.hour, from: 0, to: .max)) == 7)
        #expect(file.brokenRows == 1)
        #expect(try file.check() == ["1 rows whose checksum does not hold"])
    }

    @Test("A name whose bits have flipped into another one does not get the other's figures")
    func flippedName() throws {
        let folder = try HistoryFolder("test.history.db")
        do {
            let file = try open(folder)
            var process = Process()
            process.add("a", "m", hour: 1, output: 5)
            process.add("b", "m", hour: 1, output: 7)
            try process.commit(to: file)
        }
        do {
            let database = try Database(path: folder.file, .readWrite)
            try database.execute("UPDATE name SET text='c' WHERE text='a'; UPDATE name SET text='a' WHERE text='b'")
        }
        let file = try open(folder)
        #expect(try file.rows(.hour, from: 0, to: .max).isEmpty)
        #expect(file.brokenRows == 2)
    }

    @Test("A damaged file is moved aside, and what the daily copy has is put back")
    func damage() throws {
        let folder = try HistoryFolder("test.history.db")
        do {
            let file = try open(folder)
            var process = Process()
            for index in 0..<300 { process.add("a\(index)", "m", hour: 1, output: 1) }
            try process.commit(to: file)
            try file.copy(to: folder.file + ".backup")
            try file.checkpoint()
        }
        var status = stat()
        #expect(stat(folder.file + ".backup", &status) == 0 && status.st_mode & 0o777 == 0o600)
        let spoils: [(inout Data) -> Void] = [
            { $0.removeLast($0.count / 2) },
            { $0.replaceSubrange(4_096..<20_480, with: Data(count: 16_384)) },
            { $0.replaceSubrange(200..<9_000, with: Data(repeating: 0x41, count: 8_800)) },
        ]
        for (index, spoil) in spoils.enumerated() {
            unlink(folder.file + "-wal")
            unlink(folder.file + "-shm")
            var bytes = try Data(contentsOf: URL(filePath: folder.file))
            spoil(&bytes)
            try bytes.write(to: URL(filePath: folder.file))
            var moved: [String] = []
            let file = try RollUpFile.open(path: folder.file, date: "\(index)") { moved.append($0) }
            #expect(moved == [folder.file + ".damaged-\(index)"])
            #expect(output(try file.rows(.hour, from: 0, to: .max)) == 300)
            try file.checkpoint()
        }
        let kept = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.contains("damaged") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm")
        }
        #expect(kept.sorted() == ["test.history.db.damaged-1", "test.history.db.damaged-2"])
    }

    @Test("Bits that flip anywhere never show a wrong row and never stop the process")
    func flips() throws {
        let folder = try HistoryFolder("test.history.db")
        var expected: [String: Int64] = [:]
        do {
            let file = try open(folder)
            var process = Process()
            for index in 0..<60 {
                process.add("a\(index)", "m", hour: 1, output: Int64(index) + 1)
                expected["a\(index)"] = Int64(index) + 1
            }
            try process.commit(to: file)
            try file.checkpoint()
        }
        unlink(folder.file + "-wal")
        unlink(folder.file + "-shm")
        let sound = try Data(contentsOf: URL(filePath: folder.file))
        var random = SeededRandom(seed: 42)
        for _ in 0..<150 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...20, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            }
            try bytes.write(to: URL(filePath: folder.file))
            guard let file = try? RollUpFile.reader(path: folder.file),
                let rows = try? file.rows(.hour, from: .min, to: .max)
            else { continue }
            for row in rows {
                // A flipped name is another name; a flipped figure must not be shown.
                if let output = expected[row.endpoint] { #expect(row.cell[.output] == output) }
            }
        }
    }

    @Test("A reader sees what was committed, while another writes, also in a folder that cannot be written")
    func readers() throws {
        let folder = try HistoryFolder("test.history.db")
        let file = try open(folder)
        var process = Process()
        process.add("a", "m", hour: 1, output: 5)
        try process.commit(to: file)
        let reader = try RollUpFile.reader(path: folder.file)
        #expect(output(try reader.rows(.hour, from: 0, to: .max)) == 5)
        process.add("a", "m", hour: 1, output: 5)
        try process.commit(to: file)
        #expect(output(try reader.rows(.hour, from: 0, to: .max)) == 10)
        #expect(throws: HistoryProblem.self) { try RollUpFile.reader(path: folder.path + "/none.db") }
        #expect(file.isInPlace)
        unlink(folder.file)
        #expect(!file.isInPlace)
    }

    @Test("What is old goes slice by slice, and nothing else")
    func retention() throws {
        let folder = try HistoryFolder("test.history.db")
        let file = try open(folder)
        var process = Process()
        for hour in 0..<100 { process.add("a", "m", hour: Int64(hour), output: 1) }
        try process.commit(to: file)
        let cut = Retention.Cut(requestsBefore: 0, hoursBefore: 60 * 3_600, daysBefore: 2)
        #expect(try file.oldestDay() == 0)
        var slices = 1
        while try file.delete(before: cut, atMost: 25) { slices += 1 }
        #expect(slices == 3)
        #expect(try file.rows(.hour, from: 0, to: .max).map(\.start).sorted() == (60..<100).map { $0 * 3_600 })
        #expect(try file.rows(.day, from: 0, to: .max).map(\.start).sorted() == [2, 3, 4])
        #expect(try file.oldestDay() == 2)
    }
}

extension RollUpFile {
    /// As if the disk had no more room.
    fileprivate func limitPages(_ isFull: Bool) throws {
        try setPageLimit(isFull ? 1 : 1_000_000)
    }
}
