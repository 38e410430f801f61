import Configuration
import PodiumModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Persistence

/// An editor saves again and again while the persister flushes as fast as it can. No save may be lost, no file damaged.
@Suite(.serialized) struct EditorRaceTests {
    enum Style: String, CaseIterable {
        case truncatesAndWrites
        case renamesOver
        case movesAwayAndCreates
    }

    /// `PODIUM_RACE_SAVES=10000` for the long run.
    static let saves = ProcessInfo.processInfo.environment["PODIUM_RACE_SAVES"].flatMap(Int.init) ?? 60

    @Test(arguments: Style.allCases)
    func noSaveIsLost(_ style: Style) async throws {
        let directory = try ConfigurationDirectory()
        let base = try LoadedBase.read(directory)
        let memory = Memory(base.state)
        // Short looks, so that the two meet more often than they would in life.
        let fileSystem = FileSystem { call, _ in
            guard call == .pause else { return nil }
            usleep(500)
            return .skip
        }
        let persister = try Persister(
            options: PersisterOptions(path: directory.file), base: base, fileSystem: fileSystem)
        persister.start(
            PersisterOwner(snapshot: { memory.state }, adopt: { memory.adopt($0) }, onEvent: { _ in }))
        let done = Atomic(false)
        let flushing = Task.detached {
            var rank = 10
            while !done.load(ordering: .relaxed) {
                rank += 1
                memory.setPriority("gamma", rank)
                _ = try? await persister.flush(trigger: .operator)
            }
        }
        var lost = 0
        var damaged = 0
        var random = SeededRandom(seed: 7)
        var number = 0
        // On a machine that is slow or busy fewer writes fall between the saves: then there are more saves.
        let wanted = UInt64(Self.saves / 4)
        while number < Self.saves
            || number < 20 * Self.saves && persister.statistics(now: .now).totalWrites <= wanted
        {
            number += 1
            // A write takes a few milliseconds: the save falls before, into or after one.
            try await Task.sleep(for: .microseconds(Int.random(in: 0..<10_000, using: &random)))
            let edited = Self.edit(directory, number: number)
            if edited == nil { damaged += 1 }
            try Self.save(edited ?? ConfigurationDirectory.text, style, directory)
            if await !Self.isTaken(number, memory) { lost += 1 }
        }
        done.store(true, ordering: .relaxed)
        await flushing.value
        let result = await persister.shutdown()
        let statistics = persister.statistics(now: .now)
        print(
            "\(style.rawValue): \(number) saves, \(statistics.totalWrites) writes, \(lost) lost, \(damaged) damaged"
        )
        #expect(lost == 0)
        #expect(damaged == 0)
        #expect(throws: Never.self) { try result.get() }
        #expect(directory.text()?.contains("url: http://127.0.0.1:\(1_000 + number)\n") == true)
        #expect(directory.text()?.hasPrefix("# Kept by hand.\n") == true)
        #expect(directory.leftovers == [])
        #expect(statistics.totalWrites > wanted)
    }

    /// The file with this save's mark; nil if what is read is no whole configuration.
    private static func edit(_ directory: ConfigurationDirectory, number: Int) -> String? {
        guard let text = directory.text(), text.hasPrefix("# Kept by hand.\n"), text.hasSuffix("enabled: true\n"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("    url: ") })
        else { return nil }
        return text.replacing(line, with: "    url: http://127.0.0.1:\(1_000 + number)", maxReplacements: 1)
    }

    private static func save(_ text: String, _ style: Style, _ directory: ConfigurationDirectory) throws {
        switch style {
        case .truncatesAndWrites: try overwrite(directory.file, text)
        case .renamesOver: try directory.replace(text)
        case .movesAwayAndCreates:
            rename(directory.file, "\(directory.file)~")
            try overwrite(directory.file, text)
            unlink("\(directory.file)~")
        }
    }

    private static func overwrite(_ path: String, _ text: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        guard descriptor >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(descriptor) }
        var bytes = Array(text.utf8)
        guard write(descriptor, &bytes, bytes.count) == bytes.count else { throw CocoaError(.fileWriteUnknown) }
    }

    private static func isTaken(_ number: Int, _ memory: Memory) async -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if memory.state.endpoints.first?.settings.url == "http://127.0.0.1:\(1_000 + number)" { return true }
            try? await Task.sleep(for: .microseconds(300))
        }
        return false
    }
}
