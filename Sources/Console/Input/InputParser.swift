internal import PodiumModel

/// Turns the bytes a terminal sends into keys, pastes and mouse events, and keeps everything else away from them.
///
/// A terminal, or a multiplexer in front of it, also speaks for itself: it answers questions that another program asked and
/// did not wait for, reports colours, focus, its version or its size. As keys these would act: `ESC P > | ghostty 1.2.3 ESC \`
/// holds a space, which takes an endpoint out of service. So each escape sequence is read to its end by the rules of
/// ECMA-48, wherever it is cut, and only those that are known to be keys come out.
///
/// Two things cannot be told from the bytes alone, and time decides them. An ESC with nothing behind it is the Esc key after
/// `escapeHold`. A sequence or a paste whose end never comes is given up after `patience` without a byte, so that keys work again.
///
/// Whatever came before, keys come back within a bounded time. ^L that comes on its own, more than `burst` after any other byte, acts
/// at once. Esc ends what is swallowed, and the next key acts; in a paste, where an ESC can be data, it has to be on its own as well.
/// Without them the first key acts that comes `longestSequence` after the beginning and `breath` after the byte before it.
///
/// Time is an argument: this is a pure state machine, and `ConsoleLoop` owns clock and descriptor.
public struct InputParser: Sendable {
    /// What came.
    public enum Event: Sendable, Equatable {
        case input(ConsoleInput)
        /// The answer to the question at the end of each frame, `CSI 0 n`.
        case frameDrawn
    }

    /// How long an ESC is held, since the rest of its sequence may follow on a link that splits them.
    static let escapeHold = Duration.milliseconds(100)
    /// What can begin a sequence still does when it comes so long after its ESC, though that was taken for a key.
    static let sequenceGap = Duration.milliseconds(300)
    /// Later it does only where more follows at once: no hand types so, but a delayed sequence arrives like this.
    static let burst = Duration.milliseconds(100)
    /// The end of a sequence or of a paste is waited for so long since the last byte.
    static let patience = Duration.seconds(5)
    /// What takes longer than this, or is larger, ends at the first `breath` without a byte: an operator who goes on pressing
    /// keys must not hold open what swallows them, and neither must the terminal's answers to the frames that go on being drawn.
    static let longestSequence = Duration.seconds(30)
    static let largestSequence = 1_048_576
    static let breath = Duration.seconds(1)
    /// The rest of a sequence that was given up is known by its end for so long.
    static let memory = Duration.seconds(60)
    static let mostPasted = 65_536
    /// Longer ones are no keys; their bytes are not kept.
    private static let mostKept = 64

    /// Whether mouse reports are events. They are swallowed else: a program before may have left them on.
    public var reportsMouse = false

    private let sequences: KeySequences
    private var reader: CharacterReader
    private var state = State.ground
    /// The bytes so far of the sequence, as of its 7-bit form.
    private var sequence: [UInt8] = []
    private var length = 0
    private var beganAt: ContinuousClock.Instant?
    private var lastAt: ContinuousClock.Instant?
    /// When the ESC came that was taken for the key just now.
    private var escapedAt: ContinuousClock.Instant?
    private var givenUp: (at: ContinuousClock.Instant, rest: Rest)?
    private var pasted = String.UnicodeScalarView()
    private var pastedCount = 0
    /// How much of `pasteEnd` was seen.
    private var endMatched = 0
    /// Whether what came last was an ESC on its own.
    private var wasLoneEscape = false
    private var isLeftDown = false

    private enum State: Equatable {
        case ground
        case escape(since: ContinuousClock.Instant)
        /// Could begin a sequence whose ESC came long ago.
        case late(Unicode.Scalar, since: ContinuousClock.Instant)
        /// CSI.
        case control
        /// SS3.
        case singleShift
        /// `CSI [`, of the kernel's console.
        case function
        /// `CSI M`: three bytes of a mouse report follow.
        case mouse([UInt8])
        case string(StringKind)
        /// ESC in a string: the first half of its end, or the beginning of something new.
        case stringEscape(StringKind, since: ContinuousClock.Instant)
        case paste
    }

    private enum StringKind: Equatable, Sendable {
        /// OSC, which BEL ends too.
        case command
        /// DCS, SOS, PM and APC.
        case other
        /// DCS as tmux takes it, with each ESC inside doubled.
        case passthrough
    }

    /// What may still come of something that was given up.
    private enum Rest: Equatable {
        case string(StringKind)
        case paste
    }

    private static let pasteEnd = Array("\u{1B}[201~".unicodeScalars)
    private static let passthrough = Array("\u{1B}Ptmux;".utf8)
    private static let introducers: Set<Unicode.Scalar> = ["[", "O", "P", "]", "X", "^", "_", "\\"]

    /// - Parameters:
    ///   - sequences: The keys.
    ///   - decoder: The characters of the session's locale.
    public init(sequences: KeySequences = KeySequences(), decoder: CharacterDecoder = .utf8) {
        self.sequences = sequences
        reader = CharacterReader(decoder: decoder)
    }

    /// When `expire` has something to say if no byte comes before.
    public var deadline: ContinuousClock.Instant? {
        switch state {
        case .escape(let since): since + Self.escapeHold
        case .late(_, let since): since + Self.burst
        default: nil
        }
    }

    /// Time passed and nothing waits to be read.
    public mutating func expire(now: ContinuousClock.Instant) -> [Event] {
        guard let deadline, now >= deadline else { return [] }
        var events: [Event] = []
        settle(&events)
        return events
    }

    /// - Parameters:
    ///   - bytes: Read in one go.
    ///   - now: When they were read.
    public mutating func feed(_ bytes: [UInt8], now: ContinuousClock.Instant) -> [Event] {
        guard !bytes.isEmpty else { return [] }
        var events: [Event] = []
        let isAlone = bytes.count == 1 && lastAt.map { now - $0 > Self.burst } ?? true
        giveUp(before: bytes, isAlone: isAlone, now: now)
        // Beyond the time limits only: what was there in time is taken together, however late this process came to it.
        switch state {
        case .escape(let since) where now - since > Self.sequenceGap: settle(&events)
        case .late(_, let since) where now - since > Self.burst: settle(&events)
        default: break
        }
        for byte in withoutRest(bytes, now: now) { take(byte, now: now, &events) }
        lastAt = now
        wasLoneEscape = isAlone && bytes == [0x1B]
        return events
    }

    /// What was held is a key.
    private mutating func settle(_ events: inout [Event]) {
        switch state {
        case .escape(let since):
            escapedAt = since
            events.append(.input(.key(.escape)))
        case .late(let scalar, _): events.append(.input(.key(.character(Character(scalar)))))
        default: return
        }
        state = .ground
    }

    /// Ends what has waited too long for its end, and what an operator wants to get out of.
    ///
    /// Pastes without an end do come: a terminal in line mode cuts long lines off, as between two programs.
    private mutating func giveUp(before bytes: [UInt8], isAlone: Bool, now: ContinuousClock.Instant) {
        guard let lastAt else { return }
        let gap = now - lastAt
        if gap >= Self.patience { reader.reset() }
        switch state {
        case .ground, .escape, .late: return
        case .paste, .control, .singleShift, .function, .mouse, .string, .stringEscape: break
        }
        let isOverdue = length >= Self.largestSequence || beganAt.map { now - $0 >= Self.longestSequence } ?? false
        // The end of a paste may be cut behind its ESC.
        let isLeft = state == .paste && wasLoneEscape && gap > Self.burst && bytes.first != UInt8(ascii: "[")
        // By the control for a redrawn screen operators find out whether a program still listens.
        let isRedraw = isAlone && bytes == [0x0C]
        guard gap >= Self.patience || (isOverdue && gap >= Self.breath) || isLeft || isRedraw else { return }
        switch state {
        case .string(let kind), .stringEscape(let kind, _): givenUp = (lastAt, .string(kind))
        case .paste:
            pasted = String.UnicodeScalarView()
            givenUp = (lastAt, .paste)
        default: break
        }
        state = .ground
    }

    /// The bytes without the rest of a string or paste that was given up before that rest came. It is known by its end, which is
    /// never typed. Other sequences may have an end of their own in what was read, so this end has to come before any of them.
    private mutating func withoutRest(_ bytes: [UInt8], now: ContinuousClock.Instant) -> ArraySlice<UInt8> {
        guard let (at, rest) = givenUp, state == .ground, escapedAt == nil else { return bytes[...] }
        guard now - at <= Self.memory else {
            givenUp = nil
            return bytes[...]
        }
        var reader = reader
        for (index, byte) in bytes.enumerated() {
            guard let scalar = reader.add(byte) else { continue }
            if let end = Self.end(of: rest, scalar, in: bytes, at: index) {
                givenUp = nil
                return bytes[end...]
            }
            if scalar == "\u{1B}" || (0x80..<0xA0).contains(scalar.value) { break }
        }
        return bytes[...]
    }

    /// Behind the end of what was given up, if a character is the beginning of that end.
    private static func end(of rest: Rest, _ scalar: Unicode.Scalar, in bytes: [UInt8], at index: Int) -> Int? {
        switch rest {
        case .paste:
            let end = pasteEnd.map { UInt8(truncatingIfNeeded: $0.value) }
            return bytes[index...].starts(with: end) ? index + end.count : nil
        case .string(let kind):
            if scalar == "\u{1B}", bytes.dropFirst(index + 1).first == UInt8(ascii: "\\") { return index + 2 }
            return scalar == "\u{9C}" || (scalar == "\u{7}" && kind == .command) ? index + 1 : nil
        }
    }

    /// What was typed of a line that a terminal put together itself, where keys are no input of their own.
    public static func typed(in line: String) -> String {
        var parser = InputParser()
        var typed = ""
        for event in parser.feed(Array(line.utf8), now: ContinuousClock.now) {
            switch event {
            case .input(.key(.character(let character))): typed.append(character)
            case .input(.key(.tab)): typed.append("\t")
            case .input(.paste(let text)): typed += text
            default: break
            }
        }
        return typed
    }

    // MARK: - Bytes to characters

    private mutating func take(_ byte: UInt8, now: ContinuousClock.Instant, _ events: inout [Event]) {
        if case .late(let introducer, _) = state { begin(introducer, now: now) }
        if case .mouse(let report) = state {
            // These are numbers, no characters; each is 32 at least.
            if byte >= 0x20 {
                addToReport(report + [byte], &events)
                return
            }
            state = .ground
        }
        if let scalar = reader.add(byte) { take(scalar, now: now, &events) }
    }

    // MARK: - Characters to sequences

    private mutating func take(_ scalar: Unicode.Scalar, now: ContinuousClock.Instant, _ events: inout [Event]) {
        if state != .ground { length += 1 }
        switch state {
        case .ground: ground(scalar, now: now, &events)
        case .escape: escape(scalar, now: now, &events)
        case .control: control(scalar, now: now, &events)
        case .singleShift: singleShift(scalar, now: now, &events)
        case .function:
            guard !interrupts(scalar, now: now), let final = UInt8(exactly: scalar.value) else { return }
            state = .ground
            if let key = sequences.described(as: sequence + [final]) ?? KeySequences.console(final) {
                press(key, &events)
            }
        case .string(let kind): string(scalar, kind, now: now, &events)
        case .stringEscape(let kind, let since): stringEscape(scalar, kind, since: since, now: now, &events)
        case .paste: paste(scalar, &events)
        // These ended or took their byte before it was a character.
        case .late, .mouse: break
        }
    }

    private mutating func ground(_ scalar: Unicode.Scalar, now: ContinuousClock.Instant, _ events: inout [Event]) {
        if let escaped = escapedAt {
            escapedAt = nil
            if Self.introducers.contains(scalar), now - escaped <= Self.patience {
                if now - escaped <= Self.sequenceGap {
                    begin(scalar, now: now)
                } else {
                    state = .late(scalar, since: now)
                }
                return
            }
        }
        if let byte = UInt8(exactly: scalar.value), byte != 0x1B, byte < 0x20 || byte == 0x7F,
            let key = sequences.described(as: [byte])
        {
            press(key, &events)
            return
        }
        switch scalar.value {
        case 0x1B: state = .escape(since: now)
        case 0x0D, 0x0A: press(.enter, &events)
        case 0x09: press(.tab, &events)
        case 0x7F, 0x08: press(.backspace, &events)
        case 0x01...0x1A:
            if let letter = Unicode.Scalar(scalar.value + 0x40) { press(.control(Character(letter)), &events) }
        case 0..<0x20: break
        case 0x80..<0xA0: beginEightBit(scalar, now: now)
        default: press(.character(Character(scalar)), &events)
        }
    }

    private mutating func escape(_ scalar: Unicode.Scalar, now: ContinuousClock.Instant, _ events: inout [Event]) {
        if Self.introducers.contains(scalar) {
            begin(scalar, now: now)
            return
        }
        state = .ground
        if let byte = UInt8(exactly: scalar.value), byte != 0x1B, let key = sequences.described(as: [0x1B, byte]) {
            press(key, &events)
            return
        }
        // Esc and a key after it, or Alt and a key, which is the same.
        press(.escape, &events)
        ground(scalar, now: now, &events)
    }

    /// Begins what ESC and this character begin.
    private mutating func begin(_ introducer: Unicode.Scalar, now: ContinuousClock.Instant) {
        beganAt = now
        length = 0
        sequence = [0x1B, UInt8(truncatingIfNeeded: introducer.value)]
        switch introducer {
        case "[": state = .control
        case "O": state = .singleShift
        case "]": state = .string(.command)
        case "P", "X", "^", "_": state = .string(.other)
        // The end of a string that is over.
        default: state = .ground
        }
    }

    /// C1 has what ESC and a letter has, 0x40 above the letter.
    private mutating func beginEightBit(_ scalar: Unicode.Scalar, now: ContinuousClock.Instant) {
        guard let letter = Unicode.Scalar(scalar.value - 0x40), Self.introducers.contains(letter) else { return }
        begin(letter, now: now)
    }

    /// Whether a character ends any sequence it comes in, by standing for another one or by cancelling it. Of what is no part
    /// of a sequence nothing happens.
    private mutating func interrupts(_ scalar: Unicode.Scalar, now: ContinuousClock.Instant) -> Bool {
        switch scalar.value {
        case 0x1B: state = .escape(since: now)
        // ^C ends it for an operator, CAN and SUB by the standard.
        case 0x03, 0x18, 0x1A: state = .ground
        case 0x80..<0xA0: beginEightBit(scalar, now: now)
        case 0..<0x20, 0x7F, 0xA0...: break
        default: return false
        }
        return true
    }

    private mutating func control(_ scalar: Unicode.Scalar, now: ContinuousClock.Instant, _ events: inout [Event]) {
        guard !interrupts(scalar, now: now), let byte = UInt8(exactly: scalar.value) else { return }
        if sequence.count < Self.mostKept { sequence.append(byte) }
        let key = sequences.described(as: sequence)
        if byte < 0x40 {
            // A few terminals have keys that end in what stands before the end by the standard.
            if let key {
                state = .ground
                press(key, &events)
            }
            return
        }
        state = .ground
        if let key {
            press(key, &events)
            return
        }
        guard sequence.count < Self.mostKept else { return }
        let parameters = sequence[2..<(sequence.count - 1)]
        switch byte {
        case UInt8(ascii: "[") where parameters.isEmpty: state = .function
        case UInt8(ascii: "M") where parameters.isEmpty: state = .mouse([])
        case UInt8(ascii: "M"), UInt8(ascii: "m"): report(parameters, final: byte, &events)
        case UInt8(ascii: "n") where parameters.elementsEqual([UInt8(ascii: "0")]): events.append(.frameDrawn)
        case UInt8(ascii: "~") where parameters.elementsEqual("200".utf8):
            state = .paste
            pasted = String.UnicodeScalarView()
            pastedCount = 0
            endMatched = 0
        default:
            if let key = KeySequences.control(parameters, final: byte) { press(key, &events) }
        }
    }

    private mutating func singleShift(_ scalar: Unicode.Scalar, now: ContinuousClock.Instant, _ events: inout [Event]) {
        guard !interrupts(scalar, now: now), let byte = UInt8(exactly: scalar.value) else { return }
        if sequence.count < Self.mostKept { sequence.append(byte) }
        guard byte >= 0x40 else { return }
        state = .ground
        let parameters = sequence[2..<(sequence.count - 1)]
        if let key = sequences.described(as: sequence) ?? KeySequences.singleShift(parameters, final: byte) {
            press(key, &events)
        }
    }

    private mutating func string(
        _ scalar: Unicode.Scalar, _ kind: StringKind, now: ContinuousClock.Instant, _ events: inout [Event]
    ) {
        switch scalar.value {
        case 0x1B: state = .stringEscape(kind, since: now)
        case 0x03, 0x18, 0x1A: state = .ground
        case 0x9C: endString(kind, &events)
        case 0x07 where kind == .command: endString(kind, &events)
        default:
            if kind == .command, sequence.count < Self.mostKept { sequence.append(UInt8(exactly: scalar.value) ?? 0) }
            guard kind == .other, length <= Self.passthrough.count else { return }
            sequence.append(UInt8(exactly: scalar.value) ?? 0)
            if sequence == Self.passthrough { state = .string(.passthrough) }
        }
    }

    /// Of all that a terminal says in a string, the colour of its background is the only thing that was asked for.
    private mutating func endString(_ kind: StringKind, _ events: inout [Event]) {
        state = .ground
        guard kind == .command, let isLight = Background.isLight(report: sequence.dropFirst()) else { return }
        events.append(.input(.background(isLight: isLight)))
    }

    private mutating func stringEscape(
        _ scalar: Unicode.Scalar, _ kind: StringKind, since: ContinuousClock.Instant, now: ContinuousClock.Instant,
        _ events: inout [Event]
    ) {
        if scalar == "\u{1B}" {
            if kind == .passthrough {
                state = .string(kind)
            } else {
                // Esc pressed twice: the first one has ended the string.
                state = now - since > Self.burst ? .escape(since: now) : .stringEscape(kind, since: now)
            }
        } else if scalar == "\\", kind == .command {
            endString(kind, &events)
        } else if Self.introducers.contains(scalar) {
            begin(scalar, now: now)
        } else {
            // An operator pressed Esc, which ends the string; a key pressed after it is one again. What came together with it
            // is neither.
            state = .ground
            if now - since > Self.burst { ground(scalar, now: now, &events) }
        }
    }

    // MARK: - Pastes and the mouse

    private mutating func paste(_ scalar: Unicode.Scalar, _ events: inout [Event]) {
        if scalar == "\u{9B}" {
            add(Self.pasteEnd[..<endMatched])
            endMatched = 2
            return
        }
        if scalar != Self.pasteEnd[endMatched] {
            add(Self.pasteEnd[..<endMatched])
            endMatched = 0
        }
        guard scalar == Self.pasteEnd[endMatched] else {
            add([scalar])
            return
        }
        endMatched += 1
        guard endMatched == Self.pasteEnd.count else { return }
        state = .ground
        events.append(.input(.paste(String(pasted))))
        pasted = String.UnicodeScalarView()
    }

    private mutating func add(_ scalars: ArraySlice<Unicode.Scalar>) {
        for scalar in scalars where pastedCount < Self.mostPasted {
            pastedCount += UTF8.width(scalar)
            pasted.append(scalar == "\r" ? "\n" : scalar)
        }
    }

    /// SGR (`CSI < button ; column ; line M`, `m` on release) or urxvt's form, without the `<` and 32 added to the button.
    private mutating func report(_ parameters: ArraySlice<UInt8>, final: UInt8, _ events: inout [Event]) {
        let isSGR = parameters.first == UInt8(ascii: "<")
        let numbers = (isSGR ? parameters.dropFirst() : parameters)
            .split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            .compactMap { Int(String(decoding: $0, as: UTF8.self)) }
        guard numbers.count == 3, numbers.allSatisfy({ (0...65_535).contains($0) }) else { return }
        let button = isSGR ? numbers[0] : numbers[0] - 32
        let isRelease = isSGR ? final == UInt8(ascii: "m") : button & 3 == 3
        mouse(button: button, isRelease: isRelease, column: numbers[1] - 1, line: numbers[2] - 1, &events)
    }

    /// The form of the first xterm: button, column and line with 32 added, and from 1.
    private mutating func addToReport(_ bytes: [UInt8], _ events: inout [Event]) {
        length += 1
        guard bytes.count == 3 else {
            state = .mouse(bytes)
            return
        }
        state = .ground
        let button = Int(bytes[0]) - 32
        mouse(
            button: button, isRelease: button & 3 == 3 && button < 64, column: Int(bytes[1]) - 33,
            line: Int(bytes[2]) - 33,
            &events)
    }

    private mutating func mouse(button: Int, isRelease: Bool, column: Int, line: Int, _ events: inout [Event]) {
        guard reportsMouse, column >= 0, line >= 0 else { return }
        // Shift, Alt and Ctrl do not matter.
        let kind: MouseEvent.Kind
        switch button & ~0b1_1100 {
        case 64 where !isRelease: kind = .wheelUp
        case 65 where !isRelease: kind = .wheelDown
        case 0 where !isRelease:
            isLeftDown = true
            kind = .press
        case 0 where isRelease && isLeftDown, 3 where isRelease && isLeftDown:
            isLeftDown = false
            kind = .release
        default: return
        }
        events.append(.input(.mouse(MouseEvent(kind, column: column, line: line))))
    }

    private func press(_ key: Key, _ events: inout [Event]) {
        events.append(.input(.key(key)))
    }
}
