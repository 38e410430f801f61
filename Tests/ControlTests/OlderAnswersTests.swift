import Foundation
import PodiumModel
import Testing

@testable import Control

/// Answers of a Podium that was started before its program was updated: the verbs and consoles of the new one have to work on it
/// until it is restarted.
struct OlderAnswersTests {
    /// From the version before endpoints had `cookies`.
    @Test func aSnapshotOfAnEarlierVersionIsUnderstood() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Older/snapshot.json")
        let snapshot = try JSONDecoder().decode(Snapshot.self, from: Data(contentsOf: file))
        #expect(snapshot.endpoints.map(\.name) == ["alpha", "beta"])
        #expect(snapshot.endpoints[0].maskedSecret == "***")
        #expect(snapshot.events.contains { $0.text == "root pinned alpha" })
        #expect(snapshot.persister.writes == 1)
        // An endpoint of a list is decoded in the same way, and so is a single one.
        let endpoint = try JSONEncoder().encode(snapshot.endpoints[1])
        #expect(try JSONDecoder().decode(Snapshot.Endpoint.self, from: endpoint) == snapshot.endpoints[1])
    }
}
