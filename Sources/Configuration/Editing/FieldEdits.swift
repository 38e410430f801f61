internal import PodiumModel
internal import YAMLDocument

/// The edits that give one field of an entry its new value, touching as little as they can.
struct FieldEdits {
    let entry: YAMLNode
    let path: YAMLPath

    func edits(setting field: EndpointField, to value: FieldValue) -> [YAMLEdit] {
        let key = field.key
        let fieldPath = path.appending(.key(key))
        let inherited = entry.inherited(key)
        guard let node = entry[key] else {
            let isNothing = value == .absent || value == field.defaultValue
            // What is merged in would show through: a key of the entry's own hides it, an empty one where need be.
            guard !isNothing || inherited != nil, let yaml = value.yaml ?? inherited.map({ _ in .null }) else {
                return []
            }
            return [.insertKey(key, yaml, into: path, placement: .after(EndpointField.name.key))]
        }
        switch value {
        case .headers([]) where inherited == nil: return [.remove(fieldPath)]
        case .headers(let headers) where node.kind == .mapping: return headerEdits(node, fieldPath, headers)
        case .proxy(let proxy) where node.kind == .mapping && proxy != .environment:
            return proxyEdits(node, fieldPath, proxy)
        case .absent where inherited != nil: return [.set(fieldPath, .null)]
        default: return value.yaml.map { [.set(fieldPath, $0)] } ?? [.remove(fieldPath)]
        }
    }

    /// One edit a header where the headers that stay keep their order; else all of them at once.
    private func headerEdits(_ node: YAMLNode, _ fieldPath: YAMLPath, _ headers: [HeaderField]) -> [YAMLEdit] {
        let found = EndpointReader.headerPairs(node)
        let present = found.map(\.key.text)
        let wanted = headers.map(\.name)
        let kept = present.filter(wanted.contains)
        let gone = present.filter { !wanted.contains($0) }
        let added = wanted.filter { !present.contains($0) }
        let isMixed = !gone.isEmpty && !added.isEmpty
        // What is merged in cannot be taken out alone, and a key of its own stands elsewhere than the merged one.
        let isOwn = Dictionary(node.pairs.map { ($0.key.text, true) }, uniquingKeysWith: { first, _ in first })
        let changesMerged = found.contains { key, value in
            guard isOwn[key.text] == nil else { return false }
            return headers.first { $0.name == key.text }?.value != value.resolved?.text
        }
        let hidesMerged = gone.contains { node.inherited($0) != nil }
        guard !kept.isEmpty, wanted == kept + added, node.style == .block || !isMixed, !changesMerged, !hidesMerged
        else { return [.set(fieldPath, .mapping(headers.map { YAMLPair(key: $0.name, value: .string($0.value)) }))] }
        var edits: [YAMLEdit] = gone.map { .remove(fieldPath.appending(.key($0))) }
        for header in headers {
            if added.contains(header.name) {
                edits.append(.insertKey(header.name, .string(header.value), into: fieldPath, placement: .last))
            } else if let own = node[header.name], own.resolved?.text != header.value {
                edits.append(.set(fieldPath.appending(.key(header.name)), .string(header.value)))
            }
        }
        return edits
    }

    /// Keeps the form that the operator chose, with separate keys.
    private func proxyEdits(_ node: YAMLNode, _ fieldPath: YAMLPath, _ proxy: OutboundProxy) -> [YAMLEdit] {
        let wanted: [(key: String, value: String?)] = [
            ("type", proxy.kind.rawValue), ("address", ProxyText.renderAddress(proxy)), ("username", proxy.username),
            ("password", proxy.password),
        ]
        var edits: [YAMLEdit] = []
        for (key, value) in wanted {
            let keyPath = fieldPath.appending(.key(key))
            let (own, inherited) = (node[key], node.inherited(key))
            switch (own ?? inherited, value) {
            case (nil, let value?): edits.append(.insertKey(key, .string(value), into: fieldPath, placement: .last))
            case (.some, nil):
                if inherited == nil {
                    edits.append(.remove(keyPath))
                } else {
                    edits.append(
                        own == nil ? .insertKey(key, .null, into: fieldPath, placement: .last) : .set(keyPath, .null))
                }
            case (let present?, let value?):
                // `http` and `HTTP`, `host` and `host:1080` mean the same; only a change of meaning is written.
                if Self.means(present.resolved?.text ?? "", value, as: key, proxy.kind) { break }
                edits.append(
                    own == nil
                        ? .insertKey(key, .string(value), into: fieldPath, placement: .last)
                        : .set(keyPath, .string(value)))
            case (nil, nil): break
            }
        }
        return edits
    }

    private static func means(_ written: String, _ value: String, as key: String, _ kind: OutboundProxy.Kind) -> Bool {
        guard written != value else { return true }
        do throws(ValueProblem) {
            switch key {
            case "type": return try ProxyText.kind(written).rawValue == value
            case "address": return try ProxyText.address(written, kind: kind) == ProxyText.address(value, kind: kind)
            default: return false
            }
        } catch {
            return false
        }
    }
}
