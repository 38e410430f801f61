import Configuration
import PodiumModel
import Synchronization
import Testing

@testable import Persistence

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
