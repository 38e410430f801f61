import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

/// The path leads elsewhere while the program runs: links are switched, folders moved and replaced.
@Suite struct MovedPlaceTests {
    /// A folder `one` and a folder `two`, each with a configuration; `two`'s has another rank for beta.
    struct Folders {
        let directory: ConfigurationDirectory

        init() throws {
            directory = try ConfigurationDirectory()
            mkdir("\(directory.path)/one", 0o700)
            mkdir("\(directory.path)/two", 0o700)
            try directory.write(ConfigurationDirectory.text, to: "one/config.yaml")
            try directory.write(Self.other, to: "two/config.yaml")
        }

        static let other = ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 7")

        func path(_ name: String) -> String { "\(directory.path)/\(name)" }

        func link(_ name: String, to target: String) throws {
            // As `ln -sfn` does it: made beside it and renamed over it.
            try #require(symlink(target, path("next")) == 0)
            try #require(rename(path("next"), path(name)) == 0)
        }

        func move(_ name: String, to other: String) throws {
            try #require(rename(path(name), path(other)) == 0)
        }
    }

    /// A way of making the path to the file lead from `one` to `two`.
    struct Switch: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// What the program is given, in the directory.
        let path: String
        let prepare: @Sendable (Folders) throws -> Void
        let act: @Sendable (Folders) throws -> Void
    }

    static let switches = [
        Switch(testDescription: "a link to the folder", path: "current/config.yaml") {
            try $0.link("current", to: "one")
        } act: {
            try $0.link("current", to: "two")
        },
        Switch(testDescription: "the middle of a chain of links", path: "a/config.yaml") {
            try $0.link("b", to: "one")
            try $0.link("a", to: $0.path("b"))
        } act: {
            try $0.link("b", to: "./two/../two")
        },
        Switch(testDescription: "a mounted ConfigMap", path: "config.link") {
            try $0.link("..data", to: "one")
            try $0.link("config.link", to: "..data/config.yaml")
        } act: {
            try $0.link("..data", to: "two")
        },
        Switch(testDescription: "another folder under the same name", path: "one/config.yaml") { _ in
        } act: {
            try $0.move("one", to: "gone")
            try $0.move("two", to: "one")
        },
        Switch(testDescription: "another folder further up", path: "up/one/config.yaml") {
            mkdir($0.path("up"), 0o700)
            mkdir($0.path("new"), 0o700)
            try $0.move("one", to: "up/one")
            try $0.move("two", to: "new/one")
        } act: {
            try $0.move("up", to: "gone")
            try $0.move("new", to: "up")
        },
    ]

    private static func adopted(_ event: PersisterEvent) -> [String]? {
        if case .externalEditAdopted(let changes, _) = event { changes } else { nil }
    }

    private static func resolved(_ path: String) -> String {
        URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    }

    @Test(arguments: switches) func theNewPlaceIsTakenInAndWrittenTo(_ change: Switch) async throws {
        let folders = try Folders()
        try change.prepare(folders)
        let path = folders.path(change.path)
        let old = try ConfigurationTarget.resolve(path, FileSystem())
        let world = try PersisterUnderTest(folders.directory, path: path)
        try change.act(folders)
        await world.events.first { Self.adopted($0) == ["beta priority 2→7"] }
        world.memory.setPriority("beta", 8)
        #expect(try await world.persister.flush(trigger: .operator).outcome == .written)
        #expect(
            FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
                == ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 8"))
        // The lock stands beside the new file, and the old one is free.
        let new = try ConfigurationTarget.resolve(path, FileSystem())
        #expect(throws: PersistenceError.locked(path: new.path, holder: getpid())) {
            try ProcessLock.take(new, FileSystem())
        }
        #expect(throws: Never.self) { try ProcessLock.take(old, FileSystem()) }
        let before = try FileSystem().entryStatus(old.directory, old.backupName)
        #expect(before == nil, "the old place was written to")
        _ = await world.persister.shutdown()
    }

    /// Without any watch of directories.
    @Test(arguments: switches) func aLookAtThePathTells(_ change: Switch) throws {
        let folders = try Folders()
        try change.prepare(folders)
        let path = folders.path(change.path)
        let base = try LoadedBase.read(folders.directory)
        let memory = Memory(base.state)
        var writer = try ConfigurationWriter(
            options: PersisterOptions(path: path), base: base, fileSystem: Interference().fileSystem,
            snapshot: { memory.state }, adopt: { memory.adopt($0) })
        _ = writer.inspect()
        #expect(!writer.mayHaveChanged())
        try change.act(folders)
        #expect(writer.mayHaveChanged())
        #expect(writer.inspect().edits.count == 1)
        #expect(!writer.mayHaveChanged())
        memory.setPriority("alpha", 4)
        #expect(writer.flush().result == .written)
        _ = writer.inspect()
        #expect(!writer.mayHaveChanged())
    }

    @Test func aFolderThatIsMovedAwayIsMissedAndFoundAgain() async throws {
        let folders = try Folders()
        let world = try PersisterUnderTest(folders.directory, path: folders.path("one/config.yaml"))
        try folders.move("one", to: "away")
        await world.events.first { if case .externalEditRefused(.missing) = $0 { true } else { false } }
        await #expect(throws: PersistenceError.self) { try await world.persister.flush(trigger: .operator) }
        try folders.directory.write(Folders.other, to: "away/config.yaml")
        try folders.move("away", to: "one")
        await world.events.first { $0 == .externalEditRefusalEnded }
        await world.events.first { Self.adopted($0) == ["beta priority 2→7"] }
        world.memory.setPriority("beta", 8)
        #expect(try await world.persister.flush(trigger: .operator).outcome == .written)
        #expect(folders.directory.text("one/config.yaml")?.contains("priority: 8") == true)
        _ = await world.persister.shutdown()
    }

    @Test func aPlaceThatAnotherPodiumHasIsSaidAndTakenWhenItIsFree() async throws {
        let folders = try Folders()
        try folders.link("current", to: "one")
        let world = try PersisterUnderTest(folders.directory, path: folders.path("current/config.yaml"))
        var other: ProcessLock? = try ProcessLock.take(
            ConfigurationTarget.resolve(folders.path("two/config.yaml"), FileSystem()), FileSystem())
        try folders.link("current", to: "two")
        await world.events.first { if case .fileUnreachable(.locked) = $0 { true } else { false } }
        #expect(world.memory.state.endpoints[1].settings.priority == 2)
        withExtendedLifetime(other) {}
        other = nil
        await world.events.first { Self.adopted($0) == ["beta priority 2→7"] }
        _ = await world.persister.shutdown()
    }

    @Test func twoPathsToOneFileExcludeEachOther() throws {
        let folders = try Folders()
        try folders.link("current", to: "one")
        let first = try ProcessLock.take(
            ConfigurationTarget.resolve(folders.path("current/config.yaml"), FileSystem()), FileSystem())
        let direct = try ConfigurationTarget.resolve(folders.path("one/config.yaml"), FileSystem())
        #expect(throws: PersistenceError.locked(path: direct.path, holder: getpid())) {
            try ProcessLock.take(direct, FileSystem())
        }
        withExtendedLifetime(first) {}
    }

    /// Somebody tidies up: a lock on a file that is gone keeps nobody out.
    @Test func aLockFileThatWasRemovedIsMadeAnew() throws {
        var world = try WriterUnderTest()
        unlink("\(world.directory.path)/.config.yaml.lock")
        world.moveGammaUp()
        #expect(world.writer.flush().result == .written)
        let target = try ConfigurationTarget.resolve(world.directory.file, FileSystem())
        #expect(throws: PersistenceError.locked(path: target.path, holder: getpid())) {
            try ProcessLock.take(target, FileSystem())
        }
    }

    @Test(arguments: ["one/", "one/.", "one/..", "."])
    func aDirectoryIsNoConfiguration(_ name: String) throws {
        let folders = try Folders()
        let path = folders.path(name)
        #expect(throws: PersistenceError.refused(.notRegularFile(path: path, kind: "a directory"))) {
            try ConfigurationTarget.resolve(path, FileSystem())
        }
    }

    @Test func aPathIsMadeAbsoluteAndKeepsItsLinks() throws {
        #expect(StablePath.absolute("/a/./b//c.yaml", environment: [:]) == "/a/b/c.yaml")
        #expect(StablePath.absolute("/a/../c.yaml", environment: [:]) == "/a/../c.yaml")
        let here = FileManager.default.currentDirectoryPath
        #expect(StablePath.absolute("c.yaml", environment: [:]) == "\(here)/c.yaml")
        // A shell that stands behind a link says so; one that stood elsewhere is not believed.
        let folders = try Folders()
        try folders.link("here", to: here)
        let link = folders.path("here")
        #expect(StablePath.absolute("./c.yaml", environment: ["PWD": link]) == "\(link)/c.yaml")
        #expect(StablePath.absolute("c.yaml", environment: ["PWD": "/nowhere"]) == "\(here)/c.yaml")
    }
}
