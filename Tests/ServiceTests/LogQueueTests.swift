import Logging
import Testing

@testable import Service

private let epoch = LogTime(seconds: 0, milliseconds: 0)

private func line(_ message: String) -> LogLine {
    LogLine(time: epoch, level: .info, source: "test", message: message)
}

/// What a reader of the log sees of a batch.
private func words(_ batch: [LogLine]?) -> [String]? {
    batch?.map(\.message)
}

struct LogQueueTests {
    @Test func theFirstLineStartsTheWriterAndTheNextJoinIt() {
        var queue = LogQueue()
        #expect(queue.offer(line("a")) == .startWriter)
        #expect(queue.offer(line("b")) == .none)
        #expect(words(queue.take(now: epoch)) == ["a", "b"])
        // Still writing: it will come back for what arrives meanwhile.
        #expect(queue.offer(line("c")) == .none)
        #expect(words(queue.take(now: epoch)) == ["c"])
        #expect(queue.take(now: epoch) == nil)
        #expect(queue.offer(line("d")) == .startWriter)
    }

    @Test func whatDoesNotFitIsCountedAndSaidOnceInItsPlace() {
        var queue = LogQueue(lineLimit: 2)
        for message in ["a", "b", "lost", "lost"] { _ = queue.offer(line(message)) }
        let batch = words(queue.take(now: epoch))
        #expect(batch?.prefix(2) == ["a", "b"])
        #expect(batch?.count == 3)
        #expect(batch?.last?.hasPrefix("2 log lines dropped") == true)
        _ = queue.offer(line("c"))
        #expect(words(queue.take(now: epoch)) == ["c"])
    }

    @Test func theSizeIsBoundedTooButOneLineAlwaysFits() {
        let long = line(String(repeating: "x", count: 1_000))
        var queue = LogQueue(sizeLimit: 500)
        _ = queue.offer(long)
        _ = queue.offer(line("short"))
        let batch = words(queue.take(now: epoch))
        #expect(batch?.first == long.message)
        #expect(batch?.last?.hasPrefix("1 log line dropped") == true)
    }

    @Test func aFailedWriteIsSaidOnceWritingWorksAgainAndNoCountIsLost() throws {
        var queue = LogQueue(lineLimit: 1)
        _ = queue.offer(line("a"))
        _ = queue.offer(line("dropped"))
        let taken = queue.take(now: epoch)
        let first = try #require(taken)
        queue.wrote(first, fault: "No space left on device")
        _ = queue.offer(line("b"))
        let takenAgain = queue.take(now: epoch)
        let second = try #require(takenAgain)
        #expect(second[0].message == "1 log line could not be written: No space left on device")
        #expect(second[1].message == "b")
        #expect(second[2].message.hasPrefix("1 log line dropped"))
        queue.wrote(second, fault: nil)
        _ = queue.offer(line("c"))
        #expect(words(queue.take(now: epoch)) == ["c"])
    }
}
