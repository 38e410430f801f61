internal import HTTPWire
internal import LLMWire
internal import Limits
internal import Support

/// Which models and endpoints a client may use. Pure: who lists models asks here as well as who chooses an endpoint.
public struct ClientScope: Sendable, Equatable {
    private let models: ModelRules?
    private let endpoints: Set<String>
    private let tags: [String]

    /// - Parameters:
    ///   - models: patterns as those of an endpoint; empty for all
    ///   - endpoints: names; empty for all
    ///   - tags: of which an endpoint has to have one; empty for all
    public init(models: [String] = [], endpoints: [String] = [], tags: [String] = []) {
        self.models = ModelRules(models: models, map: [])
        self.endpoints = Set(endpoints)
        self.tags = tags
    }

    /// Whether it depends on the model what the client may do, so that the request's body has to be read.
    var dependsOnModel: Bool { models != nil }

    /// Whether it may ask for the model, by the name that it writes.
    public func allows(model: String) -> Bool { models?.allows(model) ?? true }

    /// Whether it may use an endpoint of that name and with those tags.
    public func allows(endpoint name: String, tags found: [String]) -> Bool { objection(to: name, found) == nil }

    /// Why it may not; nil where it may.
    func objection(to name: String, _ found: [String]) -> PassedOver.Reason? {
        if !tags.isEmpty, !tags.contains(where: { found.contains($0) }) { return .untagged }
        return endpoints.isEmpty || endpoints.contains(name) ? nil : .notForClient
    }
}

/// A client with a name: what its token lets it use.
public final class NamedClient: Sendable, Equatable {
    /// What log and metrics call it.
    public let name: String
    /// Empty: none is known, so that no client is this one.
    let token: String
    let isEnabled: Bool
    /// Refused from then on, in seconds since 1970; nil: never.
    let expires: Int64?
    /// Which models and endpoints it may use.
    public let scope: ClientScope
    /// How much it may use; nil: any amount.
    public let limits: LimitsInForce?
    /// What it has used of it.
    public let used: LimitCount
    /// Why it cannot be served as it is configured.
    let problem: String?

    /// As its parts.
    public init(
        name: String, token: String, isEnabled: Bool = true, expires: Int64? = nil, models: [String] = [],
        endpoints: [String] = [], tags: [String] = [], limits: LimitsInForce? = nil, used: LimitCount = LimitCount(),
        problem: String? = nil
    ) {
        (self.name, self.token, self.isEnabled, self.expires) = (name, token, isEnabled, expires)
        scope = ClientScope(models: models, endpoints: endpoints, tags: tags)
        (self.limits, self.used, self.problem) = (limits, used, problem)
    }

    public static func == (a: NamedClient, b: NamedClient) -> Bool {
        (a.name, a.token, a.isEnabled, a.expires) == (b.name, b.token, b.isEnabled, b.expires)
            && (a.scope, a.limits, a.problem) == (b.scope, b.limits, b.problem) && a.used === b.used
    }

    /// Why its requests are not served, where they are not.
    var refusal: LocalAnswer? {
        if !isEnabled { return LocalAnswer(status: 403, message: "client '\(name)' is switched off") }
        if let problem { return LocalAnswer(status: 403, message: "client '\(name)' is misconfigured: \(problem)") }
        guard let expires, Int64(WallClock.wholeSeconds) >= expires else { return nil }
        return LocalAnswer(status: 403, message: "the token of client '\(name)' has expired")
    }

    /// Counts a request that is about to begin, unless it has used up one of its limits.
    func admit() -> LocalAnswer? {
        guard let limits else { return nil }
        let now = LimitMoment.now
        guard let refusal = limits.admit(used, at: now) else { return nil }
        return LocalAnswer(
            status: 429,
            message: "client '\(name)': \(PassedOver.Reason.limited(refusal.kind, until: refusal.until).text)",
            retryAfter: Int(max(1, refusal.until - now.wall)))
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
