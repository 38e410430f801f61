import PodiumModel
import Testing

@testable import Console

@Suite("A form that is being saved")
struct FormSavingTests {
    private struct Missing: Error {}

    private func saving(_ state: inout ConsoleState) throws -> CommandID {
        state.press(.enter)
        state.type("-2")
        for case .perform(let id, .update) in state.press(.control("S")) { return id }
        throw Missing()
    }

    private func openForm(_ state: ConsoleState) -> EndpointForm? {
        if case .form(let form) = state.overlay { form } else { nil }
    }

    private func fail(_ state: inout ConsoleState, _ id: CommandID, _ failure: CommandRefusal) {
        _ = state.handle(.commandFinished(id, .failure(failure)), now: Fixture.start)
    }

    @Test("Keys and pastes that come meanwhile are typed if the form stays, where they were meant for")
    func heldKeys() throws {
        var state = Fixture.console()
        let id = try saving(&state)
        state.type("x")
        state.press(.tab)
        _ = state.handle(.paste("/v1\n"), now: Fixture.start)
        state.press(.backTab, .backspace)
        state.type("yz")
        #expect(openForm(state)?.text(.name) == "anthropic-main-2")
        #expect(state.screen().contains("saving… 7 keys wait"))
        fail(&state, id, CommandRefusal.invalid(.tags, "no"))
        let form = try #require(openForm(state))
        #expect(form.text(.name) == "anthropic-main-2yz")
        #expect(form.text(.url) == "https://anthropic-main.example.com/v1")
        #expect(form.focus == .field(.tags))
        #expect(form.refusal?.line == "no")
        #expect(form.held.isEmpty && !form.isSaving)
    }

    @Test("They never become keys of the main screen")
    func heldKeysOfASavedForm() throws {
        var state = Fixture.console()
        let id = try saving(&state)
        state.type("dq ")
        let effects = state.handle(
            .commandFinished(id, .success(.done(CommandReceipt(message: "Saved")))), now: Fixture.start)
        #expect(effects.isEmpty)
        #expect(state.overlay == nil)
        #expect(state.toast?.text.hasSuffix("what was typed meanwhile was not taken") == true)
    }

    @Test("What acts does not act twice", arguments: [.control("S"), .enter, .control("T"), .control("D")] as [Key])
    func actions(key: Key) throws {
        var state = Fixture.console()
        let id = try saving(&state)
        #expect(state.press(key) == [.bell])
        #expect(state.toast?.text.hasPrefix("still saving") == true)
        fail(&state, id, CommandRefusal(.unreachable, "no"))
        #expect(openForm(state)?.isSaving == false)
        #expect(state.pending.isEmpty)
    }

    @Test("Escape says that it is being saved; the second one leaves, and a refusal brings the form back")
    func leaving() throws {
        var state = Fixture.console()
        let id = try saving(&state)
        state.type("3")
        #expect(state.press(.escape) == [.bell])
        #expect(state.toast?.text.hasPrefix("still saving: Esc again leaves") == true)
        #expect(openForm(state) != nil)
        state.press(.escape)
        #expect(state.context == .main)
        state.press(.character("j"))
        fail(&state, id, CommandRefusal(.unreachable, "no space"))
        #expect(state.overlay == nil, "not under a finger")
        state.press(.character("?"), at: Fixture.start + .seconds(4))
        _ = state.handle(.tick, now: Fixture.start + .seconds(9))
        #expect(state.context == .help, "nor over something else")
        state.press(.escape, at: Fixture.start + .seconds(9))
        _ = state.handle(.tick, now: Fixture.start + .seconds(13))
        let form = try #require(openForm(state))
        #expect(form.text(.name) == "anthropic-main-23")
        #expect(form.refusal?.line == "no space")
        #expect(form.command != nil)
    }

    @Test("A form that was left and is saved stays away")
    func leftAndSaved() throws {
        for result in [
            CommandResult.success(.done(CommandReceipt(message: "Saved"))),
            .failure(CommandRefusal(.notSaved, "NOT SAVED")),
        ] {
            var state = Fixture.console()
            let id = try saving(&state)
            state.press(.escape, .escape, .down, .enter)
            #expect(openForm(state)?.original?.name == "anthropic-eu")
            _ = state.handle(.commandFinished(id, result), now: Fixture.start)
            #expect(openForm(state)?.original?.name == "anthropic-eu", "another form is none of its business")
            state.press(.escape)
            _ = state.handle(.tick, now: Fixture.start + .seconds(9))
            #expect(state.overlay == nil)
        }
    }

    @Test("What was typed after it could not be written outlives the writing, and is said not to be saved")
    func typedSince() throws {
        var state = Fixture.console()
        let id = try saving(&state)
        state.type("4")
        fail(&state, id, CommandRefusal(.notSaved, "NOT SAVED"))
        state.type("5")
        var next = Fixture.snapshot()
        next.endpoints[0].name = "anthropic-main-2"
        next.endpoints[0].revision = 8
        _ = state.handle(.snapshot(next), now: Fixture.start)
        #expect(openForm(state)?.text(.name) == "anthropic-main-245")
        next.persister.isDirty = false
        _ = state.handle(.snapshot(next), now: Fixture.start + .seconds(2))
        let form = try #require(openForm(state))
        #expect(form.changes == ["Name anthropic-main-2→anthropic-main-245"])
        #expect(
            state.toast?.text == "anthropic-main-2 is on disk now (after 2 s); what you typed since is not")
    }

    @Test("What a hand edit overruled before it was written is not said to be on disk")
    func overruled() throws {
        var state = Fixture.console()
        let id = try saving(&state)
        fail(&state, id, CommandRefusal(.notSaved, "NOT SAVED"))
        var next = Fixture.snapshot()
        next.endpoints[0].name = "anthropic-main-2"
        next.endpoints[0].revision = 8
        _ = state.handle(.snapshot(next), now: Fixture.start)
        next.endpoints[0].name = "by-hand"
        next.endpoints[0].revision = 9
        next.persister.isDirty = false
        _ = state.handle(.snapshot(next), now: Fixture.start)
        #expect(openForm(state)?.text(.name) == "by-hand")
        #expect(state.screen().contains("Somebody changed it: taken over Name."))
    }
}
