import PodiumModel
import Testing

@testable import Console

@Suite("The form")
struct FormTests {
    private func form(_ changes: (inout EndpointForm) -> Void) -> EndpointForm {
        var form = EndpointForm(editing: Fixture.endpoint(0), in: Fixture.snapshot())
        changes(&form)
        return form
    }

    private func set(_ form: inout EndpointForm, _ field: EndpointField, _ text: String) {
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
        #expect(form.draft == EndpointPatch())
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
            set(&$0, .authValue, "sk-new")
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
        var draft = EndpointPatch()
        draft[.name] = .text("main")
        draft[.tags] = .list(["prod", "eu"])
        draft[.authValue] = .text("sk-new")
        draft[.priority] = .integer(3)
        draft[.pinned] = .boolean(Fixture.endpoint(0).pinned)
        draft[.enabled] = .boolean(false)
        #expect(form.command == .update(Fixture.endpoint(0).target, draft))
    }

    @Test("A new endpoint needs a name, a URL and a secret")
    func adding() {
        var form = EndpointForm(adding: Fixture.snapshot())
        #expect(Set(form.problems.keys) == [.name, .url, .authValue])
        set(&form, .name, "new")
        set(&form, .urlOpenAI, "https://h")
        set(&form, .authValue, "k")
        #expect(form.problems.isEmpty)
        var draft = EndpointPatch()
        draft[.name] = .text("new")
        draft[.urlOpenAI] = .text("https://h")
        draft[.authType] = .text("auth_token")
        draft[.authValue] = .text("k")
        #expect(form.command == .add(draft))
    }

    @Test(
        "A typed secret brings the way to present it, and takes it along when it goes",
        arguments: [
            (.url, "https://api.anthropic.com", .apiKey), (.urlAnthropic, "https://relay.example.com", .apiKey),
            (.url, "https://api.openai.com", .authToken), (.urlOpenAI, "https://relay.example.com", .authToken),
        ] as [(EndpointField, String, AuthType)])
    func suggestedAuth(field: EndpointField, url: String, expected: AuthType) {
        var endpoint = Fixture.endpoint(0)
        endpoint.authType = .none
        endpoint.maskedSecret = nil
        endpoint.url = nil
        var form = EndpointForm(editing: endpoint, in: Fixture.snapshot())
        set(&form, field, url)
        #expect(form.authType == .none)
        set(&form, .authValue, "k")
        #expect(form.authType == expected)
        #expect(form.changes.contains("Auth none→\(expected.rawValue)"))
        #expect(form.problems.isEmpty)
        form.handle(.backspace)
        #expect(form.authType == .none)
        #expect(!form.isEdited(.authValue))

        var added = EndpointForm(adding: Fixture.snapshot())
        set(&added, field, url)
        #expect(added.authType == expected)
    }

    @Test("What the operator chose stays, and a secret that would not be sent is said to be so")
    func chosenAuth() {
        var form = EndpointForm(adding: Fixture.snapshot())
        set(&form, .name, "new")
        set(&form, .url, "https://api.anthropic.com")
        form.focus = .field(.authType)
        form.handle(.right)
        #expect(form.authType == .authToken)
        set(&form, .authValue, "k")
        set(&form, .url, "https://anthropic.example.com")
        #expect(form.authType == .authToken)
        #expect(form.problems.isEmpty)
        form.focus = .field(.authType)
        form.handle(.right)
        #expect(form.problems[.authValue] == "not sent: Auth is passthrough")
        form.handle(.right)
        #expect(form.problems[.authValue] == "not sent: Auth is none")
        set(&form, .authValue, "")
        #expect(form.problems.isEmpty)
    }

    @Test("A way to present a secret that was there before is left alone")
    func presentAuth() {
        let form = form { set(&$0, .authValue, "k") }
        #expect(form.authType == .apiKey)
        var endpoint = Fixture.endpoint(0)
        endpoint.authType = .passthrough
        var other = EndpointForm(editing: endpoint, in: Fixture.snapshot())
        set(&other, .authValue, "k")
        #expect(other.authType == .passthrough)
        #expect(other.message(for: .authValue)?.text == "not sent: Auth is passthrough")
    }

    @Test("A refusal keeps what was typed and shows the reason at its field")
    func refusal() {
        var state = Fixture.console()
        state.press(.enter)
        state.type("-2")
        let effects = state.press(.control("S"))
        guard case .perform(let id, _) = effects.first else { return #expect(Bool(false)) }
        #expect(state.screen().contains("saving…"))
        #expect(state.press(.control("S")) == [.bell])
        let failure = CommandRefusal.invalid(.name, "somebody renamed it meanwhile")
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
        _ = state.handle(.commandFinished(id, .success(.done(CommandReceipt(message: "Saved")))), now: Fixture.start)
        #expect(state.overlay == nil)
        state.press(.enter)
        state.type("-3")
        state.press(.escape, .enter)
        guard case .form(let form) = state.overlay else { return #expect(Bool(false)) }
        #expect(form.text(.name) == "anthropic-main-3")
        state.press(.escape, .right, .enter)
        #expect(state.overlay == nil)
    }

    private func identifier(_ effects: [ConsoleEffect], _ wanted: (Command) -> Bool) -> CommandID? {
        for case .perform(let id, let command) in effects where wanted(command) { return id }
        return nil
    }

    private func isPreview(_ command: Command) -> Bool {
        if case .preview = command { true } else { false }
    }

    private func openForm(_ state: ConsoleState) -> EndpointForm? {
        if case .form(let form) = state.overlay { form } else { nil }
    }

    @Test("Each change is compared with the file, one comparison at a time and the last one always")
    func preview() throws {
        var state = Fixture.console(80, 40)
        #expect(state.press(.enter).isEmpty)
        let first = try #require(identifier(state.type("-"), isPreview))
        #expect(identifier(state.type("2"), isPreview) == nil)
        let stale = [DifferenceLine(kind: .added, number: 2, text: "  - name: anthropic-main-")]
        let second = try #require(
            identifier(
                state.handle(
                    .commandFinished(first, .success(.preview(FilePreview(lines: stale)))), now: Fixture.start),
                isPreview))
        let lines = [
            DifferenceLine(kind: .kept, number: 1, text: "endpoints:"),
            DifferenceLine(kind: .removed, number: 2, text: "  - name: anthropic-main"),
            DifferenceLine(kind: .added, number: 2, text: "  - name: anthropic-main-2"),
        ]
        #expect(
            state.handle(.commandFinished(second, .success(.preview(FilePreview(lines: lines)))), now: Fixture.start)
                .isEmpty)
        let screen = state.screen()
        #expect(screen.contains("Saves, on disk at once: Name anthropic-main→anthropic-main-2"))
        #expect(screen.contains("   1   endpoints:"))
        #expect(screen.contains("   2 -   - name: anthropic-main "))
        #expect(screen.contains("   2 +   - name: anthropic-main-2 "))
        state.press(.control("D"))
        #expect(state.context == .difference)
        #expect(state.screen().contains("What saving changes"))
        state.press(.escape)
        #expect(state.context == .form)
        state.press(.backspace, .backspace)
        #expect(openForm(state)?.preview == nil)
        #expect(state.screen().contains("Nothing changed yet."))
    }

    @Test("What the file would refuse is said before saving")
    func previewRefused() throws {
        var state = Fixture.console()
        state.press(.enter)
        let id = try #require(identifier(state.type("x"), isPreview))
        let failure = CommandRefusal(.unreachable, "config.yaml 3:1: an alias")
        _ = state.handle(.commandFinished(id, .failure(failure)), now: Fixture.start)
        #expect(state.screen().contains("Cannot be saved: config.yaml 3:1: an alias"))
        #expect(state.toast == nil)
    }

    @Test("A test sends the form as typed, needs no more than a place to go to, and reports in the form")
    func testing() throws {
        var state = Fixture.console()
        state.press(.character("a"))
        #expect(state.press(.control("T")).isEmpty)
        #expect(openForm(state)?.focus == .field(.url))
        state.type("https://api.example.com")
        #expect(state.press(.control("T")).isEmpty)
        #expect(openForm(state)?.focus == .field(.authValue))
        state.type("k")
        let effects = state.press(.control("T"))
        var draft = EndpointPatch()
        draft[.name] = .text("")
        draft[.url] = .text("https://api.example.com")
        draft[.authType] = .text("auth_token")
        draft[.authValue] = .text("k")
        let id = try #require(identifier(effects) { $0 == .testDraft(nil, draft) })
        #expect(state.screen().contains("Testing…"))
        #expect(state.press(.control("T")) == [.bell])
        let message = "DNS 12 ms, connect 30 ms, TLS 45 ms, first byte 120 ms, answered 200"
        _ = state.handle(.commandFinished(id, .success(.done(CommandReceipt(message: message)))), now: Fixture.start)
        #expect(state.screen().contains("✓ " + message))
        state.type("2")
        #expect(!state.screen().contains("answered 200"), "it was another key that was tested")
    }

    @Test("Somebody was first: their values come in beside what was typed, and saving works then")
    func conflict() throws {
        var state = Fixture.console()
        state.press(.enter)
        state.type("-2")
        let saved = try #require(
            identifier(state.press(.control("S"))) { if case .update = $0 { true } else { false } })
        let failure = CommandRefusal(.revisionConflict, "changed in the meantime")
        _ = state.handle(.commandFinished(saved, .failure(failure)), now: Fixture.start)
        #expect(openForm(state)?.text(.name) == "anthropic-main-2")
        var next = Fixture.snapshot()
        next.endpoints[0].revision = 8
        next.endpoints[0].tags = ["theirs"]
        _ = state.handle(.snapshot(next), now: Fixture.start)
        let form = try #require(openForm(state))
        #expect(form.text(.name) == "anthropic-main-2")
        #expect(form.text(.tags) == "theirs")
        #expect(form.changes == ["Name anthropic-main→anthropic-main-2"])
        #expect(state.screen().contains("Somebody changed it: taken over Tags. Not saved yet."))
        guard case .update(let reference, let draft)? = form.command else { return #expect(Bool(false)) }
        #expect(reference.revision == 8)
        #expect(draft[.tags] == nil, "what they gave stays")
    }

    @Test(
        "What could not be written is kept and is the form's own: not somebody else's change, and nothing to save twice"
    )
    func keptUnsaved() throws {
        for isNew in [false, true] {
            var state = Fixture.console()
            state.press(isNew ? .character("a") : .enter)
            state.type(isNew ? "new" : "-2")
            state.press(.tab)
            if isNew { state.type("https://h") }
            state.press(.tab, .tab, .tab, .tab)
            state.type("sk-typed")
            let effects = state.press(.control("S"))
            let saved = try #require(
                identifier(effects) { command in
                    switch command {
                    case .update, .add: true
                    default: false
                    }
                })
            let failure = CommandRefusal(.notSaved, "NOT SAVED: no space left; kept in memory")
            _ = state.handle(.commandFinished(saved, .failure(failure)), now: Fixture.start)
            var next = Fixture.snapshot()
            next.persister.isDirty = true
            var mine = isNew ? Snapshot.Endpoint(id: 99, name: "new") : next.endpoints[0]
            mine.name = isNew ? "new" : "anthropic-main-2"
            mine.revision = 8
            if isNew { next.endpoints.append(mine) } else { next.endpoints[0] = mine }
            _ = state.handle(.snapshot(next), now: Fixture.start)
            let form = try #require(openForm(state))
            #expect(form.original?.id == mine.id)
            #expect(form.changes.isEmpty)
            #expect(state.screen().contains("NOT SAVED: no space left; kept in memory"))
            next.persister.isDirty = false
            _ = state.handle(.snapshot(next), now: Fixture.start + .seconds(5))
            #expect(state.overlay == nil, "nothing is left to be thrown away")
            #expect(state.toast?.kind == .good)
            #expect(state.toast?.text == "\(mine.name) is on disk now (after 5 s)")
        }
    }

    @Test(
        "Headers in a line",
        arguments: [
            ("", [], nil), ("a: 1", [("a", "1")], nil), (" a :1 ;  b: 2; ", [("a", "1"), ("b", "2")], nil),
            ("accept: text/html;q=0.9, x;level=1; b: 2", [("accept", "text/html;q=0.9, x;level=1"), ("b", "2")], nil),
            ("x-key: ••••", [("x-key", nil)], nil), ("X-KEY: ••••; a: 1", [("X-KEY", nil), ("a", "1")], nil),
            ("x-key: ****", [("x-key", nil)], nil), ("x-stars: ****", [("x-stars", "****")], nil),
            ("x-key: ****ZZ", [], "x-key: type the whole value anew, or leave ••••"),
            ("x-key: ••••ZZ", [], "x-key: type the whole value anew, or leave ••••"),
            ("a: 1; x-key: •••", [("a", "1")], "x-key: type the whole value anew, or leave ••••"),
            ("x-key: s•; a: 1", [], "x-key: type the whole value anew, or leave ••••"),
            ("x-other: ••••", [], "x-other: no value to keep yet: type one"),
            ("x-dot: a • b", [("x-dot", "a • b")], nil), ("a", [], "write name: value; name: value"),
            ("a b: 1", [], "'a b' is no header name"), ("a:", [], "a has no value"),
        ] as [(String, [(String, String?)], String?)])
    func headers(text: String, headers: [(String, String?)], problem: String?) {
        let present = [
            HeaderField(name: "x-key", value: "••••"), HeaderField(name: "x-dot", value: "a • b"),
        ]
        let parsed = HeaderText.parse(text, of: present)
        #expect(parsed.headers == headers.map { HeaderField(name: $0.0, value: $0.1 ?? "••••") })
        #expect(parsed.problem == problem)
    }

    @Test("What is typed beside a masked secret is refused at its field, and nothing is saved")
    func besideTheMask() {
        var endpoint = Fixture.endpoint(0)
        endpoint.headers = [.init(name: "x-org", value: "blue"), .init(name: "Cookie", value: "••••")]
        var form = EndpointForm(editing: endpoint, in: Fixture.snapshot())
        form.focus = .field(.headers)
        form.insert("ZZ")
        #expect(form.text(.headers) == "x-org: blue; Cookie: ••••ZZ")
        #expect(form.message(for: .headers)?.text == "Cookie: type the whole value anew, or leave ••••")
        #expect(form.command == nil)
        form.handle(.backspace)
        form.handle(.backspace)
        #expect(form.problems.isEmpty && form.changes.isEmpty)
    }

    @Test("Which header changed is said by its name, and its value where that is no secret")
    func headerWords() {
        let before = [
            HeaderField(name: "x-org", value: "blue"), HeaderField(name: "Cookie", value: "••••"),
            HeaderField(name: "x-old", value: "1"),
        ]
        func words(_ after: (String, String?)...) -> [String] {
            HeaderText.changes(from: before, to: after.map { HeaderField(name: $0.0, value: $0.1 ?? "••••") })
        }
        #expect(words(("x-org", "blue"), ("Cookie", "sess=Y"), ("x-old", "1")) == ["Cookie changed"])
        #expect(
            words(("X-Org", "red"), ("Cookie", nil), ("x-new", "2"))
                == ["x-org is now X-Org", "X-Org blue→red", "x-new added", "x-old removed"])
        #expect(words(("Cookie", nil), ("x-org", "blue"), ("x-old", "1")) == ["other order"])
    }

    @Test("Only a typed secret can be shown, and one that is typed later stays hidden")
    func revealing() {
        var state = Fixture.console()
        state.press(.enter)
        #expect(state.press(.control("R")) == [.bell])
        #expect(state.toast?.text == "no secret is typed yet")
        state.press(.tab, .tab, .tab, .tab, .tab)
        #expect(state.press(.control("R")) == [.bell])
        #expect(state.toast?.text == "a stored secret cannot be shown, only a typed one")
        state.type("sk-typed")
        #expect(!state.screen().contains("sk-typed"))
        state.press(.control("R"))
        #expect(state.screen().contains("sk-typed"))
        #expect(state.toast == nil, "why it showed nothing is of no more use")
        state.press(.control("U"))
        state.type("sk-other")
        #expect(!state.screen().contains("sk-other"), "it was another one that was to be shown")
    }

    @Test("A failure names the endpoint once")
    func namedOnce() {
        var state = Fixture.console()
        for case .perform(let id, _) in state.press(.character("T")) {
            let failure = CommandRefusal(.unreachable, "anthropic-main: no connection")
            _ = state.handle(.commandFinished(id, .failure(failure)), now: Fixture.start)
        }
        #expect(state.toast?.text == "Testing anthropic-main failed: no connection")
    }

    @Test("Headers and proxy keep the secrets that the console does not hold")
    func keptSecrets() {
        var endpoint = Fixture.endpoint(0)
        endpoint.headers = [.init(name: "x-org", value: "blue"), .init(name: "x-api-key", value: "••••")]
        endpoint.proxy = try? ProxyText.parse("socks5://user:••••@10.0.0.1:1080")
        var form = EndpointForm(editing: endpoint, in: Fixture.snapshot())
        #expect(form.draft[.headers] == nil)
        #expect(form.draft[.proxy] == nil)
        set(&form, .headers, "x-org: red; x-api-key: ••••")
        set(&form, .proxy, "socks5://user:••••@10.0.0.2:1080")
        #expect(
            form.draft[.headers]
                == .headers([.init(name: "x-org", value: "red"), .init(name: "x-api-key", value: "••••")]))
        #expect(form.draft[.proxy] == .text("socks5://user:••••@10.0.0.2:1080"))
        set(&form, .proxy, "")
        #expect(form.draft[.proxy] == .absent)
        for (text, problem) in [
            ("socks5://user:••••x@10.0.0.1:1080", "type the whole password anew, or leave ••••"),
            ("ftp://h", "begin with http:// or socks5://"), ("http://", "has no host"), ("http://u@:1", "has no host"),
        ] {
            set(&form, .proxy, text)
            #expect(form.problems[.proxy] == problem)
        }
    }
}
