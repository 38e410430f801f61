internal import Limits
internal import PureSupport

/// One entry of `clients:`: a token with a name, and what its holder may use.
///
/// The file's reader, `podium client` and the control API all fill one of these, and all ask `problems` what is wrong with it.
public struct ClientSettings: Codable, Sendable, Equatable {
    /// What log, metrics and usage call it; unique.
    public var name: String
    /// As written, so possibly `${NAME}`.
    public var token: String
    /// Off: it is refused, by its name.
    public var enabled = true
    /// Its last day by UTC, such as `2027-01-31`; nil: there is none.
    public var expires: String?
    /// Patterns of the models that it may ask for, as those of an endpoint; empty: all.
    public var models: [String] = []
    /// Names of the endpoints that it may use; empty: all.
    public var endpoints: [String] = []
    /// It uses endpoints that have one of these tags; empty: all.
    public var tags: [String] = []
    /// How much it may use, in one line as an endpoint's; nil: any amount.
    public var limits: String?

    /// A client that may use everything.
    public init(name: String, token: String) {
        self.name = name
        self.token = token
    }

    /// When it is refused from, in seconds since 1970; nil: never.
    public var expiryTime: Int64? { expires.flatMap { Self.time($0) } }

    /// The end of a day such as `2027-01-31`, by UTC; nil for what is no date.
    public static func time(_ text: String) -> Int64? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.count) == [4, 2, 2], let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2]), 1970...9999 ~= year, 1...12 ~= month, 1...31 ~= day
        else { return nil }
        // From the first of the year on, since the calendar is reckoned the other way round.
        let years = year - 1970
        var days = years * 365 + (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400
        while days < 4_000_000 {
            let time = CivilTime(unixTime: days * 86_400)
            if (time.year, time.month, time.day) == (year, month, day) { return Int64(days + 1) * 86_400 }
            if time.year > year { return nil }
            days += 1
        }
        return nil
    }
}

/// The keys of an entry of `clients:`, in the order in which a new entry has them.
public enum ClientField: String, Codable, Sendable, CaseIterable {
    case name, token, enabled, expires, models, endpoints, tags, limits

    /// As the file and the control API have it.
    public var key: String { rawValue }

    /// What the field is where the file does not name it; nil where it has to.
    public var defaultValue: FieldValue? {
        switch self {
        case .name, .token: nil
        case .enabled: .boolean(true)
        case .expires, .limits: .absent
        case .models, .endpoints, .tags: .list([])
        }
    }
}

extension ClientSettings {
    /// The field's value, also where it is the default.
    public func value(of field: ClientField) -> FieldValue {
        switch field {
        case .name: .text(name)
        case .token: .text(token)
        case .enabled: .boolean(enabled)
        case .expires: expires.map(FieldValue.text) ?? .absent
        case .models: .list(models)
        case .endpoints: .list(endpoints)
        case .tags: .list(tags)
        case .limits: limits.map(FieldValue.text) ?? .absent
        }
    }

    /// Sets a field; `.absent` restores the default, and so does an empty text. False, and nothing changed, if the value does not fit the
    /// field.
    @discardableResult
    public mutating func set(_ field: ClientField, to value: FieldValue) -> Bool {
        switch (field, value) {
        case (.name, .text(let text)): name = text
        case (.token, .text(let text)): token = text
        case (.enabled, .boolean(let flag)): enabled = flag
        case (.enabled, .absent): enabled = true
        case (.expires, .text(let text)): expires = text.isEmpty ? nil : text
        case (.expires, .absent): expires = nil
        case (.models, .list(let words)): models = words
        case (.models, .absent): models = []
        case (.endpoints, .list(let words)): endpoints = words
        case (.endpoints, .absent): endpoints = []
        case (.tags, .list(let words)): tags = words
        case (.tags, .absent): tags = []
        case (.limits, .text(let text)): limits = text.isEmpty ? nil : text
        case (.limits, .absent): limits = nil
        default: return false
        }
        return true
    }

    private static let longestName = 64

    /// What is wrong with these settings by themselves. References in the token are looked at elsewhere.
    public var problems: [(field: ClientField, problem: ValueProblem)] {
        var found: [(ClientField, ValueProblem)] = []
        if name.isEmpty || name.utf8.count > Self.longestName || HeaderRules.printable(name) != name
            || name.first == " " || name.last == " "
        {
            found.append(
                (
                    .name,
                    ValueProblem(
                        "the client has no name of 1 to \(Self.longestName) printable bytes", fix: "add name: NAME")
                ))
        }
        if token.isEmpty {
            found.append((.token, ValueProblem("client '\(name)' has no token", fix: "add token: ${NAME}")))
        } else if let problem = HeaderRules.problem(inValue: token, of: "the token of client '\(name)'") {
            found.append((.token, problem))
        }
        if let expires, Self.time(expires) == nil {
            found.append(
                (
                    .expires,
                    ValueProblem("expires has to be a date", fix: "write expires: 2027-01-31, its last day (UTC)")
                ))
        }
        for (field, words) in [(ClientField.models, models), (.endpoints, endpoints), (.tags, tags)] {
            if words.contains(where: { $0.isEmpty || $0 == "!" }) {
                found.append((field, ValueProblem("an item of \(field.key) is empty", fix: "remove it")))
            }
            if words.contains(where: { HeaderRules.printable($0) != $0 }) {
                found.append((field, ValueProblem("an item of \(field.key) holds a control character")))
            }
        }
        if let limits {
            do throws(LimitsProblem) {
                _ = try LimitRules(limits)
            } catch {
                found.append((.limits, ValueProblem(error.message, fix: error.fix)))
            }
        }
        return found
    }
}

/// What is to become of a client's fields: those that are named change, the others stay. An empty text or list takes a field away.
///
/// The body of the control API's requests; `podium client` makes it of its options.
public struct ClientPatch: Codable, Sendable, Equatable {
    /// Of a new client; one that is there keeps its name.
    public var name: String?
    /// As the file is to have it, so possibly `${NAME}`.
    public var token: String?
    public var enabled: Bool?
    /// Such as `2027-01-31`.
    public var expires: String?
    public var models: [String]?
    public var endpoints: [String]?
    public var tags: [String]?
    /// In one line.
    public var limits: String?

    /// Changes nothing.
    public init() {}

    /// The settings with the patch applied.
    public func applied(to settings: ClientSettings) -> ClientSettings {
        var edited = settings
        if let token { edited.token = token }
        if let enabled { edited.enabled = enabled }
        if let expires { edited.set(.expires, to: .text(expires)) }
        if let models { edited.models = models }
        if let endpoints { edited.endpoints = endpoints }
        if let tags { edited.tags = tags }
        if let limits { edited.set(.limits, to: .text(limits)) }
        return edited
    }
}

/// The named clients, as `GET /admin/api/clients` answers them and `podium client list` shows them. Their tokens are not among it.
public struct ClientList: Codable, Sendable, Equatable {
    /// Of the configuration.
    public var revision: UInt64
    /// In file order.
    public var clients: [Entry]

    /// One client.
    public struct Entry: Codable, Sendable, Equatable {
        public var name: String
        public var enabled: Bool
        /// Its last day by UTC; absent where there is none.
        public var expires: String?
        /// Patterns of the models that it may ask for; empty: all.
        public var models: [String]
        /// The endpoints that it may use; empty: all.
        public var endpoints: [String]
        /// Of which an endpoint has to have one; empty: all.
        public var tags: [String]
        /// How much it may use, in one line; absent where that is any amount.
        public var limits: String?
        /// How far its limits are used.
        public var usedLimits: [Snapshot.Endpoint.Limit]
        /// Since the start.
        public var requests: UInt64
        /// Why it is not served as it is configured; absent where nothing is in the way.
        public var problem: String?

        enum CodingKeys: String, CodingKey {
            case name, enabled, expires, models, endpoints, tags, limits, requests, problem
            case usedLimits = "used_limits"
        }

        /// What the file says of it; the rest is filled in.
        public init(_ settings: ClientSettings) {
            (name, enabled, expires, limits) = (settings.name, settings.enabled, settings.expires, settings.limits)
            (models, endpoints, tags) = (settings.models, settings.endpoints, settings.tags)
            (usedLimits, requests) = ([], 0)
        }
    }

    /// All parts given.
    public init(revision: UInt64, clients: [Entry]) {
        self.revision = revision
        self.clients = clients
    }
}
