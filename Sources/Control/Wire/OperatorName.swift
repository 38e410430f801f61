/// Who asks, as the client says it in a header: `NAME@ADDRESS`, either part may be missing.
struct OperatorName: Equatable {
    static let header = "Podium-Operator"
    private static let longest = 64

    var name: String?
    var address: String?

    /// Characters that have no place in a name or an address end it.
    init(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        name = parts.first.flatMap { Self.cleaned($0) }
        address = parts.count > 1 ? Self.cleaned(parts[1]) : nil
    }

    private static func cleaned(_ text: Substring) -> String? {
        let kept = text.prefix { character in
            character.isASCII && (character.isLetter || character.isNumber || ".:_-%".contains(character))
        }.prefix(longest)
        return kept.isEmpty ? nil : String(kept)
    }
}
