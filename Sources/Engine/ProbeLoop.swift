internal import Proxy
internal import Ranking

/// Probes endpoints that get no traffic, so that no measurement grows stale unseen and a recovery is noticed.
struct ProbeLoop {
    /// Connections opened at the same time.
    private static let atOnce = 8
    /// Longest time without a look: a change of the configuration may bring a probe forward.
    private static let longestRest = Duration.seconds(2)

    /// Between two looks whether response times are to be written for the next process.
    private static let betweenSaves = Duration.seconds(300)

    let engine: Engine

    func run() async {
        var saved = (at: ContinuousClock.now, answers: 0)
        while !Task.isCancelled {
            if ContinuousClock.now - saved.at >= Self.betweenSaves {
                saved = (.now, engine.saveTimes(unlessMeasured: saved.answers))
            }
            engine.authorities.lookForChanges { [engine] in engine.authoritiesBecameUsable() }
            let (due, next) = engine.takeDueProbes(limit: Self.atOnce)
            await withTaskGroup(of: Void.self) { group in
                for upstream in due {
                    group.addTask {
                        // The event loops may be gone by the time this begins.
                        guard !Task.isCancelled else { return }
                        let result = await engine.proxy.probe(upstream)
                        if !Task.isCancelled { engine.probeFinished(upstream.id, result) }
                    }
                }
            }
            let rest = next.map { max(.milliseconds(100), $0 - .now) } ?? Self.longestRest
            try? await Task.sleep(for: min(rest, Self.longestRest))
        }
    }
}
