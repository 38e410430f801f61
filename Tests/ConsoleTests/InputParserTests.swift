import Testing

@testable import Console

@Suite("Keys from bytes")
struct InputParserTests {
    private let start = ContinuousClock.now
    private static let escape = InputParser.Event.input(.key(.escape))

    private static func typed(_ text: String) -> [InputParser.Event] {
        text.map { .input(.key(.character($0))) }
    }

    /// As the console's loop reads: time passes after each piece, and with nothing to read a deadline is kept.
    private func parse(
        _ pieces: [(String, Duration)], with parser: InputParser = InputParser()
    ) -> [InputParser.Event] {
        parse(pieces.map { (Array($0.utf8), $1) }, with: parser)
    }

    private func parse(
        _ pieces: [([UInt8], Duration)], with parser: InputParser = InputParser()
    ) -> [InputParser.Event] {
        var parser = parser
        var now = start
        var events: [InputParser.Event] = []
        for (bytes, pause) in pieces {
            events += parser.feed(bytes, now: now)
            let next = now + pause
            while let deadline = parser.deadline, deadline < next { events += parser.expire(now: deadline) }
            now = next
        }
        return events
    }

    private func parse(_ text: String, gap: Duration = .zero, with parser: InputParser = InputParser()) -> [InputParser
        .Event]
    {
        guard gap > .zero else { return parse([(text, .zero)], with: parser) }
        return parse(text.utf8.map { ([$0], gap) }, with: parser)
    }

    @Test("Characters and controls, however they are cut")
    func plain() {
        for gap in [Duration.zero, .seconds(1)] {
            #expect(parse("aé名😀", gap: gap) == Self.typed("aé名😀"))
            #expect(
                parse("\r\t\u{7F}\u{12}", gap: gap)
                    == [.enter, .tab, .backspace, .control("R")].map { .input(.key($0)) })
        }
    }

    @Test(
        "Keys of all kinds of terminals",
        arguments: [
            ("\u{1B}[A", .up), ("\u{1B}OB", .down), ("\u{1B}[1;5C", .right), ("\u{1B}[1;3:1D", .left),
            ("\u{1B}[H", .home),
            ("\u{1B}[8~", .end), ("\u{1B}[5~", .pageUp), ("\u{1B}[6;2~", .pageDown), ("\u{1B}[3~", .delete),
            ("\u{1B}[2~", .insert), ("\u{1B}[Z", .backTab), ("\u{1B}OP", .function(1)), ("\u{1B}[15~", .function(5)),
            ("\u{1B}[24~", .function(12)), ("\u{1B}[[A", .function(1)), ("\u{1B}OM", .enter), ("\u{1B}O5A", .up),
        ] as [(String, Key)])
    func keys(bytes: String, key: Key) {
        #expect(parse(bytes + "x") == [.input(.key(key))] + Self.typed("x"))
        #expect(parse(bytes + "x", gap: .milliseconds(99)) == [.input(.key(key))] + Self.typed("x"))
        // Eight bits, as one byte or as a character.
        guard bytes.hasPrefix("\u{1B}[") else { return }
        #expect(parse([([0x9B] + bytes.utf8.dropFirst(2), .zero)]) == [.input(.key(key))])
        #expect(parse("\u{9B}" + bytes.dropFirst(2), gap: .seconds(1)) == [.input(.key(key))])
    }

    @Test("A key that is let go is none")
    func released() {
        #expect(parse("\u{1B}[1;1:3A\u{1B}[3;1:3~") == [])
    }

    @Test("The terminal's description comes first")
    func described() {
        let parser = InputParser(
            sequences: KeySequences(described: [
                Array("\u{1B}[M".utf8): .function(1), Array("\u{1B}A".utf8): .up, [8]: .left,
                Array("\u{1B}[3$".utf8): .delete,
            ]))
        #expect(parse("\u{1B}[Mx", with: parser) == [.input(.key(.function(1)))] + Self.typed("x"))
        #expect(parse("\u{1B}A\u{8}", with: parser) == [.input(.key(.up)), .input(.key(.left))])
        #expect(parse("\u{1B}[3$x", with: parser) == [.input(.key(.delete))] + Self.typed("x"))
    }

    @Test("Esc alone is a key after a moment; with a key behind it, it is one at once, as is Alt and that key")
    func escapes() {
        var parser = InputParser()
        #expect(parser.feed([0x1B], now: start) == [])
        #expect(parser.deadline == start + .milliseconds(100))
        #expect(parser.expire(now: start + .milliseconds(99)) == [])
        #expect(parser.expire(now: start + .milliseconds(100)) == [Self.escape])
        #expect(parser.deadline == nil)
        #expect(parse("\u{1B}d") == [Self.escape] + Self.typed("d"))
        #expect(parse("\u{1B}\u{1B}:") == [Self.escape, Self.escape] + Self.typed(":"))
        #expect(parse("\u{1B}\u{1B}[A") == [Self.escape, .input(.key(.up))])
        #expect(parse("\u{1B}\r") == [Self.escape, .input(.key(.enter))])
        // ESC [ is the beginning of a key: one that does not come is given up.
        #expect(parse([("\u{1B}[", .seconds(5)), ("x", .zero)]) == Self.typed("x"))
    }

    @Test("A sequence whose ESC was taken for a key is swallowed all the same, a bracket that is typed later is not")
    func late() {
        #expect(
            parse([("\u{1B}", .milliseconds(300)), ("[", .seconds(4)), ("A", .zero)]) == [
                Self.escape, .input(.key(.up)),
            ])
        #expect(
            parse([("\u{1B}", .seconds(4)), ("P>|ghostty 1.2.3\u{1B}\\d", .zero)]) == [Self.escape] + Self.typed("d"))
        #expect(
            parse([("\u{1B}", .seconds(4)), ("P", .milliseconds(100)), (">|d q\u{1B}", .seconds(4)), ("\\", .zero)])
                == [Self.escape])
        #expect(parse([("\u{1B}", .milliseconds(301)), ("[", .milliseconds(101))]) == [Self.escape] + Self.typed("["))
        #expect(
            parse([("\u{1B}", .milliseconds(301)), ("[", .seconds(1)), ("d", .zero)]) == [Self.escape]
                + Self.typed("[d"))
        #expect(parse([("\u{1B}", .seconds(1)), ("j]", .seconds(1))]) == [Self.escape] + Self.typed("j]"))
    }

    /// What terminals and multiplexers are known to send.
    static let replies = [
        "\u{1B}P>|ghostty 1.2.3\u{1B}\\", "\u{1B}P>|XTerm(390)\u{1B}\\", "\u{1B}P!|00000000\u{1B}\\",
        "\u{1B}P1$r0 q\u{1B}\\",
        "\u{1B}P1+r544e=787465726d2d6b69747479\u{1B}\\", "\u{1B}]10;rgb:dddd/dddd/dddd\u{1B}\\",
        "\u{1B}]12;rgb:0000/0000/0000\u{7}",
        "\u{1B}]4;1;rgb:cdcd/0000/0000\u{7}", "\u{1B}]52;c;d3Fz\u{1B}\\", "\u{1B}]ld q space\u{1B}\\",
        "\u{1B}_Gi=31;OK\u{1B}\\",
        "\u{1B}^private d\u{1B}\\", "\u{1B}Xstart d\u{1B}\\", "\u{1B}[?62;22;52c", "\u{1B}[>1;4000;30c",
        "\u{1B}[12;40R", "\u{1B}[1;2R",
        "\u{1B}[?12;40;1R", "\u{1B}[?2026;2$y", "\u{1B}[4;2$y", "\u{1B}[?1u", "\u{1B}[27;5;99~", "\u{1B}[100;5u",
        "\u{1B}[I", "\u{1B}[O",
        "\u{1B}[8;24;80t", "\u{1B}[4;600;800t", "\u{1B}[48;24;80;600;800t", "\u{1B}[?997;1n", "\u{1B}[3n",
        "\u{1B}[?0;1;2S",
        "\u{1B}[<0;10;6M", "\u{1B}[<35;10;6m", "\u{1B}[M wq", "\u{1B}[32;10;6M", "\u{1B}[999~", "\u{1B}[201~",
        "\u{1B}\\", "\u{1B}[1;2 q",
        "\u{1B}Ptmux;\u{1B}\u{1B}]11;rgb:0/0/0\u{7}d\u{1B}\u{1B}\\q\u{1B}\\", "\u{1B}P\u{18}", "\u{1B}]0;d\u{1A}",
        "\u{1B}[12\u{18}",
        "\u{1B}P>|名前 d\u{1B}\\", "\u{90}>|d q\u{9C}", "\u{9D}11;d\u{7}", "\u{9B}?62;22c", "\u{8F}p",
    ]

    @Test("What a terminal says for itself is no key, cut anywhere", arguments: replies)
    func reply(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(parse([(bytes, .zero), ([0x64], .zero)]) == Self.typed("d"))
        for cut in 1..<bytes.count {
            // Behind the first ESC alone Esc was pressed, for all that anybody can tell.
            let isEscape = cut == 1 && bytes[0] == 0x1B
            for pause in [Duration.milliseconds(50), .seconds(4)] {
                let events = parse([(Array(bytes[..<cut]), pause), (bytes[cut...] + [0x64], .zero)])
                #expect(events == (isEscape && pause > .milliseconds(100) ? [Self.escape] : []) + Self.typed("d"))
            }
        }
        #expect(parse(text + "d", gap: .milliseconds(90)) == Self.typed("d"))
    }

    @Test("A byte that begins no character is a control of eight bits; in a locale where it is a letter it is one")
    func eightBits() {
        let rest = Array(">|d q".utf8)
        #expect(parse([([0x90] + rest + [0x9C, 0x64], .zero)]) == Self.typed("d"))
        // In UTF-8 the end of a string is no part of a character that has the same byte.
        #expect(parse([([0x90] + Array("\u{271C}d".utf8) + [0x9C, 0x64], .zero)]) == Self.typed("d"))
        let windows = InputParser(decoder: CharacterDecoder { $0 == [0x90] ? .character("\u{452}") : .invalid })
        #expect(parse([([0x90, 0x64], .zero)], with: windows) == Self.typed("\u{452}d"))
        let shiftJIS = InputParser(
            decoder: CharacterDecoder {
                $0.count < 2 ? .incomplete : $0 == [0x90, 0x64] ? .character("\u{9707}") : .invalid
            })
        #expect(parse([([0x90, 0x64, 0x64], .zero)], with: shiftJIS) == Self.typed("\u{9707}d"))
    }

    @Test("UTF-8 as in RFC 3629")
    func utf8() {
        for scalar in ["é", "\u{7FF}", "\u{800}", "\u{D7FF}", "\u{FFFD}", "\u{10000}", "\u{10FFFF}"] as [Unicode.Scalar]
        {
            #expect(parse([(Array(String(Character(scalar)).utf8), .zero)]) == Self.typed(String(Character(scalar))))
        }
        // Overlong, a surrogate, beyond Unicode, cut off.
        for bytes in [
            [0xC0, 0xA4], [0xE0, 0x80, 0xA4], [0xED, 0xA0, 0x80], [0xF4, 0xA0, 0xA0, 0xA0], [0xE5, 0x90],
        ] as [[UInt8]] {
            #expect(parse([(bytes + [0x64], .zero)]) == Self.typed("d"))
        }
    }

    @Test("What never ends is given up after a pause, not before; what came of it later is still known by its end")
    func endless() {
        for text in [
            "\u{1B}P>|d", "\u{1B}]11;", "\u{1B}_d", "\u{1B}^", "\u{1B}Xd", "\u{1B}[12", "\u{1B}O", "\u{1B}[[",
            "\u{1B}[M ", "\u{1B}[200~d",
        ] {
            #expect(parse([(text, .milliseconds(4_999)), ("d", .zero)]) == [])
            #expect(parse([(text, .seconds(5)), ("d", .zero)]) == Self.typed("d"))
        }
        #expect(parse([("\u{1B}P>|ghos", .seconds(9)), ("tty d q\u{1B}\\j", .zero)]) == Self.typed("j"))
        #expect(parse([("\u{1B}]11;rgb:", .seconds(9)), ("dd/dd/dd\u{7}j", .zero)]) == Self.typed("j"))
        #expect(parse([("\u{1B}P>|ghos", .seconds(70)), ("jk\u{1B}\\j", .zero)]) == Self.typed("jkj"))
    }

    @Test("An operator gets out of a sequence that never ends: by Esc, by ^C, and by going on pressing keys")
    func wayOut() {
        let string = "\u{1B}P>|d"
        #expect(parse([(string, .seconds(1)), ("\u{1B}", .seconds(1)), ("j", .zero)]) == Self.typed("j"))
        #expect(parse([(string, .seconds(1)), ("\u{3}", .zero), ("j", .zero)]) == Self.typed("j"))
        #expect(parse([("\u{1B}[12", .seconds(1)), ("\u{3}", .zero), ("j", .zero)]) == Self.typed("j"))
        #expect(parse([(string, .seconds(1)), ("\u{1B}[A", .zero)]) == [.input(.key(.up))])
        let pressed = Array(repeating: ("j", Duration.seconds(1)), count: 40)
        // Those of the first thirty seconds are lost, the one after the time is over is not.
        #expect(parse([(string, .zero)] + pressed) == Self.typed(String(repeating: "j", count: 10)))
        let large = String(repeating: "d", count: InputParser.largestSequence)
        #expect(parse([(string + large, .milliseconds(999)), ("d", .seconds(1)), ("j", .zero)]) == Self.typed("j"))
    }

    @Test("A paste is one input, its keys and sequences are none")
    func paste() {
        func pasted(_ text: String) -> [InputParser.Event] { [.input(.paste(text))] + Self.typed("q") }
        for gap in [Duration.zero, .milliseconds(90)] {
            #expect(parse("\u{1B}[200~d\rq\u{1B}[201~q", gap: gap) == pasted("d\nq"))
            #expect(
                parse("\u{1B}[200~\u{1B}[A\u{1B}P>|d\u{1B}\\\u{1B}[201~q", gap: gap)
                    == pasted("\u{1B}[A\u{1B}P>|d\u{1B}\\"))
            #expect(parse("\u{1B}[200~é名\u{1B}[20\u{1B}\u{1B}[201~q", gap: gap) == pasted("é名\u{1B}[20\u{1B}"))
        }
        #expect(parse("\u{1B}[200~\u{3}\u{18}\u{1B}[201~q") == pasted("\u{3}\u{18}"))
        let large = String(repeating: "x", count: InputParser.mostPasted)
        #expect(parse("\u{1B}[200~\(large)yz\u{1B}[201~q") == pasted(large))
    }

    @Test("A paste whose end was lost is over after Esc on its own; an end that is cut, or comes late, is still one")
    func lostEnd() {
        // Between two programs the terminal is in line mode, where it keeps the first 4,095 bytes of a line.
        let cutOff = ("\u{1B}[200~" + String(repeating: "x", count: 4_089), Duration.seconds(3))
        let press = [("\u{1B}", Duration.milliseconds(250)), ("\u{C}", .milliseconds(50)), ("?", .seconds(3))]
        #expect(parse([cutOff] + press) == [.input(.key(.control("L")))] + Self.typed("?"))
        #expect(parse([cutOff, ("\u{1B}", .milliseconds(101)), ("j", .zero)]) == Self.typed("j"))
        #expect(parse([cutOff, ("\u{1B}", .seconds(3)), ("\u{1B}", .seconds(3))]) == [Self.escape])
        // The answers to frames come between keys.
        #expect(
            parse([cutOff, ("\u{1B}", .milliseconds(101)), ("\u{1B}[0n", .zero), ("j", .zero)])
                == [.frameDrawn] + Self.typed("j"))
        #expect(
            parse([("\u{1B}[200~d", .seconds(1)), ("\u{1B}", .seconds(4)), ("[201~j", .zero)])
                == [.input(.paste("d"))] + Self.typed("j"))
        #expect(
            parse([("\u{1B}[200~d", .seconds(1)), ("\u{1B}x", .seconds(1)), ("d\u{1B}[201~j", .zero)])
                == [.input(.paste("d\u{1B}xd"))] + Self.typed("j"))
        #expect(
            parse([("\u{1B}[200~d", .seconds(5)), ("d q\u{1B}[201~j", .zero)]) == Self.typed("j"),
            "the rest of a paste that was given up is no key")
        let pressed = Array(repeating: ("j", Duration.seconds(1)), count: 40)
        #expect(parse([("\u{1B}[200~d", .zero)] + pressed) == Self.typed(String(repeating: "j", count: 10)))
    }

    /// Everything that a sequence, a string or a paste can be in the middle of.
    private static let beginnings: [[UInt8]] = {
        let pastes = ["\u{1B}[200~d\u{1B}[20\u{1B}[201~", "\u{1B}[200~d\u{1B}[A\u{1B}P>|d\u{1B}\\"]
        let texts = replies + pastes + ["\u{1B}[[A", "\u{1B}O5A", "\u{9B}200~名"]
        return texts.flatMap { text in (1...text.utf8.count).map { Array(text.utf8.prefix($0)) } }
    }()

    @Test("Whatever came before, Esc and ^L act within a bounded time, also where it comes again every few seconds")
    func boundedTime() {
        let redraw = InputParser.Event.input(.key(.control("L")))
        let (escape, control, answer): ([UInt8], [UInt8], [UInt8]) = ([0x1B], [0x0C], Array("\u{1B}[0n".utf8))
        /// When an event first came of presses that are repeated, after the beginning or with it each time.
        func first(
            _ wanted: InputParser.Event, after beginning: [UInt8], pause: Duration, again: Bool = false,
            _ presses: [([UInt8], Duration)]
        ) -> Duration? {
            var pieces: [([UInt8], Duration)] = []
            for round in 0..<20 {
                if round == 0 || again { pieces.append((beginning, pause)) }
                pieces += presses
            }
            var parser = InputParser()
            var now = start
            for (bytes, pause) in pieces {
                if parser.feed(bytes, now: now).contains(wanted) { return now - start }
                let next = now + pause
                while let deadline = parser.deadline, deadline < next {
                    if parser.expire(now: deadline).contains(wanted) { return deadline - start }
                }
                now = next
            }
            return nil
        }
        let limit = InputParser.longestSequence + .seconds(4)
        for beginning in Self.beginnings {
            let what = Comment(rawValue: String(decoding: beginning, as: UTF8.self))
            for pause in [Duration.milliseconds(200), .milliseconds(2_900)] {
                for again in [false, true] {
                    let both = first(
                        redraw, after: beginning, pause: pause, again: again,
                        [(escape, .milliseconds(250)), (control, .seconds(3))])
                    #expect(both.map { $0 < .seconds(4) } == true, what)
                    let alone = first(redraw, after: beginning, pause: pause, again: again, [(control, .seconds(3))])
                    #expect(alone.map { $0 < .seconds(4) } == true, what)
                }
                // The terminal answers a frame in the moment after each key, so that none is on its own.
                let answered = first(
                    redraw, after: beginning, pause: pause,
                    [(answer + control, .milliseconds(20)), (answer, .seconds(3))])
                #expect(answered.map { $0 < limit } == true, what)
                let escaped = first(Self.escape, after: beginning, pause: pause, [(escape, .seconds(3))])
                #expect(escaped.map { $0 < limit } == true, what)
                let mixed = first(
                    Self.escape, after: beginning, pause: pause, [(escape, .milliseconds(20)), (answer, .seconds(3))])
                #expect(mixed.map { $0 < limit } == true, what)
            }
        }
    }

    @Test("Mouse reports of three forms are events once they are wanted")
    func mouse() {
        var parser = InputParser()
        parser.reportsMouse = true
        func events(_ kinds: MouseEvent.Kind...) -> [InputParser.Event] {
            kinds.map { .input(.mouse(MouseEvent($0, column: 9, line: 5))) }
        }
        #expect(parse("\u{1B}[<0;10;6M\u{1B}[<0;10;6m", with: parser) == events(.press, .release))
        #expect(parse("\u{1B}[M *&\u{1B}[M#*&", with: parser) == events(.press, .release))
        #expect(parse("\u{1B}[32;10;6M\u{1B}[35;10;6M", with: parser) == events(.press, .release))
        #expect(parse("\u{1B}[<64;10;6M\u{1B}[<69;10;6M", with: parser) == events(.wheelUp, .wheelDown))
        #expect(parse("\u{1B}[M`*&", with: parser) == events(.wheelUp))
        // Moved, another button, a button that was not down.
        #expect(parse("\u{1B}[<32;10;6M\u{1B}[<2;10;6M\u{1B}[<2;10;6m\u{1B}[<0;10;6m\u{1B}[M#*&", with: parser) == [])
        #expect(parse("\u{1B}[<0;0;6M\u{1B}[<0;6M\u{1B}[<;;M\u{1B}[<0;99999;1M", with: parser) == [])
        #expect(
            parse([(Array("\u{1B}[M ".utf8) + [0xE0, 0xC0], .zero)], with: parser) == [
                .input(.mouse(MouseEvent(.press, column: 191, line: 159)))
            ])
        #expect(parse("\u{1B}[M \u{1B}[A", with: parser) == [.input(.key(.up))])
    }

    @Test("The answer to a frame is told apart from other reports")
    func frames() {
        #expect(parse("\u{1B}[0n\u{1B}[?0n\u{1B}[3n\u{1B}[00n\u{9B}0n") == [.frameDrawn, .frameDrawn])
    }

    @Test("Of a line that the terminal put together, what was typed is left")
    func lines() {
        #expect(
            InputParser.typed(in: "dis\u{1B}P>|ghostty 1.2.3\u{1B}\\able\u{1B}[A alp\u{1B}]11;rgb:0/0/0\u{7}ha 名\té")
                == "disable alpha 名\té")
    }
}
