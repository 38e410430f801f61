import Configuration
import PodiumModel
import Engine
import Service
import Synchronization

import Support

/// What signals do to a serving Podium.
final class SignalHandling: Sendable {
    private struct State {
        var engine: Engine?
        var console: ConsoleSession?
        var hangUp: HangUpMeaning
    }

    private let watch = SignalWatch(SIGTERM, SIGINT, SIGHUP)
    private let stopping: StopRequest
    private let notifier: ServiceNotifier
    private let log: SessionLog
    private let isDemo: Bool
    /// `on_hangup` as the program started with it: before there is an engine, which follows the file.
    private let onHangup: HangupAction
    private let state: Mutex<State>

    init(stopping: StopRequest, notifier: ServiceNotifier, log: SessionLog, isDemo: Bool, onHangup: HangupAction) {
        self.stopping = stopping
        self.notifier = notifier
        self.log = log
        self.isDemo = isDemo
        self.onHangup = onHangup
        let hasTerminal = [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO].contains { isatty($0) == 1 }
        state = Mutex(State(hangUp: HangUpMeaning(hasTerminal: hasTerminal)))
    }

    /// Acts on signals until it is cancelled.
    func run() async {
        for await number in watch.signals {
            if number == SIGHUP {
                await hangUp()
            } else {
                state.withLock { $0.console }?.stop()
                stopping.signalled(number)
            }
        }
    }

    func started(_ engine: Engine, console: ConsoleSession?) {
        state.withLock {
            $0.engine = engine
            $0.console = console
        }
        stopping.started(engine)
    }

    /// The console has left the terminal, or lost it.
    func consoleEnded(lostTerminal: Bool) {
        state.withLock {
            $0.console = nil
            if lostTerminal { $0.hangUp.terminalIsGone() }
        }
        watch.takeBack(SIGHUP)
    }

    /// Nothing is served here after all.
    func giveUp() {
        watch.giveUp()
    }

    func cancel() {
        watch.cancel()
    }

    private func hangUp() async {
        let (action, engine) = state.withLock { ($0.hangUp.received(), $0.engine) }
        switch action {
        case .terminalGone where isDemo || (engine?.serverSettings.onHangup ?? onHangup) == .exit:
            stopping.signalled(SIGHUP)
        case .terminalGone:
            engine?.note(.info, source: "service", "the terminal went away; serving on without it")
        case .reload:
            log.reopen()
            if let engine { await reload(engine) }
        }
    }

    private func reload(_ engine: Engine) async {
        notifier.tell(.reloading(monotonicMicroseconds: ServiceNotifier.monotonicMicroseconds()))
        var status = "reloaded"
        do throws(CommandRefusal) {
            let answer = try await engine.perform(.reload, by: CommandAuthor(name: "SIGHUP", source: .service))
            if case .done(let receipt) = answer {
                engine.note(.info, source: "service", "SIGHUP: \(receipt.message)")
            }
        } catch {
            status = "reload failed: \(error)"
            engine.note(.error, source: "service", "SIGHUP: \(error)")
        }
        notifier.tell(.ready(status: status))
    }
}
