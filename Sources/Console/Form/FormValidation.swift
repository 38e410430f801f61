internal import PodiumModel

extension EndpointForm {
    /// What keeps the form from being saved, per field.
    var problems: [Field: String] {
        var problems: [Field: String] = [:]
        let name = trimmed(.name)
        if name.isEmpty {
            problems[.name] = "needs a name"
        } else if isTaken(name) {
            problems[.name] = "is taken"
        }
        let urls: [Field] = [.url, .urlAnthropic, .urlOpenAI]
        for field in urls {
            if let problem = Self.problem(url: trimmed(field)) { problems[field] = problem }
        }
        if urls.allSatisfy({ trimmed($0).isEmpty }) { problems[.url] = "needs at least one URL" }
        let needsSecret = authType == .apiKey || authType == .authToken
        if needsSecret, text(.secret).isEmpty, original?.maskedSecret == nil {
            problems[.secret] = "needed for \(authType.rawValue)"
        }
        if !text(.secret).isEmpty, secretHeader == nil { problems[.secret] = "not sent: Auth is \(authType.rawValue)" }
        if text(.secret).contains(" ") { problems[.secret] = "has a blank in it" }
        if isEdited(.headers), let problem = parsedHeaders.problem { problems[.headers] = problem }
        if isEdited(.proxy), let problem = Self.problem(proxy: trimmed(.proxy), of: original?.proxy) {
            problems[.proxy] = problem
        }
        let priority = trimmed(.priority)
        if !priority.isEmpty, Int(priority).map({ (1...max(1, ranks)).contains($0) }) != true {
            problems[.priority] = "must be 1–\(ranks)"
        } else if priority.isEmpty, original != nil {
            problems[.priority] = "must be 1–\(ranks)"
        }
        return problems
    }

    /// What stands beside a field.
    struct Message: Sendable, Equatable {
        enum Kind { case good, bad, note }
        var kind: Kind
        var text: String
    }

    /// What to show beside a field: nothing before the operator has been there.
    func message(for field: Field) -> Message? {
        if let refusal, refusal.field == field { return Message(kind: .bad, text: SafeText.clean(refusal.message)) }
        if let problem = problems[field] { return touched.contains(field) ? Message(kind: .bad, text: problem) : nil }
        if let theirs = theirs[field], isChanged(field) {
            return Message(kind: .note, text: "theirs: \(theirs.isEmpty ? "—" : SafeText.clean(theirs))")
        }
        return field == .name && isEdited(.name) ? Message(kind: .good, text: "unique") : nil
    }

    /// What saving would change, one line each.
    var changes: [String] {
        let draft = draft
        guard let original else {
            return ["new endpoint \(SafeText.clean(draft.name))"]
        }
        var lines: [String] = []
        func add(_ label: String, _ before: String, _ after: String) {
            guard before != after else { return }
            lines.append(SafeText.clean("\(label) \(before.isEmpty ? "—" : before)→\(after.isEmpty ? "—" : after)"))
        }
        add("Name", original.name, draft.name)
        add("URL", original.url ?? "", draft.url ?? "")
        add("URL anthropic", original.urlAnthropic ?? "", draft.urlAnthropic ?? "")
        add("URL openai", original.urlOpenAI ?? "", draft.urlOpenAI ?? "")
        add("Auth", original.auth.rawValue, draft.authType.rawValue)
        switch draft.secret {
        case .unchanged: break
        case .set: lines.append("Secret replaced")
        case .removed: lines.append("Secret removed")
        }
        if let priority = draft.priority { lines.append("Priority \(original.rank)→\(priority), pinned there") }
        add("Tags", original.tags.joined(separator: ", "), draft.tags.joined(separator: ", "))
        if let headers = draft.headers {
            let changes = HeaderText.changes(from: original.headers, to: headers)
            lines.append(SafeText.clean("Headers: " + changes.joined(separator: ", ")))
        }
        add("OpenAI API", original.preference.rawValue, draft.openAIPreference.rawValue)
        switch draft.proxy {
        case .unchanged: break
        case .set: lines.append("Proxy \(original.proxy == nil ? "set" : "changed")")
        case .removed: lines.append("Proxy removed")
        }
        add("Enabled", original.enabled ? "on" : "off", draft.isEnabled ? "on" : "off")
        add("Pinned", original.pinned ? "yes" : "no", draft.isPinned ? "yes" : "no")
        return lines
    }

    /// The changes in at most `limit` lines.
    func summary(limit: Int) -> [String] {
        let changes = changes
        guard changes.count > limit, limit > 0 else { return changes }
        return Array(changes.prefix(limit - 1)) + ["and \(changes.count - limit + 1) more"]
    }

    private static func problem(proxy: String, of present: String?) -> String? {
        guard !proxy.isEmpty else { return nil }
        let schemes = ["http://", "socks5://", "socks5h://"]
        guard let scheme = schemes.first(where: { proxy.lowercased().hasPrefix($0) }) else {
            return "begin with http:// or socks5://"
        }
        if proxy.contains("•") {
            let isWhole = proxy.contains(":\(Snapshot.keptSecret)@") && proxy.count { $0 == "•" } == 4
            guard isWhole else { return "type the whole password anew, or leave ••••" }
            guard present?.contains("•") == true else { return "no password to keep yet: type one" }
        }
        let host = proxy.dropFirst(scheme.count).split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        return host.isEmpty || host.first == ":" ? "has no host" : proxy.contains(" ") ? "has a blank in it" : nil
    }

    private static func problem(url: String) -> String? {
        guard !url.isEmpty else { return nil }
        let rest: Substring
        if url.lowercased().hasPrefix("https://") {
            rest = url.dropFirst(8)
        } else if url.lowercased().hasPrefix("http://") {
            rest = url.dropFirst(7)
        } else {
            return "begin with https://"
        }
        let authority = rest.prefix { $0 != "/" }
        if authority.isEmpty { return "has no host" }
        if url.contains(" ") { return "has a blank in it" }
        if authority.contains("@") { return "put no password in it" }
        if rest.contains("?") || rest.contains("#") { return "base URL only, no ? or #" }
        if !authority.hasSuffix("]"), let colon = authority.lastIndex(of: ":") {
            let port = Int(authority[authority.index(after: colon)...]) ?? 0
            if !(1...65_535).contains(port) { return "port must be 1–65535" }
        }
        return nil
    }
}
