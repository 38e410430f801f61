internal import PodiumModel
public import YAMLDocument

/// What became of changes of which some could not be written: each endpoint's stands alone.
///
/// A file can have places that cannot be edited safely, such as a value that two entries share by an anchor. One such place must not
/// keep the changes of all other endpoints from being saved; so `ConfigurationWriter` asks for as many as can be made.
public struct PartialEdit: Sendable {
    /// Changes that are written together or not at all, and why these were not.
    public struct Refused: Sendable, Equatable {
        /// All of one endpoint, or the one of the whole file.
        public var changes: [ConfigurationChange]
        /// What stands in the way, and where.
        public var error: YAMLError
    }

    /// The file with what could be written.
    public var document: YAMLDocument
    /// In the order in which they were given.
    public var written: [ConfigurationChange]
    /// In the order in which they were given.
    public var refused: [Refused]
}

extension ConfigurationEditor {
    /// Makes as many of the changes as can be made.
    ///
    /// Rank and switches of an endpoint each stand for themselves. Its other settings are one: a new URL without its new
    /// credential would send the old credential to a stranger.
    ///
    /// - Parameter order: see ``apply(_:to:order:)``.
    public static func applyWhatCan(
        _ changes: [ConfigurationChange], to document: YAMLDocument, order: [String] = []
    ) -> PartialEdit {
        var search = WritableSearch(document, changes, order)
        search.run()
        return search.result
    }
}

/// Finds the changes that can be made together, by halves: a few refused ones among many cost few attempts.
private struct WritableSearch {
    private let original: YAMLDocument
    private let groups: [[ConfigurationChange]]
    private let order: [String]
    private var accepted: Set<Int> = []
    private var refused: [Int: YAMLError] = [:]
    private var edited: YAMLDocument
    /// In bytes read again: a long file in which hardly anything can be written must not hold up everything else for minutes.
    private var budget = 128 << 20

    init(_ document: YAMLDocument, _ changes: [ConfigurationChange], _ order: [String]) {
        original = document
        self.order = order
        edited = document
        var places: [ChangePart: Int] = [:]
        var groups: [[ConfigurationChange]] = []
        for change in changes {
            let part = ChangePart(change)
            if let place = places[part] {
                groups[place].append(change)
            } else {
                places[part] = groups.count
                groups.append([change])
            }
        }
        self.groups = groups
    }

    mutating func run() {
        accept(groups.indices)
        // A key that an heir got of its own may have made the base's writable.
        var known = 0
        while !refused.isEmpty, accepted.count > known, original.hasAliases {
            known = accepted.count
            let again = refused.keys.sorted()
            refused = [:]
            accept(again)
        }
    }

    private mutating func accept(_ candidates: some RandomAccessCollection<Int>) {
        guard !candidates.isEmpty else { return }
        budget -= original.bytes.count + 4_096
        do throws(YAMLError) {
            let together = accepted.union(candidates)
            edited = try ConfigurationEditor.apply(
                together.sorted().flatMap { groups[$0] }, to: original, order: order)
            accepted = together
        } catch {
            guard candidates.count > 1, budget > 0 else {
                for candidate in candidates { refused[candidate] = error }
                return
            }
            let half = candidates.index(candidates.startIndex, offsetBy: candidates.count / 2)
            accept(Array(candidates[..<half]))
            accept(Array(candidates[half...]))
        }
    }

    var result: PartialEdit {
        PartialEdit(
            document: edited, written: accepted.sorted().flatMap { groups[$0] },
            refused: refused.sorted { $0.key < $1.key }.map { .init(changes: groups[$0.key], error: $0.value) })
    }
}

/// What is written together or not at all.
private enum ChangePart: Hashable {
    case file
    case client(String)
    case entry(String)
    case settings(String)
    case single(String, EndpointField)

    init(_ change: ConfigurationChange) {
        switch change {
        case .setAutoSort: self = .file
        case .setClientField(let name, _, _, _), .removeClient(let name): self = .client(name)
        case .addClient(let settings): self = .client(settings.name)
        case .addEndpoint(let settings): self = .entry(settings.name)
        case .removeEndpoint(let name): self = .entry(name)
        case .setField(let endpoint, let field, _, _):
            self = field.traits.contains(.rankOrSwitch) ? .single(endpoint, field) : .settings(endpoint)
        }
    }
}

extension PersistedState {
    /// What a file that holds this state says once some of the changes that lead to the desired one are written.
    public func after(_ written: [ConfigurationChange], towards desired: PersistedState) -> PersistedState {
        var result = desired
        if !written.contains(where: { if case .setAutoSort = $0 { true } else { false } }) {
            result.autoSortEndpoints = autoSortEndpoints
        }
        result.clients = clients(after: written)
        var fields: [String: [(EndpointField, FieldValue)]] = [:]
        var added: Set<String> = []
        var removed: Set<String> = []
        for change in written {
            switch change {
            case .setField(let endpoint, let field, _, let new): fields[endpoint, default: []].append((field, new))
            case .addEndpoint(let settings): added.insert(settings.name)
            case .removeEndpoint(let name): removed.insert(name)
            case .setAutoSort, .setClientField, .addClient, .removeClient: break
            }
        }
        let before = Dictionary(endpoints.map { ($0.id, $0.settings) }, uniquingKeysWith: { first, _ in first })
        result.endpoints = desired.endpoints.compactMap { endpoint in
            guard var settings = before[endpoint.id] else {
                return added.contains(endpoint.settings.name) ? endpoint : nil
            }
            for (field, value) in fields[settings.name] ?? [] { settings.set(field, to: value) }
            return Endpoint(id: endpoint.id, settings: settings)
        }
        let wanted = Set(desired.endpoints.map(\.id))
        result.endpoints += endpoints.filter { !wanted.contains($0.id) && !removed.contains($0.settings.name) }
        return result
    }
}

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
