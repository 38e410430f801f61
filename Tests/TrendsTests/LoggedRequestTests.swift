import LLMWire
import Testing

@testable import Trends

@Suite("Which requests get into the log")
struct LoggedRequestTests {
    private typealias Ask = (kind: LoggedRequest.Kind, isFailed: Bool)

    @Test("A thousand a second in the long run, a burst at once, and never more than may wait")
    func rate() {
        var budget = LogBudget()
        func count(_ asked: Int, _ waiting: Int, _ second: Double) -> Int {
            budget.admit(
                [Ask](repeating: (.messages, false), count: asked), waiting: waiting, now: .seconds(second)
            ).count { $0 }
        }
        #expect(count(6_000, 0, 100) == 5_000)
        #expect(count(10, 0, 100) == 0)
        #expect(count(5_000, 0, 100.5) == 500)
        #expect(count(5_000, 0, 1_000) == 5_000)
        #expect(count(500, 4_900, 2_000) == 100)
        #expect(count(500, 5_000, 2_001) == 0)
        // A clock that seems to go backwards gives nothing.
        #expect(count(6_000, 0, 1_990) <= 5_000)
        #expect(count(1, 0, 1_989) == 0)
    }

    @Test("Where not all get in, inference goes first, and of both what failed")
    func worth() {
        var budget = LogBudget()
        _ = budget.admit([Ask](repeating: (.other, false), count: 4_996), waiting: 0, now: .zero)
        let asked: [Ask] = [
            (.other, false), (.models, true), (.chat, false), (.messages, true), (.other, false), (.responses, false),
            (.embeddings, false),
        ]
        #expect(
            budget.admit(asked, waiting: 0, now: .zero) == [false, true, true, true, false, true, false])
    }

    @Test("Room: the disk goes before the journal, and that before the size")
    func room() {
        var room = LogRoom(used: 10, limit: 100, free: 1 << 40, disk: 1 << 41, journal: 0)
        #expect(room.verdict == .write)
        room.used = 91
        #expect(room.verdict == .writeAndThin && room.verdict.writes)
        room.used = 101
        #expect(room.verdict == .stop("max_size is reached") && !room.verdict.writes)
        room.journal = (32 << 20) + 1
        #expect(room.verdict == .stop("a program that reads the file holds its journal open"))
        room.free = (64 << 20) - 1
        #expect(room.verdict == .stop("the disk is nearly full"))
        // Two per cent of a large disk.
        room.free = (1 << 41) / 51
        #expect(room.verdict == .stop("the disk is nearly full"))
    }

    @Test("The checksum is of every value, and tells what is missing from zero")
    func checksum() {
        var rows: [LoggedRequest] = []
        func add(_ change: (inout LoggedRequest) -> Void) {
            var row = LoggedRequest(id: 5)
            change(&row)
            rows.append(row)
        }
        add { _ in }
        add { $0.id = 6 }
        add { $0.request = "a" }
        add { $0.endpoint = "a" }
        add { $0.model = "a" }
        add { $0.client = "a" }
        add { $0.asked = "a" }
        add { $0.ending = "a" }
        add { $0.kind = .messages }
        add { $0.isStream = true }
        add { $0.isFailed = true }
        add { $0.status = 0 }
        add { $0.attempts = 1 }
        add { $0.firstByte = 0 }
        add { $0.firstToken = 0 }
        add { $0.total = 1 }
        add { $0.reading = .whole }
        add { $0.usage.input = 0 }
        add { $0.usage.output = 0 }
        add { $0.usage.cacheRead = 0 }
        add { $0.usage.cacheWrite5m = 0 }
        add { $0.usage.cacheWrite1h = 0 }
        add { $0.usage.reasoning = 0 }
        add { $0.cost = 0 }
        add { $0.bytesUp = 1 }
        add { $0.bytesDown = 1 }
        for (outcome, status) in [("a", Int64?.none), ("b", nil), ("a", 0)] {
            add {
                $0.walk = [
                    .init(endpoint: "a", outcome: outcome, verdict: "", status: status, firstByte: nil, total: 0)
                ]
            }
        }
        #expect(Set(rows.map(\.checksum)).count == rows.count)
    }
}
