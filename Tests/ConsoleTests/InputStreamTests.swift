import Foundation
import TestSupport
import Testing

@testable import Console

/// Streams of typed keys with terminal replies between them, cut anywhere, with pauses as they come: the keys come out, and
/// nothing else ever does.
@Suite("Terminal replies between keys")
struct InputStreamTests {
    /// `PODIUM_TERMINAL_STRINGS=1000000` for the long run, of minutes.
    static let streams = ProcessInfo.processInfo.environment["PODIUM_TERMINAL_STRINGS"].flatMap(Int.init) ?? 20_000

    @Test("No reply is ever a key, and no key is lost")
    func streams() {
        let start = ContinuousClock.now
        for seed in 0..<Self.streams {
            var stream = Stream(seed: UInt64(seed))
            let (pieces, expected) = stream.make()
            var parser = InputParser()
            var now = start
            var events: [InputParser.Event] = []
            for piece in pieces {
                events += parser.feed(piece.bytes, now: now)
                let next = now + piece.pause
                while let deadline = parser.deadline, deadline < next { events += parser.expire(now: deadline) }
                now = next
            }
            // What the terminal says of its background is no key.
            events.removeAll { if case .input(.background) = $0 { true } else { false } }
            let isRight = events == expected.map { .input(.key($0)) }
            if !isRight {
                Issue.record(
                    "seed \(seed): \(pieces.map { ($0.bytes.map(Self.readable).joined(), $0.pause) }): \(events) for \(expected)"
                )
            }
            guard isRight else { return }
        }
    }

    private static func readable(_ byte: UInt8) -> String {
        (0x20..<0x7F).contains(byte) ? String(UnicodeScalar(byte)) : "<\(String(byte, radix: 16))>"
    }
}

/// Makes one stream, and says what has to come of it.
private struct Stream {
    struct Piece {
        var bytes: [UInt8]
        var pause: Duration
    }

    /// What a stream consists of.
    private struct Part {
        var bytes: [UInt8]
        var keys: [Key] = []
        /// Whether an ESC at its beginning is one of its own, and no part of a string before it.
        var isEnded = true
        /// A pause that has to follow.
        var pause: Duration?
    }

    private var random: SeededRandom
    private var hasGivenUp = false

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func make() -> (pieces: [Piece], expected: [Key]) {
        var parts: [Part] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            var part = chance(0.35) ? typed() : chance(0.8) ? reply() : unended()
            // Keys work again once the time is over.
            if let last = parts.last, !last.isEnded, part.bytes[0] != 0x1B || !part.keys.isEmpty {
                parts[parts.count - 1].pause = .seconds(5)
                hasGivenUp = true
            }
            if part.bytes == [0x1B] { part.pause = .milliseconds(6_000) }
            parts.append(part)
        }
        var pieces: [Piece] = []
        var expected: [Key] = []
        var inString = false
        for part in parts {
            cut(part, inString: inString, &pieces, &expected)
            inString = !part.isEnded && part.pause == nil && part.bytes.count > 1 && part.bytes[1] != 0x5B
        }
        return (Self.together(pieces), expected)
    }

    /// Into pieces, up to four, the last of which ends with the part or goes on into the next one.
    private mutating func cut(_ part: Part, inString: Bool, _ pieces: inout [Piece], _ expected: inout [Key]) {
        var cuts = Set<Int>()
        if chance(0.8) {
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                cuts.insert(.random(in: 1...part.bytes.count, using: &random))
            }
        }
        var pauses = cuts.filter { $0 < part.bytes.count }.map { ($0, pause()) }.sorted { $0.0 < $1.0 }
        // Nobody can tell an ESC with nothing behind it for long from the key; nor two keys, each on its own.
        if part.bytes[0] == 0x1B, !inString, let first = pauses.first, first.0 == 1, first.1 > InputParser.escapeHold {
            if !part.keys.isEmpty || part.bytes.count == 2 {
                pauses.removeFirst()
            } else {
                expected.append(.escape)
                if first.1 > InputParser.sequenceGap { pauses.removeAll { $0.0 == 2 && $0.1 > InputParser.burst } }
            }
        }
        var start = 0
        for (end, pause) in pauses {
            pieces.append(Piece(bytes: Array(part.bytes[start..<end]), pause: pause))
            start = end
        }
        let last = Array(part.bytes[start...])
        pieces.append(Piece(bytes: last, pause: part.pause ?? (chance(0.5) ? .zero : pause())))
        expected += part.keys
    }

    /// What comes without a pause is read in one go.
    private static func together(_ pieces: [Piece]) -> [Piece] {
        var result: [Piece] = []
        for piece in pieces {
            if let last = result.last, last.pause == .zero {
                result[result.count - 1] = Piece(bytes: last.bytes + piece.bytes, pause: piece.pause)
            } else {
                result.append(piece)
            }
        }
        return result
    }

    private mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &random) < probability
    }

    /// Shorter than what ends a sequence; mostly far shorter.
    private mutating func pause() -> Duration {
        .milliseconds(chance(0.5) ? Int.random(in: 0...150, using: &random) : Int.random(in: 0...4_999, using: &random))
    }

    private mutating func typed() -> Part {
        let keys: [(String, Key)] = [
            ("d", .character("d")), (" ", .character(" ")), ("A", .character("A")), ("q", .character("q")),
            ("\r", .enter),
            ("\u{3}", .control("C")), ("é", .character("é")), ("名", .character("名")), ("\u{7F}", .backspace),
            ("\t", .tab),
            ("\u{1B}[A", .up), ("\u{1B}OB", .down), ("\u{1B}[5~", .pageUp), ("\u{1B}[1;5C", .right),
            ("\u{1B}OP", .function(1)),
            ("\u{1B}", .escape),
        ]
        let (text, key) = keys[Int.random(in: keys.indices, using: &random)]
        return Part(bytes: Array(text.utf8), keys: [key])
    }

    private mutating func reply() -> Part {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<3: return Part(bytes: controlSequence())
        case 3:
            return Part(bytes: Array("\u{1B}[M".utf8) + (0..<3).map { _ in UInt8.random(in: 32...255, using: &random) })
        // Where a string was given up before, this is its end.
        case 4 where !hasGivenUp: return Part(bytes: Array("\u{1B}\\".utf8))
        case 5:
            // As tmux takes it.
            let inside = content(isCommand: false).flatMap { $0 == 0x1B ? [$0, $0] : [$0] }
            return Part(
                bytes: Array("\u{1B}Ptmux;\u{1B}\u{1B}]".utf8) + inside + Array("\u{7}\u{1B}\u{1B}\\d q\u{1B}\\".utf8))
        default:
            let isCommand = chance(0.4)
            let ends: [[UInt8]] =
                [[0x1B, 0x5C], [0x1B, 0x5C], [0x9C], [0xC2, 0x9C], [0x18], [0x1A]] + (isCommand ? [[0x07]] : [])
            return Part(
                bytes: introducer(isCommand) + content(isCommand: isCommand)
                    + ends[Int.random(in: ends.indices, using: &random)])
        }
    }

    private mutating func unended() -> Part {
        if chance(0.3) {
            let parameters = (0..<Int.random(in: 0...6, using: &random)).map { _ in
                UInt8.random(in: 0x30...0x3F, using: &random)
            }
            return Part(bytes: [0x1B, 0x5B] + parameters, isEnded: false)
        }
        let isCommand = chance(0.4)
        return Part(bytes: [0x1B, isCommand ? 0x5D : 0x50] + content(isCommand: isCommand), isEnded: false)
    }

    private mutating func introducer(_ isCommand: Bool) -> [UInt8] {
        let letters: [UInt8] = isCommand ? [0x5D] : [0x50, 0x58, 0x5E, 0x5F]
        let letter = letters[Int.random(in: letters.indices, using: &random)]
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return [letter + 0x40]
        case 1: return [0xC2, letter + 0x40]
        default: return [0x1B, letter]
        }
    }

    /// Anything but what ends a string. Bytes that do not begin a character are in it where they end none.
    private mutating func content(isCommand: Bool) -> [UInt8] {
        let pieces = [
            ">|", "ghostty 1.2.3", "d", "q", " ", "A", "\r", ":", "11;rgb:0000/ffff/1a1a", "名前", "\u{271C}", "\u{1D}",
            "[A", "O", "y",
        ]
        var result: [UInt8] = []
        for _ in 0..<Int.random(in: 0...8, using: &random) {
            if chance(0.1) {
                result.append([0xFF, 0xC1, 0xF8][Int.random(in: 0..<3, using: &random)])
            } else {
                result += Array(pieces[Int.random(in: pieces.indices, using: &random)].utf8)
            }
        }
        if !isCommand, chance(0.1) { result.append(0x07) }
        return result
    }

    /// None of which is a key.
    private mutating func controlSequence() -> [UInt8] {
        let introducers: [[UInt8]] = [[0x1B, 0x5B], [0x1B, 0x5B], [0x1B, 0x5B], [0x9B], [0xC2, 0x9B]]
        let introducer = introducers[Int.random(in: introducers.indices, using: &random)]
        let final = UInt8.random(in: 0x40...0x7E, using: &random)
        var parameters = (0..<Int.random(in: 0...8, using: &random)).map { _ in
            UInt8.random(in: 0x30...0x3F, using: &random)
        }
        let intermediates = chance(0.3) ? [UInt8.random(in: 0x20...0x2F, using: &random)] : []
        // What with other parameters is a key, a paste, a frame's answer or the beginning of a mouse report.
        if "ABCDHFZ~nM[".utf8.contains(final), intermediates.isEmpty {
            parameters.insert(chance(0.5) ? 0x3F : 0x3E, at: 0)
        }
        return introducer + parameters + intermediates + [final]
    }
}
