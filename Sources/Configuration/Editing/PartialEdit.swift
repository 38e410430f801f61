internal import PodiumModel
public import YAMLDocument

/// What became of changes of which some could not be written: each endpoint's stands alone.
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
    case entry(String)
    case settings(String)
    case single(String, EndpointField)

    init(_ change: ConfigurationChange) {
        switch change {
        case .setAutoSort: self = .file
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
        var fields: [String: [(EndpointField, FieldValue)]] = [:]
        var added: Set<String> = []
        var removed: Set<String> = []
        for change in written {
            switch change {
            case .setField(let endpoint, let field, _, let new): fields[endpoint, default: []].append((field, new))
            case .addEndpoint(let settings): added.insert(settings.name)
            case .removeEndpoint(let name): removed.insert(name)
            case .setAutoSort: break
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
