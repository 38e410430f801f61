import Foundation
import Testing

@testable import Engine

/// The access log on real files: moved away, missing, full, slow.
struct AccessLogTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "access-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    private func text(_ name: String) -> String? {
        (try? Data(contentsOf: folder.appending(path: name))).map { String(decoding: $0, as: UTF8.self) }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func linesAreAppendedToAFileOfTheOwners() throws {
        try Data("before\n".utf8).write(to: folder.appending(path: "log"))
        var output = AccessLogOutput(configPath: "")
        #expect(output.write(bytes("one\n"), to: .file(path: path("log"))) == .fine)
        #expect(output.write(bytes("two\n"), to: .file(path: path("new"))) == .fine)
        #expect(text("log") == "before\none\n")
        #expect(text("new") == "two\n")
        let mode = try FileManager.default.attributesOfItem(atPath: path("new"))[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func aFileThatWasMovedAwayIsMadeAnew() throws {
        var output = AccessLogOutput(configPath: "")
        _ = output.write(bytes("one\n"), to: .file(path: path("log")))
        try FileManager.default.moveItem(atPath: path("log"), toPath: path("log.1"))
        #expect(output.write(bytes("two\n"), to: .file(path: path("log"))) == .fine)
        #expect(text("log.1") == "one\n")
        #expect(text("log") == "two\n")
    }

    @Test func aFileThatWasTruncatedIsWrittenFromItsStart() throws {
        var output = AccessLogOutput(configPath: "")
        _ = output.write(bytes("one\n"), to: .file(path: path("log")))
        truncate(path("log"), 0)
        _ = output.write(bytes("two\n"), to: .file(path: path("log")))
        #expect(text("log") == "two\n")
    }

    @Test func troubleIsToldOnceAndItsEndToo() throws {
        var output = AccessLogOutput(configPath: "")
        let target = AccessLog.Target.file(path: path("missing/log"))
        #expect(
            output.write([], to: target) == .failed("cannot open \(path("missing/log")): No such file or directory"))
        #expect(output.write(bytes("lost\n"), to: target) == .fine)
        try FileManager.default.createDirectory(atPath: path("missing"), withIntermediateDirectories: false)
        #expect(output.write(bytes("kept\n"), to: target) == .recovered)
        #expect(text("missing/log") == "kept\n")
    }

    @Test func aFullDiskIsTrouble() {
        var output = AccessLogOutput(configPath: "")
        #expect(
            output.write(bytes("x\n"), to: .file(path: "/dev/full"))
                == .failed("cannot write /dev/full: No space left on device"))
    }

    @Test func theConfigurationIsNeverWrittenInto() throws {
        try Data("server: {}\n".utf8).write(to: folder.appending(path: "config.yaml"))
        try FileManager.default.createSymbolicLink(
            atPath: path("log"), withDestinationPath: path("config.yaml"))
        var output = AccessLogOutput(configPath: path("config.yaml"))
        #expect(
            output.write(bytes("x\n"), to: .file(path: path("log")))
                == .failed("\(path("log")) is the configuration file"))
        #expect(text("config.yaml") == "server: {}\n")
    }

    @Test func aPipeThatNobodyReadsHoldsNobodyUp() {
        mkfifo(path("pipe"), 0o600)
        var output = AccessLogOutput(configPath: "")
        guard case .failed = output.write(bytes("x\n"), to: .file(path: path("pipe"))) else {
            Issue.record("written to nobody")
            return
        }
    }
}
