internal import PodiumModel

/// Hides single values of mappings that begin and end in one line: `{Cookie: ••••, x-org: blue}`.
///
/// A plain value ends at the comma or the brace there, a quoted one at its quote; all that is not understood is no mapping of
/// one line, and is left to those who hide more.
struct FlowMask {
    private let text: [Character]
    private let mask: String
    private var index = 0
    private var shown = ""
    private var hasMapping = false

    /// nil where the line holds no whole mapping.
    static func masked(_ line: String, behind mask: String) -> String? {
        guard line.contains("{") else { return nil }
        var scan = FlowMask(text: Array(line), mask: mask)
        guard scan.run(), scan.hasMapping else { return nil }
        return scan.shown
    }

    private init(text: [Character], mask: String) {
        self.text = text
        self.mask = mask
    }

    /// What stands before a mapping, and the mapping; what follows may only be a comment.
    private mutating func run() -> Bool {
        let start = text.firstIndex(of: "{") ?? 0
        let head = String(text[..<start])
        // A brace in a text or a comment begins nothing, and `token: {` belongs to a credential as a whole.
        let before = head.filter { $0 != " " }
        guard before.allSatisfy({ $0 != "\"" && $0 != "'" && $0 != "#" && $0 != "[" }),
            before.isEmpty || before.last == ":" || before.last == "-"
        else { return false }
        let keys = head.split(separator: ":").map { $0.drop { $0 == " " || $0 == "-" } }
        guard !keys.contains(where: { SecretSigns.inKey($0) }) else { return false }
        shown = head
        index = start
        hasMapping = true
        guard mapping() else { return false }
        let tail = String(text[index...])
        let rest = tail.drop { $0 == " " }
        guard rest.isEmpty || rest.first == "#" else { return false }
        shown += SecretSigns.hiding(in: tail, behind: mask)
        return true
    }

    private var next: Character? { index < text.count ? text[index] : nil }

    private mutating func take() {
        guard let next else { return }
        shown.append(next)
        index += 1
    }

    private mutating func mapping() -> Bool {
        take()
        while let character = next {
            switch character {
            case "}":
                take()
                return true
            case ",", " ": take()
            default: if !entry() { return false }
            }
        }
        return false
    }

    private mutating func entry() -> Bool {
        guard let key = scalar(until: [":", ",", "}"]) else { return false }
        shown += key
        guard next == ":" else { return next != nil }
        take()
        while next == " " { take() }
        let isSecret = SecretSigns.inKey(key)
        switch next {
        case "{" where !isSecret: return mapping()
        case "[" where !isSecret: return sequence()
        case "{", "[", nil: return false
        default: break
        }
        guard let value = scalar(until: [",", "}"]) else { return false }
        let bare = value.filter { $0 != "\"" && $0 != "'" }
        if bare.wholeMatch(of: /\s*(\$\{[A-Za-z_][A-Za-z0-9_]*\})?\s*/) != nil {
            shown += value
        } else {
            shown += isSecret ? mask : SecretSigns.hiding(in: value, behind: mask)
        }
        return true
    }

    /// Of texts alone, such as tags.
    private mutating func sequence() -> Bool {
        take()
        while let character = next {
            switch character {
            case "]":
                take()
                return true
            case ",", " ": take()
            default:
                guard let item = scalar(until: [",", "]"]) else { return false }
                shown += SecretSigns.hiding(in: item, behind: mask)
            }
        }
        return false
    }

    /// A quoted or a plain text up to one of the characters; nil where a quote does not end, or more follows it.
    private mutating func scalar(until ends: Set<Character>) -> String? {
        var taken = ""
        guard let quote = next, quote == "\"" || quote == "'" else {
            while let character = next, !ends.contains(character) || character == ":" && !endsKey {
                // In a plain text these begin something else.
                if "{}[]#".contains(character) { return nil }
                taken.append(character)
                index += 1
            }
            return next == nil ? nil : taken
        }
        repeat {
            guard let character = next else { return nil }
            taken.append(character)
            index += 1
            if character == "\\", quote == "\"", let escaped = next {
                taken.append(escaped)
                index += 1
            } else if character == quote, taken.count > 1 {
                break
            }
        } while true
        while next == " " {
            taken.append(" ")
            index += 1
        }
        guard let next, ends.contains(next) else { return nil }
        return taken
    }

    /// A colon parts key and value only before a blank.
    private var endsKey: Bool {
        index + 1 >= text.count || [" ", ",", "}"].contains(text[index + 1])
    }
}
