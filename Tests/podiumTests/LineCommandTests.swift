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
        let main = CommandTarget(name: "main", revision: 5)
        let two = CommandTarget(name: "two words 3", revision: 6)
        let expected: [(String, LineCommand)] = [
            ("", .status), ("status", .status), (" EVENTS ", .events), ("?", .help), ("q", .leave), ("stop", .stop),
            ("move main 2", .command(.move(main, toRank: 2))),
            ("move two words 3 1", .command(.move(two, toRank: 1))),
            ("disable two words 3", .command(.setEnabled(two, false))), ("pin main", .command(.setPinned(main, true))),
            ("autosort off", .command(.setAutoSort(false))), ("test main", .command(.test(main))),
            ("explain req-7", .command(.explain("req-7"))),
        ]
        for (line, command) in expected { #expect(LineCommand.parse(line, in: snapshot) == command, "\(line)") }
    }

    @Test func whatIsNoneSaysWhy() {
        for line in [
            "frobnicate", "move main", "move 3", "enable", "pin nobody", "autosort maybe", "explain", "explain a b",
        ] {
            guard case .refused = LineCommand.parse(line, in: snapshot) else {
                Issue.record("\(line) was taken")
                continue
            }
        }
    }
}

struct ManualTests {
    @Test func textCannotBecomeACommandOfRoff() {
        #expect(ManualPage.escaped(".TH\n'x\\fB-y") == "\\&.TH\n\\(aqx\\efB\\-y")
    }
}

struct TextTableTests {
    @Test func columnsLineUpAndNothingTrails() {
        #expect(
            TextTable.lines([["A", "B"], ["long", ""], ["x", "y\u{1B}[2J"]]) == ["A     B", "long", "x     y[2J"])
    }
}

struct ToldEventsTests {
    private func entry(_ id: UInt64, latest: UInt64? = nil, count: UInt64 = 1) -> Snapshot.Event {
        var entry = Snapshot.Event(
            id: latest ?? id, time: 0, level: "warning", source: "proxy", endpoint: nil, text: "")
        if count > 1 { (entry.firstID, entry.count) = (id, count) }
        return entry
    }

    @Test func eachIsToldOnceAndWhatRepeatsEveryTenSeconds() {
        func at(_ seconds: Double) -> Double { seconds }
        var told = ToldEvents([entry(1)])
        #expect(told.due(in: [entry(1)], now: at(0)).isEmpty)
        #expect(told.due(in: [entry(1), entry(2)], now: at(1)).map(\.identity) == [2])
        #expect(told.due(in: [entry(1), entry(2, latest: 9, count: 8)], now: at(2)).isEmpty)
        #expect(told.due(in: [entry(1), entry(2, latest: 9, count: 8)], now: at(11)).map(\.times) == [8])
        #expect(told.due(in: [entry(1), entry(2, latest: 9, count: 8)], now: at(30)).isEmpty)
        // Another process, whose events begin anew.
        #expect(told.due(in: [entry(1)], now: at(31)).map(\.identity) == [1])
    }
}
