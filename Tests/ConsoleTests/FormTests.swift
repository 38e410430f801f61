import Testing

@testable import Console

@Suite("The form")
struct FormTests {
    private func form(_ changes: (inout EndpointForm) -> Void) -> EndpointForm {
        var form = EndpointForm(editing: Fixture.endpoint(0), in: Fixture.snapshot())
        changes(&form)
        return form
    }

    private func set(_ form: inout EndpointForm, _ field: EndpointDraft.Field, _ text: String) {
        form.focus = .field(field)
        form.handle(.control("E"))
        form.handle(.control("U"))
        form.insert(text)
    }

    @Test("What is not touched is not sent as changed")
    func untouched() {
        let form = form { _ in }
        #expect(form.changes.isEmpty)
        #expect(form.command == nil)
        #expect(form.draft == EndpointDraft(Fixture.endpoint(0)))
    }

    @Test(
        "Base URLs",
        arguments: [
            ("https://api.example.com", nil), ("http://10.0.0.1:8080/v1", nil), ("https://[::1]:8443", nil),
            ("api.example.com", "begin with https://"), ("https://", "has no host"),
            ("https://a b", "has a blank in it"),
            ("https://u:p@host", "put no password in it"), ("https://h?x=1", "base URL only, no ? or #"),
            ("https://h:0", "port must be 1–65535"), ("https://h:99999", "port must be 1–65535"),
            ("", "needs at least one URL"),
        ] as [(String, String?)])
    func urls(url: String, problem: String?) {
        let form = form { set(&$0, .url, url) }
        #expect(form.problems[.url] == problem)
    }

    @Test("Names are needed and unique; ranks are ranks")
    func fields() {
        #expect(form { set(&$0, .name, " ") }.problems[.name] == "needs a name")
        #expect(form { set(&$0, .name, "azure-gpt") }.problems[.name] == "is taken")
        for bad in ["0", "8", "x", "", "-1", "99999999999999999999"] {
            #expect(form { set(&$0, .priority, bad) }.problems[.priority] == "must be 1–7", "\(bad)")
        }
        #expect(form { set(&$0, .priority, "7") }.problems.isEmpty)
    }

    @Test("Says exactly what will be saved, and sends just that")
    func changes() {
        let form = form {
            set(&$0, .name, "main")
            set(&$0, .tags, "prod,  eu ,")
            set(&$0, .secret, "sk-new")
            set(&$0, .priority, "3")
            $0.focus = .field(.enabled)
            $0.handle(.character(" "))
        }
        #expect(
            form.changes == [
                "Name anthropic-main→main", "Secret replaced", "Priority 1→3, pinned there",
                "Tags prod, claude→prod, eu",
                "Enabled on→off",
            ])
        var draft = EndpointDraft(Fixture.endpoint(0))
        draft.name = "main"
        draft.tags = ["prod", "eu"]
        draft.secret = .set("sk-new")
        draft.priority = 3
        draft.isEnabled = false
        #expect(form.command == .update(Fixture.endpoint(0).reference, draft))
    }

    @Test("A new endpoint needs a name, a URL and a secret")
    func adding() {
        var form = EndpointForm(adding: Fixture.snapshot())
        #expect(Set(form.problems.keys) == [.name, .url, .secret])
        set(&form, .name, "new")
        set(&form, .urlOpenAI, "https://h")
        set(&form, .secret, "k")
        #expect(form.problems.isEmpty)
        var draft = EndpointDraft()
        draft.name = "new"
        draft.urlOpenAI = "https://h"
        draft.authType = .apiKey
        draft.secret = .set("k")
        #expect(form.command == .add(draft))
    }

    @Test("A refusal keeps what was typed and shows the reason at its field")
    func refusal() {
        var state = Fixture.console()
        state.press(.enter)
        state.type("-2")
        let effects = state.press(.control("S"))
        guard case .perform(let id, _) = effects.first else { return #expect(Bool(false)) }
        #expect(state.screen().contains("saving…"))
        #expect(state.press(.control("S")).isEmpty)
        let failure = CommandFailure(message: "somebody renamed it meanwhile", field: .name)
        _ = state.handle(.commandFinished(id, .failure(failure)), now: Fixture.start)
        guard case .form(let form) = state.overlay else { return #expect(Bool(false)) }
        #expect(form.text(.name) == "anthropic-main-2")
        #expect(form.focus == .field(.name))
        #expect(state.screen().contains("Not saved: somebody renamed it meanwhile"))
    }

    @Test("Saved closes the form; Escape with something typed asks first and Cancel brings it back")
    func closing() {
        var state = Fixture.console()
        state.press(.enter)
        state.type("-2")
        guard case .perform(let id, _) = state.press(.control("S")).first else { return #expect(Bool(false)) }
        _ = state.handle(.commandFinished(id, .success(message: "Saved")), now: Fixture.start)
        #expect(state.overlay == nil)
        state.press(.enter)
        state.type("-3")
        state.press(.escape, .enter)
        guard case .form(let form) = state.overlay else { return #expect(Bool(false)) }
        #expect(form.text(.name) == "anthropic-main-3")
        state.press(.escape, .right, .enter)
        #expect(state.overlay == nil)
    }
}
