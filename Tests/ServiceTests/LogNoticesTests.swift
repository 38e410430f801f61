import Logging
import Testing

@testable import Service

private let epoch = LogTime(seconds: 0, milliseconds: 0)

private func line(_ message: String) -> LogLine {
    LogLine(time: epoch, level: .info, source: "test", message: message)
}

struct LogNoticesTests {
    @Test func whatWasDroppedIsSaidBehindTheLinesBeforeIt() {
        var notices = LogNotices()
        let batch = notices.complete([line("a"), line("b")], dropped: 2, now: epoch).map(\.message)
        #expect(batch.prefix(2) == ["a", "b"])
        #expect(batch.count == 3)
        #expect(batch.last?.hasPrefix("2 log lines dropped") == true)
    }

    @Test func aFailedWriteIsSaidOnceWritingWorksAgainAndNoCountIsLost() {
        var notices = LogNotices()
        let first = notices.complete([line("a")], dropped: 1, now: epoch)
        // The notice was lost with its batch, so what it counted is counted again.
        let again = notices.wrote(first, fault: "No space left on device")
        #expect(again == 1)
        let second = notices.complete([line("b")], dropped: 1, now: epoch)
        #expect(second[0].message == "1 log line could not be written: No space left on device")
        #expect(second[1].message == "b")
        #expect(second[2].message.hasPrefix("1 log line dropped"))
        let none = notices.wrote(second, fault: nil)
        let third = notices.complete([line("c")], dropped: 0, now: epoch)
        #expect(none == 0)
        #expect(third.map(\.message) == ["c"])
    }
}
