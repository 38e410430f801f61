internal import PodiumModel
internal import YAMLDocument

/// Reads what was changed through the loader's own eyes: the fields must have their new values, and must validate.
///
/// Only changed entries are read, so that a change of one rank costs the same in a file of any length.
struct ResultCheck {
    let changes: [ConfigurationChange]
    /// The file before the changes: where findings are reported.
    let original: EntryIndex
    let document: YAMLDocument

    func run() throws(YAMLError) {
        let index = EntryIndex(document)
        var names: [String: String] = [:]
        for case .setField(let endpoint, .name, _, .text(let name)) in changes { names[endpoint] = name }
        let needsUniqueNames = !names.isEmpty || changes.contains { if case .addEndpoint = $0 { true } else { false } }
        if needsUniqueNames, let name = index.ambiguous.sorted().first {
            throw YAMLError(line: 1, column: 1, reason: "the name '\(name)' is taken")
        }

        var read: [String: EndpointSettings] = [:]
        for change in changes {
            switch change {
            case .setField(let endpoint, let field, _, let new):
                let name = names[endpoint] ?? endpoint
                let place = original.entry(of: endpoint)
                let settings: EndpointSettings
                if let known = read[name] {
                    settings = known
                } else {
                    settings = try self.settings(of: name, index, place)
                }
                read[name] = settings
                try require(settings, field, new, place)
            case .addEndpoint(let wanted):
                let settings = try settings(of: wanted.name, index, nil)
                for field in EndpointField.all {
                    try require(settings, field, wanted.value(of: field), nil)
                }
            case .removeEndpoint, .setAutoSort:
                break
            }
        }
    }

    private func settings(
        of name: String, _ index: EntryIndex, _ place: YAMLNode?
    ) throws(YAMLError) -> EndpointSettings {
        let number = try index.number(of: name)
        let sink = DiagnosticSink(document: document)
        let found = EndpointReader.read(index.entries[number], number: number + 1, environment: nil, sink: sink)
        if let error = sink.diagnostics.first(where: { $0.severity == .error }) {
            throw refusal("endpoint '\(name)' would not validate: \(error.message)", at: place)
        }
        guard let settings = found?.settings else { throw refusal("the entry cannot be read back", at: place) }
        return settings
    }

    private func require(
        _ settings: EndpointSettings, _ field: EndpointField, _ wanted: FieldValue, _ place: YAMLNode?
    ) throws(YAMLError) {
        var expected = settings
        guard expected.set(field, to: wanted), expected.value(of: field) == settings.value(of: field) else {
            throw refusal(
                "\(field.key) of '\(settings.name)' does not take the value here: it is merged, shared or of another type",
                at: place)
        }
    }

    private func refusal(_ reason: String, at place: YAMLNode?) -> YAMLError {
        YAMLError(line: place?.line ?? 1, column: place?.column ?? 1, reason: reason)
    }
}
