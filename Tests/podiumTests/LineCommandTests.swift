import Console
import PodiumModel
import Testing

@testable import podium

struct LineCommandTests {
    private let snapshot: ConsolePicture = {
        var snapshot = ConsolePicture(receivedAt: .now)
        var one = Snapshot.Endpoint(id: 1, name: "main")
        one.revision = 5
        var two = Snapshot.Endpoint(id: 2, name: "two words 3")
        two.revision = 6
        snapshot.endpoints = [one, two]
        return snapshot
    }()

    @Test func wordsBecomeCommandsAtTheRevisionThatIsShown() {
        let main = EndpointReference(id: 1, name: "main", revision: 5)
        let two = EndpointReference(id: 2, name: "two words 3", revision: 6)
        let expected: [(String, LineCommand)] = [
            ("", .status), ("status", .status), (" EVENTS ", .events), ("?", .help), ("q", .leave), ("stop", .stop),
            ("move main 2", .command(.move(main, toRank: 2))),
            ("move two words 3 1", .command(.move(two, toRank: 1))),
            ("disable two words 3", .command(.setEnabled(two, false))), ("pin main", .command(.setPinned(main, true))),
            ("autosort off", .command(.setAutoSort(false))), ("test main", .command(.test(main))),
        ]
        for (line, command) in expected { #expect(LineCommand.parse(line, in: snapshot) == command, "\(line)") }
    }

    @Test func whatIsNoneSaysWhy() {
        for line in ["frobnicate", "move main", "move 3", "enable", "pin nobody", "autosort maybe"] {
            guard case .refused = LineCommand.parse(line, in: snapshot) else {
                Issue.record("\(line) was taken")
                continue
            }
        }
    }
}
