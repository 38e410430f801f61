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
}
