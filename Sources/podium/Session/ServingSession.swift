import Configuration
import Engine
import Logging
import Persistence
import Proxy
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// From a loaded configuration to an exit status: engine, signals, console, graceful stop.
struct ServingSession {
    let file: ConfigurationFile
    let configuration: Configuration
    let console: ConsoleOptions
    let insecureListen: Bool
    let isDemo: Bool
    /// Where outcomes are recorded for `simulate`; nil: nowhere.
    var tracePath: String?
    /// Runs once the proxy listens, such as the demo's traffic.
    var afterStart: (@Sendable (ProxyServer.Address) async -> Void)?

    func run() async -> ExitStatus {
        let interactive = !console.headless && StandardStreams.isInteractive
        let logSwitch = LogSwitch(isOpen: !interactive)
        let logger = Logger(label: "podium") { _ in LineLogHandler(gate: logSwitch) }
        let engine: Engine
        do throws(EngineError) {
            var options = EngineOptions(environment: ConfigurationFile.environment, logger: logger)
            options.insecureListen = insecureListen
            options.tracePath = tracePath
            engine = try Engine(path: file.path, bytes: file.bytes, configuration: configuration, options: options)
            let address = try await engine.start()
            await afterStart?(address)
        } catch {
            return Self.explain(error, path: file.path)
        }
        warnOfReadableSecrets(engine)
        // Writing to a client that has gone must be an error code, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let stopping = StopRequest(engine: engine)
        let signals = SignalWatch(SIGTERM, SIGINT)
        let consoleSession = interactive ? ConsoleSession(engine: engine, options: console, isDemo: isDemo) : nil
        let deliveries = signals.signals
        let watching = Task {
            for await _ in deliveries {
                consoleSession?.stop()
                stopping.request()
            }
        }
        // Named here so that the watch lives to the end: the optimiser frees an object after its last use.
        defer {
            signals.cancel()
            watching.cancel()
        }

        if let consoleSession {
            switch await consoleSession.run() {
            case .stop:
                stopping.request()
            case .keepServing:
                logSwitch.isOpen = true
                engine.note(.info, source: "console", "console closed; serving on (SIGTERM or ^C stops)")
            case .hangup:
                // A demo that nobody sees is of no use to anybody.
                if isDemo || configuration.server.onHangup == .exit {
                    stopping.request()
                } else {
                    engine.note(.info, source: "console", "the terminal went away; serving on without it")
                }
            case .unusable(let reason):
                logSwitch.isOpen = true
                engine.note(.warning, source: "console", "no console: \(reason); serving without one")
            }
        }
        await stopping.requested()
        return await finish(engine, stopping)
    }

    private func warnOfReadableSecrets(_ engine: Engine) {
        guard let secret = file.loaded.literalSecrets.first, let facts = FileFacts.look(at: file.path),
            facts.mode & 0o044 != 0
        else {
            return
        }
        engine.note(
            .warning, source: "config",
            "\(file.path) can be read by others and line \(secret.line) holds a secret in the clear: "
                + "chmod 600 it, or write ${NAME} and set that in the environment")
    }

    private func finish(_ engine: Engine, _ stopping: StopRequest) async -> ExitStatus {
        stopping.beginDraining()
        switch await engine.stop() {
        case .success:
            return .success
        case .failure where !engine.hasUnsavedChanges:
            return .success
        case .failure(let error):
            StandardStreams.error("podium: the final save failed: \(error)")
            return .notSaved
        }
    }

    private static func explain(_ error: EngineError, path: String) -> ExitStatus {
        switch error {
        case .proxy(let problem):
            StandardStreams.error("podium: \(problem)")
            return .unavailable
        case .persistence(.locked(_, let holder)):
            let who = holder.map { "process \($0)" } ?? "another process"
            StandardStreams.error("podium: \(path) is held by another Podium (\(who)); stop that one first")
            return .locked
        case .persistence(let problem):
            StandardStreams.error("podium: \(problem)")
            return .badConfiguration
        case .trace(let path, let reason):
            StandardStreams.error("podium: --record \(path): \(reason); name a file that is not there yet")
            return .cannotCreate
        case .insecureListen(let host):
            StandardStreams.error(
                "podium: server.host \(host) is reachable from other machines and server.client_tokens is empty: "
                    + "anybody there could spend your keys. Set client_tokens, or pass --insecure-listen.")
            return .badConfiguration
        }
    }
}

/// The first request begins the graceful stop, a second one skips the drain.
private final class StopRequest: Sendable {
    private struct State {
        var isRequested = false
        var isDraining = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let engine: Engine

    init(engine: Engine) {
        self.engine = engine
    }

    func request() {
        let (waiter, hurry) = state.withLock { state in
            defer {
                state.isRequested = true
                state.waiter = nil
            }
            return (state.waiter, state.isDraining)
        }
        waiter?.resume()
        if hurry {
            Task { await engine.hurry() }
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
