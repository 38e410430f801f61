import PodiumModel
import Testing

@testable import Console

@Suite("A form and somebody else")
struct FormConflictTests {
    private func openForm(_ state: ConsoleState) -> EndpointForm? {
        if case .form(let form) = state.overlay { form } else { nil }
    }

    private func preview(_ effects: [ConsoleEffect]) -> (id: CommandID, target: CommandTarget?)? {
        for case .perform(let id, .preview(let target, _)) in effects { return (id, target) }
        return nil
    }

    private func theirs(_ change: (inout Snapshot.Endpoint) -> Void) -> ConsolePicture {
        var next = Fixture.snapshot()
        next.endpoints[0].revision = 8
        change(&next.endpoints[0])
        return next
    }

    @Test("A stale comparison brings their values, beside those of the fields that both changed, before it is saved")
    func beforeSaving() throws {
        var state = Fixture.console()
        state.press(.enter)
        let first = try #require(preview(state.type("-")))
        _ = state.handle(.commandFinished(first.id, .success(.preview(FilePreview(lines: [])))), now: Fixture.start)
        // Somebody renames it, gives it other tags and takes it out of service.
        var next = theirs {
            $0.name = "other"
            $0.tags = ["theirs"]
            $0.enabled = false
        }
        next.persister.marks += 3
        let second = try #require(preview(state.handle(.snapshot(next), now: Fixture.start)))
        #expect(second.target?.revision == 7)
        let conflict = CommandRefusal(.revisionConflict, "changed in the meantime")
        let third = try #require(
            preview(state.handle(.commandFinished(second.id, .failure(conflict)), now: Fixture.start)))
        #expect(third.target?.revision == 8)
        let form = try #require(openForm(state))
        #expect(form.message(for: .name) == .init(kind: .note, text: "theirs: other"))
        #expect(form.message(for: .tags) == nil)
        #expect(form.text(.tags) == "theirs")
        #expect(form.changes == ["Name other→anthropic-main-"])
        #expect(
            form.refusal?.line
                == "Somebody changed it: taken over Tags, Enabled; theirs beside Name. Not saved yet.")
        #expect(state.screen().contains("theirs: other"))
        #expect(state.toast?.text == "changed in the meantime")
        let lines = [
            DifferenceLine(kind: .removed, number: 2, text: "  - name: other"),
            DifferenceLine(kind: .added, number: 2, text: "  - name: anthropic-main-"),
        ]
        _ = state.handle(.commandFinished(third.id, .success(.preview(FilePreview(lines: lines)))), now: Fixture.start)
        state.press(.control("D"))
        #expect(state.screen().contains("-   - name: other"))
    }

    @Test("Each of the fields that both changed shows theirs, also those that are chosen")
    func everyField() {
        var form = EndpointForm(editing: Fixture.endpoint(0), in: Fixture.snapshot())
        form.authType = .passthrough
        form.flags[.enabled] = false
        form.focus = .field(.tags)
        form.insert(", mine")
        form.focus = .field(.headers)
        form.insert("x-org: mine")
        form.rebase(
            in: theirs {
                $0.authType = .none
                $0.tags = []
                $0.headers = [.init(name: "x-org", value: "theirs"), .init(name: "Cookie", value: "••••")]
                $0.enabled = false
                $0.rank = 3
            })
        #expect(form.message(for: .authType)?.text == "theirs: none")
        #expect(form.message(for: .tags)?.text == "theirs: —")
        #expect(form.message(for: .headers)?.text == "theirs: x-org: theirs; Cookie: ••••")
        #expect(form.message(for: .enabled) == nil, "both want the same")
        #expect(form.message(for: .priority) == nil, "ranks change by themselves")
        #expect(
            form.refusal?.line
                == "Somebody changed it: theirs beside Auth, Tags, Headers. Not saved yet.")
        // Once it is theirs again there is nothing to show.
        form.focus = .field(.headers)
        form.handle(.control("U"))
        form.insert("x-org: theirs; Cookie: ••••")
        #expect(form.message(for: .headers) == nil)
    }

    @Test("The comparison is made again when the file or what is to be written into it is another")
    func staleFile() throws {
        var state = Fixture.console()
        state.press(.enter)
        let first = try #require(preview(state.type("-")))
        _ = state.handle(.commandFinished(first.id, .success(.preview(FilePreview(lines: [])))), now: Fixture.start)
        #expect(preview(state.handle(.snapshot(Fixture.snapshot()), now: Fixture.start)) == nil)
        var next = Fixture.snapshot()
        for change: (inout Snapshot.Persister) -> Void in [
            { $0.writes += 1 }, { $0.marks += 1 }, { $0.externalEditsMerged += 1 }, { $0.file?.size = 1 },
            { $0.refusedFile = "3:1: no" },
        ] {
            change(&next.persister)
            let again = try #require(preview(state.handle(.snapshot(next), now: Fixture.start)))
            _ = state.handle(.commandFinished(again.id, .success(.preview(FilePreview(lines: [])))), now: Fixture.start)
        }
    }
}
