/// One field of an endpoint, and the table of all of them.
///
/// Whatever lists, reads, edits, compares or shows the fields of an endpoint goes by this table: the file's reader and its edits, the
/// merge with an edit by hand, the documents and answers of the control API, the options of `podium endpoint`, the console's
/// form, `docs/openapi.json` and the table in `docs/configuration.md` (tests hold the last two against it). So a new field is
/// a property of ``EndpointSettings`` and a row here; what the field does, and that alone, stands elsewhere and reads the
/// property.
public struct EndpointField: Sendable {
    /// As in the file and in JSON.
    public let key: String
    /// What its value is, and so how it is read, checked, written and typed.
    public let kind: Kind
    /// How the form and a summary of changes name it.
    public let label: String
    /// The same in the form's narrow column, where it needs to be shorter.
    public let shortLabel: String
    /// One sentence for the help of the command line's option.
    public let help: String
    /// What an empty, focused line of the form says beside it.
    public let hint: String
    /// What sets it apart from other fields of its kind.
    public let traits: Traits
    /// Names that other programs have for it, without case, blanks and signs: the file's reader tells what to write instead.
    public let otherNames: Set<String>
    /// What to write instead of one of the other names.
    public let otherNamesAdvice: String
    /// The value of an endpoint that does not name the field.
    public let defaultValue: FieldValue

    let read: @Sendable (EndpointSettings) -> FieldValue
    /// False, and nothing changed, where the value does not fit.
    let write: @Sendable (inout EndpointSettings, FieldValue) -> Bool

    /// What a field's value is.
    public enum Kind: Sendable, Hashable {
        /// What the endpoint is called.
        case name
        /// One line of text, or none.
        case text
        /// The name of a file, or none.
        case file
        /// A base URL, or none.
        case url
        /// A credential, or none; never shown.
        case secret
        /// One of these words.
        case choice([String])
        /// True or false, and what a person calls the two.
        case flag(on: String, off: String)
        /// A place in the ranking. The file has it as a number; a patch names the rank to place the endpoint at.
        case rank
        case integer(ClosedRange<Int>)
        /// A list of texts.
        case words
        /// Patterns of names with the names they are given, of which the first that matches counts.
        case renamings
        /// Request headers; the values may be secrets.
        case headers
        /// A proxy with its address and credentials, or none.
        case proxy
    }

    /// What sets a field apart from others of its kind.
    public struct Traits: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Written into each new entry, for it is needed to understand one.
        public static let alwaysWritten = Traits(rawValue: 1 << 0)
        /// The file is given the value also where it is the default; without it, the default needs no line.
        public static let writtenAtDefault = Traits(rawValue: 1 << 1)
        /// A `PUT` that does not name it gives it its default. The others stay: their values may be secrets that the author does not
        /// hold, or unknown to an older author.
        public static let resetByPut = Traits(rawValue: 1 << 2)
        /// Podium and its console change it by itself, one endpoint at a time: written alone, and undone alone.
        public static let rankOrSwitch = Traits(rawValue: 1 << 3)
        /// A key of older files alone: nothing but the file's reader knows it.
        public static let fileOnly = Traits(rawValue: 1 << 4)
    }

    private init(
        _ key: String, _ kind: Kind, label: String, short: String? = nil, help: String = "", hint: String = "",
        _ traits: Traits = [], also otherNames: Set<String> = [], advice: String? = nil,
        read: @escaping @Sendable (EndpointSettings) -> FieldValue,
        write: @escaping @Sendable (inout EndpointSettings, FieldValue) -> Bool
    ) {
        self.key = key
        self.kind = kind
        self.label = label
        self.shortLabel = short ?? label
        self.help = help
        self.hint = hint
        self.traits = traits
        self.otherNames = otherNames
        otherNamesAdvice = advice ?? key
        self.read = read
        self.write = write
        defaultValue = read(EndpointSettings(name: ""))
    }
}

// MARK: - The table

extension EndpointField {
    /// Every field, in the order in which a new entry of the file has them.
    public static let all: [EndpointField] = [
        name, url, urlAnthropic, urlOpenAI, authType, authValue, enabled, priority, pinned, tags, headers,
        openAIPreference, proxy, caFile, cookies, forwarded, maxInFlight, limits, active, models, modelMap,
        restoreModel, speaks, convert, maxTokensField, unknownFields, parameterOverrides, endpointType,
    ]

    public static let name = EndpointField(
        "name", .name, label: "Name", help: "A new name.", [.alwaysWritten, .writtenAtDefault],
        also: ["id", "title", "label", "endpointname", "provider"],
        read: { .text($0.name) },
        write: { settings, value in
            guard case .text(let text) = value else { return false }
            settings.name = text
            return true
        })

    public static let url = text(
        "url", .url, \.url, label: "URL", help: "Base URL for any path.", [.resetByPut],
        also: [
            "baseurl", "apibase", "apiurl", "endpoint", "endpointurl", "uri", "host", "hostname", "address", "server",
            "base", "domain", "upstream", "upstreamurl", "target", "href", "link", "origin", "urls", "baseuri", "addr",
        ])

    public static let urlAnthropic = text(
        "url_anthropic", .url, \.urlAnthropic, label: "URL anthropic", short: "URL anth",
        help: "Base URL for the Anthropic API.", [.resetByPut],
        also: ["anthropicurl", "anthropicbaseurl", "claudeurl"])

    public static let urlOpenAI = text(
        "url_openai", .url, \.urlOpenAI, label: "URL openai", help: "Base URL for the OpenAI APIs.", [.resetByPut],
        also: ["openaiurl", "openaibaseurl", "openaiapibase"])

    public static let authType = choice(
        "auth_type", \.authType, label: "Auth",
        help: "How the credential is sent: api_key, auth_token, passthrough or none.",
        [.alwaysWritten, .writtenAtDefault, .resetByPut],
        also: ["authmethod", "authentication", "authscheme", "authkind", "authmode"])

    public static let authValue = text(
        "auth_value", .secret, \.authValue, label: "Secret",
        help: "The credential as a reference, '${NAME}'. Write it in single quotes, or the shell expands it.",
        hint: "^R shows it",
        also: [
            "token", "key", "apikey", "apitoken", "secret", "secretkey", "password", "credential", "credentials",
            "authtoken", "authkey", "accesstoken", "accesskey", "bearer", "bearertoken", "authorization", "auth",
            "keys", "apikeys", "tokens", "authvalues", "xapikey", "apisecret", "pass",
        ], advice: "auth_value, and auth_type: api_key or auth_token")

    public static let enabled = flag(
        "enabled", \.enabled, label: "Enabled", help: "Whether it gets requests at all.",
        [.alwaysWritten, .writtenAtDefault, .resetByPut, .rankOrSwitch],
        also: ["disabled", "enable", "on", "isenabled", "disable", "off"])

    public static let priority = EndpointField(
        "priority", .rank, label: "Priority", help: "The rank to place it at, pinned.", [.rankOrSwitch],
        also: ["rank", "order", "prio", "weight", "position"],
        read: { $0.priority.map(FieldValue.integer) ?? .absent },
        write: { settings, value in
            switch value {
            case .integer(let number): settings.priority = number
            case .absent: settings.priority = nil
            default: return false
            }
            return true
        })

    public static let pinned = flag(
        "pinned", \.pinned, on: "yes", off: "no", label: "Pinned", help: "Whether it keeps its rank.",
        [.writtenAtDefault, .resetByPut, .rankOrSwitch], also: ["pin", "ispinned", "sticky"])

    public static let tags = words(
        "tags", \.tags, label: "Tags",
        help: "A free word; repeat it for more. The words replace those it had.",
        [.writtenAtDefault, .resetByPut], also: ["tag", "labels", "groups"])

    public static let headers = EndpointField(
        "headers", .headers, label: "Headers",
        help: "A request header, 'NAME: VALUE'; 'NAME:' takes it away. Repeat it for more; other headers stay.",
        hint: "name: value; name: value", [.writtenAtDefault],
        also: ["header", "extraheaders", "customheaders", "httpheaders", "requestheaders", "defaultheaders"],
        read: { .headers($0.headers) },
        write: { settings, value in
            guard case .headers(let headers) = value else { return false }
            settings.headers = headers
            return true
        })

    public static let openAIPreference = choice(
        "openai_preference", \.openAIPreference, label: "OpenAI API",
        help: "Which of OpenAI's APIs it speaks: responses, chat_completions, or auto to learn it anew.",
        [.writtenAtDefault])

    public static let proxy = EndpointField(
        "proxy", .proxy, label: "Proxy",
        help:
            "The proxy to reach it through: socks5://HOST:PORT or http://HOST:PORT, with '${USER}:${PASSWORD}@' in front.",
        hint: "http:// or socks5://, or none",
        also: ["httpproxy", "httpsproxy", "proxyurl", "socksproxy", "outboundproxy"],
        read: { $0.proxy.map(FieldValue.proxy) ?? .absent },
        write: { settings, value in
            switch value {
            case .proxy(let proxy): settings.proxy = proxy
            case .absent: settings.proxy = nil
            default: return false
            }
            return true
        })

    public static let caFile = text(
        "ca_file", .file, \.caFile, label: "CA file",
        help: "PEM file of the authorities that its certificate may come from, instead of the system's.",
        hint: "PEM file, instead of the system's",
        also: ["ca", "cacert", "cacertfile", "cabundle", "cacerts", "tlsca", "certificate"])

    public static let cookies = choice(
        "cookies", \.cookies, label: "Cookies",
        help: "Whether cookies pass between clients and the endpoint: off or pass.")

    public static let forwarded = flag(
        "forwarded", \.forwarded, label: "Forwarded",
        help: "Whether the endpoint is told who asks: Via, X-Forwarded-For and their kin.")

    public static let maxInFlight = integer(
        "max_in_flight", \.maxInFlight, in: 0...100_000, label: "In flight",
        help: "As many requests may run there at once; 0 for any number.", [.resetByPut],
        also: [
            "maxconcurrent", "maxconcurrency", "concurrency", "maxconcurrentrequests", "maxparallelrequests",
            "limitconcurrentsessions", "maxconnections", "maxconns",
        ])

    public static let limits = text(
        "limits", .text, \.limits, label: "Limits",
        help:
            "How much of it may be used: 'requests_per_minute 60, spend 10 per day reset 00:00 Asia/Shanghai, reserve 10%'.",
        hint: "requests_per_minute 60, spend 10 per day", [.resetByPut],
        also: ["limit", "ratelimit", "ratelimits", "budget", "quota", "maxbudget", "rpm", "tpm"])

    public static let active = text(
        "active", .text, \.active, label: "Active",
        help: "The hours in which it is asked: '23:00-08:00 Asia/Shanghai'.",
        hint: "23:00-08:00 Asia/Shanghai", [.resetByPut],
        also: ["activehours", "hours", "schedule", "timewindow", "activetime"])

    public static let models = words(
        "models", \.models, label: "Models",
        help:
            "A model that it is asked for, by the client's name, with * and ?; '!PATTERN' takes models away. Repeat it for more.",
        also: ["model", "allowedmodels", "modellist", "supportedmodels"])

    public static let modelMap = EndpointField(
        "model_map", .renamings, label: "Model map",
        help: "What it calls a model, 'PATTERN=NAME'; the first that matches counts. Repeat it for more.",
        hint: "pattern=name; pattern=name",
        also: ["modelmapping", "modelredirects", "modelaliases", "modelrewrite", "modelsmap"],
        read: { .renamings($0.modelMap) },
        write: { settings, value in
            guard case .renamings(let renamings) = value else { return false }
            settings.modelMap = renamings
            return true
        })

    public static let restoreModel = flag(
        "restore_model", \.restoresModel, label: "Restore model", short: "Restore",
        help: "Whether its answers name the model that was asked for where the map has given it another name.",
        also: ["forcemapping", "restoremodels"])

    public static let speaks = choice(
        "speaks", \.speaks, label: "Speaks",
        help: "Which APIs it speaks: any that it has a URL for, or chat_completions alone.", [.resetByPut],
        also: ["api", "apis", "format", "apiformat", "protocol", "apitype"])

    public static let convert = flag(
        "convert", \.convert, label: "Convert",
        help: "Whether it is asked for requests of Messages and Responses too, as requests of Chat Completions.",
        [.resetByPut],
        also: ["converts", "translate"])

    public static let maxTokensField = text(
        "max_tokens_field_name", .text, \.maxTokensField, label: "Max tokens", short: "Max tokens",
        help: "The field for the limit of tokens in converted requests, instead of the one by the model's name.",
        hint: "max_tokens or max_completion_tokens", [.resetByPut], also: ["maxtokensfield"])

    public static let unknownFields = choice(
        "unknown_fields", \.unknownFields, label: "Unknown",
        help: "What becomes of fields that the conversion does not know: drop or refuse.", [.resetByPut])

    public static let parameterOverrides = EndpointField(
        "parameter_overrides", .renamings, label: "Parameters", short: "Params",
        help:
            "A parameter of converted requests, 'NAME=VALUE' with a value in JSON; 'NAME=' takes it away. Repeat it for more.",
        hint: "name=value; name=value", [.resetByPut], also: ["parameters", "params", "extrabody"],
        read: { .renamings($0.parameterOverrides) },
        write: { settings, value in
            guard case .renamings(let parameters) = value else { return false }
            settings.parameterOverrides = parameters
            return true
        })

    public static let endpointType = EndpointField(
        "endpoint_type", .choice(EndpointType.allCases.map(\.rawValue)), label: "Type", [.fileOnly],
        read: { $0.endpointType.map { .text($0.rawValue) } ?? .absent },
        write: { settings, value in
            switch value {
            case .text(let text):
                guard let type = EndpointType(rawValue: text) else { return false }
                settings.endpointType = type
            case .absent: settings.endpointType = nil
            default: return false
            }
            return true
        })
}

// MARK: - Rows of a kind

extension EndpointField {
    private static func text(
        _ key: String, _ kind: Kind, _ path: any WritableKeyPath<EndpointSettings, String?> & Sendable, label: String,
        short: String? = nil, help: String, hint: String = "", _ traits: Traits = [], also: Set<String> = [],
        advice: String? = nil
    ) -> EndpointField {
        EndpointField(
            key, kind, label: label, short: short, help: help, hint: hint, traits, also: also, advice: advice,
            read: { $0[keyPath: path].map(FieldValue.text) ?? .absent },
            write: { settings, value in
                switch value {
                case .text(let text): settings[keyPath: path] = text
                case .absent: settings[keyPath: path] = nil
                default: return false
                }
                return true
            })
    }

    private static func words(
        _ key: String, _ path: any WritableKeyPath<EndpointSettings, [String]> & Sendable, label: String, help: String,
        _ traits: Traits = [], also: Set<String> = []
    ) -> EndpointField {
        EndpointField(
            key, .words, label: label, help: help, hint: "comma between", traits, also: also,
            read: { .list($0[keyPath: path]) },
            write: { settings, value in
                guard case .list(let list) = value else { return false }
                settings[keyPath: path] = list
                return true
            })
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
        _ key: String, _ path: any WritableKeyPath<EndpointSettings, Choice> & Sendable, label: String, help: String,
        _ traits: Traits = [], also: Set<String> = []
    ) -> EndpointField {
        EndpointField(
            key, .choice(Choice.allCases.map(\.rawValue)), label: label, help: help, traits, also: also,
            read: { .text($0[keyPath: path].rawValue) },
            write: { settings, value in
                guard case .text(let text) = value, let choice = Choice(rawValue: text) else { return false }
                settings[keyPath: path] = choice
                return true
            })
    }

    private static func flag(
        _ key: String, _ path: any WritableKeyPath<EndpointSettings, Bool> & Sendable, on: String = "on",
        off: String = "off", label: String, short: String? = nil, help: String, _ traits: Traits = [],
        also: Set<String> = []
    ) -> EndpointField {
        EndpointField(
            key, .flag(on: on, off: off), label: label, short: short, help: help, traits, also: also,
            read: { .boolean($0[keyPath: path]) },
            write: { settings, value in
                guard case .boolean(let flag) = value else { return false }
                settings[keyPath: path] = flag
                return true
            })
    }

    private static func integer(
        _ key: String, _ path: any WritableKeyPath<EndpointSettings, Int> & Sendable, in range: ClosedRange<Int>,
        label: String, help: String, _ traits: Traits = [], also: Set<String> = []
    ) -> EndpointField {
        EndpointField(
            key, .integer(range), label: label, help: help, traits, also: also,
            read: { .integer($0[keyPath: path]) },
            write: { settings, value in
                guard case .integer(let number) = value else { return false }
                settings[keyPath: path] = number
                return true
            })
    }
}

// MARK: - What follows from a row

extension EndpointField {
    private static let byKey = Dictionary(all.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })

    /// The field of a key of the file.
    public static func named(_ key: String) -> EndpointField? { byKey[key] }

    /// Those that people and the control API know.
    public static let current = all.filter { !$0.traits.contains(.fileOnly) }

    /// How the endpoint's own credential is sent, and what it is.
    public static let credential = [authType, authValue]

    /// What decides which server is asked, by which way and as whom: where one of them is new, what was found out before says nothing.
    public static let reach = urls + credential + [proxy, caFile]

    /// The base URLs.
    public static let urls = all.filter { $0.kind == .url }

    /// What to say of an endpoint that has none of them.
    public static let noURL = ValueProblem(
        "the endpoint has no URL", fix: "add \(WordList.joined(urls.map(\.key), last: "or"))",
        brief: "needs at least one URL")

    /// Whether what it holds must not be shown as it is.
    public var isSecret: Bool {
        switch kind {
        case .secret, .headers, .proxy: true
        default: false
        }
    }

    /// Whether `${NAME}` in it is replaced.
    public var takesReferences: Bool { isSecret || kind == .url }

    /// Whether an endpoint can be without one: JSON says `null` then.
    public var isOptional: Bool {
        switch kind {
        case .text, .file, .url, .secret, .proxy: true
        default: false
        }
    }
}

extension EndpointField: Hashable {
    public static func == (one: EndpointField, other: EndpointField) -> Bool { one.key == other.key }

    public func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

extension EndpointField: CustomStringConvertible {
    public var description: String { key }
}

/// A field in JSON is its key.
extension EndpointField: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let key = try container.decode(String.self)
        guard let field = Self.named(key) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "there is no field '\(key)'")
        }
        self = field
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(key)
    }
}

/// A field's value, whatever the field.
public enum FieldValue: Sendable, Equatable {
    /// The key is not there, or is to go.
    case absent
    case text(String)
    case integer(Int)
    case boolean(Bool)
    case list([String])
    case renamings([Renaming])
    case headers([HeaderField])
    case proxy(OutboundProxy)
}

extension EndpointSettings {
    /// The field's value as the file has it: `.absent` for optional fields that are nil and for a default that needs no line; empty
    /// lists are lists.
    public func value(of field: EndpointField) -> FieldValue {
        let value = field.read(self)
        return !field.traits.contains(.writtenAtDefault) && value == field.defaultValue ? .absent : value
    }

    /// The field's value, also where it is the default.
    public func effectiveValue(of field: EndpointField) -> FieldValue { field.read(self) }

    /// Sets a field; `.absent` restores the default. False, and nothing changed, if the value does not fit the field.
    @discardableResult
    public mutating func set(_ field: EndpointField, to value: FieldValue) -> Bool {
        // An endpoint cannot be without a name.
        guard value != .absent || field != .name else { return false }
        return field.write(&self, value == .absent ? field.defaultValue : value)
    }
}
