import Foundation
import Testing

@testable import Persistence

@Suite struct OrphanSweepTests {
    private static func age(_ name: String, in directory: ConfigurationDirectory, seconds: TimeInterval) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_700_000_000 - seconds)],
            ofItemAtPath: "\(directory.path)/\(name)")
    }

    private static let orphan = ".config.yaml.podium-a-1.tmp"

    @Test func theOldVersionThatASwapLeftBecomesTheBackup() throws {
        let world = try WriterUnderTest()
        let old = ConfigurationDirectory.text.replacing("# Kept", with: "# Old")
        try world.directory.write(old, to: Self.orphan)
        try Self.age("config.yaml", in: world.directory, seconds: 0)
        try Self.age(Self.orphan, in: world.directory, seconds: 60)
        #expect(world.writer.sweepOrphans() == [.keptAsBackup(name: "config.yaml.backup")])
        #expect(world.directory.text("config.yaml.backup") == old)
        #expect(world.directory.text() == ConfigurationDirectory.text)
    }

    @Test func aNewerBackupIsNotReplacedByAnOlderOrphan() throws {
        let world = try WriterUnderTest()
        let newer = ConfigurationDirectory.text.replacing("# Kept", with: "# Newer")
        let old = ConfigurationDirectory.text.replacing("# Kept", with: "# Old")
        try world.directory.write(newer, to: "config.yaml.backup")
        try world.directory.write(old, to: Self.orphan)
        try Self.age("config.yaml", in: world.directory, seconds: 0)
        try Self.age("config.yaml.backup", in: world.directory, seconds: 30)
        try Self.age(Self.orphan, in: world.directory, seconds: 60)
        #expect(world.writer.sweepOrphans() == [.keptForRestore(name: "config.yaml.recovered")])
        #expect(world.directory.text("config.yaml.backup") == newer)
        #expect(world.directory.text("config.yaml.recovered") == old)
    }

    @Test func aNewerVersionIsKeptForRestore() throws {
        let world = try WriterUnderTest()
        try world.directory.write(WriterUnderTest.moved, to: Self.orphan)
        try Self.age("config.yaml", in: world.directory, seconds: 60)
        try Self.age(Self.orphan, in: world.directory, seconds: 0)
        #expect(world.writer.sweepOrphans() == [.keptForRestore(name: "config.yaml.recovered")])
        #expect(world.directory.text() == ConfigurationDirectory.text)
    }

    @Test(arguments: ["", "endpoints:\n  - na: [", ConfigurationDirectory.text])
    func whatIsNotNeededGoes(_ content: String) throws {
        let world = try WriterUnderTest()
        try world.directory.write(content, to: Self.orphan)
        try world.directory.write("mine", to: ".config.yaml.podium.notes")
        #expect(world.writer.sweepOrphans() == [.removed(name: Self.orphan)])
        #expect(world.directory.leftovers == [".config.yaml.podium.notes"])
    }
}
