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

    /// The name that the endpoint is sent. What no pattern of the map matches is sent as it was asked for; no name has a meaning of
    /// its own.
    public func name(for model: String) -> String {
        for renaming in renamings {
            if let name = renaming.name(for: model) { return name }
        }
        return model
    }
}
