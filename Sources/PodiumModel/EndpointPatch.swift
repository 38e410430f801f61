/// What is to become of an endpoint's fields: those that are named change, the others stay.
///
/// The body of `PATCH`, the changes of the console's form and the options of `podium endpoint set` are all of this type, and the engine
/// applies it. No secret leaves the engine: ``keptSecret`` in the place of one leaves it what it is.
///
/// Of `priority` a patch does not name the number in the file but the rank to place the endpoint at, which pins it there.
public struct EndpointPatch: Sendable, Equatable {
    /// Stands for a secret that its editor does not hold and that stays what it is.
    public static let keptSecret = "••••"

    /// By field. `.absent` gives a field its default: for most, to have none. A proxy is the `.text` that was typed.
    public private(set) var values: [EndpointField: FieldValue] = [:]

    /// Changes nothing.
    public init() {}

    /// nil: the field stays what it is.
    public subscript(field: EndpointField) -> FieldValue? {
        get { values[field] }
        set { values[field] = newValue }
    }

    /// The new name.
    public var name: String? {
        if case .text(let name) = values[.name] { name } else { nil }
    }

    /// The rank to place it at; nil leaves it where it is (a new one stands below those that can be used).
    public var rank: Int? {
        if case .integer(let rank) = values[.priority] { rank } else { nil }
    }

    /// As the description of a whole endpoint: what it does not name gets its default, but for what its author may not hold or not
    /// know (``EndpointField/Traits/resetByPut``).
    public var asWhole: EndpointPatch {
        var whole = self
        for field in EndpointField.current where field.traits.contains(.resetByPut) && values[field] == nil {
            // A rank asked for is a pin.
            if field == .pinned, rank != nil { continue }
            whole.values[field] = .absent
        }
        return whole
    }

    /// The settings with the patch applied.
    ///
    /// - Throws: where a value is none of the field's, or a secret is to be kept that is not there.
    public func applied(to settings: EndpointSettings) throws(EndpointProblem) -> EndpointSettings {
        var edited = settings
        for field in EndpointField.current where field.kind != .rank {
            guard let value = values[field] else { continue }
            do throws(ValueProblem) {
                let merged = try field.merged(value, into: settings.effectiveValue(of: field))
                guard edited.set(field, to: merged) else { throw ValueProblem("'\(field.key)' cannot be that") }
            } catch {
                throw EndpointProblem(severity: .error, field: field, problem: error)
            }
        }
        // Automatic sorting must not undo a rank that was asked for.
        if rank != nil, values[.pinned] == nil { edited.pinned = true }
        return edited
    }
}

extension EndpointField {
    /// What a patch's value makes of the present one: secrets that it does not hold are put in.
    func merged(_ value: FieldValue, into present: FieldValue) throws(ValueProblem) -> FieldValue {
        switch (kind, value) {
        case (.secret, .text(EndpointPatch.keptSecret)): return present
        case (.secret, .text(let text)):
            guard !Self.isTypedBesideMask(text) else {
                throw ValueProblem("give the whole credential anew, or leave it out")
            }
            return value
        case (.headers, .headers(let headers)):
            if case .headers(let kept) = present { return .headers(try Self.merged(headers, into: kept)) }
            return .headers(try Self.merged(headers, into: []))
        case (.proxy, .text(let text)):
            if case .proxy(let kept) = present { return .proxy(try Self.proxy(text, keeping: kept)) }
            return .proxy(try Self.proxy(text, keeping: nil))
        case (.choice, .text):
            if let problem = problems(of: value).first?.problem { throw problem }
            return value
        default: return value
        }
    }

    /// What is wrong with the text of a proxy that is to take the place of the present one.
    public static func problem(inProxy text: String, keeping present: OutboundProxy?) -> ValueProblem? {
        problem { () throws(ValueProblem) in _ = try proxy(text, keeping: present) }
    }

    /// What is wrong with a header's value that is to take the place of the present one.
    public static func problem(inHeader header: HeaderField, keeping present: HeaderField?) -> ValueProblem? {
        problem { () throws(ValueProblem) in _ = try merged(header, keeping: present) }
    }

    private static func problem(_ attempt: () throws(ValueProblem) -> Void) -> ValueProblem? {
        do throws(ValueProblem) {
            try attempt()
            return nil
        } catch {
            return error
        }
    }

    /// Whether a text that is to be a secret has been typed beside the stand-in of one: it would replace it.
    private static func isTypedBesideMask(_ value: String) -> Bool { value.contains("•") }

    private static func merged(
        _ headers: [HeaderField], into present: [HeaderField]
    ) throws(ValueProblem) -> [HeaderField] {
        var merged: [HeaderField] = []
        for header in headers {
            let kept = present.first { $0.name.lowercased() == header.name.lowercased() }
            merged.append(try Self.merged(header, keeping: kept))
        }
        return merged
    }

    private static func merged(
        _ header: HeaderField, keeping kept: HeaderField?
    ) throws(ValueProblem) -> HeaderField {
        let given = header.value == EndpointPatch.keptSecret ? nil : header.value
        guard let value = given ?? kept?.value else {
            throw ValueProblem(
                "the header '\(header.name)' has no value yet", brief: "\(header.name): no value to keep yet: type one")
        }
        let isSecret =
            kept?.holdsSecret == true || kept?.value == EndpointPatch.keptSecret
            || HeaderField(name: header.name, value: value).holdsSecret
        guard !isSecret || given.map(isTypedBesideMask) != true else {
            throw ValueProblem(
                "the header '\(header.name)': give the whole value anew, or \(EndpointPatch.keptSecret) to keep it",
                brief: "\(header.name): type the whole value anew, or leave \(EndpointPatch.keptSecret)")
        }
        return HeaderField(name: header.name, value: value)
    }

    private static func proxy(_ text: String, keeping present: OutboundProxy?) throws(ValueProblem) -> OutboundProxy {
        var proxy = try ProxyText.parse(text)
        guard let typed = proxy.password, isTypedBesideMask(typed) else { return proxy }
        guard typed == EndpointPatch.keptSecret else {
            throw ValueProblem(
                "the proxy's password: give it whole and anew, or \(EndpointPatch.keptSecret) to keep it",
                brief: "type the whole password anew, or leave \(EndpointPatch.keptSecret)")
        }
        guard let password = present?.password else {
            throw ValueProblem(
                "the proxy has no password yet", fix: "write it in place of \(EndpointPatch.keptSecret)",
                brief: "no password to keep yet: type one")
        }
        proxy.password = password
        return proxy
    }
}

// MARK: - In JSON

/// A request header in JSON.
private struct HeaderObject: Codable {
    var name: String
    /// Absent where it is a secret; in a document that leaves it what it is.
    var value: String?
}

extension EndpointField {
    /// The key in the documents of the control API, which speak of ranks and not of the numbers in the file.
    public var documentKey: String { kind == .rank ? "rank" : key }

    /// The field of a key of a document.
    public static func documented(_ key: String) -> EndpointField? { current.first { $0.documentKey == key } }
}

/// The document that `POST`, `PUT` and `PATCH` take: a key per field. `null` takes a field away that an endpoint can be without.
extension EndpointPatch: Codable {
    /// A key that no document has.
    public struct UnknownKey: Error {
        /// As it was given.
        public var name: String
    }

    /// Reads the document; a key that is not one of a field is an error, not a change that silently never happens.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: FieldKey.self)
        if let unknown = container.allKeys.first(where: { EndpointField.documented($0.stringValue) == nil }) {
            throw UnknownKey(name: unknown.stringValue)
        }
        for field in EndpointField.current {
            let key = FieldKey(field.documentKey)
            guard container.contains(key) else { continue }
            if field.isOptional, try container.decodeNil(forKey: key) {
                values[field] = .absent
            } else {
                values[field] = try FieldValue(field.kind, in: container, key)
            }
        }
    }

    /// Writes the fields that are named.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: FieldKey.self)
        for field in EndpointField.current {
            guard let value = values[field] else { continue }
            let key = FieldKey(field.documentKey)
            let isNull = value == .absent && field.isOptional
            if isNull {
                try container.encodeNil(forKey: key)
            } else {
                try (value == .absent ? field.defaultValue : value).encode(in: &container, key)
            }
        }
    }
}

/// A key of a document.
struct FieldKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ key: String) { stringValue = key }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension FieldValue {
    /// - Throws: `DecodingError` where the value is not of the kind.
    init(_ kind: EndpointField.Kind, in container: KeyedDecodingContainer<FieldKey>, _ key: FieldKey) throws {
        switch kind {
        case .name, .text, .file, .url, .secret, .choice, .proxy:
            self = .text(try container.decode(String.self, forKey: key))
        case .flag: self = .boolean(try container.decode(Bool.self, forKey: key))
        case .rank, .integer: self = .integer(try container.decode(Int.self, forKey: key))
        case .words: self = .list(try container.decode([String].self, forKey: key))
        case .renamings: self = .renamings(try container.decode([Renaming].self, forKey: key))
        case .headers:
            let headers = try container.decode([HeaderObject].self, forKey: key)
            self = .headers(headers.map { HeaderField(name: $0.name, value: $0.value ?? EndpointPatch.keptSecret) })
        }
    }

    /// Writes nothing for an absent value.
    func encode(in container: inout KeyedEncodingContainer<FieldKey>, _ key: FieldKey) throws {
        switch self {
        case .absent: break
        case .text(let text): try container.encode(text, forKey: key)
        case .integer(let number): try container.encode(number, forKey: key)
        case .boolean(let flag): try container.encode(flag, forKey: key)
        case .list(let list): try container.encode(list, forKey: key)
        case .renamings(let renamings): try container.encode(renamings, forKey: key)
        case .headers(let headers):
            let shown = headers.map {
                HeaderObject(name: $0.name, value: $0.value == EndpointPatch.keptSecret ? nil : $0.value)
            }
            try container.encode(shown, forKey: key)
        case .proxy(let proxy): try container.encode(proxy.shown(mask: EndpointPatch.keptSecret), forKey: key)
        }
    }
}
