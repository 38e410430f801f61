import Console

/// The console as plain lines, for screen readers, serial lines and terminals that no picture can be drawn on: what happens is
/// printed as it happens, and commands are typed as words.
final class LineConsole: Sendable {
    enum Ending {
        case leave
        case stop
        /// The end of the input, or `stop()`.
        case ended(byRequest: Bool)
    }

    private enum Input {
        case line(String)
        case tick
        case endOfInput
        case stopped
    }

    private static let shownEvents = 20

    private let isReadOnly: Bool
    private let canStop: Bool
    private let inputs: AsyncStream<Input>
    private let input: AsyncStream<Input>.Continuation

    /// - Parameter canStop: the proxy runs in this process.
    init(isReadOnly: Bool, canStop: Bool) {
        self.isReadOnly = isReadOnly
        self.canStop = canStop
        (inputs, input) = AsyncStream<Input>.makeStream()
    }

    func stop() {
        input.yield(.stopped)
    }

    func run(
        source: @Sendable () -> DashboardSnapshot,
        perform: @Sendable (ConsoleCommand) async -> CommandResult
    ) async -> Ending {
        StandardInput.read { [input] line in input.yield(line.map { .line($0) } ?? .endOfInput) }
        let ticking = Task { [input] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                input.yield(.tick)
            }
        }
        defer { ticking.cancel() }
        var told = source().events.last?.id ?? 0
        report(source())
        StandardStreams.output("Type help for the commands.")
        for await next in inputs {
            let snapshot = source()
            told = printEvents(of: snapshot, after: told)
            switch next {
            case .tick: continue
            case .endOfInput: return .ended(byRequest: false)
            case .stopped: return .ended(byRequest: true)
            case .line(let line):
                switch LineCommand.parse(line, in: snapshot) {
                case .status: report(snapshot)
                case .events: _ = printEvents(of: snapshot, after: nil)
                case .help: StandardStreams.output(LineCommand.overview)
                case .refused(let reason): StandardStreams.output("error: \(SafeText.clean(reason))")
                case .leave: return .leave
                case .stop where canStop && !isReadOnly: return .stop
                case .stop:
                    StandardStreams.output("error: the proxy is not this console's to stop; leave leaves it serving")
                case .command(let command):
                    if isReadOnly {
                        StandardStreams.output("error: read-only")
                    } else {
                        show(await perform(command))
                    }
                }
            }
        }
        return .ended(byRequest: true)
    }

    private func report(_ snapshot: DashboardSnapshot) {
        for line in PlainReport.lines(snapshot) { StandardStreams.output(line) }
    }

    private func show(_ result: CommandResult) {
        switch result {
        case .success(let message, _): StandardStreams.output("done: \(SafeText.clean(message))")
        case .failure(let failure): StandardStreams.output("error: \(SafeText.clean(failure.message))")
        case .preview: break
        }
    }

    /// - Parameter id: the last one that was printed; nil prints the latest again.
    /// - Returns: the last one now.
    private func printEvents(of snapshot: DashboardSnapshot, after id: UInt64?) -> UInt64 {
        let events = snapshot.events.filter { $0.level >= .info }
        // Another process's events begin anew when it does.
        let isRestarted = id.map { $0 > (snapshot.events.last?.id ?? 0) } ?? false
        let fresh =
            id.map { id in isRestarted ? events[...] : events.filter { $0.id > id }[...] }
            ?? events.suffix(Self.shownEvents)
        for event in fresh {
            StandardStreams.output(PlainReport.line(event, utcOffset: snapshot.utcOffset))
        }
        return snapshot.events.last?.id ?? (isRestarted ? 0 : id ?? 0)
    }
}
