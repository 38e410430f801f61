import Console
import Control
import Engine
import Persistence
import PodiumModel
import Synchronization

extension EngineClient {
    /// Of the engine in this process.
    static func of(_ engine: Engine, isDemo: Bool, isReadOnly: Bool) -> EngineClient {
        let author = CommandAuthor(name: Operator.name, source: .console)
        let facts = ServerFacts(version: Version.number, isDemo: isDemo)
        let previous = Mutex<Snapshot?>(nil)
        return EngineClient(
            isAttached: false,
            picture: {
                let snapshot = Snapshot.hinted(of: engine, facts: facts)
                let before = previous.withLock { previous in
                    defer { previous = snapshot }
                    return previous
                }
                var picture = ConsolePicture(
                    snapshot, receivedAt: .now, utcOffset: LocalTime.offset(at: snapshot.takenAt),
                    load: before.flatMap { AttachedPicture.load($0, snapshot) })
                picture.isReadOnly = isReadOnly
                return picture
            },
            perform: { await perform($0, on: engine, by: author) }, follow: nil)
    }

    private static func perform(
        _ command: ConsoleCommand, on engine: Engine, by author: CommandAuthor
    ) async -> CommandResult {
        do throws(CommandError) {
            if case .test(let reference) = command {
                return .success(message: try await engine.test(CommandTarget(name: reference.name)).message)
            }
            if case .testDraft(let reference, let draft) = command {
                let target = reference.map { CommandTarget(name: $0.name) }
                return .success(message: try await engine.test(draft, of: target).message)
            }
            if case .preview(let reference, let draft) = command {
                let difference = try await engine.preview(draft, of: reference.map { CommandTarget($0) })
                return .preview(difference.lines.map { DifferenceLine($0) })
            }
            guard let translated = EngineCommand(command) else {
                return .failure(CommandFailure(message: "not a command of this Podium"))
            }
            let receipt = try await engine.perform(translated, by: author)
            return .success(message: receipt.message, undo: receipt.undo)
        } catch {
            return .failure(CommandFailure(error))
        }
    }
}
