/// Why a request was not carried out: `application/problem+json` (RFC 9457).
public struct ControlProblem: Codable, Sendable, Equatable, Error {
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
        /// Somebody else was first; `changes` says with what.
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

    /// A problem of a code.
    public init(
        _ code: Code, status: Int, detail: String, field: String? = nil, revision: UInt64? = nil,
        changes: [RevisionChange]? = nil
    ) {
        type = "urn:podium:problem:\(code.rawValue)"
        title = code.title
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.revision = revision
        self.changes = changes
    }
}

/// One change that somebody made to the configuration.
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

extension ControlProblem.Code {
    fileprivate var title: String {
        switch self {
        case .malformedRequest: "The request cannot be understood"
        case .unauthorized: "The admin token is missing or wrong"
        case .forbidden: "The request is not allowed from here"
        case .notFound: "There is nothing at this path"
        case .noSuchEndpoint: "There is no such endpoint"
        case .methodNotAllowed: "The path does not take this method"
        case .nothingToDo: "There is nothing to undo or redo"
        case .nameTaken: "Another endpoint has this name"
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
