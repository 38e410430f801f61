import CNcurses
import Console
import Testing

@testable import Terminal

@Suite("Keys from bytes")
struct KeyDecodingTests {
    private let start = ContinuousClock.now

    private func decode(_ text: String, gap: Duration = .zero) -> [ConsoleInput] {
        var keys = CursesKeys()
        var now = start
        return text.unicodeScalars.compactMap { scalar in
            defer { now += gap }
            return keys.decode(.character(scalar.value), now: now)
        }
    }

    /// Read in one go.
    private func decodeTogether(_ text: String) -> [ConsoleInput] {
        var keys = CursesKeys()
        let scalars = Array(text.unicodeScalars)
        return scalars.indices.compactMap { index in
            let next = scalars.indices.contains(index + 1) ? CursesKeys.Event.character(scalars[index + 1].value) : nil
            return keys.decode(.character(scalars[index].value), next: next, now: start)
        }
    }

    @Test("A mouse report that nobody asked for runs no keys")
    func reports() {
        #expect(decodeTogether("\u{1B}[M wqd") == [.key(.character("d"))])
        #expect(decodeTogether("\u{1B}[<0;10;6Md") == [.key(.character("d"))])
        #expect(decodeTogether("\u{1B}[<0;10;6md") == [.key(.character("d"))])
        #expect(decode("\u{1B}[M wqd", gap: .milliseconds(100)) == [.key(.escape), .key(.character("d"))])
    }

    @Test("Characters and controls")
    func plain() {
        #expect(decode("aé名") == [.key(.character("a")), .key(.character("é")), .key(.character("名"))])
        #expect(decode("\r\t\u{7F}\u{12}") == [.key(.enter), .key(.tab), .key(.backspace), .key(.control("R"))])
    }

    @Test("An arrow whose bytes come apart does not act as letters")
    func apart() {
        #expect(decode("\u{1B}[A", gap: .milliseconds(100)) == [.key(.escape), .key(.up)])
        #expect(decode("\u{1B}OB", gap: .milliseconds(100)) == [.key(.escape), .key(.down)])
    }

    @Test("An unknown sequence is swallowed whole")
    func unknown() {
        #expect(decodeTogether("\u{1B}[1;5Rx") == [.key(.character("x"))])
        #expect(decodeTogether("\u{1B}[I\u{1B}[O") == [])
        #expect(decodeTogether("\u{1B}[1;5CA") == [.key(.right), .key(.character("A"))])
        #expect(decodeTogether("\u{1B}d") == [.key(.escape), .key(.character("d"))])
        #expect(decode("\u{1B}[1;5Rx") == [.key(.escape), .key(.character("x"))])
        #expect(decode("\u{1B}[?1;2cA") == [.key(.escape), .key(.character("A"))])
    }

    @Test("A bracket long after Escape is a bracket")
    func late() {
        #expect(decode("\u{1B}[", gap: .milliseconds(301)) == [.key(.escape), .key(.character("["))])
    }

    @Test("A paste is one input, its keys are none")
    func paste() {
        var keys = CursesKeys()
        #expect(keys.decode(.code(CursesKeys.pasteBegins), now: start) == nil)
        for scalar in "d\rq".unicodeScalars { #expect(keys.decode(.character(scalar.value), now: start) == nil) }
        #expect(keys.decode(.code(KEY_UP), now: start) == nil)
        #expect(keys.decode(.code(CursesKeys.pasteEnds), now: start) == .paste("d\nq"))
        #expect(keys.decode(.character(0x71), now: start) == .key(.character("q")))
    }

    @Test("A paste or a sequence whose end never comes is given up after a pause, not before")
    func endless() {
        for pause in [Duration.milliseconds(4_999), .seconds(5)] {
            let isOver = pause == .seconds(5)
            var keys = CursesKeys()
            #expect(keys.decode(.code(CursesKeys.pasteBegins), now: start) == nil)
            #expect(keys.decode(.character(0x64), now: start + .seconds(1)) == nil)
            let key = keys.decode(.character(0x71), now: start + .seconds(1) + pause)
            #expect(key == (isOver ? .key(.character("q")) : nil))

            keys = CursesKeys()
            for scalar in "\u{1B}[12".unicodeScalars { _ = keys.decode(.character(scalar.value), now: start) }
            #expect(keys.decode(.character(0x71), now: start + pause) == (isOver ? .key(.character("q")) : nil))
        }
    }

    @Test(
        "Base64 as in RFC 4648",
        arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
    func base64(text: String, expected: String) {
        #expect(Base64.encode(Array(text.utf8)) == expected)
    }
}
