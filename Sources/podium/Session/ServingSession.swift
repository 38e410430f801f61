import Configuration
import PodiumModel
import Control
import Engine
import Logging
import Persistence
import Proxy
import Service

import Support

/// From a loaded configuration to an exit status: engine, signals, console, graceful stop.
struct ServingSession {
    let file: LoadedFile
    let configuration: Configuration
    let console: ConsoleOptions
    let logging: LogOptions
    let insecureListen: Bool
    let isDemo: Bool
    /// Where outcomes are recorded for `simulate`; nil: nowhere.
    var tracePath: String?
    /// Runs once the proxy listens, such as the demo's traffic.
    var afterStart: (@Sendable (ProxyServer.Address) async -> Void)?

    func run() async -> ExitStatus {
        let interactive = !console.headless && StandardStreams.isInteractive
        let log: SessionLog
        do throws(LogFile.OpenError) {
            log = try SessionLog(logging, hasConsole: interactive, environment: LoadedFile.environment)
        } catch {
            StandardStreams.error("podium: \(error)")
            return .cannotCreate
        }
        // The last lines tell why it ended.
        defer { log.flush() }
        // Writing to a client that has gone must be an error code, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        StandardStreams.goOnWithoutOutput()
        let stopping = StopRequest()
        let notifier = ServiceNotifier(environment: LoadedFile.environment, processID: getpid())
        let signals = SignalHandling(
            stopping: stopping, notifier: notifier, log: log, isDemo: isDemo,
            onHangup: configuration.server.onHangup)
        let watching = Task { await signals.run() }
        defer {
            signals.cancel()
            watching.cancel()
        }
        let engine: Engine
        do throws(EngineError) {
            engine = try await start(log, hasConsole: interactive)
        } catch {
            if interactive, !isDemo, case .persistence(.locked(_, let holder)) = error {
                signals.giveUp()
                return await attach(to: holder)
            }
            return Self.explain(error, path: file.path)
        }
        let consoleSession =
            interactive
            ? ConsoleSession(
                .of(
                    engine, facts: facts, operatorName: UserName.current, isReadOnly: console.picture.readOnly),
                options: console.picture, keymap: file.keymap) : nil
        signals.started(engine, console: consoleSession)
        warnOfReadableSecrets(engine)
        let control = await serveControl(engine)
        let reports = Task { await ServiceReports(engine: engine, notifier: notifier).run() }
        ProgramCode.letGoOfStart()
        if let consoleSession {
            await show(consoleSession, engine, stopping, signals, log)
        }
        await stopping.requested()
        reports.cancel()
        stopping.beginDraining()
        notifier.tell(.stopping(within: engine.serverSettings.drainTimeout + Self.saveAllowance))
        engine.note(.info, source: "service", "stopping: requests in flight may end, then what is unsaved is saved")
        await engine.drain()
        // Until here it could still be asked what it waits for.
        await control.stop()
        return await finish(engine)
    }

    private func start(_ log: SessionLog, hasConsole: Bool) async throws(EngineError) -> Engine {
        var options = EngineOptions(environment: LoadedFile.environment, logger: log.logger)
        options.insecureListen = insecureListen
        options.tracePath = tracePath
        options.version = Version.number
        options.standardOutputIsFree = !hasConsole
        let engine = try Engine(path: file.path, bytes: file.bytes, configuration: configuration, options: options)
        let address = try await engine.start()
        await afterStart?(address)
        return engine
    }

    /// Another Podium serves this file: its console is what the operator wants to see.
    private func attach(to holder: Int32?) async -> ExitStatus {
        let who = holder.map { "process \($0)" } ?? "another process"
        for _ in 0..<Self.attachAttempts {
            let socket = ControlSocketPath.find(config: file.path, environment: LoadedFile.environment)
            if let socket {
                let client = ControlClient(
                    socketPath: socket.path, operatorName: UserName.current, source: .console)
                if (try? await client.persister()) != nil {
                    let greeting = "attached: \(who) serves \(file.path); q leaves it serving"
                    return await AttachSession(
                        client: client, options: console.picture, greeting: greeting, keymap: file.keymap
                    ).run()
                }
            }
            // It may be starting just now.
            try? await Task.sleep(for: .milliseconds(250))
        }
        StandardStreams.error(
            "podium: \(file.path) is held by another Podium (\(who)), which does not answer on its control socket: "
                + "try as its user or with sudo, or stop that one first")
        return .locked
    }

    private static let attachAttempts = 20

    private func show(
        _ session: ConsoleSession, _ engine: Engine, _ stopping: StopRequest, _ signals: SignalHandling,
        _ log: SessionLog
    ) async {
        let ending = await session.run()
        var lostTerminal = false
        if case .hangup = ending { lostTerminal = true }
        signals.consoleEnded(lostTerminal: lostTerminal)
        log.consoleClosed()
        switch ending {
        case .stop:
            stopping.request()
        case .keepServing:
            engine.note(.info, source: "console", "console closed; serving on (SIGTERM or ^C stops)")
        case .hangup where isDemo || engine.serverSettings.onHangup == .exit:
            // A demo without a console to watch it has nothing to do.
            stopping.request()
        case .hangup:
            engine.note(.info, source: "console", "the terminal went away; serving on without it")
        case .unusable(let reason):
            engine.note(.warning, source: "console", "no console: \(reason); serving without one")
        }
    }

    private var facts: ServerFacts { ServerFacts(version: Version.number, isDemo: isDemo) }

    /// Without its socket Podium serves all the same; it can only not be watched from outside.
    private func serveControl(_ engine: Engine) async -> ControlServer {
        let control = ControlServer(engine: engine, facts: facts)
        do throws(ControlSocketError) {
            let path = try await control.start(config: file.path, environment: LoadedFile.environment)
            engine.note(.info, source: "control", "control socket at \(path)")
        } catch {
            engine.note(.warning, source: "control", "no control socket: \(error)")
        }
        return control
    }

    private func warnOfReadableSecrets(_ engine: Engine) {
        guard let secret = file.loaded.literalSecrets.first, let onDisk = Snapshot.Persister.File.look(at: file.path),
            onDisk.mode & 0o044 != 0
        else {
            return
        }
        engine.note(
            .warning, source: "config",
            "\(file.path) can be read by others and line \(secret.line) holds a secret in the clear: "
                + "chmod 600 it, or write ${NAME} and set that in the environment")
    }

    private func finish(_ engine: Engine) async -> ExitStatus {
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

    /// What the last save may take beyond the drain before a service manager loses patience.
    private static let saveAllowance = Duration.seconds(30)

    private static func explain(_ error: EngineError, path: String) -> ExitStatus {
        switch error {
        case .proxy(let problem):
            StandardStreams.error("podium: \(problem)")
            return .unavailable
        case .persistence(.locked(_, let holder)):
            let who = holder.map { "process \($0)" } ?? "another process"
            StandardStreams.error(
                "podium: \(path) is held by another Podium (\(who)); "
                    + "`podium attach` opens its console, `podium status` asks it, or stop that one first")
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
