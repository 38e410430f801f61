internal import Configuration
internal import Engine

extension EndpointDocument {
    /// The engine's edit that this document asks for.
    ///
    /// - Parameters:
    ///   - present: the endpoint as it is; nil for a new one.
    ///   - isPartial: what is not named stays, instead of getting its default.
    /// - Throws: `ControlProblem` that names the field.
    func edit(of present: ControlSnapshot.Endpoint?, isPartial: Bool) throws(ControlProblem) -> EndpointEdit {
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
        return EndpointEdit(
            name: name, url: Self.text(url, base?.url), urlAnthropic: Self.text(urlAnthropic, base?.urlAnthropic),
            urlOpenAI: Self.text(urlOpenAI, base?.urlOpenAI), authType: type, secret: secret, rank: rank,
            tags: tags ?? base?.tags ?? [], enabled: enabled ?? base?.enabled ?? true,
            pinned: pinned ?? (rank != nil || base?.pinned ?? false))
    }

    private static func text(_ change: FieldChange, _ present: String?) -> String? {
        switch change {
        case .absent: present
        case .set(let text): text
        case .removed: nil
        }
    }
}
