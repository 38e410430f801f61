/// Why a command or another request was not carried out.
///
/// The engine throws it, the control API answers it as it is (`application/problem+json`, RFC 9457), and consoles and verbs show what it
/// says. Each failure has one maker here, so that it reads the same wherever it is met.
public struct CommandRefusal: Codable, Sendable, Equatable, Error, CustomStringConvertible {
    /// What went wrong, for programs.
    public enum Code: String, Codable, Sendable, CaseIterable {
        case malformedRequest = "malformed_request"
        case unauthorized
        case forbidden
        case notFound = "not_found"
        case noSuchEndpoint = "no_such_endpoint"
        case methodNotAllowed = "method_not_allowed"
        /// There is nothing to undo or redo.
        case nothingToDo = "nothing_to_do"
        case nameTaken = "name_taken"
        /// Others were first; `changes` says with what.
        case revisionConflict = "revision_conflict"
        case bodyTooLarge = "body_too_large"
        case unsupportedMediaType = "unsupported_media_type"
        /// A field cannot be accepted; `field` names it.
        case invalidField = "invalid_field"
        case tooManyRequests = "too_many_requests"
        /// The endpoint could not be reached; nothing was changed.
        case unreachable
        /// The change holds in memory and will be written again; it is not on disk.
        case notSaved = "not_saved"
        /// The file as it is now cannot be used; what runs stays as it is.
        case fileNotUsed = "file_not_used"
        /// Podium is stopping, or the control API is not there yet.
        case unavailable
    }

    /// A URN of the code: `urn:podium:problem:revision_conflict`.
    public var type: String
    /// The same in a few words, the same for every problem of the code.
    public var title: String
    /// The HTTP status.
    public var status: Int
    /// The code alone.
    public var code: Code
    /// What happened here, and what to do.
    public var detail: String
    /// The field of the request's document that it concerns.
    public var field: String?
    /// The revision that is in force now.
    public var revision: UInt64?
    /// What others changed since the revision that the request named, oldest first.
    public var changes: [RevisionChange]?

    /// A refusal of a code.
    public init(
        _ code: Code, _ detail: String, field: String? = nil, revision: UInt64? = nil, changes: [RevisionChange]? = nil
    ) {
        type = "urn:podium:problem:\(code.rawValue)"
        title = code.title
        status = code.status
        self.code = code
        self.detail = detail
        self.field = field
        self.revision = revision
        self.changes = changes
    }

    /// One line for the operator.
    public var description: String { detail }

    /// The same, with what others changed meanwhile where the detail does not tell of it.
    public var line: String {
        let untold = (changes ?? []).filter { !detail.contains($0.text) }
        guard !untold.isEmpty else { return detail }
        return "\(detail) (\(untold.map { "\($0.actor): \($0.text)" }.joined(separator: "; ")))"
    }

    /// The endpoint's field that it concerns, if it concerns one.
    public var endpointField: EndpointField? { field.flatMap(EndpointField.documented) }
}

// MARK: - One text per failure

extension CommandRefusal {
    /// A field of an endpoint's document cannot be accepted.
    public static func invalid(_ field: EndpointField, _ reason: String) -> CommandRefusal {
        invalid(key: field.documentKey, reason)
    }

    /// A key of a request's document cannot be accepted.
    public static func invalid(key: String, _ reason: String) -> CommandRefusal {
        CommandRefusal(.invalidField, reason, field: key)
    }

    /// For what is wrong with one of an endpoint's fields.
    public init(_ problem: EndpointProblem) {
        let fix = problem.problem.fix.isEmpty ? "" : "; \(problem.problem.fix)"
        self = .invalid(problem.field, problem.problem.message + fix)
    }

    /// A new endpoint without a name.
    public static let nameIsMissing = invalid(.name, "'name' is missing")

    /// Another endpoint has the name.
    public static func nameTaken(_ name: String) -> CommandRefusal {
        CommandRefusal(.nameTaken, "there is another endpoint '\(name)'", field: EndpointField.name.documentKey)
    }

    /// The name is shown without what could steer a terminal, for it may be anything.
    public static func noSuchEndpoint(_ name: String) -> CommandRefusal {
        CommandRefusal(.noSuchEndpoint, "there is no endpoint '\(printable(name))'")
    }

    /// See ``noSuchEndpoint(_:)``.
    public static func noSuchClient(_ name: String) -> CommandRefusal {
        CommandRefusal(.notFound, "there is no client '\(printable(name))'")
    }

    /// Another client has the name.
    public static func clientNameTaken(_ name: String) -> CommandRefusal {
        CommandRefusal(.nameTaken, "there is another client '\(printable(name))'", field: "name")
    }

    /// - Parameter known: how many requests are known.
    public static func noSuchRequest(_ id: String, known: Int) -> CommandRefusal {
        let those = known == 0 ? "no request has ended yet" : "it is none of the last \(known) that ended"
        return CommandRefusal(.notFound, "request '\(printable(id))' is not known: \(those)")
    }

    /// Others changed what the author of the command looked at.
    ///
    /// - Parameters:
    ///   - endpoint: nil where it is about the whole configuration.
    ///   - revision: the one that is in force now.
    ///   - changes: what they did, oldest first, as far as it is known.
    public static func revisionConflict(
        of endpoint: String?, now revision: UInt64?, _ changes: [RevisionChange]
    ) -> CommandRefusal {
        let subject = endpoint.map { "'\($0)'" } ?? "the configuration"
        let author = changes.last.map { " by \($0.actor): \($0.text)" } ?? ""
        return CommandRefusal(
            .revisionConflict, "\(subject) was changed in the meantime\(author); look again and repeat",
            revision: revision, changes: changes)
    }

    /// Nothing was done that could be taken back.
    public static let nothingToUndo = CommandRefusal(.nothingToDo, "nothing to undo")
    /// Nothing was taken back that could be done again.
    public static let nothingToRedo = CommandRefusal(.nothingToDo, "nothing to redo")

    /// The change holds in memory and is kept unsaved; the reason says why it is not on disk.
    public static func notSaved(_ change: String, _ reason: String) -> CommandRefusal {
        CommandRefusal(.notSaved, "\(change), but NOT SAVED: \(reason); kept in memory, will be retried")
    }

    /// The change is in force, and the file has no place that could be edited for it; the reason says where and why.
    public static func notWritable(_ change: String, _ reason: String) -> CommandRefusal {
        CommandRefusal(
            .notSaved,
            "\(change), in force but NOT IN THE FILE: \(reason); edit the file by hand, or write this place in a simpler form"
        )
    }

    /// The file as it is now cannot be used, so that there is nothing to take in.
    public static func fileNotUsed(_ reason: String) -> CommandRefusal {
        CommandRefusal(.fileNotUsed, "the file is not used, the running configuration stays: \(reason)")
    }

    /// A test of an endpoint ended badly; nothing was changed.
    public static func unreachable(_ name: String, _ reason: String) -> CommandRefusal {
        CommandRefusal(.unreachable, "\(name): \(reason)")
    }

    /// What a request says stands in an answer without steering a terminal.
    public static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(64).filter { $0.properties.generalCategory != .control }))
    }
}

/// One change of the configuration.
public struct RevisionChange: Codable, Sendable, Equatable {
    /// The revision that it made, of the endpoint or of the configuration; 0 where it removed the endpoint.
    public var revision: UInt64
    /// When.
    public var time: Double
    /// Who.
    public var actor: String
    /// What, such as `main enabled true→false`; secrets masked.
    public var text: String

    public init(revision: UInt64, time: Double, actor: String, text: String) {
        self.revision = revision
        self.time = time
        self.actor = actor
        self.text = text
    }
}

extension CommandRefusal.Code {
    /// The HTTP status that it is answered with.
    fileprivate var status: Int {
        switch self {
        case .malformedRequest: 400
        case .unauthorized: 401
        case .forbidden: 403
        case .notFound, .noSuchEndpoint: 404
        case .methodNotAllowed: 405
        case .nothingToDo, .nameTaken, .fileNotUsed: 409
        case .revisionConflict: 412
        case .bodyTooLarge: 413
        case .unsupportedMediaType: 415
        case .invalidField: 422
        case .unreachable: 424
        case .tooManyRequests, .notSaved, .unavailable: 503
        }
    }

    fileprivate var title: String {
        switch self {
        case .malformedRequest: "The request cannot be understood"
        case .unauthorized: "The admin token is missing or wrong"
        case .forbidden: "The request is not allowed from here"
        case .notFound: "There is nothing at this path"
        case .noSuchEndpoint: "There is no such endpoint"
        case .methodNotAllowed: "The path does not take this method"
        case .nothingToDo: "There is nothing to undo or redo"
        case .nameTaken: "The name is taken"
        case .revisionConflict: "Somebody else was first"
        case .bodyTooLarge: "The body is too large"
        case .unsupportedMediaType: "The body is not JSON"
        case .invalidField: "A field cannot be accepted"
        case .tooManyRequests: "Too many connections"
        case .unreachable: "The endpoint cannot be reached"
        case .notSaved: "The change is not on disk yet"
        case .fileNotUsed: "The file cannot be used"
        case .unavailable: "Podium cannot answer this now"
        }
    }
}
