import Console
import Control
import Engine
import Persistence
import PodiumModel
import Synchronization
import Terminal

import Support

/// The console on this process's terminal, fed by the engine in the same process.
struct ConsoleSession: Sendable {
    enum Ending {
        case stop
        case keepServing
        case hangup
        case unusable(String)
    }

    private let engine: Engine
    private let app: TerminalApp
    /// In the place of a picture, where plain lines are wanted.
    private let lines: LineConsole?
    private let isReadOnly: Bool
    private let isDemo: Bool

    init(engine: Engine, options: ConsoleOptions, keymap: Keymap, isDemo: Bool) {
        self.engine = engine
        self.isDemo = isDemo
        isReadOnly = options.picture.readOnly
        var terminal = TerminalOptions()
        terminal.ascii = options.picture.ascii
        terminal.theme = options.picture.theme?.rawValue
        terminal.colors = options.picture.colors?.depth
        terminal.refresh = options.picture.refresh.duration
        terminal.isReadOnly = options.picture.readOnly
        terminal.keymap = keymap
        app = TerminalApp(options: terminal)
        lines = options.picture.plain ? LineConsole(isReadOnly: options.picture.readOnly, canStop: true) : nil
    }

    func run() async -> Ending {
        let author = CommandAuthor(name: Operator.name, source: .console)
        let engine = engine
        let source = Self.source(of: engine, isDemo: isDemo, isReadOnly: isReadOnly)
        if let lines {
            let ending = await lines.run(source: source) { await Self.perform($0, on: engine, by: author) }
            switch ending {
            case .stop, .ended(byRequest: true): return .stop
            case .leave: return .keepServing
            // ^D, or the terminal is gone.
            case .ended(byRequest: false): return isatty(STDIN_FILENO) == 1 ? .keepServing : .hangup
            }
        }
        let reason = await app.run(
            source: source,
            perform: { command, reply in
                Task {
                    reply(await Self.perform(command, on: engine, by: author))
                }
            })
        switch reason {
        case .quit(.stop), .stopped: return .stop
        case .quit(.keepServing): return .keepServing
        case .hangup: return .hangup
        case .unusable(let reason): return .unusable(reason)
        }
    }

    func stop() {
        if let lines { lines.stop() } else { app.stop() }
    }

    /// What the console shows: the same snapshot that an attached console is sent, so that both show the same.
    private static func source(
        of engine: Engine, isDemo: Bool, isReadOnly: Bool
    ) -> @Sendable () -> ConsolePicture {
        let facts = ServerFacts(version: Version.number, isDemo: isDemo)
        let previous = Mutex<Snapshot?>(nil)
        return {
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
        }
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
                return .success(message: try await engine.test(EndpointEdit(draft), of: target).message)
            }
            if case .preview(let reference, let draft) = command {
                let difference = try await engine.preview(EndpointEdit(draft), of: reference.map { CommandTarget($0) })
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
