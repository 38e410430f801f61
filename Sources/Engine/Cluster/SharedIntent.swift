internal import Cluster
internal import Configuration
internal import FoundationEssentials
internal import Persistence
internal import PodiumModel
internal import PureSupport

/// What of the configuration is shared in a cluster, as the cluster's log has it: the value of each field as JSON, defaults left out.
///
/// Not shared are what is each host's own (``own``) and whatever is a secret, for which the texts that the log has stay in force there.
enum SharedIntent {
    /// The field of the common entry that says whether the ranking sorts itself.
    static let autoSort = "auto_sort_endpoints"
    /// The rank of a pinned endpoint. Others have none: they are ranked by what each host measures.
    static let place = "place"
    /// Fields that are each host's own: files there, and the way to the endpoint. Ranks are shared as `place`.
    static let own: Set<EndpointField> = [.caFile, .proxy, .priority]
    /// Fields that `place` stands for.
    static let placing: Set<EndpointField> = [.priority, .pinned]
    /// They differ by host or change by themselves, so that what stands in a host's settings is not what stands in the log.
    static let selfChanging: Set<String> = secrets.union([place, EndpointField.openAIPreference.key])
    private static let secrets = Set(EndpointField.current.filter { $0.kind == .secret }.map(\.key))
    /// Fields of which the log says nothing where a host has a secret there, so that other hosts may have other values.
    static let mayBeSecret: Set<String> = secrets.union(EndpointField.urls.map(\.key))

    /// An endpoint's entry.
    ///
    /// - Parameter known: its entry in the log, whose texts stand where the host's are secrets
    static func entry(_ settings: EndpointSettings, known: [String: String]) -> [String: String] {
        var entry = [IntentState.name: settings.name]
        for field in EndpointField.current where field != .name && !own.contains(field) {
            let value = settings.effectiveValue(of: field)
            if isSecret(value, of: field) {
                entry[field.key] = known[field.key]
            } else if value != field.defaultValue, let text = text(shared(value), of: field) {
                entry[field.key] = text
            }
        }
        if let rank = settings.pinnedRank { entry[place] = "\(rank)" }
        return entry
    }

    /// Whether what the field holds is not told to people.
    static func isSecret(_ key: String) -> Bool { secrets.contains(key) }

    private static func isSecret(_ value: FieldValue, of field: EndpointField) -> Bool {
        switch value {
        case .text(let text):
            if field.isSecret { return SecretExpansion.holdsLiteral(text) }
            return SecretSigns.hidingWithURLs(in: text, behind: "") != text
        case .list(let texts): return texts.contains { SecretSigns.inValue($0) }
        default: return false
        }
    }

    /// Without headers whose values are secrets.
    private static func shared(_ value: FieldValue) -> FieldValue {
        guard case .headers(let headers) = value else { return value }
        return .headers(headers.filter { !isSecret($0) })
    }

    /// Whether the value, or a part of it, is a secret that stands there in the clear.
    private static func isSecret(_ header: HeaderField) -> Bool {
        SecretExpansion.holdsLiteral(header.value)
            && (SecretSigns.inName(header.name) || SecretSigns.inValue(header.value))
    }

    private static func text(_ value: FieldValue, of field: EndpointField) -> String? {
        var patch = EndpointPatch()
        patch[field] = value
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(patch) else { return nil }
        // `{"key":VALUE}`
        return String(String(decoding: data, as: UTF8.self).dropFirst(field.documentKey.count + 4).dropLast())
    }

    /// What makes a host's endpoint what an entry says in these fields; nil takes a value away.
    static func patch(_ changes: [String: String?], present: EndpointSettings?) -> EndpointPatch {
        var patch = EndpointPatch()
        for (key, text) in changes {
            guard key != IntentState.name else {
                if let text { patch[.name] = .text(text) }
                continue
            }
            guard let field = EndpointField.named(key), !own.contains(field) else { continue }
            guard let text else {
                patch[field] = field == .headers ? .headers(secretHeaders(of: present, besides: [])) : .absent
                continue
            }
            let document = "{\"\(field.documentKey)\":\(text)}"
            guard let read = try? JSONDecoder().decode(EndpointPatch.self, from: Data(document.utf8)),
                let value = read[field]
            else { continue }
            if case .headers(let headers) = value {
                patch[field] = .headers(headers + secretHeaders(of: present, besides: headers))
            } else {
                patch[field] = value
            }
        }
        return patch
    }

    /// A host's own headers stay what they are.
    private static func secretHeaders(of settings: EndpointSettings?, besides named: [HeaderField]) -> [HeaderField] {
        let names = Set(named.map { $0.name.lowercased() })
        return (settings?.headers ?? []).filter { isSecret($0) && !names.contains($0.name.lowercased()) }
            .map { HeaderField(name: $0.name, value: EndpointPatch.keptSecret) }
    }

    /// All of a host's configuration that is shared.
    ///
    /// - Parameters:
    ///   - identities: of the endpoints, by their ids
    ///   - known: what the log says
    static func state(
        _ persisted: PersistedState, identities: [UInt32: String], known: IntentState
    ) -> IntentState {
        var state = IntentState()
        for endpoint in persisted.endpoints {
            guard let identity = identities[endpoint.id] else { continue }
            state.endpoints[identity] = entry(endpoint.settings, known: known.endpoints[identity] ?? [:])
        }
        state.endpoints[IntentState.common] = [autoSort: "\(persisted.autoSortEndpoints)"]
        return state
    }

    /// What makes of a host's settings what the log says, but for what each host has of its own: its credentials, where the log says
    /// nothing of one, and what it learns by itself.
    static func missing(in mine: IntentState, of visible: IntentState) -> [IntentChange] {
        mine.changes(to: visible).filter { change in
            guard case .set(_, let field, _, let new) = change else { return true }
            if field == EndpointField.openAIPreference.key { return false }
            return new != nil || !mayBeSecret.contains(field)
        }
    }

    /// What the file holds after a write that was to bring it to `announced` and left some changes out.
    static func written(
        _ announced: IntentState, without unwritten: [UnwrittenChange], before: IntentState
    ) -> IntentState {
        var written = announced
        for change in unwritten where change.client == nil {
            guard let name = change.name else {
                written.endpoints[IntentState.common] = before.endpoints[IntentState.common]
                continue
            }
            guard let identity = before.owner(ofName: name) ?? announced.owner(ofName: name) else { continue }
            guard !change.fields.isEmpty, let held = before.endpoints[identity] else {
                written.endpoints[identity] = before.endpoints[identity]
                continue
            }
            for field in change.fields {
                written.endpoints[identity]?[field.key] = held[field.key]
                if placing.contains(field) { written.endpoints[identity]?[place] = held[place] }
            }
        }
        return written
    }

    /// The identities of endpoints in the cluster: those of the same names there, and new ones.
    static func identities(
        _ persisted: PersistedState, known: IntentState, given: [UInt32: String] = [:]
    ) -> [UInt32: String] {
        var identities = given
        var taken = Set(known.endpoints.keys).union(given.values)
        for endpoint in persisted.endpoints where identities[endpoint.id] == nil {
            let name = endpoint.settings.name
            if let owner = known.owner(ofName: name), !given.values.contains(owner) {
                identities[endpoint.id] = owner
                continue
            }
            // Two hosts that add an endpoint of the same name add the same one.
            let derived = ClusterIdentity.derived(from: name)
            identities[endpoint.id] = taken.contains(derived) ? ClusterIdentity.random() : derived
            taken.insert(derived)
        }
        return identities
    }

    /// Changes of a host's settings as changes of what the log says: `old` of a field that Podium changes by itself is what stands
    /// there, an endpoint that the log does not have is added, and one is removed as it stands there.
    static func grounded(_ changes: [IntentChange], after: IntentState, known: IntentState) -> [IntentChange] {
        var added: Set<String> = []
        return changes.compactMap { change in
            switch change {
            case .set(let identity, let field, _, let new):
                guard let entry = known.endpoints[identity] else {
                    guard added.insert(identity).inserted, let settings = after.endpoints[identity] else { return nil }
                    return .add(endpoint: identity, settings: settings)
                }
                let isCommon = identity == IntentState.common
                guard isCommon || selfChanging.contains(field) else { return change }
                guard entry[field] != new else { return nil }
                return .set(
                    endpoint: identity, field: field, old: entry[field], new: new)
            case .remove(let identity, _):
                return known.endpoints[identity].map { .remove(endpoint: identity, settings: $0) }
            case .add, .clear: return change
            }
        }
    }
}

/// Names of 128 bits, written as UUIDs.
enum ClusterIdentity {
    static func random() -> String { text(.random(in: .min ... .max), .random(in: .min ... .max)) }

    /// The same for the same name on every host.
    static func derived(from name: String) -> String {
        var (high, low) = (FNV1a(), FNV1a())
        high.add("podium endpoint ".utf8)
        high.add(name.utf8)
        low.add(name.utf8)
        low.add(" of a cluster".utf8)
        return text(high.value, low.value)
    }

    private static func text(_ high: UInt64, _ low: UInt64) -> String {
        func digits(_ value: UInt64) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        let all =
            digits(high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000) + digits(low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map { begin, end in
            all.dropFirst(begin).prefix(end - begin)
        }
        return parts.joined(separator: "-")
    }
}

extension IntentChange {
    /// In words, for events and refusals; `name` gives the endpoint's name.
    func text(_ name: (String) -> String?) -> String {
        switch self {
        case .set(IntentState.common, _, _, let new): "auto_sort_endpoints is \(new ?? "gone")"
        case .set(let identity, let field, _, let new):
            "\(name(identity) ?? "an endpoint") \(field)\(SharedIntent.isSecret(field) ? "" : " is \(new ?? "the default")")"
        case .add(_, let settings): "\(settings[IntentState.name] ?? "an endpoint") added"
        case .remove(_, let settings): "\(settings[IntentState.name] ?? "an endpoint") removed"
        case .clear(let identity, _): "\(name(identity) ?? "an endpoint") cleared"
        }
    }
}
