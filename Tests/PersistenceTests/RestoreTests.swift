import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

@Suite struct RestoreTests {
    private static let broken = "endpoints: [\n"

    private static func restore(_ directory: ConfigurationDirectory) -> ConfigurationRestore {
        ConfigurationRestore(path: directory.file, environment: [:])
    }

    @Test func versionsAreListedWithTheirValidity() throws {
        let directory = try ConfigurationDirectory(Self.broken)
        try directory.write(ConfigurationDirectory.text, to: "config.yaml.backup")
        try directory.write(WriterUnderTest.moved, to: "config.yaml.recovered")
        try directory.write(Self.broken, to: ".config.yaml.podium-x-1.tmp")
        try directory.write("unrelated", to: "config.yaml.backup2")
        let points = try Self.restore(directory).points()
        #expect(Set(points.map(\.kind)) == [.backup, .recovered, .orphan])
        #expect(points.filter(\.isValid).map(\.kind).contains(.backup))
        let orphan = try #require(points.first { $0.kind == .orphan })
        #expect(!orphan.isValid)
        #expect(orphan.isCurrent)
    }

    @Test func theBackupComesBackAndTheBrokenFileBecomesTheBackup() throws {
        let directory = try ConfigurationDirectory(Self.broken)
        try directory.write(ConfigurationDirectory.text, to: "config.yaml.backup")
        try Self.restore(directory).restore("config.yaml.backup")
        #expect(directory.text() == ConfigurationDirectory.text)
        #expect(directory.text("config.yaml.backup") == Self.broken)
        #expect(directory.leftovers == [])
    }

    @Test func aMissingFileIsMadeAnew() throws {
        let directory = try ConfigurationDirectory()
        rename(directory.file, "\(directory.path)/config.yaml.backup")
        try Self.restore(directory).restore("config.yaml.backup")
        #expect(directory.text() == ConfigurationDirectory.text)
        var status = stat()
        stat(directory.file, &status)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(directory.leftovers == [])
    }

    @Test func aVersionThatDoesNotLoadIsRefused() throws {
        let directory = try ConfigurationDirectory()
        try directory.write(Self.broken, to: "config.yaml.backup")
        #expect(throws: PersistenceError.self) { try Self.restore(directory).restore("config.yaml.backup") }
        #expect(directory.text() == ConfigurationDirectory.text)
    }

    @Test func nothingIsRestoredUnderARunningProcess() throws {
        let world = try WriterUnderTest()
        try world.directory.write(ConfigurationDirectory.text, to: "config.yaml.backup")
        #expect(throws: PersistenceError.locked(path: world.directory.file, holder: getpid())) {
            try Self.restore(world.directory).restore("config.yaml.backup")
        }
        withExtendedLifetime(world) {}
    }

    @Test func theDifferenceShowsTheChangedLinesAndNoCredential() throws {
        let directory = try ConfigurationDirectory("a: 1\nb: 2\nauth_value: sk-new\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\n")
        try directory.write("a: 1\nb: 2\nauth_value: sk-old\nc: 3\nd: 4\ne: 5\nf: 6\ng: 8\n", to: "config.yaml.backup")
        let difference = try Self.restore(directory).difference(restoring: "config.yaml.backup")
        #expect(
            difference.description == """
                 a: 1
                 b: 2
                -auth_value: ••••
                +auth_value: ••••
                 c: 3
                 d: 4
                 e: 5
                 f: 6
                -g: 7
                +g: 8
                \(" ")
                """)
        #expect(try Self.restore(directory).difference(restoring: "config.yaml").isEmpty)
    }

    @Test func aNewFileNeverReplacesOneThatExists() throws {
        let directory = try ConfigurationDirectory()
        #expect(throws: PersistenceError.self) { try ConfigurationFile.create(directory.file, [1]) }
        #expect(directory.text() == ConfigurationDirectory.text)
        try ConfigurationFile.create("\(directory.path)/new.yaml", Array("a: 1\n".utf8))
        #expect(try ConfigurationFile.read("\(directory.path)/new.yaml") == Array("a: 1\n".utf8))
    }

    @Test func aVersionSaysItsOriginAgeSizeAndValidity() {
        let point = RestorePoint(
            name: "config.yaml.backup", kind: .backup, modified: .seconds(1_000_000), size: 1_204, problems: [],
            isCurrent: false)
        let ages: [(Int, String)] = [
            (-1, "dated in the future"), (0, "0 s old"), (59, "59 s old"), (60, "1 min old"), (7_199, "119 min old"),
            (7_200, "2 hours old"), (172_800, "2 days old"),
        ]
        for (age, text) in ages {
            #expect(
                point.described(at: .seconds(1_000_000 + age))
                    == "config.yaml.backup: the version before the last write, \(text), 1204 bytes, loads")
        }
        var broken = point
        broken.problems = [FileProblem(line: 3, column: 5, message: "no number")]
        #expect(broken.described(at: point.modified).hasSuffix("does not load: 3:5: no number"))
    }

    @Test func credentialsAreHiddenWhereverTheyStand() {
        let hidden = """
            server:
              client_tokens:
              - sk-live-1
              - ${TOKEN}
              admin_token: "sk-live-2"
              port: 1
            endpoints:
              - name: token-ring
                url: https://user:sk-live-3@example.com/a
                auth_value: >-
                  sk-live-4
                headers: {X-Api-Key: sk-live-5,
                  Cookie: sk-live-6}
                "auth_value" : sk-live-7
                priority: 1
              - auth_value: ${KEY}  # from the environment
                name: b\u{9B}2J
            """
        let shown = FileMask.lines(of: Array(hidden.utf8)).joined(separator: "\n")
        #expect(
            shown == """
                server:
                  client_tokens:
                  - ••••
                  - ${TOKEN}
                  admin_token: ••••
                  port: 1
                endpoints:
                  - name: token-ring
                    url: https://••••@example.com/a
                    auth_value: ••••
                      ••••
                    headers: ••••
                      ••••
                    "auth_value" : ••••
                    priority: 1
                  - auth_value: ${KEY}  # from the environment
                    name: b\u{FFFD}2J
                """)
    }

    /// One version's credential may stand in a comment, or in ruins, in the other.
    @Test func whatOneVersionKnowsAsSecretIsHiddenInTheOther() {
        let old = "endpoints:\n  - name: a\n    auth_value: planted-words-only\n"
        let new = "endpoints:\n  - name: a # planted-words-only\n    x: [planted-words-only\n"
        let shown = LineDifference(from: Array(old.utf8), to: Array(new.utf8)).description
        #expect(!shown.contains("planted") && shown.contains("+  - name: a # ••••"))
    }

    /// 8,000 lines: what takes time by the square of the differences would take minutes.
    @Test(arguments: [0, 1]) func longFilesAreComparedByPlace(_ more: Int) {
        let old = (0..<8_000).map { "priority: \($0)" }
        let new = (0..<(8_000 + more)).map { $0 % 2 == 0 ? "priority: \($0)" : "priority: \($0 + 1)" }
        let difference = LineDifference(
            from: Array(old.joined(separator: "\n").utf8), to: Array(new.joined(separator: "\n").utf8))
        let removed = difference.lines.count { $0.kind == .removed }
        // Line 1 is the same in both; of another length, all the rest counts as changed.
        #expect(removed == (more == 0 ? 4_000 : 7_999))
        #expect(difference.lines.count { $0.kind == .added } == removed + more)
    }
}
