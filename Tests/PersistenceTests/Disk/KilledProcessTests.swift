import Foundation
import Synchronization
import Testing

@testable import Persistence

/// A process of its own flushes and is killed (SIGKILL) before each of its file operations in turn.
///
/// Two writers that people really write are run through the same harness, which has to find them guilty: one truncates
/// the file and writes it anew, one moves it away to the backup first.
@Suite(.serialized) struct KilledProcessTests {
    enum Writer: String, CaseIterable {
        case podium
        case withoutExchange
        case truncatesInPlace
        case movesToBackupFirst
    }

    struct Verdict {
        var kills = 0
        var damage: [String] = []
    }

    @Test(arguments: [Writer.podium, .withoutExchange])
    func theFileIsOldOrNewAndWholeWheneverTheProcessIsKilled(_ writer: Writer) throws {
        let verdict = try Self.killBeforeEachCall(writer)
        #expect(verdict.damage == [])
        #expect(verdict.kills > 15)
    }

    @Test(arguments: [Writer.truncatesInPlace, .movesToBackupFirst])
    func aWriterThatCanLoseTheFileIsFoundOut(_ writer: Writer) throws {
        #expect(try !Self.killBeforeEachCall(writer).damage.isEmpty)
    }

    static func killBeforeEachCall(_ writer: Writer) throws -> Verdict {
        var verdict = Verdict()
        for number in 1...FaultTests.bound {
            let directory = try ConfigurationDirectory()
            let child = Process()
            child.executableURL = URL(
                fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            child.arguments = ["--testing-library", "swift-testing", "--filter", "KilledChildTests"]
            child.environment = ProcessInfo.processInfo.environment.merging([
                "PODIUM_TEST_FILE": directory.file, "PODIUM_TEST_WRITER": writer.rawValue,
                "PODIUM_TEST_KILL": String(number),
            ]) { $1 }
            child.standardOutput = FileHandle.nullDevice
            child.standardError = FileHandle.nullDevice
            try ChildProcesses.start(child)
            child.waitUntilExit()
            let text = directory.text()
            if text != ConfigurationDirectory.text, text != WriterUnderTest.moved {
                verdict.damage.append("killed before call \(number): \(text == nil ? "no file" : "a torn file")")
            }
            guard child.terminationReason == .uncaughtSignal else {
                if text != WriterUnderTest.moved { verdict.damage.append("acknowledged, not written") }
                return verdict
            }
            verdict.kills += 1
        }
        verdict.damage.append("the child never ran to its end")
        return verdict
    }
}

/// What the killed process does. Runs only when the harness starts it.
@Suite struct KilledChildTests {
    private static let environment = ProcessInfo.processInfo.environment

    @Test(.enabled(if: environment["PODIUM_TEST_KILL"] != nil))
    func flush() throws {
        let file = try #require(Self.environment["PODIUM_TEST_FILE"])
        let kind = try #require(Self.environment["PODIUM_TEST_WRITER"].flatMap(KilledProcessTests.Writer.init))
        let last = try #require(Self.environment["PODIUM_TEST_KILL"].flatMap(Int.init))
        let counter = CallCounter(last: last)
        let fileSystem = FileSystem { call, _ in
            counter.count()
            return kind == .withoutExchange && call == .exchange ? .fail(ENOSYS) : nil
        }
        switch kind {
        case .podium, .withoutExchange: try writeAsPodium(file, fileSystem)
        case .truncatesInPlace: try truncateInPlace(file, fileSystem)
        case .movesToBackupFirst: try moveToBackupFirst(file, fileSystem)
        }
    }

    private func writeAsPodium(_ file: String, _ fileSystem: FileSystem) throws {
        let directory = try ConfigurationDirectory(adopting: file)
        let base = try LoadedBase.read(directory)
        let memory = Memory(base.state)
        for (name, priority) in [("gamma", 1), ("alpha", 2), ("beta", 3)] { memory.setPriority(name, priority) }
        var writer = try ConfigurationWriter(
            options: PersisterOptions(path: file), base: base, fileSystem: fileSystem, snapshot: { memory.state },
            adopt: { memory.adopt($0) })
        #expect(writer.flush().result == .written)
    }

    private func truncateInPlace(_ file: String, _ fileSystem: FileSystem) throws {
        let target = try ConfigurationTarget.resolve(file, fileSystem)
        let open = try fileSystem.open(target.directory, target.name, writing: true)
        try fileSystem.truncate(open, target.name, to: 0)
        try fileSystem.write(open, target.name, Array(WriterUnderTest.moved.utf8))
        try fileSystem.sync(open, target.name)
    }

    private func moveToBackupFirst(_ file: String, _ fileSystem: FileSystem) throws {
        let target = try ConfigurationTarget.resolve(file, fileSystem)
        try fileSystem.rename(target.directory, target.name, to: target.backupName)
        let new = try fileSystem.create(target.directory, target.name)
        try fileSystem.write(new, target.name, Array(WriterUnderTest.moved.utf8))
        try fileSystem.sync(new, target.name)
    }
}

/// Ends the process at its last call.
private final class CallCounter: Sendable {
    private let last: Int
    private let calls = Mutex(0)

    init(last: Int) {
        self.last = last
    }

    func count() {
        let number = calls.withLock {
            $0 += 1
            return $0
        }
        if number == last { kill(getpid(), SIGKILL) }
    }
}
