import Foundation
import Testing

@testable import Persistence

@Suite struct InPlaceTests {
    private static func boundFile(allowInPlace: Bool) throws -> WriterUnderTest {
        let world = try WriterUnderTest(ConfigurationDirectory(), allowInPlace: allowInPlace)
        // What a bind-mounted file answers.
        world.interference.always(.exchange, .fail(EBUSY))
        return world
    }

    private static func inode(_ path: String) -> UInt64 {
        var status = stat()
        stat(path, &status)
        return UInt64(status.st_ino)
    }

    @Test func aFileThatCannotBeReplacedIsLeftAloneUnlessTheOperatorAllowsIt() throws {
        var world = try Self.boundFile(allowInPlace: false)
        world.moveGammaUp()
        #expect(
            world.writer.flush().result == .failed(.refused(.needsInPlace(path: world.directory.file, errno: EBUSY))))
        #expect(world.directory.text() == ConfigurationDirectory.text)
        #expect(world.directory.leftovers == [])
    }

    @Test func itIsOverwrittenWhereThatIsAllowed() throws {
        var world = try Self.boundFile(allowInPlace: true)
        let before = Self.inode(world.directory.file)
        world.moveGammaUp()
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text() == WriterUnderTest.moved)
        #expect(Self.inode(world.directory.file) == before)
        #expect(world.directory.leftovers == [])
        #expect(world.writer.flush().result == .unchanged)
    }

    @Test func aReadOnlyDirectoryIsLockedByTheFileAndJournalledElsewhere() throws {
        let directory = try ConfigurationDirectory()
        let state = try ConfigurationDirectory()
        let base = try LoadedBase.read(directory)
        let memory = Memory(base.state)
        memory.setPriority("alpha", 5)
        // No new file beside the configuration, as on a read-only mount.
        let fileSystem = FileSystem { call, name in
            call == .create && name.hasPrefix(".config.yaml") ? .fail(EROFS) : nil
        }
        var writer = try ConfigurationWriter(
            options: PersisterOptions(
                path: directory.file, allowInPlace: true, environment: ["STATE_DIRECTORY": state.path]),
            base: base, fileSystem: fileSystem, snapshot: { memory.state }, adopt: { memory.adopt($0) })
        #expect(writer.flush().result == .written)
        #expect(directory.text()?.contains("priority: 5") == true)
        #expect(state.leftovers == [])
        #expect(throws: PersistenceError.locked(path: directory.file, holder: nil)) {
            try ProcessLock.take(ConfigurationTarget.resolve(directory.file, fileSystem), fileSystem)
        }
    }

    /// Before each call the process is gone, after a write that got only part of its bytes to the file.
    @Test func aCrashInTheMiddleIsUndoneBeforeTheFileIsRead() throws {
        var torn = 0
        for number in 1...FaultTests.bound {
            let directory = try ConfigurationDirectory()
            var world: WriterUnderTest? = try WriterUnderTest(directory, allowInPlace: true)
            world?.interference.always(.exchange, .fail(EBUSY))
            world?.interference.always(.write, .shorten(to: 100))
            // Longer than before, so that a torn file shows.
            world?.memory.setPriority("alpha", 1_234_567)
            world?.memory.setPriority("gamma", 7_654_321)
            world?.interference.crash(atCall: number)
            _ = world?.writer.flush()
            let crashed = world?.interference.crashed ?? false
            world = nil
            let expected = ConfigurationDirectory.text
                .replacing("priority: 1 ", with: "priority: 1234567 ").replacing(
                    "priority: 3", with: "priority: 7654321")
            if directory.text() != ConfigurationDirectory.text, directory.text() != expected { torn += 1 }
            let read = String(decoding: try ConfigurationFile.read(directory.file), as: UTF8.self)
            #expect(read == ConfigurationDirectory.text || read == expected, "\(number)")
            if !crashed {
                #expect(read == expected)
                #expect(torn > 0, "no crash fell into the overwriting")
                return
            }
        }
        Issue.record("a flush makes more than \(FaultTests.bound) calls")
    }

    @Test func anErrorInTheMiddleIsUndoneByTheNextAttempt() throws {
        var world = try Self.boundFile(allowInPlace: true)
        world.memory.setPriority("alpha", 1_234_567)
        let last = world.interference
        last.before(.truncate) { last.always(.sync, .fail(EIO)) }
        guard case .failed(.system(operation: "fsync", _, errno: EIO)) = world.writer.flush().result else {
            Issue.record("the sync did not fail")
            return
        }
        last.reset()
        last.always(.exchange, .fail(EBUSY))
        let run = world.writer.flush()
        #expect(run.result == .written)
        #expect(world.directory.text()?.contains("1234567") == true)
        #expect(world.directory.leftovers == [])
    }

    /// Each call fails in turn: what was put into the file is taken out of it at once, and no journal stays.
    @Test(arguments: [EIO, ENOSPC, EROFS]) func aFailureLeavesTheOldFileAndNoJournal(_ errno: Int32) throws {
        for number in 1...FaultTests.bound {
            var world = try Self.boundFile(allowInPlace: true)
            world.memory.setPriority("alpha", 1_234_567)
            world.interference.fail(call: number, with: errno)
            let run = world.writer.flush()
            let calls = world.interference.calls
            if run.result != .written {
                #expect(world.directory.text() == ConfigurationDirectory.text, "\(number)")
                if calls.indices.contains(number - 1), calls[number - 1] != .unlink {
                    #expect(world.directory.leftovers == [], "\(number): \(calls[number - 1])")
                }
            }
            if calls.count < number {
                #expect(run.result == .written)
                return
            }
        }
        Issue.record("a flush makes more than \(FaultTests.bound) calls")
    }

    /// The write fails, and so does taking it back; then the operator saves what the program wanted to.
    @Test func whatIsSavedByHandAfterAFailureIsLeftAlone() throws {
        var world = try Self.boundFile(allowInPlace: true)
        world.memory.setPriority("alpha", 1_234_567)
        let disk = world.interference
        disk.before(.truncate) { disk.always(.sync, .fail(EIO)) }
        guard case .failed(.system) = world.writer.flush().result else {
            Issue.record("the sync did not fail")
            return
        }
        #expect(world.directory.leftovers == [".config.yaml.podium-journal"])
        let wanted = ConfigurationDirectory.text.replacing("priority: 1 ", with: "priority: 1234567 ")
        try world.directory.write(wanted)
        disk.reset()
        disk.always(.exchange, .fail(EBUSY))
        // It is written once more, since nothing says that what was found is durable; it is not undone.
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text() == wanted)
        #expect(world.directory.leftovers == [])
    }

    @Test(arguments: [0, 3_600]) func aJournalUndoesOnlyWhatIsOfItsTime(_ age: TimeInterval) throws {
        let directory = try ConfigurationDirectory()
        let old = Array(ConfigurationDirectory.text.utf8)
        let new = Array(WriterUnderTest.moved.utf8)
        // As a write that was cut off in the middle leaves it, or as somebody made it by hand.
        let cut = (old.indices.first { old[$0] != new[$0] } ?? 0) + 1
        let mixed = String(decoding: new[..<cut] + old[cut...], as: UTF8.self)
        try directory.write(mixed)
        let journal = "\(directory.path)/.config.yaml.podium-journal"
        try Data(InPlaceJournal(old: old, new: new).bytes).write(to: URL(fileURLWithPath: journal))
        try FileManager.default.setAttributes([.modificationDate: Date() - age], ofItemAtPath: journal)
        let read = String(decoding: try ConfigurationFile.read(directory.file), as: UTF8.self)
        #expect(read == (age == 0 ? ConfigurationDirectory.text : mixed))
        #expect(directory.text() == read)
        #expect(directory.leftovers == [])
    }

    @Test func ranksInAnArrangementOfTheirOwnAreAnEdit() {
        func text(_ ranks: [Int]) -> [UInt8] { Array(ranks.map { "priority: \($0)\n" }.joined().utf8) }
        let journal = InPlaceJournal(old: text([1, 2, 3]), new: text([2, 3, 1]))
        #expect(journal.state(of: text([2, 2, 3])) == .torn)
        #expect(journal.state(of: text([2, 3, 3])) == .torn)
        // Each byte is one of both versions', and no write leaves it so.
        #expect(journal.state(of: text([1, 3, 1])) == .edited)
        #expect(journal.state(of: text([1, 3, 3])) == .edited)
        let long = InPlaceJournal(
            old: [UInt8](repeating: 1, count: 2_000), new: [UInt8](repeating: 2, count: 2_000))
        // Sectors come to the disk in any order.
        let sectors = [UInt8](repeating: 1, count: 512) + [UInt8](repeating: 2, count: 512)
        #expect(long.state(of: sectors + sectors) == .edited)
        #expect(long.state(of: Array((sectors + sectors).prefix(2_000))) == .torn)
        #expect(long.state(of: [UInt8](repeating: 0, count: 512) + [UInt8](repeating: 2, count: 1_000)) == .torn)
    }

    @Test func anEditAfterTheCrashIsLeftAlone() {
        let journal = InPlaceJournal(old: Array("priority: 1\n".utf8), new: Array("priority: 2\n".utf8))
        #expect(journal.state(of: Array("priority: 1\n".utf8)) == .settled)
        #expect(journal.state(of: Array("priority: 7\n".utf8)) == .edited)
        let longer = InPlaceJournal(old: Array("aaaa".utf8), new: Array("bbbbbb".utf8))
        #expect(longer.state(of: Array("bbaa".utf8)) == .torn)
        #expect(InPlaceJournal(bytes: longer.bytes)?.new == Array("bbbbbb".utf8))
        for length in 0..<longer.bytes.count {
            #expect(InPlaceJournal(bytes: Array(longer.bytes.prefix(length))) == nil)
        }
    }
}
