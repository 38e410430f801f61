internal import PodiumModel

/// What the table is filtered by: several words, all of which have to hold.
///
/// A word is found in the name or in a tag, or is the kind or the state; `!word` must not hold; `tag:`, `state:`, `kind:`, `model:` and `name:`
/// look at one thing alone; `/…/` is a regular expression over the name and the tags.
struct RowFilter {
    private enum Test {
        case any(String), name(String), tag(String), state(String), kind(String), model(String)
        case pattern(Regex<AnyRegexOutput>)
        /// A regular expression that is not finished, or none.
        case unknown
    }

    private struct Term {
        var test: Test
        var isNegated: Bool
    }

    private let terms: [Term]
    /// Why the text means something else than it seems to; nil where it does not.
    private(set) var problem: String?

    init(_ text: String) {
        var problem: String?
        terms = Self.words(text).map { word in
            let isNegated = word.hasPrefix("!") && word.count > 1
            let rest = isNegated ? String(word.dropFirst()) : word
            let test = Self.test(rest)
            if case .unknown = test { problem = "\(rest) is no regular expression" }
            return Term(test: test, isNegated: isNegated)
        }
        self.problem = problem
    }

    var isEmpty: Bool { terms.isEmpty }

    /// Blanks part words, but for those between slashes.
    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        var isPattern = false
        for character in text {
            if character == "/", isPattern || word.isEmpty || word == "!" { isPattern.toggle() }
            if character == " ", !isPattern {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? words : words + [word]
    }

    private static func test(_ word: String) -> Test {
        if word.hasPrefix("/") {
            let pattern = word.dropFirst().hasSuffix("/") ? word.dropFirst().dropLast() : word.dropFirst()
            guard !pattern.isEmpty else { return .any("") }
            return (try? Regex(String(pattern))).map { .pattern($0.ignoresCase()) } ?? .unknown
        }
        let lower = word.lowercased()
        guard let colon = lower.firstIndex(of: ":") else { return .any(lower) }
        let value = String(lower[lower.index(after: colon)...])
        switch lower[..<colon] {
        case "tag": return .tag(value)
        case "state": return .state(value)
        case "kind", "api": return .kind(value)
        case "model": return .model(value)
        case "name": return .name(value)
        default: return .any(lower)
        }
    }

    func matches(_ endpoint: Snapshot.Endpoint) -> Bool {
        terms.allSatisfy { Self.holds($0.test, endpoint) != $0.isNegated }
    }

    private static func holds(_ test: Test, _ endpoint: Snapshot.Endpoint) -> Bool {
        func contains(_ texts: [String], _ needle: String) -> Bool {
            texts.contains { $0.lowercased().contains(needle) }
        }
        switch test {
        case .any(let word): return word.isEmpty || endpoint.matches(word)
        case .name(let word): return word.isEmpty || endpoint.settings.name.lowercased().contains(word)
        case .tag(let word): return contains(endpoint.settings.tags, word) || word.isEmpty
        case .state(let word): return endpoint.state.rawValue.hasPrefix(word)
        case .kind(let word): return endpoint.kind.rawValue.hasPrefix(word)
        case .model(let word):
            // One that names none serves any.
            return endpoint.settings.models.isEmpty
                || contains(endpoint.settings.models.map { "\($0)" } + endpoint.settings.modelMap.map { "\($0)" }, word)
        case .pattern(let pattern):
            return ([endpoint.settings.name] + endpoint.settings.tags).contains { $0.contains(pattern) }
        case .unknown: return true
        }
    }
}
