internal import PodiumModel

extension EndpointForm {
    /// What keeps the form from being saved, per field.
    var problems: [Field: String] {
        var problems: [Field: String] = [:]
        for field in Self.fields { problems[field] = problem(of: field) }
        if let first = Field.urls.first, Field.urls.allSatisfy({ trimmed($0).isEmpty }) {
            problems[first] = Field.noURL.brief
        }
        return problems
    }

    private func problem(of field: Field) -> String? {
        let text = trimmed(field)
        switch field.kind {
        case .name where isTaken(text): return "is taken"
        case .secret: return secretProblem(of: field)
        case .headers: return isEdited(field) ? parsedHeaders.problem : nil
        case .proxy:
            guard isEdited(field), !text.isEmpty else { return nil }
            return Field.problem(inProxy: text, keeping: original?.proxy)?.brief
        case .rank:
            if text.isEmpty, original == nil { return nil }
            return Int(text).map { (1...max(1, ranks)).contains($0) } == true ? nil : "must be 1–\(ranks)"
        case .integer(let range):
            guard let value = entered(field) else { return ValueProblem.outOfRange(range, field.key).brief }
            return field.problems(of: value).first?.problem.brief
        default: return entered(field).flatMap { field.problems(of: $0).first?.problem.brief }
        }
    }

    private func secretProblem(of field: Field) -> String? {
        let secret = text(field)
        if secret.isEmpty {
            let isMissing = authType.sendsCredential && original?.maskedSecret == nil
            return isMissing ? "needed for \(authType.rawValue)" : nil
        }
        if secret.contains(" ") { return "has a blank in it" }
        return secretHeader == nil ? "not sent: Auth is \(authType.rawValue)" : nil
    }

    /// What stands beside a field.
    struct Message: Sendable, Equatable {
        enum Kind { case good, bad, note }
        var kind: Kind
        var text: String
    }

    /// What to show beside a field: nothing before the operator has been there.
    func message(for field: Field) -> Message? {
        if let refusal, refusal.endpointField == field {
            return Message(kind: .bad, text: SafeText.clean(refusal.line))
        }
        if let problem = problems[field] { return touched.contains(field) ? Message(kind: .bad, text: problem) : nil }
        if let theirs = theirs[field], isChanged(field) {
            return Message(kind: .note, text: "theirs: \(theirs.isEmpty ? "—" : SafeText.clean(theirs))")
        }
        return field == .name && isEdited(.name) ? Message(kind: .good, text: "unique") : nil
    }

    /// What saving would change, one line each.
    var changes: [String] {
        guard let original else { return ["new endpoint \(SafeText.clean(name))"] }
        let draft = draft
        return Self.fields.compactMap { field in
            guard let value = draft[field], isChanged(field) || field.kind == .secret else { return nil }
            return SafeText.clean(change(of: field, to: value, from: original))
        }
    }

    private func change(of field: Field, to value: FieldValue, from original: Snapshot.Endpoint) -> String {
        let before = field.text(of: Self.value(field, of: original))
        switch (field.kind, value) {
        case (.secret, _): return "\(field.label) \(value == .absent ? "removed" : "replaced")"
        case (.rank, _): return "\(field.label) \(original.rank)→\(field.text(of: value)), pinned there"
        case (.headers, .headers(let headers)):
            var present: [HeaderField] = []
            if case .headers(let headers) = Self.value(field, of: original) { present = headers }
            let changes = HeaderText.changes(from: present, to: headers)
            return "\(field.label): \(changes.joined(separator: ", "))"
        case (.proxy, .absent): return "\(field.label) removed"
        case (.proxy, _): return "\(field.label) \(before.isEmpty ? "set" : "changed")"
        default:
            let after = field.text(of: value)
            return "\(field.label) \(before.isEmpty ? "—" : before)→\(after.isEmpty ? "—" : after)"
        }
    }

    /// The changes in at most `limit` lines.
    func summary(limit: Int) -> [String] {
        let changes = changes
        guard changes.count > limit, limit > 0 else { return changes }
        return Array(changes.prefix(limit - 1)) + ["and \(changes.count - limit + 1) more"]
    }
}
