import Configuration
import PodiumModel
import YAMLDocument

/// The file as its author left it: as it was loaded, or as a hand edit made it, without what the program has written since.
///
/// Each version that the program writes is made from this one, not from the version before it. So what is written depends
/// only on the author's text and on what memory holds, never on the way there: whatever was changed and changed back has the
/// author's own bytes again, with comments, unknown keys, quotes, line ends and place, and with no key that was not there.
struct AuthoredFile {
    let bytes: [UInt8]
    /// What the bytes say, with the program's identities.
    let state: PersistedState
    /// The scan of `bytes`; made when first needed.
    var document: YAMLDocument?

    init(bytes: [UInt8], state: PersistedState, document: YAMLDocument? = nil) {
        self.bytes = bytes
        self.state = state
        self.document = document
    }

    /// Whether every one of the changes turns a rank that is not the author's into another that is not: then the version
    /// before, edited, is the same as this one edited, for less work.
    func areForeignRanks(_ changes: [ConfigurationChange], of present: PersistedState) -> Bool {
        guard changes.allSatisfy({ if case .setField(_, .priority, _, _) = $0 { true } else { false } }) else {
            return false
        }
        let ids = Dictionary(
            present.endpoints.map { ($0.settings.name, $0.id) }, uniquingKeysWith: { first, _ in first })
        let own = Dictionary(state.endpoints.map { ($0.id, $0.settings) }, uniquingKeysWith: { first, _ in first })
        return changes.allSatisfy { change in
            guard case .setField(let name, _, .integer(let old), .integer(let new)) = change, let id = ids[name],
                let author = own[id]
            else { return false }
            return author.priority != old && author.priority != new
        }
    }

    /// This file with a hand edit made in it: what the program has written, and the author has left as it was, is taken out
    /// of the edited file again. An entry that the program had removed is therefore in it, at its place among the entries
    /// as they are now.
    ///
    /// It is certain to be right: the program's changes, made in it, have to give the edited file byte for byte. Of the
    /// program's changes, those for which that cannot be shown are the author's from now on.
    ///
    /// - Parameters:
    ///   - written: the last version that the program knew: this file with the program's changes.
    ///   - edited: the file as another program saved it.
    ///   - environment: for reading what comes out.
    func edited(
        from written: [UInt8], to edited: AuthoredFile, environment: [String: String]
    ) -> AuthoredFile {
        guard bytes != written else { return edited }
        let merge = LineMerge(ancestor: written, ours: bytes, theirs: edited.bytes)
        func attempt(_ hunks: Set<Int>) -> AuthoredFile? {
            hunks.isEmpty ? nil : accepted(merge.merged(applying: hunks), edited, environment)
        }
        if let whole = attempt(Set(merge.compatible)) { return whole }
        guard merge.hunkCount <= Self.mostTried, merge.hunkCount * edited.bytes.count <= Self.mostBytesTried else {
            return edited
        }
        var chosen: Set<Int> = []
        var best = edited
        for hunk in 0..<merge.hunkCount {
            guard let better = attempt(chosen.union([hunk])) else { continue }
            chosen.insert(hunk)
            best = better
        }
        return best
    }

    /// Each attempt reads the file twice.
    private static let mostTried = 64
    private static let mostBytesTried = 4 << 20

    private func accepted(
        _ candidate: [UInt8], _ edited: AuthoredFile, _ environment: [String: String]
    ) -> AuthoredFile? {
        let loaded = ConfigurationLoader.load(bytes: candidate, environment: environment)
        guard let configuration = loaded.configuration, let document = loaded.document,
            let state = identified(PersistedState(configuration: configuration), edited.state)
        else { return nil }
        do throws(YAMLError) {
            let again = try ConfigurationEditor.apply(
                state.changes(to: edited.state), to: document, order: edited.state.names)
            guard again.bytes == edited.bytes else { return nil }
        } catch {
            return nil
        }
        return AuthoredFile(bytes: candidate, state: state, document: document)
    }

    /// Which entry is which: an entry that is just as it was is that one; any other goes by its name in the edited file, else
    /// by the name it had.
    private func identified(_ file: PersistedState, _ edited: PersistedState) -> PersistedState? {
        let own = Dictionary(state.endpoints.map { ($0.settings.name, $0) }, uniquingKeysWith: { first, _ in first })
        let present = Dictionary(
            edited.endpoints.map { ($0.settings.name, $0.id) }, uniquingKeysWith: { first, _ in first })
        var result = file
        var seen: Set<UInt32> = []
        for index in file.endpoints.indices {
            let settings = file.endpoints[index].settings
            let known = own[settings.name]
            let id = known?.settings == settings ? known?.id : present[settings.name] ?? known?.id
            guard let id, seen.insert(id).inserted else { return nil }
            result.endpoints[index].id = id
        }
        return result
    }
}
