import Engine
import Persistence
import PodiumModel
import Service

/// Tells the service manager, while Podium serves, that it is alive and how it is doing.
struct ServiceReports {
    let engine: Engine
    let notifier: ServiceNotifier

    private static let usualInterval = Duration.seconds(10)

    /// Until it is cancelled. Without a manager there is nothing to do.
    func run() async {
        guard notifier.isSupervised else { return }
        notifier.tell(.ready(status: status))
        let interval = min(notifier.watchdogInterval ?? Self.usualInterval, Self.usualInterval)
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            // An event loop or a lock that is stuck never answers, and the manager restarts the service.
            await engine.heartbeat()
            guard !Task.isCancelled else { return }
            notifier.tell(.watchdog)
            notifier.tell(.status(status))
        }
    }

    private var status: String {
        let metrics = engine.metrics()
        let usable = metrics.endpoints.count { $0.availabilityKind == .available }
        let rate = (metrics.attemptsPerSecond * 10).rounded() / 10
        let saved = metrics.persister.dirtySince == nil ? "all saved" : "unsaved changes"
        return "serving on \(engine.listenAddress): \(usable) of \(metrics.endpoints.count) endpoints usable, "
            + "\(rate) requests/s, \(saved)"
    }
}
