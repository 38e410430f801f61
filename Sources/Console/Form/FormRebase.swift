internal import PodiumModel

/// What becomes of a form whose endpoint is no longer what it was opened with.
extension EndpointForm {
    /// Takes over what the endpoint is now, where this form was not edited.
    mutating func rebase(in snapshot: ConsolePicture) {
        if keptSince != nil, awaitsRebase { return adoptKept(in: snapshot) }
        guard let before = original else { return }
        guard let endpoint = snapshot.endpoints.first(where: { $0.id == before.id }) else {
            awaitsRebase = false
            refusal = CommandRefusal(
                .noSuchEndpoint, "somebody deleted it meanwhile; nothing can be saved here any more")
            return
        }
        guard endpoint.revision != before.revision else { return }
        var fresh = EndpointForm(editing: endpoint, in: snapshot)
        for field in Self.fields where field.isTyped ? isEdited(field) : isChanged(field) {
            fresh.take(field, from: self)
        }
        fresh.isAuthChosen = isAuthChosen
        fresh.focus = focus
        fresh.touched = touched
        fresh.differenceScroll = differenceScroll
        let changed = Self.fields.filter { Self.differs($0, before, endpoint) }
        for field in changed + theirs.keys where fresh.isChanged(field) {
            fresh.theirs[field] = Self.shownValue(field, of: endpoint)
        }
        let taken = changed.filter { !isChanged($0) }
        fresh.refusal = CommandRefusal(.revisionConflict, fresh.account(ofTaken: taken))
        self = fresh
    }

    /// What could not be written is in memory all the same, and is this form's own: what was typed since stays typed.
    private mutating func adoptKept(in snapshot: ConsolePicture) {
        guard let saved, let endpoint = snapshot.endpoints.first(where: { $0.name == saved.name }),
            endpoint.revision != original?.revision
        else { return }
        var fresh = EndpointForm(editing: endpoint, in: snapshot)
        for field in Self.fields
        where editors[field]?.text != saved.editors[field]?.text || choices[field] != saved.choices[field]
            || flags[field] != saved.flags[field]
        {
            fresh.take(field, from: self)
        }
        fresh.isAuthChosen = isAuthChosen
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
        return Self.fields.allSatisfy { $0 == .priority || !Self.differs($0, original, endpoint) }
    }

    /// What stands in another form's row.
    private mutating func take(_ field: Field, from other: EndpointForm) {
        editors[field] = other.editors[field]
        choices[field] = other.choices[field]
        flags[field] = other.flags[field]
    }

    /// Whether the operator made it something else than the endpoint has.
    func isChanged(_ field: Field) -> Bool {
        switch field.kind {
        case .choice, .flag: return entered(field) != Self.value(field, of: original)
        case .secret, .headers, .rank: return isEdited(field)
        case .proxy: return isEdited(field)
        case .words: return isEdited(field) && entered(field) != Self.value(field, of: original)
        default: return isEdited(field) && (original == nil || entered(field) != Self.value(field, of: original))
        }
    }

    private func account(ofTaken taken: [Field]) -> String {
        func labels(_ fields: [Field]) -> String { fields.map(\.shortLabel).joined(separator: ", ") }
        let clashes = Self.fields.filter { theirs[$0] != nil }
        var words: [String] = []
        if !taken.isEmpty { words.append("taken over \(labels(taken))") }
        if !clashes.isEmpty { words.append("theirs beside \(labels(clashes))") }
        if words.isEmpty { words.append("nothing that is seen here") }
        return "Somebody changed it: \(words.joined(separator: "; ")). Not saved yet."
    }

    /// Ranks change by themselves: only one that was pinned is somebody's.
    private static func differs(_ field: Field, _ before: Snapshot.Endpoint, _ after: Snapshot.Endpoint) -> Bool {
        if field == .priority, !after.pinned { return false }
        return shownValue(field, of: before) != shownValue(field, of: after)
    }

    private static func shownValue(_ field: Field, of endpoint: Snapshot.Endpoint) -> String {
        field.kind == .secret
            ? endpoint.maskedSecret ?? ""
            : field.isTyped
                ? originalText(field, endpoint) : field.text(of: value(field, of: endpoint))
    }
}
