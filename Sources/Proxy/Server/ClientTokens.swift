internal import HTTPWire

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
        var found: UInt8 = 0
        for token in tokens {
            var difference: UInt8 = token.count == candidate.count ? 0 : 1
            // Walks the candidate, whose length its sender knows anyway, never the token's own length.
            for index in 0..<candidate.count {
                difference |= candidate[index] ^ (token.isEmpty ? 1 : token[index % token.count])
            }
            found |= difference == 0 && !token.isEmpty ? 1 : 0
        }
        return found == 1
    }
}
