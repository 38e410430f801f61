public import PodiumModel

/// What a command did. It has reached the disk by the time this is sent.
public struct ControlReceipt: Codable, Sendable, Equatable {
    /// One line for the operator, such as `moved openai-team to rank 3 and pinned it; saved in 3.1 ms`.
    public var message: String
    /// Of the whole configuration, afterwards.
    public var revision: UInt64
    /// The endpoint the command was about, as it is now; absent when there is none (any more).
    public var endpoint: Snapshot.Endpoint?
    /// What undo would take back of this command; absent where it made nothing to undo.
    public var undo: String?

    public init(message: String, revision: UInt64, endpoint: Snapshot.Endpoint? = nil, undo: String? = nil) {
        self.message = message
        self.revision = revision
        self.endpoint = endpoint
        self.undo = undo
    }
}

/// All endpoints, as `GET /admin/api/endpoints` answers them.
public struct EndpointList: Codable, Sendable, Equatable {
    /// Of the whole configuration.
    public var revision: UInt64
    /// In rank order.
    public var endpoints: [Snapshot.Endpoint]

    public init(revision: UInt64, endpoints: [Snapshot.Endpoint]) {
        self.revision = revision
        self.endpoints = endpoints
    }
}

/// Whether Podium is well, as `/healthz` and `/readyz` answer it.
public struct HealthReport: Codable, Sendable, Equatable {
    /// `pass` or `fail`.
    public var status: String
    /// Why it fails, in words; only for those who may see more than the status.
    public var reasons: [String]?

    public init(status: String, reasons: [String]? = nil) {
        self.status = status
        self.reasons = reasons
    }
}
