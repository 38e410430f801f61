import Configuration
import PodiumModel
import Foundation
import Testing
import TestSupport
import YAMLDocument

/// Files with anchors, aliases, merge keys and tags: an edit is refused only where it would show in two places, and for that
/// endpoint alone.
@Suite struct AnchoredFileTests {
    private func document(_ text: String) throws -> YAMLDocument { try YAMLDocument(bytes: Array(text.utf8)) }

    private func edited(_ text: String, _ endpoint: String, _ field: EndpointField, _ value: FieldValue) throws
        -> String
    {
        let change = ConfigurationChange.setField(endpoint: endpoint, field: field, old: .absent, new: value)
        return String(decoding: try ConfigurationEditor.apply([change], to: document(text)).bytes, as: UTF8.self)
    }

    private static let base = """
        endpoints:
          - &base
            name: a
            url: http://a
            priority: 1
          - <<: *base
            name: b
            priority: 2

        """

    @Test func aBaseWhoseHeirsOverrideTheKeyIsEdited() throws {
        let result = try edited(Self.base, "a", .priority, .integer(9))
        #expect(result == Self.base.replacing("priority: 1", with: "priority: 9"))
    }

    @Test func aKeyThatAnHeirWouldInheritIsRefusedAndNamesTheHeir() throws {
        #expect {
            try edited(Self.base, "a", .enabled, .boolean(false))
        } throws: { error in
            (error as? YAMLError)?.reason.contains("&base is used by an alias in line 6") == true
        }
    }

    @Test func anInheritedValueGetsItsOwnKey() throws {
        let text = Self.base.replacing("    priority: 2\n", with: "")
        let result = try edited(text, "b", .priority, .integer(2))
        #expect(result == text.replacing("    name: b\n", with: "    name: b\n    priority: 2\n"))
        // What only the base says is hidden by an empty key where it is to be absent.
        let hidden = try edited(
            Self.base.replacing("name: b", with: "name: b\n    url: http://b"), "b", .tags, .list(["x"]))
        #expect(hidden.contains("    name: b\n    tags: [x]\n"))
    }

    @Test(arguments: [
        ("priority: *one", "priority: 7"), ("priority: &p 1", "priority: &p 7"),
        ("priority: !!int 1", "priority: !!int 7"),
        ("priority: !!str 1", "priority: 7"), ("priority: !x &p 1", "priority: &p 7"),
        ("priority: &p !x 1", "priority: &p 7"),
        ("priority: !!int", "priority: !!int 7"), ("priority: &p", "priority: &p 7"),
        ("priority: &p !!int '1'", "priority: &p !!int 7"),
    ]) func anchorsAndTagsOfAValueDoNotMatter(_ before: String, _ after: String) throws {
        let text = "x-one: &one 1\nendpoints:\n  - name: a\n    url: http://a\n    \(before) # why\n"
        #expect(try edited(text, "a", .priority, .integer(7)) == text.replacing(before, with: after))
        let braces = "x-one: &one 1\nendpoints: &l [&e !!map {name: a, url: \"http://a\", \(before) }]\n"
        #expect(try edited(braces, "a", .priority, .integer(7)) == braces.replacing(before, with: after))
    }

    @Test func anAliasOfAListOrAMappingIsReplacedByTheValue() throws {
        let text =
            "x: &t [a, b]\nh: &h {X-A: '1'}\nendpoints:\n  - name: a\n    url: http://a\n    tags: *t\n    headers: *h\n"
        #expect(try edited(text, "a", .tags, .list(["a"])) == text.replacing("tags: *t", with: "tags: [a]"))
        #expect(
            try edited(text, "a", .headers, .headers([.init(name: "X-A", value: "2")]))
                == text.replacing("headers: *h", with: "headers: { X-A: \"2\" }"))
    }

    @Test func theLastEntryOfAnAnchoredListIsRemoved() throws {
        let text = "endpoints: &all # these\n  - name: a\n    url: http://a\nserver: {}\n"
        let empty = try ConfigurationEditor.apply([.removeEndpoint(name: "a")], to: document(text))
        #expect(String(decoding: empty.bytes, as: UTF8.self) == "endpoints: &all [] # these\nserver: {}\n")
        let braces = try ConfigurationEditor.apply(
            [.removeEndpoint(name: "a")], to: document("endpoints: &all [{name: a, url: \"http://a\"}]\n"))
        #expect(String(decoding: braces.bytes, as: UTF8.self) == "endpoints: &all []\n")
    }

    @Test func anEntryThatIsAnAliasIsRemovedButNotItsTarget() throws {
        let text = "x: &x {name: a, url: \"http://a\"}\nendpoints:\n  - *x\n  - name: b\n    url: http://b\n"
        let result = try ConfigurationEditor.apply([.removeEndpoint(name: "a")], to: document(text))
        #expect(String(decoding: result.bytes, as: UTF8.self) == text.replacing("  - *x\n", with: ""))
        let base = try document(Self.base)
        #expect(throws: YAMLError.self) {
            try ConfigurationEditor.apply([.removeEndpoint(name: "a")], to: base)
        }
    }

    @Test func mergedHeadersLoadAndAreEditedInPlace() throws {
        let text = """
            x: &common {X-A: "1", X-B: "2"}
            endpoints:
              - name: a
                url: http://a
                headers:
                  X-C: "3"
                  <<: *common
                  x-b: "4"

            """
        let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
        let headers = try #require(loaded.configuration, "\(loaded.diagnostics)").endpoints[0].headers
        let expected = [("X-C", "3"), ("X-A", "1"), ("x-b", "4")]
        #expect(headers == expected.map { HeaderField(name: $0.0, value: $0.1) })
        var wanted = headers
        wanted[2].value = "5"
        #expect(
            try edited(text, "a", .headers, .headers(wanted)) == text.replacing("x-b: \"4\"", with: "x-b: \"5\""))
        // A merged one that goes cannot be taken out of the mapping that others share.
        let gone = try edited(text, "a", .headers, .headers([headers[0]]))
        #expect(gone.contains("headers: { X-C: \"3\" }") && gone.hasPrefix("x: &common {X-A: \"1\", X-B: \"2\"}\n"))
    }

    @Test func anAliasWithoutAnAnchorIsAnError() throws {
        for (text, line, column) in [
            ("endpoints:\n  - name: a\n    url: *nowhere\n", 3, 10), ("a: *b\nb: &b 1\n", 1, 4),
            ("endpoints:\n  - <<: *base\n    name: a\n", 2, 9), ("a: [x, {b: *c}]\n", 1, 12),
        ] {
            let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
            let error = try #require(loaded.errors.first)
            #expect(error.line == line && error.column == column && error.message.contains("anchor &"), "\(error)")
        }
    }

    @Test func whatCannotBeWrittenHoldsUpNothingElse() throws {
        let file = try document(Self.base + "  - name: c\n    url: http://c\n")
        let off = { (name: String) in
            ConfigurationChange.setField(endpoint: name, field: .enabled, old: .boolean(true), new: .boolean(false))
        }
        let edit = ConfigurationEditor.applyWhatCan([off("a"), off("c")], to: file)
        #expect(edit.written == [off("c")] && edit.refused.map(\.changes) == [[off("a")]])
        // With keys of its own the heir does not inherit: then the base can be written as well.
        let both = ConfigurationEditor.applyWhatCan([off("a"), off("b")], to: file)
        #expect(both.refused.isEmpty)
    }

    @Test func checkNamesWhatCannotBeSaved() throws {
        func warnings(_ text: String) throws -> [Diagnostic] {
            let loaded = ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:])
            let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)")
            return Writability.warnings(about: try #require(loaded.document), configuration)
        }
        let found = try warnings(Self.base)
        #expect(found.map(\.line) == [2])
        #expect(found[0].message.contains("enabled and pinned of 'a'") && found[0].message.contains("line 6"))
        #expect(try warnings("x: &x {name: a, url: \"http://a\"}\nendpoints:\n  - *x\n").count == 1)
        #expect(try warnings("endpoints:\n  - name: a\n    url: http://a\n").isEmpty)
        #expect(try warnings("endpoints:\n  - ? name\n    : a\n    url: http://a\n").count == 1)
        #expect(try warnings("x: &l\n  - name: a\n    url: http://a\nendpoints: *l\n").count == 2)
    }

    // MARK: Generated files

    private static let count = ProcessInfo.processInfo.environment["PODIUM_ANCHORED_FILES"].flatMap { Int($0) } ?? 600

    @Test func aRefusalMeansThatTheChangeWouldShowElsewhere() throws {
        var (written, refused) = (0, 0)
        for seed in 0..<UInt64(Self.count) {
            var random = SeededRandom(seed: seed)
            let file = AnchoredFile(&random)
            let loaded = ConfigurationLoader.load(bytes: Array(file.text.utf8), environment: [:])
            let configuration = try #require(loaded.configuration, "\(loaded.diagnostics)\n\(file.text)")
            let state = PersistedState(configuration: configuration)
            try #require(file.reads(as: state), "seed \(seed): the file does not load as it was meant:\n\(file.text)")
            for _ in 0..<4 {
                let changes = file.changes(&random, from: state)
                let edit = ConfigurationEditor.applyWhatCan(changes, to: try #require(loaded.document))
                let again = ConfigurationLoader.load(bytes: edit.document.bytes, environment: [:])
                let note = Comment(rawValue: "seed \(seed)\n\(changes)\n\(file.text)\n\(edit.refused)")
                let result = PersistedState(configuration: try #require(again.configuration, note))
                let wanted = state.after(edit.written, towards: state)
                #expect(result == wanted, note)
                written += edit.written.count
                for refusal in edit.refused {
                    refused += 1
                    #expect(file.shows(refusal.changes, besides: edit.written), note)
                }
                if edit.refused.isEmpty { #expect(!file.shows([], besides: edit.written), note) }
            }
        }
        // Were nothing refused, or nothing written, the test would show nothing.
        #expect(written > Self.count && refused > Self.count / 10, "\(written) written, \(refused) refused")
    }
}

/// A file whose meaning is known, because it was made from it.
private struct AnchoredFile {
    struct Mapping {
        var name: String?
        var anchor: String?
        /// Mappings that are merged in, first one first.
        var merges: [Int] = []
        var own: [String: String] = [:]
        /// The number of the anchor that a value has.
        var shared: [String: Int] = [:]
        /// The number of the anchor that a value refers to.
        var aliases: [String: Int] = [:]
        var isAlias = false
        /// Also used as a whole in another place.
        var isCopied = false
    }

    private(set) var mappings: [Mapping] = []
    private(set) var text = ""
    private var endpoints: [Int] = []
    private var listIsCopied = false
    private static let keys = ["priority", "enabled", "pinned", "url"]

    init(_ random: inout SeededRandom) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        var sharedCount = 0
        var sharedValues: [(key: String, value: String)] = []
        var anchorOwners: [Int] = []

        func value(_ key: String) -> String {
            switch key {
            case "priority": String(Int.random(in: 1...6, using: &random))
            case "url": "http://h\(Int.random(in: 1...6, using: &random))"
            default: Bool.random(using: &random) ? "true" : "false"
            }
        }
        /// Returns how the pair's value is written.
        func written(_ key: String, _ mapping: inout Mapping) -> String {
            if chance(15),
                let number = sharedValues.indices.filter({ sharedValues[$0].key == key }).randomElement(using: &random)
            {
                mapping.own[key] = sharedValues[number].value
                mapping.aliases[key] = number
                return "*s\(number)"
            }
            let value = value(key)
            mapping.own[key] = value
            let tag = key == "priority" ? "!!int " : key == "url" ? "!!str " : "!!bool "
            let quoted = key == "url" ? "\"\(value)\"" : value
            if chance(12) {
                sharedValues.append((key, value))
                mapping.shared[key] = sharedCount
                sharedCount += 1
                return "&s\(sharedCount - 1) \(chance(30) ? tag : "")\(quoted)"
            }
            return (chance(10) ? "&u\(Int.random(in: 0...999, using: &random)) " : "") + (chance(12) ? tag : "")
                + quoted
        }
        func mapping(name: String?, indent: String) -> (Mapping, flow: String, block: [String]) {
            var made = Mapping(name: name)
            var pairs: [String] = []
            for _ in 0..<2 where !anchorOwners.isEmpty && chance(45) {
                if let owner = anchorOwners.randomElement(using: &random), !made.merges.contains(owner) {
                    made.merges.append(owner)
                }
            }
            let aliases = made.merges.map { "*\(mappings[$0].anchor ?? "")" }
            if aliases.count == 1, chance(70) {
                pairs.append("<<: \(aliases[0])")
            } else if !aliases.isEmpty {
                pairs.append("<<: [\(aliases.joined(separator: ", "))]")
            }
            if let name { pairs.append("name: \(name)") }
            for key in Self.keys where chance(45) { pairs.append("\(key): \(written(key, &made))") }
            if name != nil, made.own["url"] == nil, effective(made)["url"] == nil {
                pairs.append("url: \(written("url", &made))")
            }
            if pairs.isEmpty { pairs.append("x-note: 1") }
            if chance(25) { pairs.append(pairs.removeFirst()) }
            return (made, "{" + pairs.joined(separator: ", ") + "}", pairs)
        }
        func anchor(_ made: inout Mapping, _ percent: Int) -> String {
            guard chance(percent) else { return "" }
            made.anchor = "m\(mappings.count)"
            return "&m\(mappings.count) "
        }

        for number in 0..<Int.random(in: 0...3, using: &random) {
            var (made, flow, block) = mapping(name: nil, indent: "  ")
            let mark = anchor(&made, 90)
            text += "x-\(number): \(mark)"
            text += chance(50) ? "\(flow)\n" : "\n" + block.map { "  \($0)\n" }.joined()
            if made.anchor != nil { anchorOwners.append(mappings.count) }
            mappings.append(made)
        }
        var aliasEntry: Int?
        if chance(12) {
            var (made, flow, _) = mapping(name: "elsewhere", indent: "")
            made.anchor = "m\(mappings.count)"
            made.isAlias = true
            text += "x-entry: &m\(mappings.count) \(flow)\n"
            aliasEntry = mappings.count
            mappings.append(made)
        }
        let listAnchor = chance(20)
        let isFlow = chance(25)
        text += "endpoints:\(listAnchor ? " &list" : "")\(isFlow ? " [" : "\n")"
        let total = Int.random(in: 2...5, using: &random)
        var items: [String] = []
        for number in 0..<total {
            var (made, flow, block) = mapping(name: "e\(number)", indent: "    ")
            let mark = anchor(&made, 40)
            let tag = chance(8) ? "!!map " : ""
            if isFlow || chance(30) {
                items.append(mark + tag + flow)
            } else if mark.isEmpty, tag.isEmpty {
                items.append(block.joined(separator: "\n    "))
            } else {
                items.append(
                    (mark + tag).trimmingCharacters(in: .whitespaces) + "\n    " + block.joined(separator: "\n    "))
            }
            if made.anchor != nil { anchorOwners.append(mappings.count) }
            endpoints.append(mappings.count)
            mappings.append(made)
        }
        if let aliasEntry {
            items.append("*m\(aliasEntry)")
            endpoints.append(aliasEntry)
        }
        text += isFlow ? items.joined(separator: ", ") + "]\n" : items.map { "  - \($0)\n" }.joined()
        if listAnchor, chance(30) {
            text += "copy: *list\n"
            listIsCopied = true
        }
        for index in endpoints where mappings[index].anchor != nil && chance(10) {
            text += "copy-\(index): *m\(index)\n"
            mappings[index].isCopied = true
        }
    }

    private func effective(_ mapping: Mapping) -> [String: String] {
        var result = mapping.own
        for source in mapping.merges { result.merge(effective(mappings[source])) { own, _ in own } }
        return result
    }

    func reads(as state: PersistedState) -> Bool {
        endpoints.count == state.endpoints.count
            && zip(endpoints, state.endpoints).allSatisfy { index, endpoint in
                let values = effective(mappings[index])
                return mappings[index].name == endpoint.settings.name
                    && values["priority"].flatMap { Int($0) } == endpoint.settings.priority
                    && (values["enabled"] ?? "true") == String(endpoint.settings.enabled)
                    && (values["pinned"] ?? "false") == String(endpoint.settings.pinned)
                    && values["url"] == endpoint.settings.url
            }
    }

    func changes(_ random: inout SeededRandom, from state: PersistedState) -> [ConfigurationChange] {
        var wanted = state
        for index in wanted.endpoints.indices where Bool.random(using: &random) {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: wanted.endpoints[index].settings.priority = Int.random(in: 7...12, using: &random)
            case 1: wanted.endpoints[index].settings.enabled.toggle()
            case 2: wanted.endpoints[index].settings.pinned.toggle()
            default: wanted.endpoints[index].settings.url = "http://new\(index)"
            }
        }
        return state.changes(to: wanted)
    }

    /// Whether writing the changes would change the meaning of any other mapping than those they name.
    func shows(_ changes: [ConfigurationChange], besides others: [ConfigurationChange]) -> Bool {
        guard !listIsCopied || (changes + others).isEmpty else { return true }
        var changed = self
        var expected = mappings.map(effective)
        for case .setField(let name, let field, _, let new) in changes + others {
            guard let index = endpoints.first(where: { mappings[$0].name == name }) else { continue }
            if mappings[index].isAlias || mappings[index].isCopied { return true }
            let value =
                switch new {
                case .integer(let number): String(number)
                case .boolean(let flag): String(flag)
                case .text(let text): text
                default: ""
                }
            // What others take by an alias of the value itself changes there, unless they get a value of their own.
            if let number = mappings[index].shared[field.key],
                mappings.contains(where: { user in
                    user.aliases[field.key] == number
                        && !(changes + others).contains {
                            if case .setField(let name, field, _, _) = $0 { name == user.name } else { false }
                        }
                })
            {
                return true
            }
            changed.mappings[index].own[field.key] = value
            expected[index][field.key] = value
        }
        return changed.mappings.indices.contains { changed.effective(changed.mappings[$0]) != expected[$0] }
    }
}
