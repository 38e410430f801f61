public import Cluster
internal import FoundationEssentials
internal import Support

/// The store of a cluster on one connection: what an instance reads there and writes. For one thread.
///
/// Each call is a statement or a transaction of a few, all with time limits. A `PostgresConnection.Failure` of the kind `lost` leaves open
/// whether the store has carried it out; the caller joins anew then and looks.
public final class ClusterStore {
    public typealias Failure = PostgresConnection.Failure

    private let connection: PostgresConnection
    /// The name of the cluster.
    private let cluster: String
    /// Made when the cluster was founded.
    public private(set) var incarnation = ""

    /// Connects and begins to listen.
    public init(_ target: String, cluster: String) throws(Failure) {
        connection = try PostgresConnection(target, within: .seconds(5))
        self.cluster = cluster
        let found: [[String?]]
        do throws(Failure) {
            found = try connection.run(
                "SELECT incarnation, version FROM podium.cluster WHERE name = $1", [cluster])
        } catch {
            // There is no such schema or table.
            guard error.state == "3F000" || error.state == "42P01" else { throw error }
            throw Self.notFounded(cluster)
        }
        guard let row = found.first, let incarnation = row[0] else { throw Self.notFounded(cluster) }
        guard row[1] == String(ClusterSchema.version) else {
            throw Failure(
                kind: .refused(state: ""),
                description:
                    "the store is of version \(row[1] ?? "?"), this Podium knows version \(ClusterSchema.version)")
        }
        self.incarnation = incarnation
        try connection.run("LISTEN podium")
    }

    private static func notFounded(_ cluster: String) -> Failure {
        Failure(
            kind: .refused(state: ""),
            description: "the store has no cluster '\(cluster)': found it with `podium cluster init`")
    }

    /// Makes the tables where they are not there yet, and the cluster.
    ///
    /// - Returns: false where the cluster was there already
    public static func found(_ target: String, cluster: String) throws(Failure) -> Bool {
        let connection = try PostgresConnection(target, within: .seconds(5))
        try connection.runScript("BEGIN; SELECT pg_advisory_xact_lock(80081); \(ClusterSchema.statements); COMMIT")
        let made = try connection.run(
            """
            INSERT INTO podium.cluster (name, incarnation, version) VALUES ($1, gen_random_uuid(), $2)
            ON CONFLICT DO NOTHING RETURNING 1
            """, [cluster, String(ClusterSchema.version)])
        try connection.run(
            """
            INSERT INTO podium.endpoint (cluster, uid, name, revision, settings) VALUES ($1, $2, '', 0, '{}')
            ON CONFLICT (cluster, uid) DO NOTHING
            """, [cluster, ClusterSchema.commonIdentity])
        return !made.isEmpty
    }

    /// To wait for what comes by itself.
    public var descriptor: Int32 { connection.descriptor }

    /// What others have told since this was asked last; only that there is something.
    public struct News: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        public static let edits = News(rawValue: 1)
        public static let timeOuts = News(rawValue: 2)
    }

    public func news() throws(Failure) -> News {
        var news: News = []
        for payload in try connection.notifications() {
            if payload == "edit \(cluster)" { news.insert(.edits) }
            if payload == "timeout \(cluster)" { news.insert(.timeOuts) }
        }
        return news
    }

    // MARK: Instances

    /// An instance as it tells of itself, and as it is told of.
    public struct Instance: Sendable, Equatable {
        public var id: String
        public var boot: String
        public var name: String
        public var address: String
        public var version: String
        /// The revision of the log that is in force there.
        public var revision: Int
        /// The one that is in its configuration file.
        public var saved: Int
        /// Seconds since its last heartbeat, by the store's clock.
        public var age = 0.0
        /// Seconds since it started, by the store's clock.
        public var uptime = 0.0
        /// Seconds for which there has been an edit that it does not have in force.
        public var behind: Double?

        public init(
            id: String, boot: String, name: String, address: String, version: String, revision: Int, saved: Int
        ) {
            (self.id, self.boot, self.name, self.address) = (id, boot, name, address)
            (self.version, self.revision, self.saved) = (version, revision, saved)
        }
    }

    /// Says that an instance runs.
    ///
    /// - Returns: milliseconds since 1970 by the store's clock
    public func beat(_ instance: Instance) throws(Failure) -> Int64 {
        let rows = try connection.run(
            """
            INSERT INTO podium.instance (cluster, id, boot, name, address, version, started, seen, revision, saved)
            VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), clock_timestamp(), $7, $8)
            ON CONFLICT (cluster, id) DO UPDATE SET
                started = CASE WHEN instance.boot = excluded.boot THEN instance.started ELSE excluded.started END,
                boot = excluded.boot, name = excluded.name, address = excluded.address, version = excluded.version,
                seen = excluded.seen, revision = excluded.revision, saved = excluded.saved
            RETURNING (extract(epoch FROM clock_timestamp()) * 1000)::bigint
            """,
            [
                cluster, instance.id, instance.boot, instance.name, instance.address, instance.version,
                String(instance.revision), String(instance.saved),
            ])
        return rows.first?[0].flatMap { Int64($0) } ?? 0
    }

    /// All instances that have not been taken out, by their names.
    public func instances() throws(Failure) -> [Instance] {
        let rows = try connection.run(
            """
            SELECT i.id, i.boot, i.name, i.address, i.version, i.revision, i.saved,
                extract(epoch FROM clock_timestamp() - i.seen)::float8,
                extract(epoch FROM clock_timestamp() - i.started)::float8,
                extract(epoch FROM clock_timestamp() - (
                    SELECT min(e.at) FROM podium.edit e WHERE e.cluster = i.cluster AND e.revision > i.revision))::float8
            FROM podium.instance i WHERE i.cluster = $1 ORDER BY i.name, i.id
            """, [cluster])
        return rows.compactMap { row in
            let texts = row.map { $0 ?? "" }
            guard texts.count == 10, let revision = Int(texts[5]), let saved = Int(texts[6]) else { return nil }
            var instance = Instance(
                id: texts[0], boot: texts[1], name: texts[2], address: texts[3], version: texts[4],
                revision: revision, saved: saved)
            instance.age = Double(texts[7]) ?? 0
            instance.uptime = Double(texts[8]) ?? 0
            instance.behind = Double(texts[9])
            return instance
        }
    }

    /// Takes an instance out. One that runs puts itself in again.
    ///
    /// - Returns: how many of that name there were
    public func remove(instanceNamed name: String) throws(Failure) -> Int {
        try connection.run(
            "DELETE FROM podium.instance WHERE cluster = $1 AND name = $2 RETURNING 1", [cluster, name]
        ).count
    }

    /// It ends now, so that the others need not wait until it is missed.
    public func leave(id: String) throws(Failure) {
        try connection.run(
            "UPDATE podium.instance SET seen = seen - interval '1 hour' WHERE cluster = $1 AND id = $2", [cluster, id],
            within: .seconds(1))
    }

    // MARK: Time outs

    /// The observations that still hold.
    ///
    /// - Parameter since: only those that came to the store after that many milliseconds since 1970 by its clock
    public func timeOuts(since: Int64? = nil) throws(Failure) -> [(TimeOutBook.Key, TimeOutObservation)] {
        let rows = try connection.run(
            """
            SELECT id, endpoint, model, (extract(epoch FROM until) * 1000)::bigint, cause, instance, to_json(knows)
            FROM podium.timeout
            WHERE cluster = $1 AND until > clock_timestamp() AND observed > to_timestamp($2::float8 / 1000)
            """, [cluster, String(since ?? 0)])
        return rows.compactMap { row in
            let texts = row.map { $0 ?? "" }
            guard texts.count == 7, let until = Int64(texts[3]) else { return nil }
            let knows = Self.decoded([String].self, texts[6]) ?? []
            let observation = TimeOutObservation(
                id: texts[0], until: until, cause: texts[4], instance: texts[5], knows: Set(knows))
            return (TimeOutBook.Key(texts[1], texts[2]), observation)
        }
    }

    /// Tells the others of an observation. What was told before adds nothing.
    public func tell(_ observation: TimeOutObservation, of key: TimeOutBook.Key) throws(Failure) {
        try connection.run(
            """
            WITH told AS (
                INSERT INTO podium.timeout (cluster, id, endpoint, model, until, cause, instance, knows)
                SELECT $1::text, $2::uuid, $3::uuid, $4::text, to_timestamp($5::float8 / 1000), $6::text, $7::text,
                    ARRAY(SELECT jsonb_array_elements_text($8::jsonb))
                ON CONFLICT DO NOTHING RETURNING 1)
            SELECT pg_notify('podium', 'timeout ' || $1::text) FROM told
            """,
            [
                cluster, observation.id, key.endpoint, key.model, String(observation.until), observation.cause,
                observation.instance, Self.encoded(observation.knows.sorted()),
            ])
    }

    /// Deletes what ended a day ago.
    public func forgetOldTimeOuts() throws(Failure) {
        try connection.run(
            "DELETE FROM podium.timeout WHERE cluster = $1 AND until < clock_timestamp() - interval '1 day'", [cluster])
    }

    // MARK: The log

    /// Entries behind a revision, oldest first.
    ///
    /// - Parameter page: how many are asked for at once
    public func entries(after revision: Int, page: Int = 10_000) throws(Failure) -> [LogEntry] {
        var entries: [LogEntry] = []
        var last = revision
        while true {
            let rows = try connection.run(
                """
                SELECT revision, nonce, body FROM podium.edit WHERE cluster = $1 AND revision > $2
                ORDER BY revision LIMIT \(page)
                """, [cluster, String(last)])
            entries += Self.entries(rows)
            guard rows.count >= page, let end = rows.last?[0].flatMap({ Int($0) }), end > last else { return entries }
            last = end
        }
    }

    private static func entries(_ rows: [[String?]]) -> [LogEntry] {
        rows.compactMap { row in
            guard let number = row[0].flatMap({ Int($0) }), let nonce = row[1],
                let body = row[2].flatMap({ decoded(EditBody.self, $0) })
            else { return nil }
            return LogEntry(
                revision: number, nonce: nonce, edit: body.edit, effective: body.effective, already: body.already,
                conflicts: body.conflicts)
        }
    }

    /// A picture of the store, all of one moment, for an instance that has connected.
    public func picture(for replica: IntentReplica) throws(Failure) -> IntentReplica.Picture {
        try connection.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        do throws(Failure) {
            let picture = try readPicture(for: replica)
            try connection.run("COMMIT")
            return picture
        } catch {
            _ = try? connection.run("ROLLBACK")
            throw error
        }
    }

    private func readPicture(for replica: IntentReplica) throws(Failure) -> IntentReplica.Picture {
        let head = try head()
        var state = IntentState()
        for row in try connection.run("SELECT uid, settings FROM podium.endpoint WHERE cluster = $1", [cluster]) {
            guard let uid = row[0], let settings = row[1].flatMap({ Self.decoded([String: String].self, $0) }) else {
                continue
            }
            state.endpoints[uid == ClusterSchema.commonIdentity ? IntentState.common : uid] = settings
        }
        let nonces = Self.encoded(replica.tail.map(\.nonce))
        let common = try connection.run(
            """
            SELECT max(revision) FROM podium.edit WHERE cluster = $1
                AND nonce IN (SELECT n::uuid FROM jsonb_array_elements_text($2::jsonb) n)
            """, [cluster, nonces]
        ).first?[0].flatMap { Int($0) }
        let ids = Self.encoded(replica.pending.map(\.id) + replica.tail.map(\.edit.id))
        let known = try connection.run(
            """
            SELECT id FROM podium.edit WHERE cluster = $1
                AND id IN (SELECT n::uuid FROM jsonb_array_elements_text($2::jsonb) n)
            """, [cluster, ids])
        return IntentReplica.Picture(
            head: head, state: state, common: common, since: try entries(after: common ?? 0),
            known: Set(known.compactMap { $0[0] }))
    }

    private func head() throws(Failure) -> IntentReplica.Head {
        let row = try connection.run(
            "SELECT revision, nonce FROM podium.edit WHERE cluster = $1 ORDER BY revision DESC LIMIT 1", [cluster]
        ).first
        guard let row, let revision = row[0].flatMap({ Int($0) }), let nonce = row[1] else {
            return IntentReplica.Head(revision: 0, nonce: incarnation)
        }
        return IntentReplica.Head(revision: revision, nonce: nonce)
    }

    /// Appends an entry right behind the head that is known, or not at all.
    ///
    /// - Returns: false where the log ends elsewhere by now, or has the edit already
    public func append(_ entry: LogEntry, after known: IntentReplica.Head) throws(Failure) -> Bool {
        try connection.run("BEGIN")
        do throws(Failure) {
            // One appends at a time.
            try connection.run("SELECT 1 FROM podium.cluster WHERE name = $1 FOR UPDATE", [cluster])
            let has = try connection.run(
                "SELECT 1 FROM podium.edit WHERE cluster = $1 AND id = $2", [cluster, entry.edit.id])
            guard has.isEmpty, try head() == known else {
                try connection.run("ROLLBACK")
                return false
            }
            let body = EditBody(
                edit: entry.edit, effective: entry.effective, already: entry.already, conflicts: entry.conflicts)
            try connection.run(
                """
                INSERT INTO podium.edit (cluster, revision, nonce, id, actor, instance, body)
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    cluster, String(entry.revision), entry.nonce, entry.edit.id, entry.edit.actor, entry.edit.instance,
                    Self.encoded(body),
                ])
            for change in entry.effective { try carryOut(change, revision: entry.revision) }
            try connection.run("SELECT pg_notify('podium', 'edit ' || $1::text)", [cluster])
        } catch {
            _ = try? connection.run("ROLLBACK")
            throw error
        }
        // Its outcome is unknown if the connection is lost here.
        try connection.run("COMMIT")
        return true
    }

    private func carryOut(_ change: IntentChange, revision: Int) throws(Failure) {
        let uid = change.endpoint == IntentState.common ? ClusterSchema.commonIdentity : change.endpoint
        switch change {
        case .set(_, let field, _, let new):
            // A field without a value is taken out.
            try connection.run(
                """
                UPDATE podium.endpoint SET revision = $3,
                    settings = CASE WHEN $5::text IS NULL THEN settings - $4::text
                        ELSE settings || jsonb_build_object($4::text, $5::text) END,
                    name = CASE WHEN $4::text = 'name' THEN coalesce($5::text, name) ELSE name END
                WHERE cluster = $1 AND uid = $2
                """, [cluster, uid, String(revision), field, new])
        case .add(_, let settings):
            try connection.run(
                "INSERT INTO podium.endpoint (cluster, uid, name, revision, settings) VALUES ($1, $2, $3, $4, $5)",
                [cluster, uid, settings[IntentState.name] ?? "", String(revision), Self.encoded(settings)])
        case .remove:
            try connection.run("DELETE FROM podium.endpoint WHERE cluster = $1 AND uid = $2", [cluster, uid])
        case .clear: break
        }
    }

    /// What `podium.edit` keeps of an entry.
    private struct EditBody: Codable {
        var edit: IntentEdit
        var effective: [IntentChange]
        var already: [IntentChange]
        var conflicts: [IntentConflict]
    }

    // MARK: JSON

    static func encoded(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return "null" }
        return String(decoding: data, as: UTF8.self)
    }

    static func decoded<Value: Decodable>(_ type: Value.Type, _ text: String) -> Value? {
        try? JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

/// The file in the state directory in which an instance keeps what it has to know of its cluster at the next start.
public struct ClusterRecord: Codable, Sendable, Equatable {
    public var cluster: String
    /// Of the founding; another one means that nothing of this holds.
    public var incarnation: String
    /// This host's identity in the cluster.
    public var instance: String
    public var host: HostRecord
    /// The clears that are known, with the key that each is of.
    public var clears: [Clears]

    public struct Clears: Codable, Sendable, Equatable {
        public var key: TimeOutBook.Key
        public var edits: [String]

        public init(key: TimeOutBook.Key, edits: [String]) {
            self.key = key
            self.edits = edits
        }
    }

    public init(cluster: String, incarnation: String, instance: String, host: HostRecord, clears: [Clears]) {
        self.cluster = cluster
        self.incarnation = incarnation
        self.instance = instance
        self.host = host
        self.clears = clears
    }

    /// nil where there is none, or none that can be read.
    public static func read(at path: String) -> ClusterRecord? {
        guard let bytes = try? DescriptorIO.contents(of: path, limit: 64 << 20) else { return nil }
        return ClusterStore.decoded(ClusterRecord.self, String(decoding: bytes, as: UTF8.self))
    }

    /// - Returns: what went wrong, for the operator
    public func write(at path: String) -> String? {
        let text = ClusterStore.encoded(self)
        return DescriptorIO.replaceFile(at: path, with: Array(text.utf8), syncs: true).map {
            String(cString: strerror($0))
        }
    }
}
