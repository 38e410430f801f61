internal import HTTPWire
internal import Support

/// A client with a name: what its token lets it use.
public final class NamedClient: Sendable, Equatable {
    /// What log and metrics call it.
    public let name: String
    /// Empty: none is known, so that no client is this one.
    let token: String
    let isEnabled: Bool
    /// Refused from then on, in seconds since 1970; nil: never.
    let expires: Int64?
    /// It uses endpoints that have one of these tags; empty: all.
    let tags: [String]

    /// As its parts.
    public init(name: String, token: String, isEnabled: Bool = true, expires: Int64? = nil, tags: [String] = []) {
        (self.name, self.token, self.isEnabled) = (name, token, isEnabled)
        (self.expires, self.tags) = (expires, tags)
    }

    public static func == (a: NamedClient, b: NamedClient) -> Bool {
        (a.name, a.token, a.isEnabled, a.expires) == (b.name, b.token, b.isEnabled, b.expires) && a.tags == b.tags
    }

    /// Why its requests are not served, where they are not.
    var refusal: LocalAnswer? {
        if !isEnabled { return LocalAnswer(status: 403, message: "client '\(name)' is switched off") }
        guard let expires, Int64(WallClock.wholeSeconds) >= expires else { return nil }
        return LocalAnswer(status: 403, message: "the token of client '\(name)' has expired")
    }
}

/// The tokens that admit a client, compared in a time that does not depend on how much of one was guessed.
struct ClientTokens: Sendable {
    private let tokens: [[UInt8]]
    private let named: [(token: [UInt8], client: NamedClient)]
    let admitsEveryone: Bool

    init(_ tokens: [String], named: [NamedClient] = []) {
        self.tokens = tokens.map { Array($0.utf8) }
        self.named = named.map { (Array($0.token.utf8), $0) }
        admitsEveryone = tokens.isEmpty && named.isEmpty
    }

    /// To whom a token belongs.
    enum Match {
        case none
        /// It is one of those without a name.
        case unnamed
        case client(NamedClient)
    }

    /// The token in a field's value: `Bearer TOKEN`, or the whole of it.
    static func presented(in value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        value.hasPrefixIgnoringCase("bearer ") ? value.slice(7..<value.count).trimmed : value
    }

    func contain(_ candidate: UnsafeRawBufferPointer) -> Bool {
        if case .none = match(candidate) { false } else { true }
    }

    func match(_ candidate: UnsafeRawBufferPointer) -> Match {
        var found = Match.none
        // Every token is compared, so that the time does not tell which of them was close.
        for token in tokens where SecretComparison.isEqual(candidate, token) { found = .unnamed }
        for (token, client) in named where SecretComparison.isEqual(candidate, token) && !token.isEmpty {
            // Two may come to have the same token by their variables: then a refusal goes first.
            if case .client(let other) = found, other.refusal != nil { continue }
            found = .client(client)
        }
        return found
    }
}
