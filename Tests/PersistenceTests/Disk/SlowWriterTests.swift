import Configuration
import PodiumModel
import Foundation
import Testing
import YAMLDocument

@testable import Persistence

/// Programs that write the file slowly: what they have written so far loads, and nobody meant it.
@Suite struct SlowWriterTests {
    /// A process that writes a piece, waits for a word, and writes the rest.
    final class SlowWriter {
        private let process = Process()
        private let input = Pipe()
        private let output = Pipe()

        /// - Parameter command: what makes descriptor 3 lead to the file.
        init(_ command: String, first: String, rest: String, directory: ConfigurationDirectory) throws {
            try directory.write(first, to: "first.part")
            try directory.write(rest, to: "rest.part")
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = [
                "-c", "\(command); cat first.part >&3; echo; read word; cat rest.part >&3; exec 3>&-; echo",
            ]
            process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
            process.standardInput = input
            process.standardOutput = output
            try ChildProcesses.start(process)
            _ = output.fileHandleForReading.readData(ofLength: 1)
        }

        func finish() {
            input.fileHandleForWriting.write(Data("\n".utf8))
            _ = output.fileHandleForReading.readData(ofLength: 1)
            process.waitUntilExit()
        }

        deinit {
            if process.isRunning { process.terminate() }
        }
    }

    /// Complete to look at, with two endpoints of three.
    static let half = String(ConfigurationDirectory.text.prefix(upTo: cut))
    static let rest = String(ConfigurationDirectory.text.suffix(from: cut))
    private static var cut: String.Index {
        ConfigurationDirectory.text.range(of: "  - name: gamma")?.lowerBound ?? ConfigurationDirectory.text.endIndex
    }

    static let ways = [
        "in place": "exec 3>config.yaml", "made anew": "rm config.yaml; exec 3>config.yaml",
        "without truncating": "exec 3<>config.yaml; truncate -s 0 config.yaml",
    ]

    @Test(arguments: ways.keys.sorted())
    func halfOfAFileIsNeverTakenIn(_ way: String) async throws {
        let world = try PersisterUnderTest()
        let edited = Self.rest.replacing("priority: 3", with: "priority: 8")
        let writer = try SlowWriter(
            try #require(Self.ways[way]), first: Self.half, rest: edited, directory: world.directory)
        // A flush waits for two seconds, which the tests pass over.
        await #expect(throws: PersistenceError.self) { try await world.persister.flush(trigger: .reload) }
        #expect(world.memory.state.endpoints.map(\.settings.name) == ["alpha", "beta", "gamma"])
        guard case .unfinishedEdit = world.persister.statistics(now: .now).refusedFile else {
            Issue.record("\(world.persister.statistics(now: .now))")
            return
        }
        writer.finish()
        await world.events.first {
            if case .externalEditAdopted(let changes, _) = $0 { changes == ["gamma priority 3→8"] } else { false }
        }
        #expect(world.persister.statistics(now: .now).refusedFile == nil)
        #expect(world.persister.statistics(now: .now).externalEditsMerged == 1)
        _ = await world.persister.shutdown()
    }

    /// Not even a command of the operator makes it believed, and that it waits is said once.
    @Test func thatAFileIsWaitedForIsSaidOnce() async throws {
        let world = try PersisterUnderTest()
        let writer = try SlowWriter(
            "exec 3>config.yaml", first: Self.half, rest: Self.rest, directory: world.directory)
        for _ in 0..<3 { _ = try? await world.persister.flush(trigger: .reload) }
        let said = world.events.all.filter { if case .externalEditAwaited = $0 { true } else { false } }
        #expect(said.count == 1)
        #expect("\(said)".contains("open for writing"))
        writer.finish()
        _ = await world.persister.shutdown()
    }

    /// Ten seconds are five looks of two seconds, which the tests pass over.
    @Test func aProgramThatNeverClosesTheFileHoldsAnEditUpForAWhileOnly() throws {
        var world = try WriterUnderTest()
        let editor = open(world.directory.file, O_WRONLY)
        defer { close(editor) }
        let edited = ConfigurationDirectory.text.replacing("priority: 3", with: "priority: 8")
        var bytes = Array(edited.utf8)
        #expect(write(editor, &bytes, bytes.count) == bytes.count)
        var runs: [FlushRun] = []
        while runs.last?.edits.isEmpty != false, runs.count < 20 { runs.append(world.writer.inspect()) }
        #expect(world.memory.state.endpoints.last?.settings.priority == 8)
        #expect((5...6).contains(runs.count))
        guard case .unfinishedEdit(_, let reason) = runs.last?.doubt else {
            Issue.record("taken without a word")
            return
        }
        #expect(reason.contains("open for writing"))
    }

    /// The file of another user: whether somebody has it open cannot be asked.
    @Test func whereNothingCanBeAskedOnlyStillnessTells() throws {
        var world = try WriterUnderTest()
        world.interference.always(.takeLease, .fail(EACCES))
        try world.directory.write(Self.half)
        // Twice two seconds are not five.
        #expect(world.writer.inspect().edits.isEmpty)
        #expect(world.writer.inspect().edits.isEmpty)
        #expect(world.writer.isUnsettled)
        try world.directory.write(Self.half + Self.rest + "# more\n")
        #expect(world.writer.inspect().edits.count == 1)
        #expect(!world.writer.isUnsettled)
        #expect(world.memory.state.endpoints.count == 3)
        // What lacks something is believed in the end.
        try world.directory.write(Self.half)
        for _ in 0..<3 { _ = world.writer.inspect() }
        #expect(world.memory.state.endpoints.count == 2)
    }

    @Test func piecesThatAreAppendedAreNoFileEither() throws {
        var world = try WriterUnderTest()
        try world.directory.write(Self.half)
        #expect(world.writer.inspect(patience: .milliseconds(900)).edits.isEmpty)
        try world.directory.write(Self.half + Self.rest.replacing("priority: 3", with: "priority: 8"))
        #expect(world.writer.inspect().edits.count == 1)
        #expect(world.memory.state.endpoints.map(\.settings.priority) == [1, 2, 8])
    }

    @Test func theStartWaitsForAWriterToo() throws {
        let directory = try ConfigurationDirectory()
        let writer = try SlowWriter(
            "exec 3>config.yaml", first: Self.half, rest: Self.rest, directory: directory)
        var told: [Refusal] = []
        let pauses = Interference()
        let (bytes, doubt) = try ConfigurationFile.readToServe(
            directory.file, environment: [:], pauses.fileSystem
        ) { refusal in
            told.append(refusal)
            writer.finish()
        }
        #expect(String(decoding: bytes, as: UTF8.self) == ConfigurationDirectory.text)
        #expect(doubt == nil)
        #expect(told.count == 1)
    }

    @Test func theStartDoesNotWaitForEver() throws {
        let directory = try ConfigurationDirectory()
        let editor = open(directory.file, O_RDWR)
        defer { close(editor) }
        let pauses = Interference()
        let (bytes, doubt) = try ConfigurationFile.readToServe(
            directory.file, environment: [:], pauses.fileSystem
        ) { _ in }
        #expect(String(decoding: bytes, as: UTF8.self) == ConfigurationDirectory.text)
        #expect(doubt != nil)
        // Ten seconds in steps of a twentieth, less the time that really passed.
        #expect((20...200).contains(pauses.calls.filter { $0 == .pause }.count))
    }

    @Test func anOrdinaryStartDoesNotWait() throws {
        let directory = try ConfigurationDirectory()
        let pauses = Interference()
        _ = try ConfigurationFile.readToServe(directory.file, environment: [:], pauses.fileSystem) { _ in
            Issue.record("it waited")
        }
        #expect(!pauses.calls.contains(.pause))
    }
}

@Suite struct SettlingTests {
    @Test func whoMayStillWriteIsWaitedForLonger() {
        for lacking in [false, true] {
            #expect(
                Settling.wanted(.none, lacksSomething: lacking) < Settling.wanted(.unknown, lacksSomething: lacking)
            )
            #expect(
                Settling.wanted(.unknown, lacksSomething: lacking) < Settling.wanted(.some, lacksSomething: lacking)
            )
        }
        for writers in Settling.Writers.allCases {
            #expect(
                Settling.wanted(writers, lacksSomething: false) < Settling.wanted(writers, lacksSomething: true))
        }
    }

    @Test func eachChangeBeginsTheWaitAnew() throws {
        let directory = try ConfigurationDirectory()
        let target = try ConfigurationTarget.resolve(directory.file, FileSystem())
        let first = try #require(try FileSystem().entryStatus(target.directory, target.name))
        var second = first
        second.size += 1
        var settling = Settling()
        let start = settling.now
        #expect(settling.stillness(first, at: start) == .zero)
        #expect(settling.stillness(first, at: start + .seconds(3)) == .seconds(3))
        #expect(settling.stillness(second, at: start + .seconds(4)) == .zero)
        #expect(settling.stillness(second, at: start + .seconds(5)) == .seconds(1))
        settling.forget()
        #expect(settling.stillness(second, at: start + .seconds(9)) == .zero)
    }

    static let whole = """
        server:
          port: 1
          client_tokens: [a, b]
        endpoints:
          - name: alpha
            url: http://127.0.0.1:1
            auth_type: api_key
            auth_value: ${KEY}
          - {name: beta, url: "http://127.0.0.1:2", auth_type: api_key, auth_value: "${KEY}"}
        console:
          keys:
            flush: W

        """

    private static func lacking(_ text: String) throws -> String? {
        let known = SettledFile.Known(bytes: Array(whole.utf8))
        return FileOutline.lacking(in: Array(text.utf8), try YAMLDocument(bytes: Array(text.utf8)), from: known)
    }

    /// A file that is cut off behind any of its lines, and still is one, lacks something.
    @Test func aFileThatIsCutOffLacksSomething() throws {
        let lines = Self.whole.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        for count in 1..<lines.count {
            let text = lines.prefix(count).joined(separator: "\n") + "\n"
            #expect(try Self.lacking(text) != nil, "\(text)")
        }
        #expect(try Self.lacking(Self.whole) == nil)
        #expect(try Self.lacking(String(Self.whole.dropLast())) == "the end of its last line")
    }

    @Test func whatWasChangedOrAddedLacksNothing() throws {
        #expect(try Self.lacking(Self.whole.replacing("port: 1", with: "port: 2")) == nil)
        let added = "  - {name: gamma, url: \"http://127.0.0.1:3\", auth_type: none, auth_value: \"\"}\nconsole:"
        #expect(try Self.lacking(Self.whole.replacing("console:", with: added)) == nil)
        let cut = "  - {name: gamma, url: \"http://127.0.0.1:3\"}\nconsole:"
        #expect(try Self.lacking(Self.whole.replacing("console:", with: cut)) == "auth_type in its last endpoint")
        #expect(
            try Self.lacking(Self.whole.replacing("[a, b]", with: "[a]")) == "server.client_tokens[2] that it had")
    }
}
