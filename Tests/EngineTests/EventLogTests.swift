import PodiumModel
import TestSupport
import Testing

@testable import Engine

@Suite("Event log")
struct EventLogTests {
    private static func texts(_ log: EventLog) -> [String] { log.after(0, limit: .max).map(\.text) }

    @Test("Keeps the newest, in order")
    func newest() {
        var log = EventLog()
        for number in 1...707 { _ = log.append(.info, source: "test", "event \(number)", time: Double(number)) }
        #expect(log.total == 707)
        #expect(log.after(0, limit: 10).map(\.text) == (698...707).map { "event \($0)" })
        #expect(log.after(0, limit: .max).count == EventRetention.changes.capacity)
        #expect(log.after(0, limit: .max).first?.text == "event 8")
        #expect(log.after(0, limit: 0).isEmpty)
        #expect(log.after(707, limit: 10).isEmpty)
        #expect(log.after(.max, limit: 10).isEmpty)
        #expect(log.after(705, limit: 10).map(\.id) == [706, 707])
        #expect(log.after(702, limit: 2).map(\.id) == [706, 707])
    }

    @Test(
        "What repeats is one event with a count, the last text, and both times; request and client make no difference")
    func folds() {
        var log = EventLog()
        _ = log.append(.error, source: "endpoint", endpoint: "a", "down for 5 s: connection refused", time: 1)
        for number in 1...2_100 {
            _ = log.append(
                .warning, source: "proxy", "refused 10.0.0.\(number): 400 no request", kind: .traffic,
                fold: "refused 400",
                time: 2 + Double(number) / 3_500)
        }
        _ = log.append(
            .warning, source: "proxy", "refused 10.0.0.1: 431 too large", kind: .traffic, fold: "refused 431", time: 3)
        #expect(
            Self.texts(log) == [
                "down for 5 s: connection refused", "refused 10.0.0.2100: 400 no request",
                "refused 10.0.0.1: 431 too large",
            ])
        let event = log.after(0, limit: .max)[1]
        #expect(event.count == 2_100)
        #expect(event.firstID == 2)
        #expect(event.id == 2_101)
        #expect(event.firstTime == 2 + 1 / 3_500.0)
        #expect(event.time == 2.6)
        #expect(log.total == 2_102)
    }

    @Test("Another level, source or endpoint is another event; so is what happens again after ten minutes")
    func apart() {
        var log = EventLog()
        for (level, source, endpoint) in [
            (EventLevel.info, "proxy", nil), (.warning, "proxy", nil), (.info, "control", nil), (.info, "proxy", "a"),
            (.info, "proxy", "b"),
        ] as [(EventLevel, String, String?)] {
            for _ in 1...2 {
                _ = log.append(level, source: source, endpoint: endpoint, "same", kind: .traffic, time: 1)
            }
        }
        #expect(log.after(0, limit: .max).map(\.count) == [2, 2, 2, 2, 2])
        _ = log.append(.info, source: "proxy", "same", kind: .traffic, time: 601)
        #expect(log.after(0, limit: .max).map(\.count) == [2, 2, 2, 2, 3])
        _ = log.append(.info, source: "proxy", "same", kind: .traffic, time: 1_201.5)
        #expect(log.after(0, limit: .max).map(\.count) == [2, 2, 2, 2, 3, 1])
    }

    @Test("A change counts as the one before only if nothing came between them: the story of an outage stays in order")
    func changes() {
        var log = EventLog()
        for text in ["down", "up", "down", "down", "up"] {
            _ = log.append(.info, source: "endpoint", endpoint: "a", text, time: 1)
            _ = log.append(.info, source: "endpoint", endpoint: "b", "down", time: 1)
        }
        let events = log.after(0, limit: .max)
        #expect(
            events.filter { $0.endpoint == "a" }.map { "\($0.text) \($0.count)" } == [
                "down 1", "up 1", "down 2", "up 1",
            ])
        #expect(events.filter { $0.endpoint == "b" }.map(\.count) == [5])
    }

    @Test("No flood of one kind pushes out another: what matters stays, whatever traffic brings")
    func floods() {
        var log = EventLog()
        _ = log.append(.error, source: "endpoint", endpoint: "a", "down", time: 1)
        _ = log.append(.info, source: "endpoint", endpoint: "b", "up", time: 1)
        for number in 1...5_000 {
            for level in [EventLevel.debug, .info, .warning] {
                _ = log.append(level, source: "proxy", "\(number)", kind: .traffic, time: 2)
            }
        }
        let events = log.after(0, limit: .max)
        #expect(Array(events.prefix(2).map(\.text)) == ["down", "up"])
        #expect(events.count == 802)
        for (level, count) in [(EventLevel.debug, 200), (.info, 301), (.warning, 300), (.error, 1)] {
            #expect(events.count { $0.level == level } == count)
        }
    }

    @Test("What is held goes by the last time: an event that goes on is not dropped for newer ones")
    func renewed() {
        var log = EventLog()
        for number in 1...1_000 {
            _ = log.append(.warning, source: "proxy", "goes on", kind: .traffic, time: Double(number))
            _ = log.append(.warning, source: "proxy", "\(number)", kind: .traffic, time: Double(number))
        }
        #expect(log.after(0, limit: .max).first { $0.text == "goes on" }?.count == 1_000)
        #expect(log.after(0, limit: .max).count == EventRetention.warnings.capacity)
    }

    @Test("The log that is written out gets the first one at once, and one line in ten seconds of what repeats")
    func writtenOut() {
        var log = EventLog()
        func refuse(_ client: Int, at time: Double) -> EventLog.Appended {
            log.append(.warning, source: "proxy", "refused \(client)", kind: .traffic, fold: "refused", time: time)
        }
        let first = refuse(1, at: 0)
        #expect(first.lines.map(\.text) == ["refused 1"])
        #expect(!first.holdsFirst)
        let second = refuse(2, at: 1)
        #expect(second.lines.isEmpty)
        #expect(second.holdsFirst, "somebody has to come back for it")
        #expect(!refuse(3, at: 2).holdsFirst)
        #expect(log.takeRepeats(time: 9.9) == ([], true))
        #expect(refuse(4, at: 10).lines.map(\.text) == ["refused 4 (3 more in 10 s)"])
        #expect(log.takeRepeats(time: 11) == ([], false))
        #expect(refuse(5, at: 12).holdsFirst)
        var due = log.takeRepeats(time: 20)
        #expect(due.lines.map(\.text) == ["refused 5"])
        #expect(!due.hasMore)
        // What comes rarely is told each time, as it always was.
        #expect(refuse(6, at: 50).lines.map(\.text) == ["refused 6"])
        _ = refuse(7, at: 51)
        due = log.takeRepeats(isLast: true, time: 53)
        #expect(due.lines.map(\.text) == ["refused 7 (1 more in 3.0 s)"])
        #expect(log.takeRepeats(isLast: true, time: 54) == ([], false))
    }

    @Test("What was kept back is told when its event is dropped")
    func droppedWithRepeats() {
        var log = EventLog()
        for _ in 1...3 { _ = log.append(.debug, source: "endpoint", "probe", kind: .traffic, time: 1) }
        var lines: [String] = []
        for number in 1...EventRetention.debugs.capacity {
            lines += log.append(.debug, source: "endpoint", "\(number)", kind: .traffic, time: 2).lines.map(\.text)
        }
        #expect(lines.filter { $0.hasPrefix("probe") } == ["probe (2 more in 1.0 s)"])
        #expect(log.takeRepeats(isLast: true, time: 99) == ([], false))
    }

    @Test("Every occurrence is written out or counted in a line, whatever comes")
    func accounting() {
        for seed in UInt64(0)..<200 {
            var random = SeededRandom(seed: seed)
            var log = EventLog()
            var time = 0.0
            var lines: [EventLog.Line] = []
            let kinds = Int.random(in: 1...900, using: &random)
            for _ in 0..<1_500 {
                time +=
                    Double.random(in: 0...1, using: &random) < 0.9 ? 0.01 : Double.random(in: 0...30, using: &random)
                let kind = Int.random(in: 0..<kinds, using: &random)
                lines +=
                    log.append(
                        kind % 3 == 0 ? .debug : .warning, source: "proxy", "t", kind: .traffic, fold: "\(kind)",
                        time: time
                    ).lines
                if Bool.random(using: &random) { lines += log.takeRepeats(time: time).lines }
            }
            lines += log.takeRepeats(isLast: true, time: time).lines
            let told = lines.reduce(0) { sum, line in
                sum + (line.text.split(separator: "(").last.flatMap { Int($0.prefix { $0.isNumber }) } ?? 1)
            }
            #expect(told == 1_500, "seed \(seed)")
        }
    }

    @Test("A reader learns how many it missed, and only of those after its place")
    func missed() {
        var log = EventLog()
        _ = log.append(.error, source: "test", "first", time: 0)
        for number in 1...1_000 { _ = log.append(.debug, source: "test", "\(number)", kind: .traffic, time: 0) }
        #expect(log.evicted == 800)
        #expect(log.missed(after: 0, since: 0) == 800)
        #expect(log.missed(after: 701, since: 0) == 100)
        #expect(log.missed(after: 801, since: 0) == 0)
        #expect(log.missed(after: 0, since: 800) == 0)
        for number in 1...10_000 { _ = log.append(.debug, source: "test", "again \(number)", kind: .traffic, time: 0) }
        #expect(log.missed(after: 0, since: 0) == 10_800)
        #expect(log.missed(after: 1_001, since: 0) == 9_800)
    }
}
