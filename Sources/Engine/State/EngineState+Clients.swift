internal import Configuration
internal import PodiumModel
internal import Proxy

/// Named clients: what an operator's commands do to them, and what others are told of them.
extension EngineState {
    private func index(of name: String) throws(CommandRefusal) -> Int {
        guard let index = configuration.clients.firstIndex(where: { $0.name == name }) else {
            throw .noSuchClient(name)
        }
        return index
    }

    mutating func addClient(_ patch: ClientPatch) throws(CommandRefusal) -> String {
        guard let name = patch.name else { throw .invalid(key: "name", "'name' is missing") }
        guard let token = patch.token else { throw .invalid(key: "token", "'token' is missing") }
        guard !configuration.clients.contains(where: { $0.name == name }) else { throw .clientNameTaken(name) }
        let client = patch.applied(to: ClientSettings(name: name, token: token))
        try check(client)
        let admittedAll = configuration.admitsEveryone
        configuration.clients.append(client)
        note(nil, client, "add client \(name)")
        return "added client \(name)" + (admittedAll ? "; from now on clients have to present a token" : "")
    }

    mutating func changeClient(_ name: String, _ patch: ClientPatch) throws(CommandRefusal) -> String {
        let index = try index(of: name)
        if let other = patch.name, other != name {
            throw .invalid(key: "name", "a client keeps its name; add another one")
        }
        let before = configuration.clients[index]
        let client = patch.applied(to: before)
        try check(client)
        guard client != before else { return "left client \(name) as it was" }
        configuration.clients[index] = client
        let isSwitch = before.enabled != client.enabled
        let deed = isSwitch ? client.enabled ? "enabled" : "disabled" : "changed"
        note(before, client, "\(deed) client \(name)")
        return "\(deed) client \(name)"
    }

    mutating func removeClient(_ name: String) throws(CommandRefusal) -> String {
        let index = try index(of: name)
        let before = configuration.clients.remove(at: index)
        // As a hand edit that takes the last token away.
        if configuration.admitsEveryone, context.mustAskForTokens {
            configuration.clients.insert(before, at: index)
            throw .invalid(
                key: "name",
                "no token would be left, and other machines can reach Podium: anybody there could spend your keys; "
                    + "disable the client instead")
        }
        note(before, nil, "remove client \(name)", index: index)
        return "removed client \(name)" + (configuration.admitsEveryone ? "; every client is admitted now" : "")
    }

    /// An endpoint has another name: the clients that may use it name it so.
    mutating func renameForClients(_ old: String, to new: String) {
        guard old != new else { return }
        for (index, client) in configuration.clients.enumerated() where client.endpoints.contains(old) {
            configuration.clients[index].endpoints = client.endpoints.map { $0 == old ? new : $0 }
        }
    }

    private func check(_ client: ClientSettings) throws(CommandRefusal) {
        if let (field, problem) = client.problems.first {
            let fix = problem.fix.isEmpty ? "" : "; \(problem.fix)"
            throw .invalid(key: field.key, problem.message + fix)
        }
        try checkTokenIsFree(client)
        do { _ = try context.expanded(client.token) } catch {
            throw .invalid(key: "token", "its token cannot be used: \(ConfigurationContext.text(of: error))")
        }
        do { _ = try context.limits(client.limits) } catch {
            throw .invalid(key: "limits", ConfigurationContext.text(of: error))
        }
    }

    /// Two clients with one token could not be loaded again, so nothing could be saved any more.
    private func checkTokenIsFree(_ client: ClientSettings) throws(CommandRefusal) {
        guard !configuration.clients.contains(where: { $0.name != client.name && $0.token == client.token }) else {
            throw .invalid(key: "token", "another client has this token")
        }
    }

    private mutating func note(_ before: ClientSettings?, _ after: ClientSettings?, _ label: String, index: Int = .max)
    {
        actions.did(OperatorAction(label: label, effect: .client(before: before, after: after, index: index)))
    }

    /// Puts a client back as it was before an action; what others have changed of it since stays.
    mutating func restoreClient(
        _ before: ClientSettings?, _ after: ClientSettings?, index: Int
    ) throws(CommandRefusal) {
        let place = (before ?? after).flatMap { one in configuration.clients.firstIndex { $0.name == one.name } }
        switch (before, after, place) {
        case (let before?, let after?, let place?):
            if before.token != after.token { try checkTokenIsFree(before) }
            for field in ClientField.allCases where before.value(of: field) != after.value(of: field) {
                configuration.clients[place].set(field, to: before.value(of: field))
            }
        case (let before?, nil, nil):
            try checkTokenIsFree(before)
            configuration.clients.insert(before, at: min(index, configuration.clients.count))
        case (let before?, nil, .some): throw .clientNameTaken(before.name)
        case (nil, let after?, .some): _ = try removeAgain(after.name)
        case (let before?, .some, nil): throw .noSuchClient(before.name)
        case (nil, _, _): throw .noSuchClient(after?.name ?? "")
        }
    }

    /// What adding it had done is taken back; it may not leave the listener open.
    private mutating func removeAgain(_ name: String) throws(CommandRefusal) -> String {
        let kept = actions
        defer { actions = kept }
        return try removeClient(name)
    }

    /// The clients as they are in force; how far their limits are used is asked when the lock is free again.
    var clientReadings: [ClientReading] {
        configuration.clients.map { client in
            var reading = ClientReading(settings: client, requests: clientRequests[client.name] ?? 0)
            do {
                reading.limits = try context.limits(client.limits)
            } catch {
                reading.problem = ConfigurationContext.text(of: error)
            }
            if (try? context.expanded(client.token)) == nil { reading.problem = "the variable of its token is not set" }
            reading.used = clientCounts[client.name]
            return reading
        }
    }
}
