internal import PodiumModel
public import YAMLDocument

/// Finds out what Podium will not be able to save, before it has something to save.
public enum Writability {
    private static let switches = EndpointField.all.filter { $0.traits.contains(.rankOrSwitch) }
    /// In bytes read again: looking at one entry of a file with anchors takes a trial edit.
    private static let budget = 64 << 20

    /// A warning for each endpoint whose rank or switches have no place in the file that could be edited, and one for a list
    /// that takes no further entry. A trial edit of each is made in memory and thrown away.
    public static func warnings(about document: YAMLDocument, _ configuration: Configuration) -> [Diagnostic] {
        let index = EntryIndex(document)
        var budget = budget
        var alone: [EndpointSettings] = []
        var together: [EndpointSettings] = []
        let list = document.root?["endpoints"]
        let isShared = document.root?.anchor != nil || list?.anchor != nil || list?.kind == .alias
        for endpoint in configuration.endpoints {
            let entry = index.entry(of: endpoint.name)
            let isNearAnchor = document.hasAliases && (isShared || entry?.holdsAnchorOrAlias ?? true)
            if isNearAnchor { alone.append(endpoint) } else { together.append(endpoint) }
        }
        var refused = ConfigurationEditor.applyWhatCan(together.flatMap(trials), to: document).refused
        for endpoint in alone where budget > 0 {
            // What one endpoint's edit makes possible for another is not there when that other is edited alone.
            for trial in trials(endpoint) {
                budget -= document.bytes.count + 4_096
                refused += ConfigurationEditor.applyWhatCan([trial], to: document).refused
            }
        }
        return warnings(refused) + listWarning(document, configuration)
    }

    private static func trials(_ endpoint: EndpointSettings) -> [ConfigurationChange] {
        switches.map { field in
            let old = endpoint.value(of: field)
            let new: FieldValue =
                switch old {
                case .integer(let number): .integer(number &+ 1)
                case .boolean(let flag): .boolean(!flag)
                default: .integer(1)
                }
            return .setField(endpoint: endpoint.name, field: field, old: old, new: new)
        }
    }

    private static func warnings(_ refused: [PartialEdit.Refused]) -> [Diagnostic] {
        var names: [String] = []
        var found: [String: (fields: [EndpointField], error: YAMLError)] = [:]
        for refusal in refused {
            for case .setField(let name, let field, _, _) in refusal.changes {
                if found[name] == nil { names.append(name) }
                found[name, default: ([], refusal.error)].fields.append(field)
            }
        }
        return names.compactMap { name in
            guard let (fields, error) = found[name] else { return nil }
            let words = switches.filter(fields.contains).map(\.key)
            let subject = WordList.joined(words, last: "and")
            return Diagnostic(
                severity: .warning, line: error.line, column: error.column,
                message: "changes of \(subject) of '\(HeaderRules.printable(name))' cannot be saved: \(error.reason)",
                fix: "write the entry out, or give every entry that uses it its own \(words.joined(separator: ", "))")
        }
    }

    private static func listWarning(_ document: YAMLDocument, _ configuration: Configuration) -> [Diagnostic] {
        var settings = EndpointSettings(name: "podium-check")
        settings.url = "http://127.0.0.1:1"
        guard !configuration.endpoints.contains(where: { $0.name == settings.name }) else { return [] }
        return ConfigurationEditor.applyWhatCan([.addEndpoint(settings)], to: document).refused.map { refusal in
            Diagnostic(
                severity: .warning, line: refusal.error.line, column: refusal.error.column,
                message: "no endpoint can be added: \(refusal.error.reason)", fix: "write the list endpoints: out")
        }
    }
}
