import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

@Suite struct WriteProtocolTests {
    @Test func onlyTheChangedValuesAreWritten() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        let run = world.writer.flush()
        #expect(run.result == .written)
        #expect(world.directory.text() == WriterUnderTest.moved)
        #expect(world.directory.text("config.yaml.backup") == ConfigurationDirectory.text)
        #expect(world.directory.leftovers == [])
        #expect(run.changes == ["alpha priority 1→2", "beta priority 2→3", "gamma priority 3→1"])
        #expect(run.bytesChanged == 3)
        #expect(run.fileSize == ConfigurationDirectory.text.utf8.count)
    }

    @Test func nothingIsWrittenWhenNothingDiffers() throws {
        var world = try WriterUnderTest()
        let run = world.writer.flush()
        #expect(run.result == .unchanged)
        #expect(!world.interference.calls.contains(.create))
        #expect(world.directory.text("config.yaml.backup") == nil)
    }

    @Test func theWholeFileIsSyncedBeforeItIsPutInPlaceAndTheDirectoryAfterwards() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        _ = world.writer.flush()
        let order = world.interference.calls.filter {
            [.create, .write, .setMode, .sync, .exchange, .rename, .syncDirectory].contains($0)
        }
        #expect(order == [.create, .write, .setMode, .sync, .exchange, .rename, .syncDirectory])
    }

    @Test func ownerAndModeStay() throws {
        var world = try WriterUnderTest()
        chmod(world.directory.file, 0o640)
        world.moveGammaUp()
        #expect(world.writer.flush().result == .written)
        var status = stat()
        stat(world.directory.file, &status)
        #expect(status.st_mode & 0o7777 == 0o640)
    }

    @Test func aFileThatIsNotTheOneThatWasReadIsNeverReplaced() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        let directory = world.directory
        let edited = ConfigurationDirectory.text.replacing("# Kept by hand.", with: "# Edited by hand.")
        world.interference.before(.exchange) { try? directory.replace(edited) }
        let run = world.writer.flush()
        #expect(run.result == .written)
        #expect(directory.text() == WriterUnderTest.moved.replacing("# Kept by hand.", with: "# Edited by hand."))
        #expect(directory.text("config.yaml.backup") == edited)
        #expect(directory.leftovers == [])
    }

    @Test func aSaveBetweenTheSwapAndItsCheckSurvivesToo() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        let directory = world.directory
        let first = ConfigurationDirectory.text.replacing("# Kept", with: "# First")
        let second = ConfigurationDirectory.text.replacing("# Kept", with: "# Second")
        world.interference.before(.exchange) { [interference = world.interference] in
            try? directory.replace(first)
            // The second exchange is the one that undoes the first.
            interference.before(.exchange) { try? directory.replace(second) }
        }
        #expect(world.writer.flush().result == .written)
        #expect(directory.text() == WriterUnderTest.moved.replacing("# Kept", with: "# Second"))
        #expect(directory.leftovers == [])
    }

    @Test func anotherPersisterIsKeptOutAndToldWhoHoldsTheLock() throws {
        let world = try WriterUnderTest()
        let base = try LoadedBase.read(world.directory)
        #expect(throws: PersistenceError.locked(path: world.directory.file, holder: getpid())) {
            try ConfigurationWriter(
                options: PersisterOptions(path: world.directory.file), base: base, fileSystem: FileSystem(),
                snapshot: { base.state }, adopt: { $0.merge(into: base.state) { _ in 0 } })
        }
        withExtendedLifetime(world) {}
    }

    @Test func aSymbolicLinkStaysALink() throws {
        let directory = try ConfigurationDirectory()
        try FileManager.default.createDirectory(atPath: "\(directory.path)/real", withIntermediateDirectories: false)
        rename(directory.file, "\(directory.path)/real/endpoints.yaml")
        symlink("real/second", directory.file)
        symlink("endpoints.yaml", "\(directory.path)/real/second")
        var world = try WriterUnderTest(directory)
        world.moveGammaUp()
        #expect(world.writer.flush().result == .written)
        #expect(directory.text("real/endpoints.yaml") == WriterUnderTest.moved)
        #expect(directory.text("real/endpoints.yaml.backup") == ConfigurationDirectory.text)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: directory.file) == "real/second")
    }

    @Test func aLoopOfLinksIsRefused() throws {
        let directory = try ConfigurationDirectory()
        symlink("b", "\(directory.path)/a")
        symlink("a", "\(directory.path)/b")
        #expect(throws: PersistenceError.refused(.symbolicLinkLoop(path: "\(directory.path)/a"))) {
            try ConfigurationTarget.resolve("\(directory.path)/a", FileSystem())
        }
    }

    @Test func aDanglingLinkIsAMissingFileAndStays() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        unlink(world.directory.file)
        symlink("gone.yaml", world.directory.file)
        let gone = "\(world.directory.path)/gone.yaml"
        #expect(world.writer.flush().result == .failed(.refused(.missing(path: gone))))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: world.directory.file) == "gone.yaml")
        try world.directory.write(ConfigurationDirectory.text, to: "gone.yaml")
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text("gone.yaml") == WriterUnderTest.moved)
    }

    @Test(arguments: ["a directory", "a FIFO", "a device"])
    func whatIsNoRegularFileIsRefused(_ kind: String) throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        unlink(world.directory.file)
        switch kind {
        case "a directory": mkdir(world.directory.file, 0o700)
        case "a FIFO": mkfifo(world.directory.file, 0o600)
        default:
            guard mknod(world.directory.file, S_IFCHR | 0o600, 0x0103) == 0 else { return }
        }
        let run = world.writer.flush()
        #expect(run.result == .failed(.refused(.notRegularFile(path: world.directory.file, kind: kind))))
        #expect(run.unsaved)
    }

    @Test func aHardLinkedFileIsRefused() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        link(world.directory.file, "\(world.directory.path)/other")
        #expect(world.writer.flush().result == .failed(.refused(.hardLinked(path: world.directory.file, links: 2))))
        #expect(world.directory.text() == ConfigurationDirectory.text)
    }

    @Test func aMissingFileIsWaitedForAndThenRefused() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        unlink(world.directory.file)
        #expect(world.writer.flush().result == .failed(.refused(.missing(path: world.directory.file))))
        #expect(world.interference.calls.filter { $0 == .pause }.count == 40)
        try world.directory.write(ConfigurationDirectory.text)
        #expect(world.writer.flush().result == .written)
    }

    @Test func anEditorInTheMiddleOfSavingIsWaitedFor() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        let directory = world.directory
        try directory.write("")
        world.interference.before(.pause) { [interference = world.interference] in
            try? directory.write("endpoints:\n  - na")
            interference.before(.pause) { try? directory.write(ConfigurationDirectory.text) }
        }
        #expect(world.writer.flush().result == .written)
        #expect(directory.text() == WriterUnderTest.moved)
    }

    @Test func aFileThatDoesNotValidateIsRefusedWithItsPlace() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        let broken = ConfigurationDirectory.text.replacing("priority: 2", with: "priority: two")
        try world.directory.write(broken)
        let run = world.writer.flush()
        guard case .failed(.refused(.invalidFile(_, let problems))) = run.result else {
            Issue.record("\(run.result)")
            return
        }
        #expect(problems.first?.line == 12)
        #expect(world.directory.text() == broken)
        #expect(run.unsaved)
    }

    @Test func editsOfBothSidesStand() throws {
        var world = try WriterUnderTest()
        world.memory.setPriority("gamma", 7)
        try world.directory.write(
            ConfigurationDirectory.text.replacing(
                "priority: 2\n    enabled: true", with: "priority: 2\n    enabled: false"))
        let run = world.writer.flush()
        #expect(run.result == .written)
        let expected = ConfigurationDirectory.text
            .replacing("priority: 2\n    enabled: true", with: "priority: 2\n    enabled: false")
            .replacing("priority: 3", with: "priority: 7")
        #expect(world.directory.text() == expected)
        #expect(world.memory.state.endpoints[1].settings.enabled == false)
        #expect(run.edits == [.externalEditAdopted(changes: ["beta enabled true→false"], conflicts: [])])
    }

    @Test func theFileWinsAConflictAndTheOperatorCanUndoIt() throws {
        var world = try WriterUnderTest()
        world.memory.setPriority("beta", 8)
        try world.directory.write(ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 5"))
        let run = world.writer.flush()
        #expect(run.result == .unchanged)
        #expect(run.conflicts == 1)
        #expect(world.memory.state.endpoints[1].settings.priority == 5)
        guard case .externalEditAdopted(_, let conflicts) = run.edits.first else {
            Issue.record("no adoption")
            return
        }
        world.memory.change { state in conflicts.forEach { $0.undo(in: &state) } }
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text() == ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 8"))
    }

    @Test func withoutAnExchangeTheBackupIsMadeFirst() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        world.interference.always(.exchange, .fail(ENOSYS))
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text() == WriterUnderTest.moved)
        #expect(world.directory.text("config.yaml.backup") == ConfigurationDirectory.text)
        #expect(world.directory.leftovers == [])
    }

    @Test func aBackupThatCannotBeKeptIsCountedAndTheWriteStands() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        mkdir("\(world.directory.path)/config.yaml.backup", 0o700)
        let run = world.writer.flush()
        #expect(run.result == .written)
        #expect(run.backupFailure == EISDIR)
        #expect(world.directory.leftovers == [])
    }

    @Test func aDirectoryThatDoesNotSyncLeavesEverythingDirtyUntilOneDoes() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        world.interference.always(.syncDirectory, .fail(EIO))
        let first = world.writer.flush()
        #expect(first.result == .failed(.durabilityUnknown(errno: EIO)))
        #expect(first.unsaved)
        #expect(world.directory.text() == WriterUnderTest.moved)
        world.interference.reset()
        #expect(world.writer.flush().result == .written)
        #expect(world.writer.flush().result == .unchanged)
    }

    /// What is in place is not known to be durable: the version before it is the last that is.
    @Test(arguments: [true, false])
    func theRetryAfterItLeavesTheOlderBackupAlone(_ canExchange: Bool) throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        if !canExchange { world.interference.always(.exchange, .fail(ENOSYS)) }
        world.interference.always(.syncDirectory, .fail(EIO))
        for round in 1...3 {
            #expect(world.writer.flush().result == .failed(.durabilityUnknown(errno: EIO)))
            #expect(world.directory.text("config.yaml.backup") == ConfigurationDirectory.text, "round \(round)")
        }
        // Also where something has changed meanwhile.
        world.memory.setPriority("gamma", 7)
        world.interference.reset()
        if !canExchange { world.interference.always(.exchange, .fail(ENOSYS)) }
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text("config.yaml.backup") == ConfigurationDirectory.text)
        #expect(world.directory.leftovers == [])
        // From then on it is as ever.
        let durable = try #require(world.directory.text())
        world.memory.setPriority("gamma", 8)
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text("config.yaml.backup") == durable)
    }

    /// Somebody else's version is theirs to be kept, whatever came before it.
    @Test func aSaveByOthersAfterItBecomesTheBackup() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        world.interference.always(.syncDirectory, .fail(EIO))
        #expect(world.writer.flush().result == .failed(.durabilityUnknown(errno: EIO)))
        world.interference.reset()
        let edited = WriterUnderTest.moved.replacing("# Kept by hand.", with: "# Edited by hand.")
        try world.directory.replace(edited)
        world.memory.setPriority("gamma", 7)
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text("config.yaml.backup") == edited)
    }

    /// The swap was made and could not be looked at, nor taken back: what is on disk then is no edit of somebody else's.
    @Test func whatAFailedWriteHasLeftIsItsOwn() throws {
        var world = try WriterUnderTest()
        let interference = world.interference
        world.moveGammaUp()
        interference.always(.checkLease, .fail(EIO))
        interference.before(.checkLease) { interference.always(.exchange, .fail(EIO)) }
        let first = world.writer.flush()
        guard case .failed(.system) = first.result else {
            Issue.record("\(first.result)")
            return
        }
        #expect(world.directory.text() == WriterUnderTest.moved)
        interference.reset()
        let second = world.writer.flush()
        #expect(second.edits.isEmpty && second.conflicts == 0)
        #expect(world.directory.text() == WriterUnderTest.moved)
        // And undone it is what it was before.
        world.memory.setPriority("alpha", 1)
        world.memory.setPriority("beta", 2)
        world.memory.setPriority("gamma", 3)
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text() == ConfigurationDirectory.text)
    }
}
