internal import Configuration
internal import PodiumModel
internal import Engine

extension EndpointDocument {
    /// The engine's edit that this document asks for.
    ///
    /// - Parameters:
    ///   - present: the endpoint as it is; nil for a new one.
    ///   - isPartial: what is not named stays, instead of getting its default.
    /// - Throws: `ControlProblem` that names the field.
    func edit(of present: Snapshot.Endpoint?, isPartial: Bool) throws(ControlProblem) -> EndpointEdit {
        let base = isPartial ? present : nil
        guard let name = name ?? base?.name else {
            throw .invalid("name", "'name' is missing")
        }
        let typeName = authType ?? base?.authType ?? AuthType.none.rawValue
        guard let type = AuthType(rawValue: typeName) else {
            let known = AuthType.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("auth_type", "'auth_type' has to be one of \(known)")
        }
        let secret: EndpointEdit.Secret =
            switch authValue {
            case .absent: .unchanged
            case .set(let value): .set(value)
            case .removed: .removed
            }
        var edit = EndpointEdit(
            name: name, url: Self.text(url, base?.url), urlAnthropic: Self.text(urlAnthropic, base?.urlAnthropic),
            urlOpenAI: Self.text(urlOpenAI, base?.urlOpenAI), authType: type, secret: secret, rank: rank,
            tags: tags ?? base?.tags ?? [], enabled: enabled ?? base?.enabled ?? true,
            pinned: pinned ?? (rank != nil || base?.pinned ?? false))
        edit.headers = headers?.map { .init(name: $0.name, value: $0.value) }
        edit.openAIPreference = try preference()
        edit.cookies = try cookiePolicy()
        edit.forwarded = forwarded
        switch proxy {
        case .absent: edit.proxy = .unchanged
        case .set(let text): edit.proxy = .set(text)
        case .removed: edit.proxy = .removed
        }
        return edit
    }

    private func preference() throws(ControlProblem) -> OpenAIPreference? {
        guard let openAIPreference else {
            return nil
        }
        guard let preference = OpenAIPreference(rawValue: openAIPreference) else {
            let known = OpenAIPreference.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("openai_preference", "'openai_preference' has to be one of \(known)")
        }
        return preference
    }

    private func cookiePolicy() throws(ControlProblem) -> CookiePolicy? {
        guard let cookies else {
            return nil
        }
        guard let policy = CookiePolicy(rawValue: cookies) else {
            let known = CookiePolicy.allCases.map(\.rawValue).joined(separator: ", ")
            throw .invalid("cookies", "'cookies' has to be one of \(known)")
        }
        return policy
    }

    private static func text(_ change: FieldChange, _ present: String?) -> String? {
        switch change {
        case .absent: present
        case .set(let text): text
        case .removed: nil
        }
    }
}
