public import Configuration
public import PodiumModel

/// Something that was changed in the file and in the program since they last agreed. The file wins; ``undo(in:)``
/// brings the program's side back.
public struct EditConflict: Sendable, Equatable, CustomStringConvertible {
    /// What both sides changed.
    public enum Subject: Sendable, Equatable {
        /// The same key of the same endpoint, to different values.
        case field(EndpointField)
        /// The file lacks an endpoint that the program had changed.
        case removedInFile
        /// The file changed an endpoint that the program had removed.
        case removedHere
    }

    /// What both sides changed.
    public let subject: Subject
    /// The endpoint's name as the program had it.
    public let endpoint: String
    /// The endpoint as the program had it; nil when it had removed it.
    public let ours: PersistedState.Endpoint?
    /// The endpoint as the file has it; nil when the file lacks it.
    public let theirs: PersistedState.Endpoint?

    /// One line for logs and the console; credentials are masked.
    public var description: String {
        switch subject {
        case .field(let field):
            guard let ours, let theirs else { return "\(endpoint) \(field.key)" }
            let change = ConfigurationChange.setField(
                endpoint: endpoint, field: field, old: ours.settings.value(of: field),
                new: theirs.settings.value(of: field))
            return "\(change), as the file says"
        case .removedInFile: return "\(endpoint): removed in the file, changed here"
        case .removedHere: return "\(endpoint): changed in the file, removed here"
        }
    }

    /// Puts the program's side of the conflict back into a state; save it as an operator's change.
    public func undo(in state: inout PersistedState) {
        switch subject {
        case .field(let field):
            guard let ours, let index = state.endpoints.firstIndex(where: { $0.id == ours.id }) else { return }
            state.endpoints[index].settings.set(field, to: ours.settings.value(of: field))
        case .removedInFile:
            guard let ours, !state.endpoints.contains(where: { $0.settings.name == ours.settings.name }) else { return }
            state.endpoints.append(ours)
        case .removedHere:
            guard let theirs else { return }
            state.endpoints.removeAll { $0.id == theirs.id }
        }
    }
}
