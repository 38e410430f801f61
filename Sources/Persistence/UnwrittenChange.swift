internal import Configuration
public import PodiumModel

/// A change that holds in memory and cannot be written where the file has its place; nothing else is held up by it.
///
/// It is tried again with every write, and whenever the file was edited.
public struct UnwrittenChange: Sendable, Equatable, CustomStringConvertible {
    /// Whose change it is; nil for one of the whole file.
    public var endpoint: UInt32?
    /// The endpoint's name in the file, or the name it is to get there.
    public var name: String?
    /// The keys that differ; empty where an entry or the whole file is concerned.
    public var fields: [EndpointField]
    /// What differs, such as `priority 2→1`; secrets masked.
    public var text: String
    /// What stands in the way, with line and column.
    public var reason: String

    /// A change from its parts.
    public init(endpoint: UInt32?, name: String?, fields: [EndpointField], text: String, reason: String) {
        self.endpoint = endpoint
        self.name = name
        self.fields = fields
        self.text = text
        self.reason = reason
    }

    init(_ refused: PartialEdit.Refused, file: PersistedState, wanted: PersistedState) {
        var name: String?
        var isAddition = false
        fields = []
        for change in refused.changes {
            switch change {
            case .setField(let endpoint, let field, _, _):
                name = endpoint
                fields.append(field)
            case .addEndpoint(let settings):
                name = settings.name
                isAddition = true
            case .removeEndpoint(let removed): name = removed
            case .setAutoSort: break
            }
        }
        self.name = name
        endpoint = (isAddition ? wanted : file).endpoints.first { $0.settings.name == name }?.id
        text = refused.changes.map(\.description).joined(separator: ", ")
        reason = "\(refused.error)"
    }

    /// What differs and what stands in the way.
    public var description: String { "\(text): \(reason)" }
}

/// What a flush would do.
public struct FlushPreview: Sendable, Equatable {
    /// What would change in the file, line by line.
    public var difference: LineDifference
    /// What would hold in memory alone.
    public var unwritten: [UnwrittenChange]
}
