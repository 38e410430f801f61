import Console
import Support
import Testing

@testable import Terminal

@Suite("Which colours a terminal is sent")
struct ColorChoiceTests {
    private func choice(_ variables: [String: String] = [:], limit: ColorDepth? = nil) -> ColorChoice {
        ColorChoice(limit: limit) { variables[$0] }
    }

    @Test("By what the description names")
    func depths() {
        let expected: [(Int32, ColorDepth?)] = [
            (-1, nil), (2, nil), (8, .eight), (16, .sixteen), (88, .sixteen), (256, .palette), (0x8000, .palette),
        ]
        for (colors, depth) in expected { #expect(choice().depth(of: colors, isDirect: false) == depth, "\(colors)") }
        #expect(choice().depth(of: 0x100_0000, isDirect: true) == .direct)
        #expect(choice().depth(of: 0x8000, isDirect: true) == .eight, "five bits each are not ours")
    }

    @Test("The operator's limit")
    func limits() {
        #expect(choice(limit: .sixteen).depth(of: 256, isDirect: false) == .sixteen)
        #expect(choice(limit: .palette).depth(of: 8, isDirect: false) == .eight)
        #expect(choice(limit: .direct).depth(of: 256, isDirect: false) == .palette)
        #expect(choice(limit: .palette).depth(of: 0x100_0000, isDirect: true) == .eight, "no palette to go back to")
    }

    @Test("COLORTERM makes a description direct, where the terminal is not known to hand it on from another")
    func colorterm() {
        func isDirect(_ term: String, _ variables: [String: String] = [:], limit: ColorDepth? = nil) -> Bool {
            choice(variables, limit: limit).directDescription(of: term) != nil
        }
        let says = ["COLORTERM": "truecolor"]
        #expect(isDirect("xterm-256color", says) && isDirect("xterm-256color", ["COLORTERM": "24bit"]))
        #expect(!isDirect("xterm-256color") && !isDirect("xterm-256color", ["COLORTERM": "yes"]))
        #expect(!isDirect("xterm-256color", says, limit: .palette) && isDirect("xterm-256color", limit: .direct))
        #expect(isDirect("tmux-256color", says) && !isDirect("screen", says) && !isDirect("linux", says))
        #expect(isDirect("screen", says.merging(["TMUX": "/tmp/tmux"]) { $1 }) && isDirect("screen", limit: .direct))
        #expect(!isDirect("vt100", says) && !isDirect("no-such-terminal", says) && !isDirect("", says))
        #expect(!isDirect("xterm-256color", says.merging(["TERMINFO": "b64:HgI="]) { $1 }), "it is given whole")
    }

    @Test("Descriptions are found in the order of terminfo(5), and damaged or strange ones are none")
    func database() throws {
        var template = Array("/tmp/podium-terminfo-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        defer { _ = ["m", "6d", "mini"].map { rmdir("\(folder)/\($0)") } + [rmdir(folder)] }
        func write(_ path: String, _ bytes: [UInt8]) throws {
            let file = try #require(fopen(path, "w"))
            fwrite(bytes, 1, bytes.count, file)
            fclose(file)
        }
        #expect(mkdir("\(folder)/6d", 0o700) == 0)
        let path = "\(folder)/6d/mini"
        defer { unlink(path) }
        func entry(_ name: String, _ variables: [String: String]) -> TerminfoEntry? {
            TerminfoDatabase { variables[$0] }.entry(name)
        }
        try write(path, TerminfoEntryTests.legacy)
        let expected = try #require(TerminfoEntry(TerminfoEntryTests.legacy))
        #expect(entry("mini", ["TERMINFO": folder]) == expected)
        #expect(entry("mini", ["TERMINFO": "/nowhere", "TERMINFO_DIRS": ":\(folder)"]) == expected)
        #expect(entry("mini", [:]) == nil)
        #expect(entry("../6d/mini", ["TERMINFO": folder]) == nil && entry(".", ["TERMINFO": folder]) == nil)
        #expect(entry("xterm", ["TERMINFO": folder]) != nil, "the standard folders come last")
        try write(path, Array(TerminfoEntryTests.legacy.dropLast()))
        #expect(entry("mini", ["TERMINFO": folder]) == nil)
        unlink(path)
        #expect(mkfifo(path, 0o600) == 0)
        #expect(entry("mini", ["TERMINFO": folder]) == nil)
        unlink(path)
        #expect(mkdir(path, 0o700) == 0)
        #expect(entry("mini", ["TERMINFO": folder]) == nil)
        rmdir(path)
    }

    @Test("What the system's own descriptions become can be read again")
    func standard() throws {
        for name in ["xterm", "xterm-256color", "tmux-256color", "screen-256color", "linux"] {
            let entry = try #require(TerminfoDatabase { _ in nil }.entry(name))
            #expect(TerminfoEntry(try #require(entry.encoded())) == entry)
            let direct = try #require(entry.withDirectColor())
            #expect(TerminfoEntry(try #require(direct.encoded())) == direct)
        }
    }
}
