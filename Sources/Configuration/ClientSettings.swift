internal import PodiumModel
internal import Support
internal import YAMLDocument

/// One entry of `clients:`: a token with a name, and what its holder may use.
public struct ClientSettings: Sendable, Equatable {
    /// What log and metrics call it.
    public var name: String
    /// As written, so possibly `${NAME}`.
    public var token: String
    /// Off: it is refused, by its name.
    public var enabled = true
    /// Refused from then on, in seconds since 1970; nil: never.
    public var expires: Int64?
    /// It uses endpoints that have one of these tags; empty: all.
    public var tags: [String] = []

    /// A client that may use everything.
    public init(name: String, token: String) {
        self.name = name
        self.token = token
    }
}

extension ClientSettings {
    private static let keys = ["name", "token", "enabled", "expires", "tags"]
    private static let longestName = 64

    /// Reads the whole list; what is wrong is reported.
    static func read(_ list: YAMLNode?, environment: [String: String], sink: DiagnosticSink) -> [ClientSettings] {
        guard let list else { return [] }
        guard list.kind == .sequence else {
            sink.error(
                at: list, "clients has to be a list", fix: "begin each entry with a dash: - {name: NAME, token: ...}")
            return []
        }
        var clients: [ClientSettings] = []
        for (index, entry) in list.entries.enumerated() {
            guard let client = read(entry, number: index + 1, environment, sink) else { continue }
            if clients.contains(where: { $0.name == client.name }) {
                sink.error(
                    at: entry, "the client's name '\(HeaderRules.printable(client.name))' is taken",
                    fix: "give each its own")
            } else if clients.contains(where: { $0.token == client.token }) {
                sink.report(
                    .error, at: entry, ValueProblem("two clients have the same token", fix: "give each its own"),
                    isSecret: true)
            } else {
                clients.append(client)
            }
        }
        return clients
    }

    private static func read(
        _ entry: YAMLNode, number: Int, _ environment: [String: String], _ sink: DiagnosticSink
    ) -> ClientSettings? {
        guard let node = entry.resolved, node.kind == .mapping else {
            sink.error(
                at: entry, "client \(number) is not a mapping", fix: "write {name: NAME, token: \"${NAME_TOKEN}\"}")
            return nil
        }
        let section = SectionReader(node, title: "client \(number)", known: keys, sink: sink)
        let name = section.text("name") ?? ""
        if name.isEmpty || name.utf8.count > longestName || HeaderRules.printable(name) != name {
            sink.error(
                at: section.node("name") ?? entry,
                "client \(number) has no name of 1 to \(longestName) printable bytes",
                fix: "add name: NAME")
            return nil
        }
        guard let written = section.text("token"), !written.isEmpty, let place = section.node("token") else {
            sink.error(at: section.place("name") ?? entry, "client '\(name)' has no token", fix: "add token: ${NAME}")
            return nil
        }
        var client = ClientSettings(name: name, token: place.withForeignTag(written))
        ServerSettings.check(client.token, "the token of client '\(name)'", at: place, environment, sink)
        client.enabled = section.boolean("enabled") ?? true
        client.tags = section.list("tags").map(\.text)
        if let text = section.text("expires"), !text.isEmpty {
            guard let time = time(text) else {
                sink.error(
                    at: section.node("expires"), "expires has to be a date",
                    fix: "write expires: 2027-01-31, its last day (UTC)")
                return nil
            }
            client.expires = time
        }
        return client
    }

    /// The end of a day such as `2027-01-31`, by UTC.
    static func time(_ text: String) -> Int64? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.count) == [4, 2, 2], let year = Int(parts[0]), let month = Int(parts[1]),
            let day = Int(parts[2]), 1970...9999 ~= year, 1...12 ~= month, 1...31 ~= day
        else { return nil }
        // From the first of the year on, since the calendar is reckoned the other way round.
        let years = year - 1970
        var days = years * 365 + (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400
        while days < 4_000_000 {
            let time = CivilTime(unixTime: days * 86_400)
            if (time.year, time.month, time.day) == (year, month, day) { return Int64(days + 1) * 86_400 }
            if time.year > year { return nil }
            days += 1
        }
        return nil
    }
}
