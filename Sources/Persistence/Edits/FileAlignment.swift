import Configuration
import PodiumModel

/// Recognises the endpoints of an edited file: which entry is which of those that were known.
struct FileAlignment {
    let known: PersistedState

    /// By name; an entry under a new name in the place of one that is gone, otherwise the same, is that one renamed.
    func align(_ file: PersistedState) -> [FileEndpoint] {
        let byName = Dictionary(
            known.endpoints.map { ($0.settings.name, $0.id) }, uniquingKeysWith: { first, _ in first })
        let names = Set(file.endpoints.map(\.settings.name))
        var orphans = known.endpoints.filter { !names.contains($0.settings.name) }
        return file.endpoints.map { entry in
            if let id = byName[entry.settings.name] { return FileEndpoint(id: id, settings: entry.settings) }
            guard let index = orphans.firstIndex(where: { Self.isRenamed($0.settings, entry.settings) }) else {
                return FileEndpoint(id: nil, settings: entry.settings)
            }
            return FileEndpoint(id: orphans.remove(at: index).id, settings: entry.settings)
        }
    }

    private static func isRenamed(_ before: EndpointSettings, _ after: EndpointSettings) -> Bool {
        var renamed = before
        renamed.name = after.name
        return renamed == after && !after.baseURLs.isEmpty
    }
}
