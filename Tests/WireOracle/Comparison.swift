internal import HTTPWire

/// Holds HTTPWire against llhttp, and against itself in pieces.
public enum Comparison {
    /// What came of one input.
    public enum Verdict: Equatable, Sendable {
        case agree
        /// HTTPWire refused what llhttp took, for a reason in the documentation.
        case stricter(StricterChoice)
        /// HTTPWire took what llhttp refused, for a reason in the documentation.
        case laxer(LaxerChoice)
        /// A defect, or a choice that nobody has written down.
        case unexplained(String)
    }

    /// Reads the input with both.
    public static func judge(_ input: WireInput) -> Verdict {
        let ours = WireReader(input).read(pieces: CollectionOfOne(input.bytes.count))
        if let difference = differenceInPieces(input, ours) { return .unexplained(difference) }
        if input.hasTightLimits { return judgeLimits(input, ours) }
        return compare(input, ours, LLHTTPReader.read(input))
    }

    /// A limit refuses; it never changes what is read. llhttp has none.
    private static func judgeLimits(_ input: WireInput, _ limited: Reading) -> Verdict {
        let free = WireReader(input, limits: .init()).read(pieces: CollectionOfOne(input.bytes.count))
        guard limited != free else { return .agree }
        guard limited.messages == Array(free.messages.prefix(limited.messages.count)),
            case .refused(let refusal) = limited.ending
        else { return .unexplained("read otherwise within limits: \(limited.ending), not \(free.ending)") }
        return refusal.isOfLimits
            ? .stricter(.limits) : .unexplained("refused within limits: \(refusal)")
    }

    // MARK: In pieces

    private static func differenceInPieces(_ input: WireInput, _ whole: Reading) -> String? {
        let count = input.bytes.count
        guard count > 0 else { return nil }
        for split in 1..<max(count, 2) {
            let reading = WireReader(input).read(pieces: [split, count])
            if !agree(reading, whole) {
                return "in two pieces, split at \(split): \(reading.ending), not \(whole.ending)"
            }
        }
        let reading = WireReader(input).read(pieces: 1...count)
        return agree(reading, whole) ? nil : "byte by byte: \(reading.ending), not \(whole.ending)"
    }

    /// A head in pieces may be refused for another of its faults, or later: at its end.
    private static func agree(_ pieces: Reading, _ whole: Reading) -> Bool {
        guard pieces.messages == whole.messages, pieces.unfinished == whole.unfinished else { return false }
        switch (pieces.ending, whole.ending) {
        case (.refused(let left), .refused(let right)): return left.isInBody == right.isInBody
        case (.inHead, .refused(let refusal)): return !refusal.isInBody
        default: return pieces.ending == whole.ending
        }
    }

    // MARK: With llhttp

    private static func compare(_ input: WireInput, _ ours: Reading, _ theirs: Reading) -> Verdict {
        for (index, (left, right)) in zip(ours.messages, theirs.messages).enumerated() where left != right {
            let start = index == 0 ? 0 : ours.messages[index - 1].end
            if left.transcript == right.transcript, left.end == right.end,
                let choice = LaxerChoice.choiceOfPersistence(
                    Array(input.bytes[start...]), isRequest: input.isRequests)
            {
                return .laxer(choice)
            }
            return judgeLaxer(input, start, theirs, "message \(index) is read differently")
        }
        let begin = ours.messages.last?.end ?? 0
        if ours.messages.count > theirs.messages.count {
            let index = theirs.messages.count
            let start = index == 0 ? 0 : ours.messages[index - 1].end
            return judgeLaxer(input, start, theirs, "taken here, \(theirs.ending) there")
        }
        let goesOnThere = theirs.messages.count > ours.messages.count || theirs.unfinished != nil
        switch ours.ending {
        case .refused(let refusal):
            guard goesOnThere else { return .agree }
            guard refusal.isInBody || theirs.messages.count > ours.messages.count || theirs.ending == .inBody else {
                // Both refuse the body, ours perhaps without having read it.
                return .agree
            }
            if refusal.isInBody, theirs.messages.count == ours.messages.count, case .refused = theirs.ending {
                return .agree
            }
            let rest = input.bytes[begin...]
            if let choice = StricterChoice.choice(for: refusal, Array(rest), isRequest: input.isRequests) {
                return .stricter(choice)
            }
            let difference = "refused here (\(refusal)), taken there (\(theirs.ending))"
            return refusal.isInBody ? judgeLaxer(input, begin, theirs, difference) : .unexplained(difference)
        case .inHead:
            // Not judged yet: whatever is wrong with it may still be refused.
            return theirs.messages.count > ours.messages.count || theirs.unfinished != nil
                ? .unexplained("incomplete here, \(theirs.ending) there") : .agree
        case .inBody:
            guard theirs.messages.count == ours.messages.count else {
                return judgeLaxer(input, begin, theirs, "incomplete body here, \(theirs.ending) there")
            }
            guard case .refused = theirs.ending else {
                return ours.unfinished == theirs.unfinished
                    ? .agree : judgeLaxer(input, begin, theirs, "the body differs")
            }
            return judgeLaxer(input, begin, theirs, "goes on here, \(theirs.ending) there")
        case .finished:
            return ours.messages.count == theirs.messages.count && theirs.ending == .finished
                ? .agree : .unexplained("finished here, \(theirs.ending) there")
        }
    }

    private static func judgeLaxer(
        _ input: WireInput, _ start: Int, _ theirs: Reading, _ difference: String
    ) -> Verdict {
        if let choice = LaxerChoice.choice(Array(input.bytes[start...]), isRequest: input.isRequests, theirs.ending) {
            return .laxer(choice)
        }
        return .unexplained(difference)
    }

    // MARK: For people

    /// Both readings of an input in words.
    public static func explanation(_ input: WireInput) -> String {
        let ours = WireReader(input, isReadable: true).read(pieces: CollectionOfOne(input.bytes.count))
        let theirs = LLHTTPReader.read(input, isReadable: true)
        return """
            input (\(input.kind)): \(String(decoding: input.bytes, as: UTF8.self).debugDescription)
            HTTPWire: \(text(ours))
            llhttp: \(text(theirs))
            """
    }

    private static func text(_ reading: Reading) -> String {
        let parts = reading.messages.map { ($0.transcript, "ends at \($0.end), keeps alive: \($0.keepsAlive)") }
        let all = parts + (reading.unfinished.map { [($0, "unfinished")] } ?? [])
        return all.map { transcript, note in
            String(decoding: transcript.text ?? [], as: UTF8.self).debugDescription + " \(note)"
        }.joined(separator: "; ") + " … \(reading.ending)"
    }
}
