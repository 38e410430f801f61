import Configuration
import Engine
import Persistence
import PodiumModel
import Service
import Support
import Synchronization

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

/// The first request begins the graceful stop, a second one skips the drain. Before the engine serves there is nothing to
/// be graceful about: then the signal does what it does to every program.
final class StopRequest: Sendable {
    private struct State {
        var engine: Engine?
        var isRequested = false
        var isDraining = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// The engine serves from now on.
    func started(_ engine: Engine) {
        state.withLock { $0.engine = engine }
    }

    func signalled(_ number: Int32) {
        guard state.withLock({ $0.engine != nil }) else {
            SignalWatch.die(of: number)
            return
        }
        request()
    }

    func request() {
        let (waiter, hurried) = state.withLock { state in
            defer {
                state.isRequested = true
                state.waiter = nil
            }
            return (state.waiter, state.isDraining ? state.engine : nil)
        }
        waiter?.resume()
        if let hurried {
            Task { await hurried.hurry() }
        }
    }

    func beginDraining() {
        state.withLock { $0.isDraining = true }
    }

    func requested() async {
        await withCheckedContinuation { continuation in
            let already = state.withLock { state in
                if !state.isRequested {
                    state.waiter = continuation
                }
                return state.isRequested
            }
            if already {
                continuation.resume()
            }
        }
    }
}

/// Tells the service manager, while Podium serves, that it is alive and how it is doing.
struct ServiceReports {
    let engine: Engine
    let notifier: ServiceNotifier

    private static let usualInterval = Duration.seconds(10)

    /// Until it is cancelled. Without a manager there is nothing to do.
    func run() async {
        guard notifier.isSupervised else { return }
        notifier.tell(.ready(status: status))
        let interval = min(notifier.watchdogInterval ?? Self.usualInterval, Self.usualInterval)
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            // An event loop or a lock that is stuck never answers, and the manager restarts the service.
            await engine.heartbeat()
            guard !Task.isCancelled else { return }
            notifier.tell(.watchdog)
            notifier.tell(.status(status))
        }
    }

    private var status: String {
        let metrics = engine.metrics()
        let usable = metrics.endpoints.count { $0.availabilityKind == .available }
        let rate = (metrics.attemptsPerSecond * 10).rounded() / 10
        let saved = metrics.persister.dirtySince == nil ? "all saved" : "unsaved changes"
        return "serving on \(engine.listenAddress): \(usable) of \(metrics.endpoints.count) endpoints usable, "
            + "\(rate) requests/s, \(saved)"
    }
}
