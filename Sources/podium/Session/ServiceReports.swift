import Configuration
import Engine
import Persistence
import Ranking
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
        let snapshot = engine.snapshot(eventLimit: 0)
        let usable = snapshot.endpoints.count { $0.isUsable }
        let rate = (snapshot.traffic.attemptsPerSecond * 10).rounded() / 10
        let saved = snapshot.persister.dirtySince == nil ? "all saved" : "unsaved changes"
        return "serving on \(snapshot.address): \(usable) of \(snapshot.endpoints.count) endpoints usable, "
            + "\(rate) requests/s, \(saved)"
    }
}

extension EndpointSnapshot {
    fileprivate var isUsable: Bool {
        if case .available = availability { misconfiguration == nil && settings.enabled } else { false }
    }
}
