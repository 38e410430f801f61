import Console
import PodiumModel
import Support

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
                case .command(.explain(let id)): show(await perform(.explain(id)))
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
        case .success(.walk(let walk)):
            for line in PlainReport.lines(walk, utcOffset: WallClock.utcOffset(at: walk.time)) {
                StandardStreams.output(line)
            }
        case .success(.preview), .success(.usage), .success(.openRequests), .success(.loggedRequests),
            .success(.pastEvents):
            break
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

/// What can be typed into the line console.
enum LineCommand: Equatable {
    case status
    case events
    case help
    case leave
    case stop
    case command(Command)
    case refused(String)

    static let overview = """
        status, events, explain REQUEST-ID: look. move NAME RANK, enable NAME, disable NAME, pin NAME, unpin NAME, clear NAME, test NAME, sort, autosort \
        on|off, flush, reload, undo, redo: act. leave: this console alone. stop: stop the proxy, where it runs in this process.
        """

    /// Reads a line; endpoints are named as the picture has them, at the revision that it has.
    static func parse(_ line: String, in snapshot: ConsolePicture) -> LineCommand {
        let words = line.split(separator: " ").map(String.init)
        guard let verb = words.first?.lowercased() else { return .status }
        switch verb {
        case "status": return .status
        case "events": return .events
        case "help", "?": return .help
        case "leave", "quit", "q": return .leave
        case "stop": return .stop
        case "flush": return .command(.flush)
        case "sort": return .command(.sortNow)
        case "reload": return .command(.reload)
        case "undo": return .command(.undo)
        case "redo": return .command(.redo)
        case "explain" where words.count == 2: return .command(.explain(words[1]))
        case "autosort" where words.count == 2 && ["on", "off"].contains(words[1]):
            return .command(.setAutoSort(words[1] == "on"))
        case "move", "enable", "disable", "pin", "unpin", "clear", "test":
            return endpoint(verb, words.dropFirst(), snapshot)
        default: return .refused("not a command: \(verb); help lists them")
        }
    }

    private static func endpoint(
        _ verb: String, _ words: ArraySlice<String>, _ snapshot: ConsolePicture
    ) -> LineCommand {
        let rank = verb == "move" ? words.last.flatMap(Int.init) : nil
        if verb == "move", rank == nil { return .refused("move takes a name and a rank: move NAME 1") }
        let name = (verb == "move" ? words.dropLast() : words).joined(separator: " ")
        guard let target = snapshot.endpoints.first(where: { $0.name == name })?.target else {
            return .refused(name.isEmpty ? "\(verb) takes a name" : "there is no endpoint '\(name)'")
        }
        switch verb {
        case "move": return .command(.move(target, toRank: rank ?? 1))
        case "enable", "disable": return .command(.setEnabled(target, verb == "enable"))
        case "pin", "unpin": return .command(.setPinned(target, verb == "pin"))
        case "clear": return .command(.clear(target))
        default: return .command(.test(target))
        }
    }
}
