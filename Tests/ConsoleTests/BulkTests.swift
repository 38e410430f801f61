import PodiumModel
import Testing

@testable import Console

/// Filters of several words, and what is done to all that they show, or that are marked.
@Suite struct BulkTests {
    private static let picture: ConsolePicture = {
        var picture = Fixture.snapshot()
        for index in picture.endpoints.indices { picture.endpoints[index].tags = index < 4 ? ["prod"] : ["lab"] }
        picture.endpoints[2].models = ["gpt-*"]
        picture.endpoints[3].models = ["claude-opus-*"]
        return picture
    }()

    private static func shown(_ filter: String) -> [String] {
        picture.endpoints.filter { RowFilter(filter).matches($0) }.map(\.name)
    }

    @Test(arguments: [
        ("anthropic", ["anthropic-main", "anthropic-eu"]), ("anthropic eu", ["anthropic-eu"]),
        ("tag:lab", ["gemini-a", "backup-hk", "lab-proxy"]), ("tag:lab !state:off", ["gemini-a", "backup-hk"]),
        ("state:down", ["backup-hk"]), ("!tag:prod !name:gem", ["backup-hk", "lab-proxy"]),
        ("model:gpt name:a !model:opus", ["openai-team"]),
        ("/^a.*n$/", ["anthropic-main"]), ("!/-/", []), ("/(eu|hk)$/", ["anthropic-eu", "backup-hk"]),
        ("/^a", ["anthropic-main", "anthropic-eu", "azure-gpt"]),
    ])
    func words(_ filter: String, _ names: [String]) {
        // One that names no model serves any, opus as well.
        #expect(Set(Self.shown(filter)) == Set(names))
    }

    @Test func anUnfinishedPatternHidesNothing() {
        #expect(RowFilter("/(").problem == "/( is no regular expression")
        #expect(Self.shown("/(").count == 7)
    }

    private static func state() -> ConsoleState { Fixture.console(80, 24, picture) }

    /// `/tag:lab` ↵ `:off` ↵ `y`: one question, one command.
    @Test func everythingWithATagIsSwitchedOff() {
        var state = Self.state()
        state.press(.character("/"))
        state.type("tag:lab")
        state.press(.enter, .character(":"))
        state.type("off")
        #expect(state.press(.enter) == [])
        #expect(
            state.screen().contains("3 endpoints: off") && state.screen().contains("gemini-a, backup-hk, lab-proxy"))
        let targets = Self.picture.endpoints[4...].map(\.target)
        #expect(command(state.press(.character("y"))) == .changeAll(targets, .setEnabled(false)))
    }

    @Test func markedOnesGoTogether() {
        var state = Self.state()
        state.press(.character("v"), .down, .character("v"))
        #expect(state.marked == [1, 3])
        #expect(state.press(.character(" ")) == [])
        let effects = state.press(.character("y"))
        #expect(
            command(effects)
                == .changeAll([0, 2].map { Self.picture.endpoints[$0].target }, .setEnabled(false)))
        state.succeed(effects, "2 endpoints off", undo: "2 endpoints off")
        #expect(state.marked.isEmpty)
        state.press(.character("v"), .character("v"), .character("c"))
        #expect(state.screen().contains("2 endpoints: cleared"))
    }

    @Test func theLastOnesUpAreAskedFor() {
        var picture = Self.picture
        for index in 2..<7 { picture.endpoints[index].state = .down }
        var state = Fixture.console(80, 24, picture)
        state.press(.character("v"), .character("v"), .character(" "))
        #expect(state.screen().contains("answered with 503"))
        #expect(state.press(.enter) == [], "the way out has the focus")
    }

    @Test func drainingSaysWhenNothingIsLeft() {
        var picture = Self.picture
        var state = Fixture.console(80, 24, picture)
        let effects = state.press(.character("D"))
        #expect(command(effects) == .setEnabled(picture.endpoints[0].target, false))
        state.succeed(effects)
        (picture.endpoints[0].enabled, picture.endpoints[0].state) = (false, .off)
        picture.endpoints[0].traffic.inFlight = 2
        _ = state.handle(.snapshot(picture), now: Fixture.start)
        #expect(state.screen().contains("anthropic-main (2 left)") || state.screen().contains("2 left"))
        picture.endpoints[0].traffic.inFlight = 0
        _ = state.handle(.snapshot(picture), now: Fixture.start)
        #expect(state.screen().contains("anthropic-main is off, and nothing runs there any more"))
    }

    @Test func aCopyIsAskedForByItsName() {
        var state = Self.state()
        state.press(.character(":"))
        state.type("clone second")
        let effects = state.press(.enter)
        #expect(command(effects) == .clone(Self.picture.endpoints[0].target, named: "second"))
        var read = Fixture.console(80, 24, Self.picture, isReadOnly: true)
        read.press(.character(":"))
        read.type("off")
        #expect(read.press(.enter) == [.bell])
    }
}
