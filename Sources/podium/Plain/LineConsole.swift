import Console
import PodiumModel

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
        source: @Sendable () -> ConsolePicture,
        perform: @Sendable (Command) async -> CommandResult
    ) async -> Ending {
        StandardInput.read { [input] line in input.yield(line.map { .line($0) } ?? .endOfInput) }
        let ticking = Task { [input] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                input.yield(.tick)
            }
        }
        defer { ticking.cancel() }
        var told = ToldEvents(source().events)
        report(source())
        StandardStreams.output("Type help for the commands.")
        for await next in inputs {
            // Who cannot be told anything is no console.
            if StandardStreams.isLost { return .ended(byRequest: false) }
            let snapshot = source()
            for event in told.due(in: snapshot.events, now: snapshot.takenAt) { printEvent(event, snapshot) }
            switch next {
            case .tick: continue
            case .endOfInput: return .ended(byRequest: false)
            case .stopped: return .ended(byRequest: true)
            case .line(let line):
                switch LineCommand.parse(line, in: snapshot) {
                case .status: report(snapshot)
                case .events:
                    let events = snapshot.events.filter { $0.severity >= .info }
                    for event in events.suffix(Self.shownEvents) { printEvent(event, snapshot) }
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

    private func report(_ snapshot: ConsolePicture) {
        for line in PlainReport.lines(snapshot) { StandardStreams.output(line) }
    }

    private func show(_ result: CommandResult) {
        switch result {
        case .success(.done(let receipt)): StandardStreams.output("done: \(SafeText.clean(receipt.message))")
        case .failure(let refusal): StandardStreams.output("error: \(SafeText.clean(refusal.line))")
        case .success(.preview): break
        }
    }

    private func printEvent(_ event: Snapshot.Event, _ snapshot: ConsolePicture) {
        StandardStreams.output(PlainReport.line(event, utcOffset: snapshot.utcOffset))
    }
}

/// Which events have been printed, and how often they had happened by then. Pure.
struct ToldEvents {
    /// What repeats is told again after so many seconds.
    private static let gap = 10.0

    private var last: UInt64
    private var told: [UInt64: (count: UInt64, at: Double)] = [:]

    /// - Parameter events: What needs no telling.
    init(_ events: [Snapshot.Event]) {
        last = events.last?.id ?? 0
        for event in events { told[event.identity] = (event.times, -.infinity) }
    }

    /// What is to be printed now, oldest first.
    mutating func due(in events: [Snapshot.Event], now: Double) -> [Snapshot.Event] {
        // Another process's events begin anew when it does.
        if last > events.last?.id ?? 0 { self = ToldEvents([]) }
        let due = events.filter { event in
            guard event.severity >= .info else { return false }
            guard let before = told[event.identity] else { return event.id > last }
            return event.times > before.count && (now - before.at >= Self.gap || now < before.at)
        }
        for event in due { told[event.identity] = (event.times, now) }
        last = max(last, events.last?.id ?? 0)
        let kept = Set(events.map(\.identity))
        told = told.filter { kept.contains($0.key) }
        return due
    }
}
