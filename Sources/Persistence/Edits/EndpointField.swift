import Configuration

/// One key of an endpoint, as the unit in which edits of file and program are merged.
public enum EndpointField: String, Sendable, Hashable, CaseIterable {
    case name
    case url
    case urlAnthropic = "url_anthropic"
    case urlOpenAI = "url_openai"
    case authType = "auth_type"
    case authValue = "auth_value"
    case enabled
    case priority
    case pinned
    case tags
    case headers
    case openAIPreference = "openai_preference"
    case proxy

    func isEqual(_ left: EndpointSettings, _ right: EndpointSettings) -> Bool {
        switch self {
        case .name: left.name == right.name
        case .url: left.url == right.url
        case .urlAnthropic: left.urlAnthropic == right.urlAnthropic
        case .urlOpenAI: left.urlOpenAI == right.urlOpenAI
        case .authType: left.authType == right.authType
        case .authValue: left.authValue == right.authValue
        case .enabled: left.enabled == right.enabled
        case .priority: left.priority == right.priority
        case .pinned: left.pinned == right.pinned
        case .tags: left.tags == right.tags
        case .headers: left.headers == right.headers
        case .openAIPreference: left.openAIPreference == right.openAIPreference
        case .proxy: left.proxy == right.proxy
        }
    }

    func copy(from source: EndpointSettings, to target: inout EndpointSettings) {
        switch self {
        case .name: target.name = source.name
        case .url: target.url = source.url
        case .urlAnthropic: target.urlAnthropic = source.urlAnthropic
        case .urlOpenAI: target.urlOpenAI = source.urlOpenAI
        case .authType: target.authType = source.authType
        case .authValue: target.authValue = source.authValue
        case .enabled: target.enabled = source.enabled
        case .priority: target.priority = source.priority
        case .pinned: target.pinned = source.pinned
        case .tags: target.tags = source.tags
        case .headers: target.headers = source.headers
        case .openAIPreference: target.openAIPreference = source.openAIPreference
        case .proxy: target.proxy = source.proxy
        }
    }

    /// The value as an event shows it: never a credential.
    func text(_ settings: EndpointSettings) -> String {
        switch self {
        case .name: settings.name
        case .url: settings.url ?? "none"
        case .urlAnthropic: settings.urlAnthropic ?? "none"
        case .urlOpenAI: settings.urlOpenAI ?? "none"
        case .authType: settings.authType.rawValue
        case .authValue: settings.authValue == nil ? "none" : "••••"
        case .enabled: settings.enabled ? "on" : "off"
        case .priority: settings.priority.map(String.init) ?? "none"
        case .pinned: settings.pinned ? "on" : "off"
        case .tags: "[\(settings.tags.joined(separator: ", "))]"
        case .headers: "\(settings.headers.count) headers"
        case .openAIPreference: settings.openAIPreference.rawValue
        case .proxy: settings.proxy.map { "\($0.kind.rawValue)://\($0.host):\($0.port)" } ?? "none"
        }
    }
}
