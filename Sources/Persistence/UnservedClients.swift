internal import Configuration
public import PodiumModel
internal import Support
internal import YAMLDocument

/// Changes the named clients of a configuration that no Podium serves: what `podium client` does then. It takes the same lock, edits by the
/// same editor, and writes by the same protocol as a running Podium.
public struct UnservedClients: Sendable {
    /// Why nothing was changed.
    public enum Refusal: Error, Sendable {
        /// A Podium has begun to serve it, or the file cannot be read or written.
        case file(PersistenceError)
        /// In words.
        case change(String)
    }

    private let path: String
    private let environment: [String: String]

    /// - Parameter environment: what `${NAME}` is looked up in
    public init(path: String, environment: [String: String]) {
        self.path = path
        self.environment = environment
    }

    /// - Returns: what was done
    public func add(_ patch: ClientPatch) throws(Refusal) -> String {
        let name = patch.name ?? ""
        return try edit { clients throws(Refusal) in
            guard !clients.contains(where: { $0.name == name }) else {
                throw .change("the client's name '\(name)' is taken")
            }
            clients.append(patch.applied(to: ClientSettings(name: name, token: patch.token ?? "")))
            return "added client \(name)"
        }
    }

    /// - Returns: what was done
    public func change(_ name: String, _ patch: ClientPatch) throws(Refusal) -> String {
        try edit { clients throws(Refusal) in
            let index = try Self.index(of: name, in: clients)
            clients[index] = patch.applied(to: clients[index])
            return "changed client \(name)"
        }
    }

    /// - Returns: what was done
    public func remove(_ name: String) throws(Refusal) -> String {
        try edit { clients throws(Refusal) in
            clients.remove(at: try Self.index(of: name, in: clients))
            return "removed client \(name)"
        }
    }

    private static func index(of name: String, in clients: [ClientSettings]) throws(Refusal) -> Int {
        guard let index = clients.firstIndex(where: { $0.name == name }) else {
            throw .change("there is no client named '\(name)'")
        }
        return index
    }

    private func edit(_ body: (inout [ClientSettings]) throws(Refusal) -> String) throws(Refusal) -> String {
        let fileSystem = FileSystem()
        let target = try Self.file { () throws(PersistenceError) in try ConfigurationTarget.resolve(path, fileSystem) }
        let lock = try Self.file { () throws(PersistenceError) in try ProcessLock.take(target, fileSystem) }
        defer { withExtendedLifetime(lock) {} }
        let found = try Self.file { () throws(PersistenceError) in
            try FileImage.read(target.name, in: target, fileSystem)
        }
        guard let found else { throw .file(.refused(.missing(path: target.path))) }
        let (bytes, deed) = try edited(found.bytes, body)
        guard bytes != found.bytes else { return deed }
        try Self.file { () throws(PersistenceError) in
            var token = WriteToken()
            var replacement = FileReplacement(fileSystem: fileSystem, target: target, token: token.next())
            guard case .replaced = try replacement.replace(found, with: bytes) else {
                throw .refused(.beingEdited(path: target.path))
            }
        }
        return deed
    }

    /// The file with the change, which loads as the one before it did.
    private func edited(
        _ bytes: [UInt8], _ body: (inout [ClientSettings]) throws(Refusal) -> String
    ) throws(Refusal) -> (bytes: [UInt8], deed: String) {
        let loaded = ConfigurationLoader.load(bytes: bytes, environment: environment)
        guard let configuration = loaded.configuration, let document = loaded.document else {
            throw .file(.refused(.invalidFile(path: path, problems: loaded.problems)))
        }
        let before = PersistedState(configuration: configuration)
        var after = before
        let deed = try body(&after.clients)
        let result: [UInt8]
        do {
            result = try ConfigurationEditor.apply(before.changes(to: after), to: document).bytes
        } catch {
            throw .change("\(error)")
        }
        let again = ConfigurationLoader.load(bytes: result, environment: environment)
        guard let changed = again.configuration else {
            throw .change(again.problems.first.map { "\($0)" } ?? "the file would not load any more")
        }
        // A running Podium refuses the same.
        if changed.admitsEveryone, !configuration.admitsEveryone, !HostAndPort.isLoopback(changed.server.host) {
            throw .change("no token would be left, and other machines can reach Podium; disable the client instead")
        }
        let ends = configuration.admitsEveryone && !changed.admitsEveryone
        return (result, deed + (ends ? "; from now on clients have to present a token" : ""))
    }

    private static func file<Result>(_ body: () throws(PersistenceError) -> Result) throws(Refusal) -> Result {
        do throws(PersistenceError) {
            return try body()
        } catch {
            throw .file(error)
        }
    }
}
