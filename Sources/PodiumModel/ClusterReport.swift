/// The cluster as one of its instances sees it, as `GET /admin/api/cluster` answers it and `podium cluster status` shows it.
public struct ClusterReport: Codable, Sendable, Equatable {
    /// One Podium of the cluster.
    public struct Instance: Codable, Sendable, Equatable {
        public var name: String
        /// Where clients reach it.
        public var address: String
        public var version: String
        /// It is the one that answers.
        public var isSelf: Bool
        /// Its heartbeat was there within the last 15 seconds.
        public var isAlive: Bool
        /// Since its last heartbeat.
        public var seenSeconds: Double
        public var uptimeSeconds: Double
        /// The operators' change up to which it has all in force.
        public var revision: Int
        /// For so long there has been a change that it does not have in force; absent where there is none.
        public var behindSeconds: Double?

        public init(
            name: String, address: String, version: String, isSelf: Bool, isAlive: Bool, seenSeconds: Double,
            uptimeSeconds: Double, revision: Int, behindSeconds: Double? = nil
        ) {
            (self.name, self.address, self.version) = (name, address, version)
            (self.isSelf, self.isAlive, self.seenSeconds) = (isSelf, isAlive, seenSeconds)
            (self.uptimeSeconds, self.revision, self.behindSeconds) = (uptimeSeconds, revision, behindSeconds)
        }

        enum CodingKeys: String, CodingKey {
            case name, address, version, revision
            case isSelf = "self"
            case isAlive = "alive"
            case seenSeconds = "seen_seconds"
            case uptimeSeconds = "uptime_seconds"
            case behindSeconds = "behind_seconds"
        }
    }

    /// The cluster's name; absent where Podium is alone.
    public var name: String?
    /// The store can be reached.
    public var isConnected: Bool
    /// For so long it could not be reached; absent while it can be.
    public var lostSeconds: Double?
    /// Why the store cannot be reached.
    public var problem: String?
    /// The newest operators' change that is known here.
    public var revision: Int
    /// Changes made here that the store is not known to have.
    public var pending: Int
    /// By their names, as they were when the store was reached last.
    public var instances: [Instance]

    /// Of a Podium that is alone.
    public init(name: String? = nil) {
        self.name = name
        (isConnected, revision, pending, instances) = (false, 0, 0, [])
    }

    enum CodingKeys: String, CodingKey {
        case name, problem, revision, pending, instances
        case isConnected = "connected"
        case lostSeconds = "lost_seconds"
    }
}
