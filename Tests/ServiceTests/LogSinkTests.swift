import Dispatch
import Foundation
import Logging
@testable import Service
import Synchronization
import Testing

private func line(_ message: String) -> LogLine {
    LogLine(time: LogTime(seconds: 0, milliseconds: 0), level: .info, source: "test", message: message)
}

private func temporaryFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("podium-log-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

/// With real threads, files and pipes.
struct LogSinkTests {
    @Test func linesComeOutInOrderWhoeverIsSlow() {
        let written = Mutex("")
        let sink = LogSink(format: .journal) { bytes in
            written.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
            return nil
        }
        let messages = (0..<2_000).map { "line \($0)" }
        for message in messages { sink.write(line(message)) }
        #expect(sink.flush(within: 10))
        #expect(written.withLock { $0 } == messages.map { "<6>test \($0)\n" }.joined())
    }

    @Test func aReaderThatIsStuckHoldsNobodyUpAndWhatWasDroppedIsSaid() {
        let release = DispatchSemaphore(value: 0)
        let written = Mutex("")
        let sink = LogSink(format: .journal) { bytes in
            release.wait()
            written.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
            return nil
        }
        // More than a queue takes (8,192 lines) while the first batch is stuck; returning at all is the point.
        for number in 0..<30_000 { sink.write(line("\(number)")) }
        #expect(!sink.flush(within: 0))
        for _ in 0..<10 { release.signal() }
        #expect(sink.flush(within: 10))
        let lines = written.withLock { $0 }.split(separator: "\n")
        // On a busy machine the first batch can begin late and bring a notice of its own.
        let notices = lines.filter { $0.contains("dropped") }
        let dropped = notices.reduce(0) { $0 + (Int($1.split(separator: " ")[1]) ?? 0) }
        #expect(!notices.isEmpty)
        #expect(dropped + lines.count - notices.count == 30_000)
    }

    @Test func aFileThatWasRotatedIsOpenedAgain() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("podium.log").path
        let file = try LogFile(path: path)
        #expect(file.write(Array("one\n".utf8)) == nil)
        // As logrotate does it.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        #expect(file.write(Array("two\n".utf8)) == nil)
        try FileManager.default.removeItem(atPath: path)
        #expect(file.write(Array("three\n".utf8)) == nil)
        #expect(try String(contentsOfFile: path + ".1", encoding: .utf8) == "one\n")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "three\n")
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aFolderThatIsGoneKeepsTheOldFileGoing() throws {
        let folder = try temporaryFolder()
        let path = folder.appendingPathComponent("podium.log").path
        let file = try LogFile(path: path)
        try FileManager.default.removeItem(at: folder)
        #expect(file.write(Array("lost but no fault\n".utf8)) == nil)
        #expect(throws: LogFile.OpenError.self) { _ = try LogFile(path: path) }
    }

    @Test func aFullDeviceIsAFaultWithItsReason() throws {
        let full = try LogFile(path: "/dev/full")
        #expect(full.write(Array("x\n".utf8)) == String(cString: strerror(ENOSPC)))
    }

    @Test func theHandlerKeepsEndpointAndSourceApart() {
        let written = Mutex("")
        let sink = LogSink(format: .text) { bytes in
            written.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
            return nil
        }
        let logger = Logger(label: "test") { _ in SinkLogHandler(sink: sink, level: .info) }
        logger.debug("not this one")
        logger.error("broke", metadata: ["endpoint": "main", "source": "proxy", "b": "2", "a": "1"])
        #expect(sink.flush(within: 10))
        #expect(written.withLock { $0 }.hasSuffix(" error proxy main broke a=1 b=2\n"))
        #expect(written.withLock { $0 }.split(separator: "\n").count == 1)
    }
}

struct LogFormatTests {
    private let line = LogLine(
        // 2026-11-23 22:40:14 UTC: `date -u -d @1795473614`.
        time: LogTime(seconds: 1_795_473_614, milliseconds: 7), level: .warning, source: "endpoint", endpoint: "main",
        message: "answered \"429\"", details: [.init(key: "source", value: "a \\ b")])

    private func text(_ format: LogFormat, _ line: LogLine) -> String {
        String(decoding: format.bytes(line), as: UTF8.self)
    }

    @Test func textIsForPeople() {
        #expect(
            text(.text, line)
                == "2026-11-23T22:40:14.007Z warning endpoint main answered \"429\" source=a \\ b\n")
    }

    @Test func theJournalGetsTheLevelAndNoTime() {
        #expect(text(.journal, line) == "<4>endpoint main answered \"429\" source=a \\ b\n")
    }

    @Test func jsonHoldsWhatWasLoggedAndForeignKeysDoNotPassForOurs() throws {
        let object = try JSONSerialization.jsonObject(with: Data(LogFormat.json.bytes(line))) as? [String: String]
        #expect(
            object == [
                "time": "2026-11-23T22:40:14.007Z", "level": "warning", "source": "endpoint", "endpoint": "main",
                "message": "answered \"429\"", "detail_source": "a \\ b",
            ])
    }

    /// Every scalar up to U+2100 comes back from JSON as it was, and none breaks a line or reaches a terminal as control.
    @Test func noTextFromOutsideBreaksALine() throws {
        let hostile = String(String.UnicodeScalarView((0..<0x2100).compactMap(Unicode.Scalar.init)))
        var line = line
        line.message = hostile
        line.endpoint = "a\u{1B}[2J\nb"
        for format in LogFormat.allCases {
            let printed = text(format, line)
            let controls = printed.dropLast().unicodeScalars.filter { $0.properties.generalCategory == .control }
            #expect(controls.isEmpty, "\(format)")
        }
        let data = Data(LogFormat.json.bytes(line))
        let object = try JSONSerialization.jsonObject(with: data) as? [String: String]
        #expect(object?["message"] == hostile)
        #expect(object?["endpoint"] == "a\u{1B}[2J\nb")
    }
}

private let epoch = LogTime(seconds: 0, milliseconds: 0)

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
