internal import YAMLDocument

/// Reads what was changed through the loader's own eyes: the fields must have their new values, and must validate.
///
/// Only changed entries are read, so that a change of one rank costs the same in a file of any length.
struct ResultCheck {
    let changes: [ConfigurationChange]
    let document: YAMLDocument

    func run() throws(ConfigurationEditError) {
        let index = EntryIndex(document)
        var names: [String: String] = [:]
        for case .setField(let endpoint, .name, _, .text(let name)) in changes { names[endpoint] = name }
        let needsUniqueNames = !names.isEmpty || changes.contains { if case .addEndpoint = $0 { true } else { false } }
        if needsUniqueNames, let name = index.ambiguous.sorted().first {
            throw ConfigurationEditError(line: 1, column: 1, reason: "the name '\(name)' is taken")
        }

        var read: [String: EndpointSettings] = [:]
        for change in changes {
            switch change {
            case .setField(let endpoint, let field, _, let new):
                let name = names[endpoint] ?? endpoint
                let settings: EndpointSettings
                if let known = read[name] { settings = known } else { settings = try self.settings(of: name, index) }
                read[name] = settings
                try require(settings, field, new, index)
            case .addEndpoint(let wanted):
                let settings = try settings(of: wanted.name, index)
                for field in EndpointField.allCases {
                    try require(settings, field, wanted.value(of: field), index)
                }
            case .removeEndpoint, .setAutoSort:
                break
            }
        }
    }

    private func settings(of name: String, _ index: EntryIndex) throws(ConfigurationEditError) -> EndpointSettings {
        let number = try index.number(of: name)
        let entry = index.entries[number]
        let sink = DiagnosticSink(document: document)
        let found = EndpointReader.read(entry, number: number + 1, environment: nil, sink: sink)
        if let error = sink.diagnostics.first(where: { $0.severity == .error }) {
            throw ConfigurationEditError(
                line: error.line, column: error.column,
                reason: "endpoint '\(name)' would not validate: \(error.message)")
        }
        guard let settings = found?.settings else {
            throw ConfigurationEditError(
                line: entry.line, column: entry.column, reason: "the entry cannot be read back")
        }
        return settings
    }

    private func require(
        _ settings: EndpointSettings, _ field: EndpointField, _ wanted: FieldValue, _ index: EntryIndex
    ) throws(ConfigurationEditError) {
        var expected = settings
        guard expected.set(field, to: wanted), expected.value(of: field) == settings.value(of: field) else {
            let entry = index.entries[try index.number(of: settings.name)]
            throw ConfigurationEditError(
                line: entry.line, column: entry.column,
                reason:
                    "\(field.rawValue) of '\(settings.name)' cannot be set here: it is merged or shared from elsewhere")
        }
    }
}
