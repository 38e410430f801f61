internal import PodiumModel

/// What becomes of a form whose endpoint is no longer what it was opened with.
extension EndpointForm {
    /// Takes over what the endpoint is now, where this form was not edited.
    mutating func rebase(in snapshot: ConsolePicture) {
        if keptSince != nil, awaitsRebase { return adoptKept(in: snapshot) }
        guard let before = original else { return }
        guard let endpoint = snapshot.endpoints.first(where: { $0.id == before.id }) else {
            awaitsRebase = false
            refusal = CommandFailure(message: "somebody deleted it meanwhile; nothing can be saved here any more")
            return
        }
        guard endpoint.revision != before.revision else { return }
        var fresh = EndpointForm(editing: endpoint, in: snapshot)
        for field in Self.textFields where isEdited(field) { fresh.editors[field] = editors[field] }
        fresh.isAuthChosen = isAuthChosen
        if authType != before.auth { fresh.authType = authType }
        if openAIPreference != before.preference { fresh.openAIPreference = openAIPreference }
        if isEnabled != before.enabled { fresh.isEnabled = isEnabled }
        if isPinned != before.pinned { fresh.isPinned = isPinned }
        fresh.focus = focus
        fresh.touched = touched
        fresh.differenceScroll = differenceScroll
        let changed = Field.allCases.filter { Self.differs($0, before, endpoint) }
        for field in changed + theirs.keys where fresh.isChanged(field) {
            fresh.theirs[field] = Self.value(field, of: endpoint)
        }
        let taken = changed.filter { !isChanged($0) }
        fresh.refusal = CommandFailure(message: fresh.account(ofTaken: taken), kind: .conflict)
        self = fresh
    }

    /// What could not be written is in memory all the same, and is this form's own: what was typed since stays typed.
    private mutating func adoptKept(in snapshot: ConsolePicture) {
        guard let saved, let endpoint = snapshot.endpoints.first(where: { $0.name == saved.name }),
            endpoint.revision != original?.revision
        else { return }
        var fresh = EndpointForm(editing: endpoint, in: snapshot)
        for field in Self.textFields where editors[field]?.text != saved.editors[field]?.text {
            fresh.editors[field] = editors[field]
        }
        fresh.isAuthChosen = isAuthChosen
        if authType != saved.authType { fresh.authType = authType }
        if openAIPreference != saved.openAIPreference { fresh.openAIPreference = openAIPreference }
        if isEnabled != saved.isEnabled { fresh.isEnabled = isEnabled }
        if isPinned != saved.isPinned { fresh.isPinned = isPinned }
        fresh.focus = focus
        fresh.refusal = refusal
        fresh.keptSince = keptSince
        self = fresh
    }

    /// Whether the endpoint is what was kept in memory for this form.
    func isKept(in snapshot: ConsolePicture) -> Bool {
        guard let original, let endpoint = snapshot.endpoints.first(where: { $0.id == original.id }) else {
            return false
        }
        return Field.allCases.allSatisfy { $0 == .priority || !Self.differs($0, original, endpoint) }
    }

    /// Whether the operator made it something else than the endpoint has.
    func isChanged(_ field: Field) -> Bool {
        guard let original else { return isEdited(field) }
        switch field {
        case .authType: return authType != original.auth
        case .openAIPreference: return openAIPreference != original.preference
        case .enabled: return isEnabled != original.enabled
        case .pinned: return isPinned != original.pinned
        default: return isEdited(field)
        }
    }

    private func account(ofTaken taken: [Field]) -> String {
        func labels(_ fields: [Field]) -> String { fields.map(FormOverlay.label).joined(separator: ", ") }
        let clashes = Field.allCases.filter { theirs[$0] != nil }
        var words: [String] = []
        if !taken.isEmpty { words.append("taken over \(labels(taken))") }
        if !clashes.isEmpty { words.append("theirs beside \(labels(clashes))") }
        if words.isEmpty { words.append("nothing that is seen here") }
        return "Somebody changed it: \(words.joined(separator: "; ")). Not saved yet."
    }

    /// Ranks change by themselves: only one that was pinned is somebody's.
    private static func differs(_ field: Field, _ before: Snapshot.Endpoint, _ after: Snapshot.Endpoint) -> Bool {
        if field == .priority, !after.pinned { return false }
        return value(field, of: before) != value(field, of: after)
    }

    private static func value(_ field: Field, of endpoint: Snapshot.Endpoint) -> String {
        switch field {
        case .secret: endpoint.maskedSecret ?? ""
        case .authType: endpoint.auth.rawValue
        case .openAIPreference: endpoint.preference.rawValue
        case .enabled: endpoint.enabled ? "on" : "off"
        case .pinned: endpoint.pinned ? "yes" : "no"
        default: originalText(field, endpoint)
        }
    }
}
