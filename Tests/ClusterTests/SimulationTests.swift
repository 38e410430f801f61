import Foundation
import Testing

/// Random histories of a cluster hold its promises: no acknowledged edit is lost or silently overwritten, no clear is undone, and all
/// instances agree once they can reach the store again. `PODIUM_CLUSTER_HISTORIES=100000` runs that many.
@Suite("A cluster, simulated")
struct SimulationTests {
    private static let histories =
        ProcessInfo.processInfo.environment["PODIUM_CLUSTER_HISTORIES"].flatMap { Int($0) } ?? 150

    /// - Returns: what was wrong with the history; nil where nothing was
    private static func problem(seed: Int, steps: Int, _ mistake: PlantedMistake) -> String? {
        let world = ClusterWorld(
            seed: UInt64(seed) &* 7919, instances: 3 + seed % 3, bug: mistake, isKind: seed % 5 == 0)
        do {
            try world.run(steps: steps)
            return nil
        } catch {
            return "seed \(seed): \((error as? HistoryFailure)?.text ?? "\(error)")"
        }
    }

    @Test("Its promises hold in every history")
    func promises() {
        for seed in 1...Self.histories {
            #expect(Self.problem(seed: seed, steps: 400, .none) == nil)
        }
    }

    /// The rarest of them breaks one history of fifty.
    @Test("Each planted mistake is found", arguments: PlantedMistake.allCases.filter { $0 != .none })
    func mistakes(_ mistake: PlantedMistake) {
        let most = max(500, Self.histories)
        #expect((1...most).contains { Self.problem(seed: $0, steps: 400, mistake) != nil })
    }
}
