internal import HTTPWire
internal import Support

/// The tokens that admit a client, compared in a time that does not depend on how much of one was guessed.
struct ClientTokens: Sendable {
    private let tokens: [[UInt8]]
    let admitsEveryone: Bool

    init(_ tokens: [String]) {
        self.tokens = tokens.map { Array($0.utf8) }
        admitsEveryone = tokens.isEmpty
    }

    /// The token in a field's value: `Bearer TOKEN`, or the whole of it.
    static func presented(in value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        value.hasPrefixIgnoringCase("bearer ") ? value.slice(7..<value.count).trimmed : value
    }

    func contain(_ candidate: UnsafeRawBufferPointer) -> Bool {
        var found = false
        // Every token is compared, so that the time does not tell which of them was close.
        for token in tokens where SecretComparison.isEqual(candidate, token) { found = true }
        return found
    }
}
