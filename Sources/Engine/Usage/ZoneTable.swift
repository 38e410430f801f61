internal import Configuration
internal import Limits
internal import PodiumModel
internal import Support
internal import Synchronization

/// The rules of the time zones that limits and active hours name, from the system's database.
///
/// They are read before the engine's lock is taken, as files of authorities are, and only looked up under it. A zone is read once: a new
/// version of the database is in force at the next start.
final class ZoneTable: Sendable {
    private static let folders = ["/usr/share/zoneinfo", "/usr/lib/zoneinfo"]
    private static let limit = 1 << 20
    /// More are read anew each time.
    private static let capacity = 1_000

    private let machine: String?
    private let known = Mutex<[String: ZoneRules]>([:])

    init(environment: [String: String]) {
        machine = environment["TZ"].map { $0.hasPrefix(":") ? String($0.dropFirst()) : $0 }
    }

    /// Reads what endpoints and clients name. May block on files.
    func prepare(_ configuration: Configuration) {
        prepare(configuration.endpoints)
        prepare(configuration.clients)
    }

    /// The same of endpoints alone.
    func prepare(_ endpoints: [EndpointSettings]) {
        for endpoint in endpoints {
            readZone(ofLimits: endpoint.limits)
            if let text = endpoint.active, let hours = try? ActiveHours(text) { read(hours.zone) }
        }
    }

    /// The same of clients alone.
    func prepare(_ clients: [ClientSettings]) {
        for client in clients { readZone(ofLimits: client.limits) }
    }

    private func readZone(ofLimits text: String?) {
        if let text, let rules = try? LimitRules(text) { read(rules.zone) }
    }

    /// The rules of a zone, nil being the machine's.
    ///
    /// - Throws: `ValueProblem` where there is no such zone
    func rules(_ name: String?) throws -> ZoneRules {
        if let name, let fixed = ZoneName.fixed(name) { return ZoneRules(fixed: fixed) }
        if let rules = known.withLock({ $0[name ?? ""] }) { return rules }
        guard let name else { return .utc }
        throw ValueProblem("'\(name)' is no time zone that this machine knows", fix: "install tzdata, or write +08:00")
    }

    private func read(_ name: String?) {
        guard name.flatMap({ ZoneName.fixed($0) }) == nil,
            known.withLock({ $0[name ?? ""] == nil && $0.count < Self.capacity })
        else { return }
        let paths: [String]
        if let name {
            paths = Self.folders.map { "\($0)/\(name)" }
        } else if let machine {
            paths = machine.hasPrefix("/") ? [machine] : Self.folders.map { "\($0)/\(machine)" }
        } else {
            paths = ["/etc/localtime"]
        }
        for path in paths {
            guard let bytes = try? DescriptorIO.contents(of: path, limit: Self.limit),
                let rules = ZoneRules(file: bytes)
            else { continue }
            return known.withLock { $0[name ?? ""] = rules }
        }
    }
}
