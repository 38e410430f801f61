import CNcurses
import Console
import PodiumModel
import Support
import Synchronization
import Testing

@testable import Terminal

/// A pseudo-terminal: the console on one side, the test on the other.
private final class PseudoTerminal: Sendable {
    let controller: Int32
    let terminal: Int32

    init(columns: UInt16, lines: UInt16) throws {
        controller = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(controller >= 0)
        // TIOCSPTLCK and TIOCGPTN, which are macros that Swift does not see: unlock, and which one it is.
        var lock: Int32 = 0
        try #require(ioctl(controller, 0x4004_5431, &lock) == 0)
        var number: Int32 = 0
        try #require(ioctl(controller, 0x8004_5430, &number) == 0)
        terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(terminal >= 0)
        resize(columns: columns, lines: lines)
    }

    func resize(columns: UInt16, lines: UInt16) {
        var size = winsize(ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(controller, UInt(TIOCSWINSZ), &size)
    }

    func send(_ text: String) {
        _ = text.withCString { write(controller, $0, strlen($0)) }
    }

    /// Reads until the text appears; false after a minute without it.
    func wait(for text: String) async -> Bool {
        await self.text(until: text).contains(text)
    }

    /// What is read until the text appears, or a minute has passed.
    func text(until text: String) async -> String {
        var seen: [UInt8] = []
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            seen += take(milliseconds: 10)
            if String(decoding: seen, as: UTF8.self).contains(text) { break }
            // The console may still be waiting for this very thread to start.
            await Task.yield()
        }
        return String(decoding: seen, as: UTF8.self)
    }

    /// What there is to read within that time.
    func take(milliseconds: Int32) -> [UInt8] {
        var descriptor = pollfd(fd: controller, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, milliseconds) > 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(controller, &buffer, buffer.count)
        return count > 0 ? Array(buffer.prefix(count)) : []
    }

    func isRaw() -> Bool {
        var modes = termios()
        tcgetattr(terminal, &modes)
        return modes.c_lflag & tcflag_t(ICANON) == 0
    }
}

/// ncurses is global, so these run one after the other.
@Suite("On a real terminal", .serialized)
struct TerminalAppTests {
    private func options(_ terminal: PseudoTerminal) -> TerminalOptions {
        setenv("TERM", "xterm-256color", 1)
        setenv("LC_ALL", "C.UTF-8", 1)
        for name in ["COLORTERM", "NO_COLOR", "TMUX"] { unsetenv(name) }
        var options = TerminalOptions()
        options.input = terminal.terminal
        options.output = terminal.terminal
        return options
    }

    private func snapshot() -> ConsolePicture {
        var snapshot = ConsolePicture(receivedAt: .now)
        snapshot.server.address = "host:1"
        var endpoint = Snapshot.Endpoint(id: 1, name: "only-one")
        endpoint.rank = 1
        snapshot.endpoints = [endpoint]
        return snapshot
    }

    @Test("Shows the table, takes a command, leaves, and gives the terminal back as it was")
    func session() async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        #expect(!terminal.isRaw())
        let app = TerminalApp(options: options(terminal))
        let commands = Mutex<[Command]>([])
        let shown = snapshot()
        async let reason = app.run(source: { shown }) { command, reply in
            commands.withLock { $0.append(command) }
            reply(.success(.done(CommandReceipt(message: "Pinned only-one"))))
        }
        #expect(await terminal.wait(for: "only-one"))
        #expect(terminal.isRaw())
        terminal.send("m")
        #expect(await terminal.wait(for: "Pinned only-one"))
        #expect(commands.withLock { $0 } == [.setPinned(shown.endpoints[0].target, true)])
        terminal.send("q")
        #expect(await terminal.wait(for: "Leave Podium?"))
        terminal.send("s")
        #expect(await reason == .quit(.stop))
        #expect(!terminal.isRaw())
        #expect(await terminal.wait(for: "\u{1B}[?1049l"))
    }

    @Test("What a terminal says for itself gives no command, whole or in pieces; Esc alone is a key after a moment")
    func replies() async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        let app = TerminalApp(options: options(terminal))
        let commands = Mutex<[Command]>([])
        let shown = snapshot()
        async let reason = app.run(source: { shown }) { command, reply in
            commands.withLock { $0.append(command) }
            reply(.success(.done(CommandReceipt(message: "Pinned only-one"))))
        }
        #expect(await terminal.wait(for: "only-one"))
        let reply = "\u{1B}P>|ghostty m A 1.2.3\u{1B}\\"
        terminal.send(reply)
        // Byte by byte: what the console reads together is the scheduler's choice.
        for scalar in (reply + "\u{1B}]11;rgb:0000/0000/0000\u{7}\u{1B}[?62;22c").unicodeScalars {
            terminal.send(String(Character(scalar)))
        }
        // A bracket behind Esc is none.
        terminal.send("?\u{1B}")
        #expect(await terminal.wait(for: "type to search"))
        terminal.send("m")
        #expect(await terminal.wait(for: "Pinned only-one"))
        #expect(commands.withLock { $0 } == [.setPinned(shown.endpoints[0].target, true)])
        app.stop()
        _ = await reason
    }

    @Test("Nothing is sent while nothing changes")
    func quiet() async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        var options = options(terminal)
        options.refresh = .milliseconds(200)
        let app = TerminalApp(options: options)
        let calls = Mutex(0)
        let shown = snapshot()
        async let reason = app.run(source: {
            calls.withLock { $0 += 1 }
            return shown
        }) { _, _ in }
        #expect(await terminal.wait(for: "\u{1B}[5n"))
        // Every frame is answered, so that none is held back; soon there is no more to draw.
        var frames = 0
        repeat {
            terminal.send("\u{1B}[0n")
            frames += 1
        } while !terminal.take(milliseconds: 100).isEmpty && frames < 20
        #expect(frames < 20)
        // Two more snapshots are taken and drawn, and not a byte comes.
        let before = calls.withLock { $0 }
        while calls.withLock({ $0 }) < before + 3 { #expect(terminal.take(milliseconds: 50).isEmpty) }
        app.stop()
        _ = await reason
    }

    @Test("A slow terminal gets the newest picture once it has drawn the one before, and none between")
    func slow() async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        var options = options(terminal)
        options.refresh = .milliseconds(200)
        let app = TerminalApp(options: options)
        let count = Mutex(0)
        let shown = snapshot()
        async let reason = app.run(source: {
            var next = shown
            next.server.address = "frame-\(count.withLock { $0 += 1; return $0 })"
            return next
        }) { _, _ in }
        #expect(await terminal.wait(for: "\u{1B}[5n"))
        terminal.send("\u{1B}[0n")
        #expect(await terminal.wait(for: "\u{1B}[5n"))
        // Several snapshots are taken while the answer is awaited.
        let before = count.withLock { $0 }
        while count.withLock({ $0 }) < before + 4 { #expect(terminal.take(milliseconds: 20).isEmpty) }
        let newest = count.withLock { $0 }
        terminal.send("\u{1B}[0n")
        let answer = String(decoding: terminal.take(milliseconds: 60_000), as: UTF8.self)
        #expect(answer.contains(String(newest)) || answer.contains(String(newest + 1)))
        app.stop()
        #expect(await reason == .stopped)
    }

    @Test("Follows the size of the terminal")
    func resize() async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        let app = TerminalApp(options: options(terminal))
        let shown = snapshot()
        async let reason = app.run(source: { shown }) { _, _ in }
        #expect(await terminal.wait(for: "1st byte"))
        terminal.resize(columns: 140, lines: 40)
        // The pseudo-terminal is not this process's controlling one, so the kernel tells nobody.
        kill(getpid(), SIGWINCH)
        #expect(await terminal.wait(for: "Traffic"))
        app.stop()
        #expect(await reason == .stopped)
    }

    @Test("A terminal that goes away ends the console")
    func hangup() async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        let app = TerminalApp(options: options(terminal))
        let shown = snapshot()
        async let reason = app.run(source: { shown }) { _, _ in }
        #expect(await terminal.wait(for: "only-one"))
        close(terminal.controller)
        #expect(await reason == .hangup)
    }

    @Test("An unknown TERM is drawn as xterm, with a word about it; a dumb one is refused")
    func terms() async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        let shown = snapshot()
        let app = TerminalApp(options: options(terminal))
        setenv("TERM", "no-such-terminal", 1)
        async let reason = app.run(source: { shown }) { _, _ in }
        #expect(await terminal.wait(for: "TERM=no-such-terminal is not known here"))
        app.stop()
        #expect(await reason == .stopped)
        setenv("TERM", "dumb", 1)
        let refused = await TerminalApp(options: TerminalOptions(on: terminal.terminal)).run(source: { shown }) {
            _, _ in
        }
        #expect(refused == .unusable("TERM=dumb cannot move the cursor"))
        #expect(!terminal.isRaw())
    }

    @Test(
        "As many colours as the terminal shows",
        arguments: [
            ("xterm-256color", "truecolor", nil, "\u{1B}[38;2;"), ("xterm-256color", "", nil, "\u{1B}[38;5;"),
            ("xterm", "24bit", nil, "\u{1B}[38;2;"), ("xterm-256color", "truecolor", .palette, "\u{1B}[38;5;"),
            ("xterm-256color", "", .direct, "\u{1B}[38;2;"), ("xterm-256color", "truecolor", .sixteen, "\u{1B}[96m"),
            ("xterm", "", nil, "\u{1B}[36m"), ("linux", "truecolor", nil, "\u{1B}[36m"),
        ] as [(String, String, ColorDepth?, String)])
    func colors(term: String, colorTerm: String, limit: ColorDepth?, sequence: String) async throws {
        let terminal = try PseudoTerminal(columns: 80, lines: 24)
        var options = options(terminal)
        options.colors = limit
        setenv("TERM", term, 1)
        setenv("COLORTERM", colorTerm, 1)
        let app = TerminalApp(options: options)
        let shown = snapshot()
        async let reason = app.run(source: { shown }) { _, _ in }
        // The end of the first frame.
        let seen = await terminal.text(until: "quit")
        app.stop()
        #expect(await reason == .stopped)
        #expect(seen.contains(sequence))
        for other in ["\u{1B}[38;2;", "\u{1B}[38;5;"] where other != sequence { #expect(!seen.contains(other)) }
        // Programs started from here are told of the terminal what this one was told.
        #expect(getenv("TERMINFO") == nil)
    }

    @Test("Without a terminal there is no console")
    func noTerminal() async {
        let null = open("/dev/null", O_RDWR)
        let shown = snapshot()
        let reason = await TerminalApp(options: TerminalOptions(on: null)).run(source: { shown }) { _, _ in }
        #expect(reason == .unusable("standard input and output are not a terminal"))
        close(null)
    }
}

extension TerminalOptions {
    fileprivate init(on descriptor: Int32) {
        self.init()
        input = descriptor
        output = descriptor
    }
}
