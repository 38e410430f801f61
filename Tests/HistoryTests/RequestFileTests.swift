import Foundation
import LLMWire
import Support
import TestSupport
import Testing
import Trends

@testable import History

/// On a real disk, in a folder of its own.
@Suite("The file of the log of requests")
struct RequestFileTests {
    private func open(_ folder: HistoryFolder, _ notes: @escaping (String) -> Void = { _ in }) throws -> RequestFile {
        try RequestFile.open(path: folder.file, date: "x", movedAside: notes)
    }

    private static func row(_ id: Int64, _ random: inout SeededRandom) -> LoggedRequest {
        func maybe(_ random: inout SeededRandom) -> Int64? {
            Bool.random(using: &random) ? nil : .random(in: 0...1 << 40, using: &random)
        }
        func pick(_ texts: [String], _ random: inout SeededRandom) -> String {
            texts.randomElement(using: &random) ?? ""
        }
        var row = LoggedRequest(id: id)
        row.request = pick(["", "r\(id)", "same"], &random)
        row.endpoint = pick(["", "a", "b", "ä'\"; --"], &random)
        row.model = pick(["", "m", "n"], &random)
        row.client = pick(["", "team"], &random)
        row.asked = pick(["", "m", "wanted"], &random)
        row.kind = LoggedRequest.Kind.allCases.randomElement(using: &random) ?? .other
        row.isStream = Bool.random(using: &random)
        row.status = maybe(&random)
        row.ending = pick(["completed", "broken_stream"], &random)
        row.isFailed = Int.random(in: 0..<4, using: &random) == 0
        row.attempts = .random(in: 0...3, using: &random)
        row.firstByte = maybe(&random)
        row.firstToken = maybe(&random)
        row.total = .random(in: 0...1 << 40, using: &random)
        row.reading = [.none, .whole, .partial, .unread].randomElement(using: &random) ?? .none
        row.usage.input = maybe(&random)
        row.usage.output = maybe(&random)
        row.usage.cacheRead = maybe(&random)
        row.usage.cacheWrite5m = maybe(&random)
        row.usage.cacheWrite1h = maybe(&random)
        row.usage.reasoning = maybe(&random)
        row.cost = maybe(&random)
        row.bytesUp = .random(in: 0...1 << 40, using: &random)
        row.bytesDown = .random(in: 0...1 << 40, using: &random)
        if Int.random(in: 0..<3, using: &random) == 0 {
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                row.walk.append(
                    LoggedRequest.Attempt(
                        endpoint: pick(["a", "b", "c"], &random), outcome: pick(["ok", "timeout"], &random),
                        verdict: pick(["", "quota"], &random), status: maybe(&random), firstByte: maybe(&random),
                        total: .random(in: 0...1 << 40, using: &random)))
            }
        }
        return row
    }

    @Test("A random walk of writes, restarts, deletions and questions agrees with a list", arguments: 0..<6)
    func walk(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let folder = try HistoryFolder("test.requests.db")
        var file = try open(folder)
        var list: [LoggedRequest] = []
        var next: Int64 = 1_000
        for _ in 0..<60 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: file = try open(folder)
            case 1:
                let cut = Int64.random(in: 900...next, using: &random)
                while try file.delete(before: cut, atMost: 7) {}
                list.removeAll { $0.id < cut }
                try file.vacuum()
            case 2..<5:
                let rows = (0..<Int.random(in: 1...30, using: &random)).map { _ in
                    next += .random(in: 1...4, using: &random)
                    return Self.row(next, &random)
                }
                try file.write(rows)
                list += rows
            case 5:
                // A key that is taken gives way to the next free one.
                guard let taken = list.randomElement(using: &random)?.id else { continue }
                var row = Self.row(taken, &random)
                try file.write([row])
                let known = Set(list.map(\.id))
                while known.contains(row.id) { row.id += 1 }
                next = max(next, row.id)
                list.append(row)
            default:
                var question = LogQuestion()
                question.limit = .random(in: 0...40, using: &random)
                question.isFailed = Bool.random(using: &random)
                if Bool.random(using: &random) { question.before = .random(in: 900...next, using: &random) }
                if Bool.random(using: &random) { question.since = .random(in: 900...next, using: &random) }
                question.endpoint = [nil, "a", "c", "none"].randomElement(using: &random) ?? nil
                if Int.random(in: 0..<5, using: &random) == 0 { question.request = "same" }
                // Said in words, and not by the code that the file's reader has of its own.
                let wanted = list.filter { row in
                    if let before = question.before, row.id >= before { return false }
                    if row.id < question.since { return false }
                    if question.isFailed, !row.isFailed, row.walk.isEmpty { return false }
                    if let name = question.endpoint, row.endpoint != name,
                        !row.walk.contains(where: { $0.endpoint == name })
                    {
                        return false
                    }
                    return question.request == nil || row.request == "same"
                }.sorted { $0.id > $1.id }.prefix(question.limit)
                let reader = try RequestFile.reader(path: folder.file)
                #expect(try reader.rows(question) == Array(wanted))
                #expect(reader.brokenRows == 0)
            }
        }
        #expect(try file.check().isEmpty)
        let copy = folder.path + "/copy.requests.db"
        try RequestFile.reader(path: folder.file).copy(to: copy)
        var all = LogQuestion()
        all.limit = .max
        #expect(try RequestFile.reader(path: copy).rows(all).count == list.count)
    }

    @Test(
        "Bits that flip make no wrong row: rows are left out, or the file is moved aside and a new one begun",
        arguments: 0..<30)
    func flips(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let folder = try HistoryFolder("test.requests.db")
        var known: [Int64: LoggedRequest] = [:]
        do {
            let file = try open(folder)
            let rows = (0..<300).map { Self.row(1_000 + Int64($0), &random) }
            for row in rows { known[row.id] = row }
            try file.write(rows)
            try file.checkpoint()
        }
        var bytes = try Data(contentsOf: URL(filePath: folder.file))
        for _ in 0..<(seed % 3 == 0 ? 1 : 40) {
            // The first 100 bytes say whose file it is: a file of another program's is left alone.
            let place = Int.random(in: 100..<bytes.count, using: &random)
            bytes[place] ^= UInt8(1 << Int.random(in: 0..<8, using: &random))
        }
        if seed % 5 == 4 { bytes = bytes.prefix(Int.random(in: 4_096..<bytes.count, using: &random)) }
        try bytes.write(to: URL(filePath: folder.file))
        try? FileManager.default.removeItem(atPath: folder.file + "-wal")
        var aside: String?
        let file = try open(folder) { aside = $0 }
        var question = LogQuestion()
        question.limit = .max
        // A page that is not sound may be found only now.
        let found = (try? file.rows(question)) ?? []
        for row in found { #expect(known[row.id] == row) }
        if aside != nil {
            #expect(file.restoredRows == found.count)
            try file.write([Self.row(1, &random)])
            #expect(try file.rows(question).count == found.count + 1)
        }
    }

    @Test("A write that found damage which no check sees has the file moved aside; two such files are kept")
    func distrust() throws {
        let folder = try HistoryFolder("test.requests.db")
        var random = SeededRandom(seed: 1)
        var asides: [String] = []
        for round in 1...4 {
            let file = try RequestFile.open(
                path: folder.file, date: "2026113\(round)", isDistrusted: round > 1, movedAside: { asides.append($0) })
            try file.write([Self.row(Int64(round), &random)])
            // The file was sound, so that all of it came back.
            #expect(try file.rows(LogQuestion()).map(\.id) == (1...Int64(round)).reversed())
        }
        #expect(asides.count == 3)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
            $0.contains(".damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm")
        }
        #expect(names.sorted() == ["test.requests.db.damaged-20261133", "test.requests.db.damaged-20261134"])
    }

    @Test("A file of the version before is read as it is, and gets the column of what was asked for")
    func migration() throws {
        let folder = try HistoryFolder("test.requests.db")
        let old = StoreSchema(
            application: RequestFile.schema.application, steps: Array(RequestFile.schema.steps.prefix(1)))
        var row = LoggedRequest(id: 5)
        row.ending = "completed"
        do {
            let store = try StoreFile(path: folder.file, old)
            try store.database.execute(
                "INSERT INTO request VALUES(5, '', 0, 0, 0, 0, 0, NULL, 'completed', 0, 0, NULL, NULL, 0, 0, NULL, NULL, "
                    + "NULL, NULL, NULL, NULL, NULL, 0, 0, \(row.checksum))")
        }
        #expect(try RequestFile.reader(path: folder.file).rows(LogQuestion()) == [row])
        let file = try open(folder)
        #expect(try file.rows(LogQuestion()) == [row])
        // It may be large: no copy is made of it.
        #expect(!FileManager.default.fileExists(atPath: folder.file + ".backup"))
        var next = LoggedRequest(id: 6)
        (next.ending, next.asked) = ("completed", "wanted")
        try file.write([next])
        #expect(try file.rows(LogQuestion()) == [next, row])
    }

    @Test("A full disk takes nothing of a batch, and all of it when there is room")
    func full() throws {
        let folder = try HistoryFolder("test.requests.db")
        var random = SeededRandom(seed: 2)
        let file = try open(folder)
        try file.write([Self.row(1, &random)])
        try file.setPageLimit(1)
        let rows = (0..<2_000).map { Self.row(10 + Int64($0), &random) }
        #expect(throws: HistoryProblem.full) { try file.write(rows) }
        var question = LogQuestion()
        question.limit = .max
        #expect(try file.rows(question).map(\.id) == [1])
        try file.setPageLimit(1_000_000)
        try file.write(rows)
        #expect(try file.rows(question).count == 2_001)
        #expect(try file.usedBytes() > 100_000)
        while try file.delete(before: .max) {}
        #expect(try file.usedBytes() < 100_000)
    }

    @Test("Files that are none of ours, or of a newer Podium, are refused and stay as they are")
    func foreign() throws {
        let folder = try HistoryFolder("test.requests.db")
        let theirs = Data(repeating: 0x41, count: 5_000)
        try theirs.write(to: URL(filePath: folder.file))
        #expect(throws: HistoryProblem.self) { try open(folder) }
        #expect(try Data(contentsOf: URL(filePath: folder.file)) == theirs)
        // The file of the sums is another one.
        _ = try RollUpFile.open(path: folder.path + "/sums.db", date: "x")
        do {
            _ = try RequestFile.open(path: folder.path + "/sums.db", date: "x")
            Issue.record("taken for a log")
        } catch { #expect(error == .refused("\(folder.path)/sums.db is not Podium's")) }
    }
}
