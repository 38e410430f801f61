import PodiumModel
import Testing
import YAMLDocument

@testable import Configuration

/// Edits of `clients:` in the operator's file: nothing else changes.
struct ClientEditsTests {
    private static let file = """
        # relays
        server: { port: 8081 }

        clients:
          # the boss
          - { name: alice, token: "${ALICE}", tags: [prod] }   # keep
          - name: bob
            token: ${BOB}    # from the vault
            enabled: true
            models: ["claude-*"]

        endpoints:
          - { name: a, url: "https://a.example" }

        """

    private static func state(_ text: String) throws -> PersistedState {
        let loaded = ConfigurationLoader.load(
            bytes: Array(text.utf8), environment: ["ALICE": "1", "BOB": "2", "CAROL": "3"])
        return PersistedState(configuration: try #require(loaded.configuration, "\(loaded.diagnostics)"))
    }

    /// What the file says once the change is made; it has to mean what was meant.
    private static func edited(_ text: String = file, _ change: (inout [ClientSettings]) -> Void) throws -> String {
        let before = try state(text)
        var after = before
        change(&after.clients)
        let document = try YAMLDocument(bytes: Array(text.utf8))
        let edited = try ConfigurationEditor.apply(before.changes(to: after), to: document)
        let result = String(decoding: edited.bytes, as: UTF8.self)
        #expect(try state(result).changes(to: after).isEmpty)
        return result
    }

    @Test func aSwitchIsOneWord() throws {
        #expect(
            try Self.edited { $0[1].enabled = false }
                == Self.file.replacing("enabled: true", with: "enabled: false"))
        #expect(
            try Self.edited { $0[0].enabled = false }
                == Self.file.replacing("tags: [prod] }", with: "tags: [prod], enabled: false }"))
    }

    @Test func aFieldComesAndGoes() throws {
        let without = try Self.edited { $0[1].models = [] }
        #expect(!without.contains("models") && without.contains("    enabled: true\n\nendpoints:"))
        let limited = try Self.edited { $0[0].limits = "spend 5 per day" }
        #expect(limited == Self.file.replacing("tags: [prod] }", with: "tags: [prod], limits: spend 5 per day }"))
        let dated = try Self.edited { $0[1].expires = "2027-01-31" }
        #expect(dated.contains("2027-01-31") && dated.count { $0 == "\n" } == Self.file.count { $0 == "\n" } + 1)
    }

    @Test func anEntryIsAddedBehindTheLast() throws {
        var carol = ClientSettings(name: "carol", token: "${CAROL}")
        (carol.models, carol.limits) = (["claude-*"], "tokens_per_day 2M")
        let text = try Self.edited { $0.append(carol) }
        // Up to the end of the list nothing has changed, and what comes behind it neither.
        let end = try #require(Self.file.firstRange(of: "\n\nendpoints:")).lowerBound
        #expect(text.hasPrefix(Self.file[..<end]) && text.hasSuffix(Self.file[end...]))
        #expect(text.contains("carol") && text.contains("# from the vault") && text.contains("   # keep"))
        // To a file without the list, and to one with an empty list.
        for start in ["", "clients: []\n", "clients:\n"] {
            let plain = "# mine\n\(start)endpoints:\n  - { name: a, url: \"https://a.example\" }\n"
            let added = try Self.edited(plain) { $0.append(carol) }
            #expect(added.hasPrefix("# mine\n") && added.contains("${CAROL}"))
        }
    }

    @Test func anEntryIsRemovedWithNothingElse() throws {
        let text = try Self.edited { $0.removeFirst() }
        #expect(!text.contains("alice") && text.contains("# from the vault") && text.hasPrefix("# relays\n"))
        let none = try Self.edited(text) { $0.removeAll() }
        #expect(!none.contains("bob") && none.contains("- { name: a, url"))
    }

    @Test func removingAndAddingAreMadeTogether() throws {
        let text = try Self.edited { clients in
            clients.removeFirst()
            clients[0].enabled = false
            clients.append(ClientSettings(name: "carol", token: "${CAROL}"))
        }
        #expect(!text.contains("alice") && text.contains("enabled: false") && text.contains("carol"))
    }

    @Test func whatIsSharedIsRefusedAndNothingElseIsHeldUpByIt() throws {
        let text = """
            base: &base { models: [claude-*] }
            clients:
              - { <<: *base, name: alice, token: "${ALICE}" }
              - &bob { name: bob, token: "${BOB}" }
            endpoints:
              - { name: a, url: "https://a.example" }

            """
        let before = try Self.state(text)
        var after = before
        after.clients[0].models = []
        after.endpoints[0].settings.priority = 3
        let edit = ConfigurationEditor.applyWhatCan(
            before.changes(to: after), to: try YAMLDocument(bytes: Array(text.utf8)))
        #expect(edit.written.contains { if case .setField(_, .priority, _, _) = $0 { true } else { false } })
        let reached = before.after(edit.written, towards: after)
        #expect(reached.clients == (edit.refused.isEmpty ? after.clients : before.clients))
        #expect(try Self.state(String(decoding: edit.document.bytes, as: UTF8.self)).changes(to: reached).isEmpty)
    }

    @Test func aTokenIsInNoDescription() throws {
        let before = try Self.state(Self.file)
        var after = before
        after.clients[0].token = "secret-of-alice"
        after.clients.append(ClientSettings(name: "carol", token: "secret-of-carol"))
        let texts = before.changes(to: after).map(\.description)
        #expect(texts == ["client alice token changed", "client carol added"])
    }

    /// What only the file changed is taken, what only the program changed is kept, where both did the file wins.
    @Test func anEditByHandIsMergedFieldByField() throws {
        let ancestor = try Self.state(Self.file)
        var ours = ancestor
        ours.clients[0].enabled = false
        ours.clients[0].tags = ["ours"]
        ours.clients.append(ClientSettings(name: "carol", token: "${CAROL}"))
        var theirs = ancestor.clients
        theirs[0].tags = ["theirs"]
        theirs[0].models = ["m"]
        theirs.append(ClientSettings(name: "dave", token: "d"))
        let merged = ours.mergedClients(ancestor: ancestor, theirs: theirs)
        #expect(merged.map(\.name) == ["alice", "bob", "dave", "carol"])
        #expect(!merged[0].enabled && merged[0].tags == ["theirs"] && merged[0].models == ["m"])
        // Removed on one side and left alone on the other it is gone; changed in the file it is back.
        ours.clients.removeFirst()
        #expect(ours.mergedClients(ancestor: ancestor, theirs: ancestor.clients).map(\.name) == ["bob", "carol"])
        #expect(
            ours.mergedClients(ancestor: ancestor, theirs: theirs).map(\.name) == ["alice", "bob", "dave", "carol"])
        #expect(ours.mergedClients(ancestor: ancestor, theirs: []).map(\.name) == ["carol"])
    }
}
