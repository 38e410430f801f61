import Foundation
import Logging
import Testing

@testable import Service

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
