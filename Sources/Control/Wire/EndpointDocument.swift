public import PodiumModel

/// What becomes of a field that may be absent.
public enum FieldChange: Sendable, Equatable {
    /// The document does not name the field.
    case absent
    case set(String)
    /// The document names it with `null`.
    case removed
}

/// The fields of an endpoint that `POST`, `PUT` and `PATCH` take.
///
/// `PATCH` changes what it names. `PUT` and `POST` give the whole endpoint: what they do not name has its default,
/// except `auth_value`, `headers`, `proxy`, `openai_preference`, `cookies`, `forwarded` and `rank`, which stay: nobody outside holds the secrets in
/// them, and nobody should lose them for not knowing of them.
public struct EndpointDocument: Codable, Sendable, Equatable {
    /// Unique; required in `POST` and `PUT`.
    public var name: String?
    /// Base URL for any API.
    public var url = FieldChange.absent
    /// Base URL for Anthropic-shaped requests.
    public var urlAnthropic = FieldChange.absent
    /// Base URL for OpenAI-shaped requests.
    public var urlOpenAI = FieldChange.absent
    /// `api_key`, `auth_token`, `passthrough` or `none`.
    public var authType: String?
    /// The credential, or `${NAME}`.
    public var authValue = FieldChange.absent
    /// The rank to place it at, pinned.
    public var rank: Int?
    /// Free words.
    public var tags: [String]?
    /// False takes it out of service.
    public var enabled: Bool?
    /// True keeps its rank from automatic sorting.
    public var pinned: Bool?

    /// Extra request headers, all of them.
    public var headers: [EndpointHeader]?
    /// `auto`, `responses` or `chat_completions`.
    public var openAIPreference: String?
    /// The proxy to reach it through; a password of `••••` stays what it is.
    public var proxy = FieldChange.absent
    /// `off` or `pass`.
    public var cookies: String?
    /// True tells the endpoint who asks.
    public var forwarded: Bool?

    /// A document that names nothing.
    public init() {}

    /// The keys, as in the configuration file.
    public enum CodingKeys: String, CodingKey, CaseIterable {
        case name, url
        case urlAnthropic = "url_anthropic"
        case urlOpenAI = "url_openai"
        case authType = "auth_type"
        case authValue = "auth_value"
        case rank, tags, enabled, pinned, headers, proxy, cookies, forwarded
        case openAIPreference = "openai_preference"
    }

    /// Reads the document; a key that is not one of these is an error, not a change that silently never happens.
    public init(from decoder: any Decoder) throws {
        let names = try decoder.container(keyedBy: AnyKey.self).allKeys
        if let unknown = names.first(where: { CodingKeys(stringValue: $0.stringValue) == nil }) {
            throw UnknownKey(name: unknown.stringValue)
        }
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func change(_ key: CodingKeys) throws -> FieldChange {
            guard container.contains(key) else {
                return .absent
            }
            return try container.decodeNil(forKey: key) ? .removed : .set(container.decode(String.self, forKey: key))
        }
        func required<Value: Decodable>(_ type: Value.Type, _ key: CodingKeys) throws -> Value? {
            try container.contains(key) ? container.decode(type, forKey: key) : nil
        }
        name = try required(String.self, .name)
        url = try change(.url)
        urlAnthropic = try change(.urlAnthropic)
        urlOpenAI = try change(.urlOpenAI)
        authType = try required(String.self, .authType)
        authValue = try change(.authValue)
        rank = try required(Int.self, .rank)
        tags = try required([String].self, .tags)
        enabled = try required(Bool.self, .enabled)
        pinned = try required(Bool.self, .pinned)
        headers = try required([EndpointHeader].self, .headers)
        openAIPreference = try required(String.self, .openAIPreference)
        proxy = try change(.proxy)
        cookies = try required(String.self, .cookies)
        forwarded = try required(Bool.self, .forwarded)
    }

    /// Writes the fields that are named.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        for (key, change) in [
            (CodingKeys.url, url), (.urlAnthropic, urlAnthropic), (.urlOpenAI, urlOpenAI), (.authValue, authValue),
            (.proxy, proxy),
        ] {
            switch change {
            case .absent: break
            case .set(let text): try container.encode(text, forKey: key)
            case .removed: try container.encodeNil(forKey: key)
            }
        }
        try container.encodeIfPresent(name, forKey: .name)
        try container.encodeIfPresent(authType, forKey: .authType)
        try container.encodeIfPresent(rank, forKey: .rank)
        try container.encodeIfPresent(tags, forKey: .tags)
        try container.encodeIfPresent(enabled, forKey: .enabled)
        try container.encodeIfPresent(pinned, forKey: .pinned)
        try container.encodeIfPresent(headers, forKey: .headers)
        try container.encodeIfPresent(openAIPreference, forKey: .openAIPreference)
        try container.encodeIfPresent(cookies, forKey: .cookies)
        try container.encodeIfPresent(forwarded, forKey: .forwarded)
    }

    /// A key that no document has.
    struct UnknownKey: Error {
        var name: String
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init?(stringValue: String) {
            self.stringValue = stringValue
        }

        init?(intValue: Int) {
            nil
        }
    }
}

/// What saving a document would do to the file, as `…/preview` answers it.
public struct FilePreview: Codable, Sendable, Equatable {
    /// One line of the difference.
    public struct Line: Codable, Sendable, Equatable {
        /// What becomes of a line.
        public enum Kind: String, Codable, Sendable, CaseIterable {
            case kept, removed, added
        }

        /// What becomes of it.
        public var kind: Kind
        /// 1-based; in the new file for added lines, else in the present one.
        public var number: Int
        /// Secrets masked.
        public var text: String

        /// From its parts.
        public init(kind: Kind, number: Int, text: String) {
            self.kind = kind
            self.number = number
            self.text = text
        }
    }

    /// Changed lines with up to three unchanged ones around them; none where nothing would change.
    public var lines: [Line]

    /// From its lines.
    public init(lines: [Line]) {
        self.lines = lines
    }
}

/// The body of `POST …/move`.
public struct MoveRequest: Codable, Sendable, Equatable {
    /// 1 is tried first.
    public var rank: Int

    /// To that rank.
    public init(rank: Int) {
        self.rank = rank
    }
}

/// The body of `PUT /admin/api/config/auto-sort`.
public struct AutoSortRequest: Codable, Sendable, Equatable {
    /// Whether the ranking sorts itself.
    public var enabled: Bool

    /// On or off.
    public init(enabled: Bool) {
        self.enabled = enabled
    }
}
