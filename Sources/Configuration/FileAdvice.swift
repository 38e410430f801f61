internal import PodiumModel
internal import Support
internal import YAMLDocument

/// Warnings about settings that are valid and that the operator hardly meant. Each is about a mistake that is easily made and
/// takes long to find in a running program.
struct FileAdvice {
    let configuration: Configuration
    /// In file order, each with its node.
    let endpoints: [(settings: EndpointSettings, entry: YAMLNode)]
    let clients: [(settings: ClientSettings, entry: YAMLNode)]
    let server: YAMLNode?
    let openListener: String?
    let environment: [String: String]
    let sink: DiagnosticSink

    func report() {
        reportOpenListener()
        reportPriorities()
        reportCookies()
        reportProxyVariables()
        reportClients()
        for (settings, entry) in endpoints {
            reportLoops(settings, entry)
            reportReferences(settings, entry)
            reportPlaceholders(settings, entry)
        }
        for (index, token) in configuration.server.clientTokens.enumerated() {
            let node = server?["client_tokens"]?.resolved
            let item = node.flatMap { index < $0.entries.count ? $0.entries[index] : nil }
            reportReference(in: token, at: item ?? server, isSecret: true)
        }
        if let token = configuration.server.adminToken {
            reportReference(in: token, at: server?["admin_token"] ?? server, isSecret: true)
        }
    }

    private func warn(at node: YAMLNode?, _ message: String, fix: String, isSecret: Bool = false) {
        sink.report(.warning, at: node, ValueProblem(message, fix: fix), isSecret: isSecret)
    }

    private func reportOpenListener() {
        let settings = configuration.server
        guard configuration.admitsEveryone else { return }
        if let openListener {
            sink.error(
                at: server?["client_tokens"] ?? server,
                "client_tokens is empty, and other machines can reach \(openListener), where Podium listens: anybody "
                    + "there could spend your keys",
                fix: "leave a token in, or stop Podium and start it with --insecure-listen")
            return
        }
        guard !HostAndPort.isLoopback(settings.host) else { return }
        warn(
            at: server?["host"] ?? server,
            "other machines can reach \(settings.host), and client_tokens is empty: anybody there could spend your keys",
            fix: "set client_tokens; without them Podium only starts with --insecure-listen")
    }

    private func reportPriorities() {
        var first: [Int: YAMLNode] = [:]
        for (settings, entry) in endpoints {
            guard let priority = settings.priority else { continue }
            let node = entry["priority"] ?? entry
            if priority < 1 {
                warn(at: node, "priority \(priority) is below 1, the first rank", fix: "number them 1, 2, 3")
            }
            if let other = first[priority] {
                warn(
                    at: node,
                    "priority \(priority) is also that of line \(other.line); their order in the file decides",
                    fix: "give each its own")
            }
            first[priority] = first[priority] ?? node
        }
    }

    /// A client keeps one jar for Podium: what the first sets, the others would get.
    private func reportCookies() {
        let passing = endpoints.filter { $0.settings.cookies == .pass }
        guard passing.count > 1, let first = passing.first else { return }
        for (_, entry) in passing.dropFirst() {
            warn(
                at: entry["cookies"] ?? entry,
                "cookies: pass is also that of '\(HeaderRules.printable(first.settings.name))': each gets the cookies of the other",
                fix: "let one endpoint alone pass cookies")
        }
    }

    /// A client whose endpoints or tags are not there is answered 404 each time.
    private func reportClients() {
        let names = Set(endpoints.map(\.settings.name))
        let tags = Set(endpoints.flatMap(\.settings.tags))
        for (client, entry) in clients {
            let title = HeaderRules.printable(client.name)
            for name in client.endpoints where !names.contains(name) {
                let suggestion = NearestName.suggestion(for: name, among: names.sorted())
                warn(
                    at: entry.merged("endpoints") ?? entry,
                    "client '\(title)' may use '\(HeaderRules.printable(name))', and there is no such endpoint",
                    fix: suggestion.map { "did you mean \($0)?" } ?? "name one that is there")
            }
            if !client.tags.isEmpty, tags.isDisjoint(with: client.tags) {
                warn(
                    at: entry.merged("tags") ?? entry, "no endpoint has a tag of client '\(title)'",
                    fix: "give an endpoint one of its tags")
            }
        }
    }

    /// An operator who sets these variables for all programs may believe that Podium goes by them without being told to.
    private func reportProxyVariables() {
        let names = ProxyVariables(environment).names
        let heeding = endpoints.filter { $0.settings.proxy == .environment }
        if let (_, entry) = heeding.first, names.isEmpty {
            sink.report(
                .note, at: entry["proxy"] ?? entry,
                ValueProblem(
                    "neither https_proxy nor all_proxy is set here: the endpoint is reached directly",
                    fix: "set it for the process that serves"))
        } else if heeding.isEmpty, let name = names.first,
            let (_, entry) = endpoints.first(where: { $0.settings.proxy == nil })
        {
            sink.report(
                .note, at: entry,
                ValueProblem("\(name) is set and ignored", fix: "an endpoint with proxy: env heeds it"))
        }
    }

    /// A request to such an endpoint would come back as a new one, until no connection is left.
    private func reportLoops(_ settings: EndpointSettings, _ entry: YAMLNode) {
        let server = configuration.server
        for field in EndpointField.urls {
            guard case .text(let text) = settings.value(of: field), settings.proxy == nil,
                let expanded = try? SecretExpansion.expand(text, environment: environment),
                let url = try? BaseURL(expanded), url.port == server.port,
                LocalAddress.isSame(url.host, asListener: server.host)
            else { continue }
            warn(
                at: entry[field.key] ?? entry,
                "this is where Podium itself listens: requests would go round in a circle",
                fix: "name the endpoint's own address, or change server.port")
        }
    }

    private func reportReferences(_ settings: EndpointSettings, _ entry: YAMLNode) {
        for text in settings.referenceTexts {
            let node = entry[text.field.key]
            let value = text.header.flatMap { header in node?.resolved?.pairs.first { $0.0.text == header }?.1 }
            reportReference(in: text.text, at: value ?? node ?? entry, isSecret: true)
        }
    }

    /// An endpoint with such a credential is misconfigured: the text is not sent.
    private func reportPlaceholders(_ settings: EndpointSettings, _ entry: YAMLNode) {
        for text in settings.referenceTexts where text.field.isSecret {
            guard let found = Placeholder.find(in: text.text) else { continue }
            var node = entry.merged(text.field.key)
            if let header = text.header {
                node = node?.resolved.flatMap { EndpointReader.headerPairs($0).first { $0.key.text == header }?.value }
            }
            let problem = found.problem(at: text.place)
            let name = HeaderRules.printable(settings.name)
            warn(
                at: node ?? entry, "endpoint '\(name)' is misconfigured: \(problem.message)",
                fix: problem.fix, isSecret: true)
        }
    }

    private func reportReference(in text: String, at node: YAMLNode?, isSecret: Bool) {
        guard Placeholder.find(in: text) == nil, let slip = ReferenceSlip.find(in: text) else { return }
        switch slip {
        case .bare(let name):
            warn(
                at: node, "$\(name) without braces is plain text, not a reference", fix: "write ${\(name)}",
                isSecret: isSecret)
        case .broken:
            warn(
                at: node, "a ${ here begins no reference",
                fix: "write ${NAME} with letters, digits and _, or $${ for ${",
                isSecret: isSecret)
        }
    }
}

/// What looks like a reference and is none.
enum ReferenceSlip: Equatable {
    /// `$NAME`
    case bare(String)
    /// `${NAME` without its end, or with a name that cannot be one.
    case broken

    /// The first one; nil where every dollar sign can have been meant as it stands.
    static func find(in text: String) -> ReferenceSlip? {
        var rest = Substring(text).unicodeScalars
        var isFirst = true
        while let scalar = rest.popFirst() {
            defer { isFirst = false }
            guard scalar == "$" else { continue }
            if rest.starts(with: "${".unicodeScalars) {
                rest.removeFirst(2)
            } else if rest.first == "{" {
                let name = rest.dropFirst().prefix(while: ASCII.isVariablePart)
                let end = rest.dropFirst(1 + name.count).first
                guard ASCII.isVariableName(Substring(name)), end == "}" else { return .broken }
                rest.removeFirst(name.count + 2)
            } else {
                let name = rest.prefix(while: ASCII.isVariablePart)
                // A secret can hold any text: only all of it, or what is written as variables are, is taken for one.
                let isWhole = isFirst && name.count == rest.count
                guard ASCII.isVariableName(Substring(name)), isWhole || isShouted(name) else { continue }
                return .bare(String(String.UnicodeScalarView(name)))
            }
        }
        return nil
    }

    private static func isShouted(_ name: Substring.UnicodeScalarView) -> Bool {
        name.count >= 3 && name.contains("_") && name.allSatisfy { !("a"..."z").contains($0) }
    }
}

/// Addresses that lead back to this machine.
private enum LocalAddress {
    static func isSame(_ host: String, asListener listener: String) -> Bool {
        let host = host.lowercased()
        let isWildcard = ["0.0.0.0", "::"].contains(host)
        let listensEverywhere = ["0.0.0.0", "::"].contains(listener)
        if host == listener.lowercased() { return true }
        // 127.0.0.2 is another listener than 127.0.0.1, but `localhost` is whichever of the two families answers.
        if listensEverywhere { return HostAndPort.isLoopback(host) || isWildcard }
        let isUsual = ["localhost", "127.0.0.1", "::1"]
        return (isUsual.contains(host) || isWildcard) && isUsual.contains(listener.lowercased())
    }
}
