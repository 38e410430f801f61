import Foundation
import PodiumModel
import Testing

@testable import Console

/// What the console makes of the figures of a snapshot.
@Suite("A picture of the console")
struct ConsolePictureTests {
    private let epoch = ContinuousClock.now

    @Test func deadlinesFollowTheOtherProcesssClock() {
        var snapshot = Snapshot()
        snapshot.takenAt = 1_000_000
        snapshot.persister.isDirty = true
        snapshot.persister.nextDeadline = 1_000_012
        snapshot.persister.generation = 7
        snapshot.persister.savedGeneration = 4
        var endpoint = Snapshot.Endpoint()
        endpoint.state = .cooling
        endpoint.availability.kind = .rateLimited
        endpoint.availability.until = 1_000_040
        endpoint.misconfiguration = "no key"
        snapshot.endpoints = [endpoint]
        let picture = ConsolePicture(snapshot, receivedAt: epoch)
        #expect(picture.nextFlush == epoch + .seconds(12))
        #expect(picture.persister.unsavedChanges == 3)
        #expect(picture.retry(of: endpoint) == epoch + .seconds(40))
        #expect(picture.endpoints[0].state == .cooling)
        #expect(picture.endpoints[0].sentences == ["Cannot be used: no key."])

    }

    @Test(
        "A console of another process, which has the snapshot as JSON, draws what the one in this process draws",
        arguments: ScreenTests.scenes.map(\.name))
    func sameScreens(name: String) throws {
        let scene = try #require(ScreenTests.scenes.first { $0.name == name })
        var other = scene.snapshot
        let json = try JSONEncoder().encode(other.snapshot)
        other.snapshot = try JSONDecoder().decode(Snapshot.self, from: json)
        #expect(other == scene.snapshot)
        for (columns, lines) in [(40, 10), (80, 24), (140, 40), (250, 70)] {
            let screens = [scene.snapshot, other].map { picture in
                var state = Fixture.console(columns, lines, picture)
                scene.play(&state)
                return state.screen()
            }
            #expect(screens[0] == screens[1], "\(columns)x\(lines)")
        }
    }

    @Test func brokenFiguresDoNotTrap() {
        var snapshot = Snapshot()
        snapshot.takenAt = .infinity
        snapshot.persister.nextDeadline = .nan
        snapshot.persister.generation = 1
        snapshot.persister.savedGeneration = 9
        snapshot.server.uptimeSeconds = -1
        let picture = ConsolePicture(snapshot, receivedAt: epoch)
        #expect(picture.persister.unsavedChanges == 0)
        #expect(picture.uptime == .zero)
    }

    @Test func timeBetweenTheStepsOfAFlushIsShownAsWaiting() {
        func steps(total: Double) -> [String] {
            var flush = Snapshot.Flush()
            (flush.encodeSeconds, flush.writeSeconds, flush.fsyncSeconds, flush.renameSeconds) = (
                0.001, 0.001, 0.002, 0.001
            )
            flush.totalSeconds = total
            return flush.steps.map(\.name)
        }
        #expect(steps(total: 0.015).first == "waiting")
        // Less than 5 ms is the time between the steps.
        #expect(steps(total: 0.009).first == "encode")
    }
}
