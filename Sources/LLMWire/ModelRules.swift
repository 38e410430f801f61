/// A model's name, or a pattern with `*` for any text and `?` for any character. Capitals count, as they do for the vendors.
public struct ModelPattern: Sendable, Hashable {
    private let bytes: [UInt8]
    private let hasWildcards: Bool

    /// The pattern that this text is.
    public init(_ text: String) {
        bytes = Array(text.utf8)
        hasWildcards = bytes.contains { $0 == Self.star || $0 == Self.one }
    }

    private static let star = UInt8(ascii: "*")
    private static let one = UInt8(ascii: "?")

    /// Whether a name is of the pattern.
    public func matches(_ name: String) -> Bool {
        guard hasWildcards else { return bytes.elementsEqual(name.utf8) }
        var name = name
        return name.withUTF8 { matches($0) }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var (place, mark) = (0, 0)
        var star: Int?
        var from = 0
        while place < name.count {
            if mark < bytes.count, bytes[mark] == Self.star {
                star = mark
                from = place
                mark += 1
            } else if mark < bytes.count, bytes[mark] == Self.one {
                mark += 1
                place = Self.end(ofCharacterAt: place, name)
            } else if mark < bytes.count, bytes[mark] == name[place] {
                mark += 1
                place += 1
            } else if let star {
                // The star takes one more.
                from = Self.end(ofCharacterAt: from, name)
                place = from
                mark = star + 1
            } else {
                return false
            }
        }
        return bytes[mark...].allSatisfy { $0 == Self.star }
    }

    private static func end(ofCharacterAt place: Int, _ name: UnsafeBufferPointer<UInt8>) -> Int {
        var end = place + 1
        while end < name.count, name[end] & 0xC0 == 0x80 { end += 1 }
        return end
    }

    /// The name that it is; nil where it has wildcards.
    var name: String? { hasWildcards ? nil : String(decoding: bytes, as: UTF8.self) }

    /// The name that it is with this text for its only wildcard, a star; nil where it has another wildcard, or none.
    func name(withStar text: Substring) -> String? {
        guard let star = bytes.firstIndex(of: Self.star), !bytes[(star + 1)...].contains(Self.star),
            !bytes.contains(Self.one)
        else { return nil }
        return String(decoding: bytes[..<star], as: UTF8.self) + text
            + String(decoding: bytes[(star + 1)...], as: UTF8.self)
    }

    /// What the pattern's only wildcard, a star, stands for in a name that matches; nil where it has another wildcard, or none.
    func starText(in name: String) -> Substring? {
        guard let star = bytes.firstIndex(of: Self.star),
            !bytes[(star + 1)...].contains(where: { $0 == Self.star }), !bytes.contains(Self.one)
        else { return nil }
        let text = name.utf8
        guard text.count >= bytes.count - 1 else { return nil }
        return Substring(text.dropFirst(star).dropLast(bytes.count - 1 - star))
    }
}

/// Which models an endpoint is asked for, and by which names: its settings `models`, `model_map` and `restore_model`.
///
/// Pure. What is asked is always the name that the client has written. A request for which one endpoint has failed asks the next one
/// with that name again, never with the name that the first one was sent.
public struct ModelRules: Sendable, Equatable {
    private let allowed: [ModelPattern]
    private let excluded: [ModelPattern]
    private let renamings: [Renaming]
    /// Whether an answer names the model that was asked for where it was sent another name.
    public let restores: Bool

    private struct Renaming: Sendable, Equatable {
        let pattern: ModelPattern
        let name: String
        /// `name` is cut at its star, of which it has one.
        let isTemplate: Bool

        func name(for model: String) -> String? {
            guard pattern.matches(model) else { return nil }
            guard isTemplate, let text = pattern.starText(in: model), let star = name.firstIndex(of: "*") else {
                return name
            }
            return "\(name[..<star])\(text)\(name[name.index(after: star)...])"
        }

        /// The name that a client may write for what the endpoint calls so; nil where that cannot be said.
        func asked(for served: String) -> String? {
            guard isTemplate else { return name == served ? pattern.name : nil }
            let template = ModelPattern(name)
            guard template.matches(served), let text = template.starText(in: served) else { return nil }
            return pattern.name(withStar: text)
        }
    }

    /// - Parameters:
    ///   - models: patterns; those that begin with `!` take models away, wherever they stand. Empty for all.
    ///   - map: from patterns to names, of which the first that matches counts
    /// - Returns: nil where nothing is ruled: such an endpoint is asked for every model, by the client's name
    public init?(models: [String], map: [(from: String, to: String)], restores: Bool = true) {
        guard !models.isEmpty || !map.isEmpty else { return nil }
        allowed = models.filter { !$0.hasPrefix("!") }.map { ModelPattern($0) }
        excluded = models.filter { $0.hasPrefix("!") }.map { ModelPattern(String($0.dropFirst())) }
        renamings = map.map {
            Renaming(pattern: ModelPattern($0.from), name: $0.to, isTemplate: $0.to.utf8.contains(UInt8(ascii: "*")))
        }
        self.restores = restores
    }

    /// Whether the endpoint is asked for the model.
    public func allows(_ model: String) -> Bool {
        guard allowed.isEmpty || allowed.contains(where: { $0.matches(model) }) else { return false }
        return !excluded.contains { $0.matches(model) }
    }

    /// Whether all that the endpoint is asked for stands in the rules by its name.
    public var namesAll: Bool { !allowed.isEmpty && allowed.allSatisfy { $0.name != nil } }

    /// The names by which clients can ask the endpoint, each once, with what it is sent for them.
    ///
    /// - Parameter served: what it has said it serves; it may serve more
    public func listed(serving served: [String]) -> [(name: String, served: String)] {
        var known: Set<String> = []
        var names: [(name: String, served: String)] = []
        func add(_ name: String, _ served: String) {
            if known.insert(name).inserted { names.append((name, served)) }
        }
        for id in served {
            for name in [id] + renamings.compactMap({ $0.asked(for: id) })
            where allows(name) && self.name(for: name) == id { add(name, id) }
        }
        for name in (allowed + renamings.map(\.pattern)).compactMap(\.name) where allows(name) {
            add(name, self.name(for: name))
        }
        return names
    }

    /// The name that the endpoint is sent. What no pattern of the map matches is sent as it was asked for; no name has a meaning of
    /// its own.
    public func name(for model: String) -> String {
        for renaming in renamings {
            if let name = renaming.name(for: model) { return name }
        }
        return model
    }
}
