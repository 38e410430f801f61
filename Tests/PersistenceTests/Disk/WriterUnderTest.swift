import Configuration
import Foundation
@testable import Persistence
import PodiumModel
import Synchronization
import Testing

/// The program's side of a persister: a state in memory that adopts edits as the engine does.
final class Memory: Sendable {
    private let contents: Mutex<PersistedState>

    init(_ state: PersistedState) {
        contents = Mutex(state)
    }

    var state: PersistedState {
        contents.withLock { $0 }
    }

    func change(_ body: (inout PersistedState) -> Void) {
        contents.withLock { body(&$0) }
    }

    func setPriority(_ name: String, _ priority: Int) {
        change { state in
            for index in state.endpoints.indices where state.endpoints[index].settings.name == name {
                state.endpoints[index].settings.priority = priority
            }
        }
    }

    func adopt(_ edit: ExternalEdit) -> MergedEdit {
        contents.withLock { state in
            var fresh = (state.endpoints.map(\.id).max() ?? 0) + 1_000
            let merged = edit.merge(into: state) { _ in
                fresh += 1
                return fresh
            }
            state = merged.state
            return merged
        }
    }
}

/// A writer on a real directory, with its memory, that can be interfered with.
struct WriterUnderTest {
    let directory: ConfigurationDirectory
    let interference = Interference()
    let memory: Memory
    var writer: ConfigurationWriter

    init(_ directory: ConfigurationDirectory, allowInPlace: Bool = false) throws {
        self.directory = directory
        let base = try LoadedBase.read(directory)
        let memory = Memory(base.state)
        self.memory = memory
        writer = try ConfigurationWriter(
            options: PersisterOptions(path: directory.file, allowInPlace: allowInPlace), base: base,
            fileSystem: interference.fileSystem, snapshot: { memory.state }, adopt: { memory.adopt($0) })
        interference.reset()
    }

    init(_ text: String = ConfigurationDirectory.text) throws {
        try self.init(ConfigurationDirectory(text))
    }

    /// Gamma becomes first: three ranks change.
    func moveGammaUp() {
        memory.setPriority("gamma", 1)
        memory.setPriority("alpha", 2)
        memory.setPriority("beta", 3)
    }

    static let moved = ConfigurationDirectory.text
        .replacing("priority: 1   #", with: "priority: 9   #")
        .replacing("priority: 3", with: "priority: 1")
        .replacing("priority: 2", with: "priority: 3")
        .replacing("priority: 9   #", with: "priority: 2   #")
}

extension LoadedBase {
    static func read(_ directory: ConfigurationDirectory) throws -> LoadedBase {
        let bytes = Array(try #require(directory.text()).utf8)
        let loaded = ConfigurationLoader.load(bytes: bytes, environment: [:])
        return LoadedBase(bytes: bytes, state: PersistedState(configuration: try #require(loaded.configuration)))
    }
}

/// Interferes with the file operations of a writer under test, by number of call or by kind.
final class Interference: Sendable {
    private struct State {
        var calls: [FileCall] = []
        var failing: (number: Int, errno: Int32)?
        var crashAt: Int?
        var crashed = false
        var rules: [FileCall: FileSystem.Interference] = [:]
        var before: [FileCall: @Sendable () -> Void] = [:]
    }

    /// No system call gives this errno: it stands for a process that is gone.
    static let gone: Int32 = -1

    private let state = Mutex(State())

    var fileSystem: FileSystem {
        FileSystem { [self] call, _ in
            let (interference, hook) = state.withLock { state -> (FileSystem.Interference?, (@Sendable () -> Void)?) in
                state.calls.append(call)
                if let crashAt = state.crashAt, state.calls.count >= crashAt { state.crashed = true }
                if state.crashed { return (.fail(Self.gone), nil) }
                if let failing = state.failing, failing.number == state.calls.count {
                    return (.fail(failing.errno), nil)
                }
                return (state.rules[call], state.before.removeValue(forKey: call))
            }
            hook?()
            if call == .takeLease { ChildProcesses.waitUntilNoneStarts() }
            return interference ?? (call == .pause ? .skip : nil)
        }
    }

    var calls: [FileCall] { state.withLock(\.calls) }
    var crashed: Bool { state.withLock(\.crashed) }

    /// From here on calls are counted from 1.
    func reset() {
        state.withLock { $0 = State() }
    }

    func fail(call number: Int, with errno: Int32) {
        state.withLock { $0.failing = (number, errno) }
    }

    func crash(atCall number: Int) {
        state.withLock { $0.crashAt = number }
    }

    /// Lets every call of a kind fail, or be cut short.
    func always(_ call: FileCall, _ interference: FileSystem.Interference) {
        state.withLock { $0.rules[call] = interference }
    }

    /// Does something once, right before the next call of a kind.
    func before(_ call: FileCall, _ action: @escaping @Sendable () -> Void) {
        state.withLock { $0.before[call] = action }
    }
}
