import PodiumModel
import Testing

@testable import Console

/// Light on light: what the terminal says of its background, and what comes of it.
@Suite struct BackgroundTests {
    private static let start = ContinuousClock.now

    private static func events(_ text: String) -> [InputParser.Event] {
        var parser = InputParser()
        return parser.feed(Array(text.utf8), now: start)
    }

    @Test(arguments: [
        ("\u{1B}]11;rgb:ffff/ffff/ffff\u{1B}\\", true), ("\u{1B}]11;rgb:0000/0000/0000\u{07}", false),
        ("\u{1B}]11;rgb:fd/f6/e3\u{1B}\\", true), ("\u{1B}]11;rgb:0000/2b2b/3636\u{1B}\\", false),
        ("\u{1B}]11;rgba:ffff/ffff/ffff/8000\u{07}", true),
    ])
    func isReadInEveryForm(_ text: String, _ isLight: Bool) {
        #expect(Self.events(text) == [.input(.background(isLight: isLight))])
        var parser = InputParser()
        let pieces = text.utf8.flatMap { parser.feed([$0], now: Self.start) }
        #expect(pieces == [.input(.background(isLight: isLight))])
    }

    @Test(arguments: [
        "\u{1B}]11;?\u{1B}\\", "\u{1B}]10;rgb:ffff/ffff/ffff\u{07}", "\u{1B}]11;rgb:zz/zz/zz\u{07}",
        "\u{1B}]11;rgb:ff/ff\u{07}",
        "\u{1B}P11;rgb:ffff/ffff/ffff\u{1B}\\", "\u{1B}]11;rgb:ffff/ffff/ffff\u{03}",
    ])
    func everythingElseSaysNothing(_ text: String) {
        #expect(Self.events(text).isEmpty)
    }

    @Test(arguments: [("0;15", true), ("15;0", false), ("0;default;15", true), ("7;8", false), ("", nil), ("x;y", nil)])
    func theVariable(_ text: String, _ isLight: Bool?) {
        #expect(Background.isLight(variable: text) == isLight)
    }

    private static func state(follows: Bool) -> ConsoleState {
        var setup = ConsoleSetup()
        setup.followsBackground = follows
        return ConsoleState(setup: setup, columns: 80, lines: 24, now: start)
    }

    @Test func theThemeFollowsUnlessItWasChosen() {
        var state = Self.state(follows: true)
        #expect(state.handle(.background(isLight: true), now: Self.start).isEmpty && state.theme == .light)
        var chosen = Self.state(follows: false)
        _ = chosen.handle(.background(isLight: true), now: Self.start)
        #expect(chosen.theme == .dark)
        var changed = Self.state(follows: true)
        changed.press(.character("t"), .character("t"))
        let theme = changed.theme
        _ = changed.handle(.background(isLight: true), now: Self.start)
        #expect(changed.theme == theme)
    }
}
