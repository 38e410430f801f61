import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Persistence

/// Configurations that nothing is written into: because the operator said so, or because they lie where nothing can be.
@Suite struct MemoryOnlyTests {
    /// A place where nothing can be written, as a ConfigMap or an image answers.
    private static func readOnly(_ errno: Int32, fileToo: Bool = true) -> FileSystem {
        FileSystem { call, name in
            switch call {
            case .access: name == "." || fileToo ? .fail(errno) : nil
            case .create: .fail(errno)
            case .pause: .skip
            default: nil
            }
        }
    }

    private static func writer(
        _ directory: ConfigurationDirectory, _ memory: Memory, _ fileSystem: FileSystem, _ persist: PersistMode
    ) throws -> ConfigurationWriter {
        var options = PersisterOptions(path: directory.file)
        options.persist = persist
        return try ConfigurationWriter(
            options: options, base: LoadedBase.read(directory), fileSystem: fileSystem, snapshot: { memory.state },
            adopt: { memory.adopt($0) })
    }

    @Test func whatIsOffIsNeverWrittenAndHandEditsAreTakenInAllTheSame() throws {
        let directory = try ConfigurationDirectory()
        let memory = Memory(try LoadedBase.read(directory).state)
        var writer = try Self.writer(directory, memory, Interference().fileSystem, .off)
        memory.setPriority("alpha", 5)
        let run = writer.flush()
        #expect(run.result == .inMemory(.asConfigured))
        #expect(!run.unsaved)
        #expect(directory.text() == ConfigurationDirectory.text)
        try directory.write(ConfigurationDirectory.text.replacing("priority: 2", with: "priority: 7"))
        #expect(writer.inspect().edits.count == 1)
        #expect(memory.state.endpoints.map(\.settings.priority) == [5, 7, 3])
        // Switched on again, what lives in memory goes into the file.
        writer.persist = .auto
        #expect(writer.flush().result == .written)
        #expect(directory.text()?.contains("priority: 5") == true)
    }

    @Test(arguments: [EROFS, EACCES]) func aReadOnlyPlaceIsFoundOut(_ errno: Int32) throws {
        let directory = try ConfigurationDirectory()
        let memory = Memory(try LoadedBase.read(directory).state)
        var writer = try Self.writer(directory, memory, Self.readOnly(errno), .auto)
        let reason = MemoryOnly.readOnly(path: directory.file, errno: errno)
        #expect(writer.memoryOnly == reason)
        #expect(writer.flush().result == .unchanged)
        memory.setPriority("alpha", 5)
        #expect(writer.flush().result == .inMemory(reason))
        #expect(!writer.mayHaveChanged())
    }

    @Test func whoWantsItWrittenIsTold() throws {
        let directory = try ConfigurationDirectory()
        let memory = Memory(try LoadedBase.read(directory).state)
        var writer = try Self.writer(directory, memory, Self.readOnly(EROFS), .on)
        memory.setPriority("alpha", 5)
        #expect(writer.flush().result == .failed(.refused(.needsInPlace(path: directory.file, errno: EROFS))))
    }

    @Test func aDiskThatBecomesReadOnlyIsAFault() throws {
        let directory = try ConfigurationDirectory()
        let memory = Memory(try LoadedBase.read(directory).state)
        let disk = Interference()
        var writer = try Self.writer(directory, memory, disk.fileSystem, .auto)
        disk.always(.create, .fail(EROFS))
        disk.always(.access, .fail(EROFS))
        memory.setPriority("alpha", 5)
        let refused = FlushResult.failed(.refused(.needsInPlace(path: directory.file, errno: EROFS)))
        #expect(writer.flush().result == refused)
        // Nor does a setting that is switched to and fro make it anything else.
        writer.persist = .on
        writer.persist = .auto
        #expect(writer.flush().result == refused)
        // A process that is started now sees what the one before has left.
        #expect(
            directory.leftovers.isEmpty && FileManager.default.fileExists(atPath: "\(directory.path)/.config.yaml.lock")
        )
        let access = WriteAccess(try ConfigurationTarget.resolve(directory.file, FileSystem()), Self.readOnly(EROFS))
        #expect(access.hasTraces)
        #expect(!access.isReadOnlyOnPurpose(wasWritable: false))
    }

    @Test func onlyAPlaceThatNeverTookAnythingWasMadeSo() {
        for directory in [0, EROFS, EACCES, EIO] {
            for file in [0, EROFS, EACCES, ENOENT] {
                for hasTraces in [false, true] {
                    for wasWritable in [false, true] {
                        let access = WriteAccess(directory: directory, file: file, hasTraces: hasTraces)
                        let expected =
                            (directory == EROFS || directory == EACCES) && (file == EROFS || file == EACCES)
                            && !hasTraces && !wasWritable
                        #expect(access.isReadOnlyOnPurpose(wasWritable: wasWritable) == expected)
                    }
                }
            }
        }
    }

    @Test func aPersisterThatWritesNothingIsNeverOverdueAndEndsWell() async throws {
        let directory = try ConfigurationDirectory()
        let memory = Memory(try LoadedBase.read(directory).state)
        let events = EventLog()
        var options = PersisterOptions(
            path: directory.file, flushInterval: .milliseconds(10), maxDirtyTime: .milliseconds(20))
        options.persist = .off
        let persister = try Persister(options: options, base: LoadedBase.read(directory))
        persister.start(
            PersisterOwner(
                snapshot: { memory.state }, adopt: { memory.adopt($0) }, onEvent: { events.append($0) }))
        await events.first { $0 == .memoryOnly(.asConfigured) }
        memory.setPriority("alpha", 5)
        persister.mark(now: .now)
        await events.first {
            if case .flushed(let record) = $0 { record.result == .inMemory(.asConfigured) } else { false }
        }
        #expect(try await persister.flush(trigger: .operator).outcome == .inMemory(.asConfigured))
        let statistics = persister.statistics(now: .now)
        #expect(statistics.dirtySince == nil && !statistics.isOverdue && statistics.lastError == nil)
        #expect(statistics.memoryOnly == .asConfigured)
        persister.update(
            persist: .on, strategy: .immediate, flushInterval: .seconds(1), maxDirtyTime: .seconds(1),
            allowInPlace: false)
        await events.first { $0 == .memoryOnlyEnded }
        await events.first { if case .flushed(let record) = $0 { record.result == .written } else { false } }
        #expect(directory.text()?.contains("priority: 5") == true)
        persister.update(
            persist: .off, strategy: .immediate, flushInterval: .seconds(1), maxDirtyTime: .seconds(1),
            allowInPlace: false)
        memory.setPriority("alpha", 6)
        let result = await persister.shutdown()
        #expect(try result.get().outcome == .inMemory(.asConfigured))
        #expect(directory.text()?.contains("priority: 5") == true)
        #expect(events.all.filter { $0 == .memoryOnly(.asConfigured) }.count == 2)
        #expect(!events.all.contains { if case .overdue = $0 { true } else { false } })
    }
}
