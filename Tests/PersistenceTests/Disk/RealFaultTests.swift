import Support
import CSystemShim
import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

/// Faults of real file systems. Those that need root run when `PODIUM_TEST_ROOT` is set (`make test-faults`).
@Suite(.serialized) struct RealFaultTests {
    static let isRoot = ProcessInfo.processInfo.environment["PODIUM_TEST_ROOT"] != nil && getuid() == 0

    @discardableResult
    private static func run(_ arguments: String...) throws -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        try ChildProcesses.start(process)
        process.waitUntilExit()
        return process.terminationStatus == 0
    }

    private static func attributes(_ path: String) throws -> [String: [UInt8]] {
        let descriptor = open(path, O_RDONLY)
        return try FileSystem().attributes(OpenFile(descriptor), path)
    }

    @Test func extendedAttributesAndAccessListsAreKept() throws {
        var world = try WriterUnderTest()
        let descriptor = OpenFile(open(world.directory.file, O_RDONLY))
        let note = Array("by hand".utf8)
        guard (try? FileSystem().setAttribute(descriptor, "", "user.note", note)) != nil else { return }
        // Version 2; owner rw-, user 12345 r--, group ---, mask r--, others ---.
        let list: [UInt8] = [
            2, 0, 0, 0,
            0x01, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,
            0x02, 0, 4, 0, 0x39, 0x30, 0, 0,
            0x04, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
            0x10, 0, 4, 0, 0xff, 0xff, 0xff, 0xff,
            0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,
        ]
        let hasLists = (try? FileSystem().setAttribute(descriptor, "", "system.posix_acl_access", list)) != nil
        let before = try Self.attributes(world.directory.file)
        world.moveGammaUp()
        #expect(world.writer.flush().result == .written)
        let after = try Self.attributes(world.directory.file)
        #expect(after == before)
        #expect(after["user.note"] == note)
        if hasLists { #expect(after["system.posix_acl_access"] == list) }
    }

    /// Needs leases, which file systems such as NFS lack and only the file's owner may take.
    @Test func aFileThatIsOpenForWritingIsLeftAlone() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        let editor = open(world.directory.file, O_WRONLY)
        let result = world.writer.flush().result
        close(editor)
        #expect(result == .failed(.refused(.beingEdited(path: world.directory.file))))
        #expect(world.directory.text() == ConfigurationDirectory.text)
        #expect(world.writer.flush().result == .written)
    }

    @Test(.enabled(if: isRoot)) func ownerAndGroupAreKept() throws {
        var world = try WriterUnderTest()
        chown(world.directory.file, 1_234, 5_678)
        chmod(world.directory.file, 0o4_660)
        world.moveGammaUp()
        #expect(world.writer.flush().result == .written)
        var status = stat()
        stat(world.directory.file, &status)
        #expect([status.st_uid, status.st_gid, status.st_mode & 0o7777] == [1_234, 5_678, 0o4_660])
    }

    @Test(.enabled(if: isRoot)) func aFullDiskLeavesTheOldFile() throws {
        let directory = try ConfigurationDirectory()
        let mount = "\(directory.path)/small"
        mkdir(mount, 0o700)
        try #require(try Self.run("mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", mount))
        defer { _ = try? Self.run("umount", "-l", mount) }
        try directory.write(ConfigurationDirectory.text, to: "small/config.yaml")
        let small = try ConfigurationDirectory(adopting: "\(mount)/config.yaml")
        var world = try WriterUnderTest(small)
        // One page each for the file and the lock; what is left is filled up.
        try Data(repeating: 1, count: 8 << 10).write(to: URL(fileURLWithPath: "\(mount)/filler"))
        world.moveGammaUp()
        guard case .failed(.system(_, _, errno: ENOSPC)) = world.writer.flush().result else {
            Issue.record("the disk was not full")
            return
        }
        #expect(small.text() == ConfigurationDirectory.text)
        unlink("\(mount)/filler")
        #expect(world.writer.flush().result == .written)
        #expect(small.text() == WriterUnderTest.moved)
    }

    @Test(.enabled(if: isRoot), arguments: [true, false])
    func aBindMountedFile(allowInPlace: Bool) throws {
        let directory = try ConfigurationDirectory()
        let other = try ConfigurationDirectory()
        try #require(try Self.run("mount", "--bind", other.file, directory.file))
        defer { _ = try? Self.run("umount", "-l", directory.file) }
        var world = try WriterUnderTest(directory, allowInPlace: allowInPlace)
        world.moveGammaUp()
        let result = world.writer.flush().result
        if allowInPlace {
            #expect(result == .written)
            #expect(other.text() == WriterUnderTest.moved)
        } else {
            #expect(result == .failed(.refused(.needsInPlace(path: directory.file, errno: EBUSY))))
            #expect(other.text() == ConfigurationDirectory.text)
        }
        #expect(directory.leftovers == [])
    }

    @Test(.enabled(if: isRoot), arguments: ["i", "a"], [true, false])
    func aFileThatChattrProtectsIsRefusedByName(flag: String, allowInPlace: Bool) throws {
        var world = try WriterUnderTest(ConfigurationDirectory(), allowInPlace: allowInPlace)
        try #require(try Self.run("chattr", "+\(flag)", world.directory.file))
        defer { _ = try? Self.run("chattr", "-\(flag)", world.directory.file) }
        world.moveGammaUp()
        guard case .failed(.refused(.protectedFile(_, let flags))) = world.writer.flush().result else {
            Issue.record("it was not refused for its flag")
            return
        }
        #expect(flags.contains("chattr +\(flag)"))
        #expect(world.directory.text() == ConfigurationDirectory.text)
        #expect(world.directory.leftovers == [])
    }

    @Test(.enabled(if: isRoot), arguments: ["i", "a"]) func aDirectoryThatChattrProtectsGetsNoTemporaries(
        flag: String
    ) throws {
        var world = try WriterUnderTest()
        try #require(try Self.run("chattr", "+\(flag)", world.directory.path))
        defer { _ = try? Self.run("chattr", "-\(flag)", world.directory.path) }
        world.moveGammaUp()
        #expect(
            world.writer.flush().result
                == .failed(.refused(.needsInPlace(path: world.directory.file, errno: EPERM))))
        #expect(world.directory.leftovers == [])
    }

    @Test(.enabled(if: isRoot)) func aDiskThatBecomesReadOnlyIsLoudAlsoAfterARestart() throws {
        let directory = try ConfigurationDirectory()
        try #require(try Self.run("mount", "--bind", directory.path, directory.path))
        defer { _ = try? Self.run("umount", "-l", directory.path) }
        for _ in 0..<2 {
            var world = try WriterUnderTest(directory)
            // A disk that fails does not ask who has a file open; `mount` does.
            world.writer.releaseLock()
            try #require(try Self.run("mount", "-o", "remount,ro,bind", directory.path))
            world.moveGammaUp()
            #expect(
                world.writer.flush().result
                    == .failed(.refused(.needsInPlace(path: world.directory.file, errno: EROFS))))
        }
    }

    @Test(.enabled(if: isRoot)) func aMountThatWasNeverWritableIsTakenAsItIsUntilItIs() throws {
        let directory = try ConfigurationDirectory()
        try #require(try Self.run("mount", "--bind", directory.path, directory.path))
        defer { _ = try? Self.run("umount", "-l", directory.path) }
        try #require(try Self.run("mount", "-o", "remount,ro,bind", directory.path))
        var world = try WriterUnderTest(directory)
        world.moveGammaUp()
        #expect(world.writer.flush().result == .inMemory(.readOnly(path: directory.file, errno: EROFS)))
        #expect(!world.writer.mayHaveChanged())
        try #require(try Self.run("mount", "-o", "remount,rw,bind", directory.path))
        #expect(world.writer.mayHaveChanged())
        let run = world.writer.inspect()
        #expect(run.memoryOnly == nil && run.unsaved)
        #expect(world.writer.flush().result == .written)
    }

    @Test(.enabled(if: isRoot)) func aFileSystemThatIsMountedOverThePlaceIsNoticed() throws {
        let directory = try ConfigurationDirectory()
        var world = try WriterUnderTest(directory)
        _ = world.writer.inspect()
        #expect(!world.writer.mayHaveChanged())
        let other = try ConfigurationDirectory(
            ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 7"))
        try #require(try Self.run("mount", "--bind", other.path, directory.path))
        defer { _ = try? Self.run("umount", "-l", directory.path) }
        #expect(world.writer.mayHaveChanged())
        #expect(world.writer.inspect().edits.count == 1)
        #expect(world.memory.state.endpoints[1].settings.priority == 7)
    }

    /// The limit holds for the whole process, so it is set in one of its own.
    @Test func aLimitOnFileSizesIsAnErrorAndNoSignal() throws {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/sh")
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        child.arguments = ["-c", "exec \"\(own)\" --testing-library swift-testing --filter FileSizeChildTests"]
        child.environment = ProcessInfo.processInfo.environment.merging(["PODIUM_TEST_LIMIT": "1"]) { $1 }
        child.standardOutput = FileHandle.nullDevice
        child.standardError = FileHandle.nullDevice
        try ChildProcesses.start(child)
        child.waitUntilExit()
        #expect(child.terminationReason == .exit)
        #expect(child.terminationStatus == 0)
    }
}

@Suite struct FileSizeChildTests {
    @Test(.enabled(if: ProcessInfo.processInfo.environment["PODIUM_TEST_LIMIT"] != nil))
    func flush() async throws {
        let world = try PersisterUnderTest()
        var limit = rlimit(rlim_cur: 64, rlim_max: 64)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        world.memory.setPriority("alpha", 4)
        await #expect(throws: PersistenceError.self) { try await world.persister.flush(trigger: .operator) }
        #expect(world.persister.statistics(now: .now).failuresByErrno.keys.contains(EFBIG))
        #expect(world.directory.text() == ConfigurationDirectory.text)
    }
}
