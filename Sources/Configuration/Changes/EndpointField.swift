/// A key of an endpoint's entry that the program can change, by its name in the file.
public enum EndpointField: String, Sendable, Equatable, Hashable, CaseIterable {
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
    case caFile = "ca_file"
    case cookies
    case forwarded
    case endpointType = "endpoint_type"
}

/// A field's value, whatever the field.
public enum FieldValue: Sendable, Equatable {
    /// The key is not there, or is to go.
    case absent
    case text(String)
    case integer(Int)
    case boolean(Bool)
    case list([String])
    case headers([HeaderField])
    case proxy(OutboundProxy)
}

extension EndpointSettings {
    /// The field's value; `.absent` for optional fields that are nil, empty lists are lists.
    public func value(of field: EndpointField) -> FieldValue {
        switch field {
        case .name: .text(name)
        case .url: url.map(FieldValue.text) ?? .absent
        case .urlAnthropic: urlAnthropic.map(FieldValue.text) ?? .absent
        case .urlOpenAI: urlOpenAI.map(FieldValue.text) ?? .absent
        case .authType: .text(authType.rawValue)
        case .authValue: authValue.map(FieldValue.text) ?? .absent
        case .enabled: .boolean(enabled)
        case .priority: priority.map(FieldValue.integer) ?? .absent
        case .pinned: .boolean(pinned)
        case .tags: .list(tags)
        case .headers: .headers(headers)
        case .openAIPreference: .text(openAIPreference.rawValue)
        case .proxy: proxy.map(FieldValue.proxy) ?? .absent
        case .caFile: caFile.map(FieldValue.text) ?? .absent
        // The defaults need no line.
        case .cookies: cookies == .off ? .absent : .text(cookies.rawValue)
        case .forwarded: forwarded ? .boolean(true) : .absent
        case .endpointType: endpointType.map { .text($0.rawValue) } ?? .absent
        }
    }

    /// Sets a field; `.absent` restores the default. False, and nothing changed, if the value does not fit the field.
    @discardableResult
    public mutating func set(_ field: EndpointField, to value: FieldValue) -> Bool {
        switch (field, value) {
        case (.name, .text(let text)): name = text
        case (.url, .text(let text)): url = text
        case (.url, .absent): url = nil
        case (.urlAnthropic, .text(let text)): urlAnthropic = text
        case (.urlAnthropic, .absent): urlAnthropic = nil
        case (.urlOpenAI, .text(let text)): urlOpenAI = text
        case (.urlOpenAI, .absent): urlOpenAI = nil
        case (.authType, .text(let text)):
            guard let type = AuthType(rawValue: text) else { return false }
            authType = type
        case (.authType, .absent): authType = .none
        case (.authValue, .text(let text)): authValue = text
        case (.authValue, .absent): authValue = nil
        case (.enabled, .boolean(let flag)): enabled = flag
        case (.enabled, .absent): enabled = true
        case (.priority, .integer(let number)): priority = number
        case (.priority, .absent): priority = nil
        case (.pinned, .boolean(let flag)): pinned = flag
        case (.pinned, .absent): pinned = false
        case (.tags, .list(let list)): tags = list
        case (.tags, .absent): tags = []
        case (.headers, .headers(let fields)): headers = fields
        case (.headers, .absent): headers = []
        case (.openAIPreference, .text(let text)):
            guard let preference = OpenAIPreference(rawValue: text) else { return false }
            openAIPreference = preference
        case (.openAIPreference, .absent): openAIPreference = .auto
        case (.proxy, .proxy(let outbound)): proxy = outbound
        case (.proxy, .absent): proxy = nil
        case (.caFile, .text(let text)): caFile = text
        case (.caFile, .absent): caFile = nil
        case (.cookies, .text(let text)):
            guard let policy = CookiePolicy(rawValue: text) else { return false }
            cookies = policy
        case (.cookies, .absent): cookies = .off
        case (.forwarded, .boolean(let flag)): forwarded = flag
        case (.forwarded, .absent): forwarded = false
        case (.endpointType, .text(let text)):
            guard let type = EndpointType(rawValue: text) else { return false }
            endpointType = type
        case (.endpointType, .absent): endpointType = nil
        default: return false
        }
        return true
    }
}
