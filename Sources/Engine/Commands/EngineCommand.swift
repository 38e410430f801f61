internal import Configuration
public import PodiumModel

/// What an operator can ask for.
public enum EngineCommand: Sendable, Equatable {
    /// Moves the endpoint to a rank (1 is tried first) and pins it there.
    case move(CommandTarget, toRank: Int)
    case setEnabled(CommandTarget, Bool)
    case setPinned(CommandTarget, Bool)
    /// Sorts once, whatever hysteresis and dwell say; pins hold.
    case sortNow
    case setAutoSort(Bool)
    case update(CommandTarget, EndpointPatch)
    /// What the patch does not name has its default.
    case add(EndpointPatch)
    case remove(CommandTarget)
    /// Writes what is unsaved, now.
    case flush
    /// Takes in the file as it is on disk, and writes what is unsaved.
    case reload
    case undo
    case redo
}

/// What a command did.
public struct CommandReceipt: Sendable, Equatable {
    /// One line for the operator, such as `moved openai-team to rank 3, pinned and saved`.
    public var message: String

    /// What undo would take back of it; nil where it made nothing to undo.
    public var undo: String?

    public init(message: String, undo: String? = nil) {
        self.message = message
        self.undo = undo
    }
}

/// Why a command was refused or failed.
public enum CommandError: Error, Sendable, Equatable, CustomStringConvertible {
    case noSuchEndpoint(String)
    /// Somebody else changed the endpoint since its author looked.
    case revisionConflict(name: String)
    /// Somebody else changed the configuration since its author looked.
    case staleRevision
    /// A field of an edit cannot be accepted.
    case invalid(field: EndpointField, reason: String)
    case nothingToUndo
    case nothingToRedo
    /// The change holds in memory and is kept unsaved; the reason says why it is not on disk.
    case notSaved(change: String, reason: String)
    /// The change is in force, and the file has no place that could be edited for it; the reason says where and why.
    case notWritable(change: String, reason: String)
    /// The file as it is now cannot be used, so that there is nothing to take in.
    case fileNotUsed(reason: String)
    /// A test of an endpoint ended badly; nothing was changed.
    case unreachable(name: String, reason: String)

    /// One line for the operator.
    public var description: String {
        switch self {
        case .noSuchEndpoint(let name): "there is no endpoint '\(name)' (any more)"
        case .revisionConflict(let name): "'\(name)' was changed in the meantime; look again and repeat"
        case .staleRevision: "the configuration was changed in the meantime; look again and repeat"
        case .invalid(_, let reason): reason
        case .nothingToUndo: "nothing to undo"
        case .nothingToRedo: "nothing to redo"
        case .notSaved(let change, let reason): "\(change), but NOT SAVED: \(reason); kept in memory, will be retried"
        case .notWritable(let change, let reason):
            "\(change), in force but NOT IN THE FILE: \(reason); edit the file by hand, or write this place in a simpler form"
        case .fileNotUsed(let reason): "the file is not used, the running configuration stays: \(reason)"
        case .unreachable(let name, let reason): "\(name): \(reason)"
        }
    }
}

extension CommandError {
    /// The refusal of an edit for what is wrong with one of its fields.
    init(_ problem: EndpointProblem) {
        let fix = problem.problem.fix.isEmpty ? "" : "; \(problem.problem.fix)"
        self = .invalid(field: problem.field, reason: problem.problem.message + fix)
    }
}

extension EndpointPatch {
    /// - Throws: `CommandError.invalid`
    func made(on settings: EndpointSettings) throws(CommandError) -> EndpointSettings {
        do throws(EndpointProblem) {
            return try applied(to: settings)
        } catch {
            throw CommandError(error)
        }
    }
}
