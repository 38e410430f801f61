import Support
import Foundation
import Testing

@testable import Persistence

/// What lies beside the configuration may be read by those who may read the configuration, and by nobody else.
@Suite struct CopyTests {
    private static func mode(_ path: String) -> UInt32 {
        var status = stat()
        return stat(path, &status) == 0 ? UInt32(status.st_mode & 0o7777) : 0o7777
    }

    private static let copies = [
        "config.yaml.backup", "config.yaml.recovered", ".config.yaml.podium-a-1.tmp", ".config.yaml.podium-journal",
    ]

    private static func world(_ mode: mode_t) throws -> WriterUnderTest {
        let world = try WriterUnderTest()
        chmod(world.directory.file, mode)
        for name in copies {
            try world.directory.write("# a copy\n", to: name)
            chmod("\(world.directory.path)/\(name)", mode)
        }
        return world
    }

    @Test(arguments: [0o600, 0o640, 0o400, 0o604]) func rightsThatAreTakenFromTheFileAreTakenFromItsCopies(
        _ mode: mode_t
    ) throws {
        var world = try Self.world(0o644)
        _ = world.writer.inspect()
        chmod(world.directory.file, mode)
        // It is noticed without a save and without anything to write.
        #expect(world.writer.mayHaveChanged())
        #expect(world.writer.inspect().exposedCopies == [])
        for name in Self.copies {
            #expect(Self.mode("\(world.directory.path)/\(name)") == UInt32(mode) & 0o644, "\(name)")
        }
    }

    @Test func rightsAreNeverGiven() throws {
        var world = try Self.world(0o600)
        chmod(world.directory.file, 0o644)
        _ = world.writer.inspect()
        for name in Self.copies { #expect(Self.mode("\(world.directory.path)/\(name)") == 0o600, "\(name)") }
        try world.directory.write("someone else's\n", to: "config.yaml.txt")
        chmod("\(world.directory.path)/config.yaml.txt", 0o666)
        chmod(world.directory.file, 0o600)
        _ = world.writer.inspect()
        #expect(Self.mode("\(world.directory.path)/config.yaml.txt") == 0o666)
    }

    @Test func aCopyWhoseRightsCannotBeTakenIsNamed() throws {
        var world = try Self.world(0o644)
        chmod(world.directory.file, 0o600)
        world.interference.always(.setMode, .fail(EPERM))
        let exposed = world.writer.inspect().exposedCopies
        #expect(exposed.map(\.name) == Self.copies.sorted())
        #expect(exposed.allSatisfy { $0.errno == EPERM })
    }

    /// Between the last look and the swap the operator takes rights away: the new file may not have them again.
    @Test func rightsThatAreTakenDuringAWriteStayTaken() throws {
        var world = try WriterUnderTest()
        chmod(world.directory.file, 0o644)
        world.moveGammaUp()
        let file = world.directory.file
        world.interference.before(.exchange) { chmod(file, 0o600) }
        #expect(world.writer.flush().result == .written)
        _ = world.writer.inspect()
        #expect(world.directory.text() == WriterUnderTest.moved)
        #expect(Self.mode(file) == 0o600)
        #expect(Self.mode("\(file).backup") == 0o600)
    }

    @Test func anAccessListThatTheFileHasNotGoesFromItsCopies() throws {
        var world = try WriterUnderTest()
        try world.directory.write("# a copy\n", to: "config.yaml.backup")
        chmod(world.directory.file, 0o640)
        let path = "\(world.directory.path)/config.yaml.backup"
        let copy = OpenFile(open(path, O_RDONLY))
        // Version 2; owner rw-, user 12345 r--, group r--, mask r--, others ---.
        let list: [UInt8] = [
            2, 0, 0, 0,
            0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
            0x02, 0, 4, 0, 0x39, 0x30, 0, 0,
            0x04, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
            0x10, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
            0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
        ]
        let name = "system.posix_acl_access"
        guard (try? FileSystem().setAttribute(copy, "", name, list)) != nil else { return }
        _ = world.writer.inspect()
        #expect(try FileSystem().attributes(copy, "")[name] == nil)
        #expect(Self.mode(path) == 0o640)
    }

    @Test func theFlagsOfTheFileAreKept() throws {
        var world = try WriterUnderTest()
        let file = OpenFile(open(world.directory.file, O_RDONLY))
        let wanted = FileFlags(rawValue: 0x40 | 0x80)
        guard let plain = try FileSystem().flags(file, ""),
            (try? FileSystem().setFlags(file, "", plain.union(wanted))) != nil
        else { return }
        world.moveGammaUp()
        let run = world.writer.flush()
        #expect(run.result == .written)
        #expect(run.lostFlags == [])
        let new = OpenFile(open(world.directory.file, O_RDONLY))
        #expect(try FileSystem().flags(new, "")?.intersection(.kept) == wanted)
    }

    @Test func flagsThatCannotBeKeptAreNamed() throws {
        var world = try WriterUnderTest()
        let file = OpenFile(open(world.directory.file, O_RDONLY))
        guard let plain = try FileSystem().flags(file, ""),
            (try? FileSystem().setFlags(file, "", plain.union(FileFlags(rawValue: 0x40)))) != nil
        else { return }
        world.interference.always(.setFlags, .fail(EPERM))
        world.moveGammaUp()
        let run = world.writer.flush()
        #expect(run.result == .written)
        #expect(run.lostFlags.descriptions == ["no dump (chattr +d)"])
    }
}
