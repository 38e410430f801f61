internal import LLMWire
internal import PodiumModel
internal import Proxy
internal import Support
internal import Synchronization

/// Asks endpoints for the lists of their models, in the background and when a client wants one: a client is answered from the lists that are
/// here by then, however old. As long as no client asks, no endpoint is.
final class CatalogueUpdates: Sendable {
    /// A list that is older is fetched anew when a client asks.
    static let lifetime = 3_600
    /// An endpoint that gave none is asked again after so many seconds.
    static let pause = 60

    private struct Run {
        var task: Task<Void, Never>?
        var isClosed = false
    }

    private let run = Mutex(Run())

    /// - Parameter update: asks those that are due; not run beside another
    func begin(_ update: @escaping @Sendable () async -> Void) {
        run.withLock { run in
            guard run.task == nil, !run.isClosed else { return }
            run.task = Task {
                await update()
                self.run.withLock { $0.task = nil }
            }
        }
    }

    /// No endpoint is asked any more.
    func close() {
        run.withLock { run in
            run.isClosed = true
            run.task?.cancel()
        }
    }
}

extension Engine {
    /// A client has asked which models there are.
    func modelsAsked() {
        let now = WallClock.wholeSeconds
        let due = withState { $0.dueCatalogues(at: now) }
        guard !due.isEmpty else { return }
        catalogues.begin { [weak self] in await self?.fetch(due) }
    }

    private func fetch(_ due: [DueCatalogue]) async {
        await withTaskGroup(of: Void.self) { group in
            for due in due {
                group.addTask {
                    // The event loops may be gone by the time this begins.
                    guard !Task.isCancelled, let models = await self.proxy.models(of: due.upstream) else { return }
                    due.upstream.load.keep(
                        ModelCatalogue(models: models, fetched: WallClock.wholeSeconds, reach: due.reach))
                }
            }
        }
        saveForNextProcess()
    }
}

/// An endpoint whose list of models is to be fetched.
struct DueCatalogue: Sendable {
    let upstream: Upstream
    let reach: UInt64
}

extension EngineState {
    /// - Parameter now: in seconds since 1970
    func dueCatalogues(at now: Int) -> [DueCatalogue] {
        fileOrder.compactMap { id in
            guard let record = record(id), record.settings.enabled, let upstream = record.upstream,
                record.load.takeTurnToFetch(at: now, CatalogueUpdates.lifetime, pause: CatalogueUpdates.pause)
            else { return nil }
            return DueCatalogue(upstream: upstream, reach: reach(of: record.settings))
        }
    }
}
