import Foundation
import Ranking
import Testing

/// docs/ranking.md shows what the simulator says, and goes on doing so.
@Suite struct DocumentedTableTests {
    private let policies: [RankingSimulator.Policy] = [
        .podium(.init()), .lastResponseTime, .plainAverage(decay: .seconds(30)), .leastFailures,
    ]

    private func row(_ scenario: Scenario) -> String {
        let cells = policies.map { policy in
            let report = RankingSimulator(trace: scenario.trace, start: start).run(policy)
            let mean = report.meanTimeToFirstByte.map { Int($0 / .milliseconds(1)) } ?? 0
            return "\(report.switches) · \(report.failedFirstAttempts) · \(mean)"
        }
        return "| " + ([scenario.name] + cells).joined(separator: " | ") + " |"
    }

    @Test func theTableIsWhatTheSimulatorGives() throws {
        let here = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        let root = here.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("docs/ranking.md"), encoding: .utf8)
        for scenario in Scenario.all {
            let row = row(scenario)
            #expect(text.contains(row), "docs/ranking.md lacks: \(row)")
        }
    }
}
