import CNcurses
import Console
import PodiumModel
import Support

/// The loop of the console: waits for keys, mail and time, lets the pure `ConsoleState` decide, performs its effects and draws.
/// `TerminalApp` runs it on a thread of its own, because every call of ncurses has to come from one thread.
struct ConsoleLoop {
    private let screen: CursesScreen
    private let options: TerminalOptions
    private let wakeUp: WakeUpPipe
    private var painter: Painter
    private var parser: InputParser
    private var emptyReads = 0
    private var pacing: FramePacing

    init(screen: CursesScreen, options: TerminalOptions, wakeUp: WakeUpPipe) {
        self.screen = screen
        self.options = options
        self.wakeUp = wakeUp
        pacing = FramePacing(asks: screen.isModern)
        parser = InputParser(sequences: screen.keySequences, decoder: screen.characterDecoder)
        painter = Painter(depth: screen.colorDepth, isUTF8: screen.isUTF8)
    }

    private static let leastGap = Duration.milliseconds(200)
    /// The longest wait while a snapshot is on its way; the snapshot wakes the loop.
    private static let longestWait = Duration.seconds(1)

    /// - Parameter request: asks for a snapshot, which comes by mail.
    mutating func run(
        first: ConsolePicture, request: () -> Void, takeMail: () -> TerminalApp.Mailbox,
        perform: (CommandID, Command) -> Void
    ) -> ExitReason {
        let reason = loop(first: first, request: request, takeMail: takeMail, perform: perform)
        screen.close(isGone: reason == .hangup, isAnswerDue: pacing.isWaiting)
        return reason
    }

    private mutating func loop(
        first: ConsolePicture, request: () -> Void, takeMail: () -> TerminalApp.Mailbox,
        perform: (CommandID, Command) -> Void
    ) -> ExitReason {
        let clock = ContinuousClock()
        screen.resize()
        var state = ConsoleState(
            setup: setup(), columns: screen.size.columns, lines: screen.size.lines, now: clock.now)
        // The answer comes before that to the first frame's question, or never.
        if state.setup.followsBackground, pacing.asks { screen.write("\u{1B}]11;?\u{1B}\\") }
        var lastSnapshot = clock.now
        for effect in state.handle(.snapshot(first), now: clock.now) {
            if let reason = carryOut(effect, &state, perform) { return reason }
        }
        if let greeting = options.greeting ?? screen.notice { _ = state.handle(.notice(greeting), now: clock.now) }
        var due = lastSnapshot + state.refresh
        var isUrgent = true
        var isAwaited = false
        while true {
            draw(state, isUrgent: isUrgent, now: clock.now)
            let dueNext = isAwaited ? clock.now + Self.longestWait : due
            let event = wait(until: min(dueNext, parser.deadline ?? dueNext), clock: clock)
            if event.isGone { return .hangup }
            var inputs: [ConsoleInput] = []
            for signal in event.signals {
                switch signal {
                case SIGHUP: return .hangup
                case SIGWINCH: inputs.append(resized())
                case SIGCONT:
                    screen.resume()
                    painter.invalidate()
                    inputs.append(resized())
                case SIGTSTP: inputs.append(.suspendRequested)
                default: break
                }
            }
            let mail = takeMail()
            if mail.isStopped { return .stopped }
            inputs += mail.inputs
            inputs += readKeys(event.hasInput, now: clock.now)
            if emptyReads >= 3 { return .hangup }
            let now = clock.now
            if !mail.inputs.isEmpty {
                due = now
            } else if mail.hasNews {
                due = min(due, max(now, lastSnapshot + Self.leastGap))
            }
            isUrgent = !inputs.isEmpty
            let before = state.refresh
            for input in inputs {
                for effect in state.handle(input, now: now) {
                    if let reason = carryOut(effect, &state, perform) { return reason }
                }
            }
            if state.refresh != before { due = min(due, lastSnapshot + state.refresh) }
            if let snapshot = mail.snapshot {
                isAwaited = false
                lastSnapshot = now
                for effect in state.handle(.snapshot(snapshot), now: now) + state.handle(.tick, now: now) {
                    if let reason = carryOut(effect, &state, perform) { return reason }
                }
            }
            // A snapshot that was taken before a command was answered does not show its effect, so another one is
            // taken.
            if now >= due, !isAwaited {
                isAwaited = true
                due = now + state.refresh
                request()
            }
        }
    }

    private func setup() -> ConsoleSetup {
        var setup = ConsoleSetup()
        setup.glyphs = screen.isUTF8 && !options.ascii ? .unicode : .ascii
        let noColor = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        let isPlain = noColor || screen.colorDepth == nil
        let isLight = getenv("COLORFGBG").flatMap { Background.isLight(variable: String(cString: $0)) }
        setup.theme = options.theme.flatMap { Theme(name: $0) } ?? (isPlain ? .mono : isLight == true ? .light : .dark)
        setup.followsBackground = options.theme == nil && !isPlain
        setup.refresh = options.refresh
        setup.keymap = options.keymap
        setup.isReadOnly = options.isReadOnly
        setup.canSuspend = options.canSuspend
        return setup
    }

    private mutating func draw(_ state: ConsoleState, isUrgent: Bool, now: ContinuousClock.Instant) {
        guard pacing.mayDraw(isUrgent: isUrgent, now: now) else { return }
        let grid = state.render(now: now)
        guard painter.draw(grid, theme: state.theme) else { return }
        screen.show(cursor: grid.cursor, asking: pacing.asks)
        pacing.sent(now: now)
    }

    private mutating func resized() -> ConsoleInput {
        screen.resize()
        painter.invalidate()
        return .resize(columns: screen.size.columns, lines: screen.size.lines)
    }

    private mutating func carryOut(
        _ effect: ConsoleEffect, _ state: inout ConsoleState, _ perform: (CommandID, Command) -> Void
    ) -> ExitReason? {
        switch effect {
        case .perform(let id, let command): perform(id, command)
        case .quit(let choice): return .quit(choice)
        case .redraw:
            screen.repaintEverything()
            painter.invalidate()
        case .bell: beep()
        case .mouse(let isOn):
            screen.reportMouse(isOn)
            parser.reportsMouse = isOn
        case .copy(let text): screen.write("\u{1B}]52;c;\(Base64.encode(Array(text.utf8)))\u{07}")
        case .suspend:
            screen.yield(isAnswerDue: pacing.isWaiting)
            pacing.abandoned()
            let isGone = suspend()
            screen.resume()
            if isGone { return .hangup }
            painter.invalidate()
            _ = state.handle(.resize(columns: screen.size.columns, lines: screen.size.lines), now: ContinuousClock.now)
        }
        return nil
    }

    /// Stops the process, and the others of its job, until the shell continues it.
    ///
    /// The signal may stop another thread first, while this one would go on and draw over the shell: it waits for the
    /// SIGCONT that ends the stop.
    ///
    /// - Returns: whether the terminal has gone away meanwhile.
    private func suspend() -> Bool {
        _ = wakeUp.drain()
        kill(0, SIGSTOP)
        var signals: [Int32] = []
        while !signals.contains(SIGCONT) {
            var descriptor = pollfd(fd: wakeUp.readEnd, events: Int16(POLLIN), revents: 0)
            _ = poll(&descriptor, 1, -1)
            signals += wakeUp.drain()
        }
        return signals.contains(SIGHUP)
    }

    private struct Event {
        var signals: [Int32] = []
        var hasInput = false
        var isGone = false
    }

    private func wait(until due: ContinuousClock.Instant, clock: ContinuousClock) -> Event {
        var descriptors = [
            pollfd(fd: options.input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeUp.readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: options.output, events: 0, revents: 0),
        ]
        let timeout = Int32(max(0, min(60_000, (due - clock.now).inMilliseconds.rounded(.up))))
        _ = poll(&descriptors, nfds_t(descriptors.count), timeout)
        var event = Event(signals: wakeUp.drain())
        event.hasInput = descriptors[0].revents & Int16(POLLIN) != 0
        let gone = Int16(POLLHUP | POLLERR | POLLNVAL)
        event.isGone = descriptors[0].revents & gone != 0 || descriptors[2].revents & gone != 0
        return event
    }

    private static let mostReads = 16

    /// All keys there are, within a bound. A descriptor that stays readable without giving anything has reached its end.
    private mutating func readKeys(_ hasInput: Bool, now: ContinuousClock.Instant) -> [ConsoleInput] {
        guard hasInput else {
            emptyReads = 0
            return inputs(of: parser.expire(now: now))
        }
        var inputs: [ConsoleInput] = []
        var reads = 0
        repeat {
            let bytes = screen.read()
            inputs += self.inputs(of: parser.feed(bytes, now: now))
            reads += 1
            emptyReads = bytes.isEmpty && waiting == 0 ? emptyReads + 1 : 0
        } while waiting > 0 && reads < Self.mostReads
        return inputs
    }

    /// How many bytes can be read.
    private var waiting: Int32 {
        var count: Int32 = 0
        return ioctl(options.input, UInt(FIONREAD), &count) == 0 ? count : 0
    }

    private mutating func inputs(of events: [InputParser.Event]) -> [ConsoleInput] {
        events.compactMap { event in
            switch event {
            case .input(let input): return input
            case .frameDrawn:
                pacing.answered()
                return nil
            }
        }
    }
}

/// Keeps frames from piling up on a slow link, where the kernel takes minutes of them without complaint.
///
/// Each frame ends in a question the terminal answers once it has drawn it. Frames that only renew the picture wait for
/// the answer; those after a key may run a few ahead, so that a long round trip is not felt in typing.
struct FramePacing {
    private var unanswered = 0
    private var lastSent: ContinuousClock.Instant?
    private var hasAnswered = false
    private(set) var asks: Bool

    private static let mostAhead = 4
    /// A terminal that never answered by then does not know the question.
    private static let patience = Duration.seconds(2)
    /// An answer that is lost, as when a multiplexer is detached, must not stop the picture for good.
    private static let longest = Duration.seconds(10)

    init(asks: Bool) {
        self.asks = asks
    }

    mutating func mayDraw(isUrgent: Bool, now: ContinuousClock.Instant) -> Bool {
        guard asks, unanswered > 0, let lastSent else { return true }
        let waited = now - lastSent
        if !hasAnswered, waited >= Self.patience {
            asks = false
            return true
        }
        if waited >= Self.longest {
            unanswered = 0
            return true
        }
        return isUrgent && unanswered < Self.mostAhead
    }

    mutating func sent(now: ContinuousClock.Instant) {
        guard asks else { return }
        unanswered += 1
        lastSent = now
    }

    mutating func answered() {
        hasAnswered = true
        unanswered = max(0, unanswered - 1)
    }

    /// The answers that are due went elsewhere.
    mutating func abandoned() {
        unanswered = 0
    }

    /// Whether an answer may still come, which must not reach the shell afterwards.
    var isWaiting: Bool { asks && unanswered > 0 }
}
