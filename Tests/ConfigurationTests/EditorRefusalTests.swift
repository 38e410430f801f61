import Configuration
import PodiumModel
import Testing
import YAMLDocument

@Suite struct EditorRefusalTests {
    /// `(file, line, column, part of the reason)`: priority of `b` cannot be set in any of them.
    static let refusals: [(String, Int, Int, String)] = [
        ("endpoints:\n  - name: a\n", 1, 1, "no endpoint named 'b'"),
        ("server: {}\n", 1, 1, "no endpoint named 'b'"),
        ("endpoints:\n  - {name: b, url: x}\n  - {name: b, url: y}\n", 3, 5, "more than one endpoint named 'b'"),
        (
            "endpoints:\n  - name: b\n    url: http://b\n    priority: 1\n    priority: 2\n", 5, 5,
            "twice, first in line 4"
        ),
        (
            "endpoints:\n  - name: b\n    url: http://b\n    priority: &p 1\nx: *p\n", 4, 15,
            "&p is used by an alias in line 5"
        ),
        ("x: &x {name: b, url: \"http://b\"}\nendpoints:\n  - *x\n", 3, 5, "alias"),
        ("x: &x\n  - {name: b, url: \"http://b\"}\nendpoints: *x\n", 3, 12, "alias"),
        (
            "endpoints:\n  - &x {name: b, url: \"http://b\"}\n  - <<: *x\n    name: c\n", 2, 5,
            "&x is used by an alias in line 3"
        ),
        ("endpoints: &l\n  - {name: b, url: \"http://b\"}\ncopy: *l\n", 1, 12, "&l is used by an alias in line 3"),
        ("endpoints:\n  - ? name\n    : b\n    url: http://b\n", 2, 7, "not plain text before a colon"),
        ("endpoints:\n  - name: b\n    url: nonsense\n", 2, 5, "would not validate"),
    ]

    @Test(arguments: refusals.indices) func saysWhereAndWhy(_ index: Int) throws {
        let (file, line, column, reason) = Self.refusals[index]
        let document = try YAMLDocument(bytes: Array(file.utf8))
        let change = ConfigurationChange.setField(endpoint: "b", field: .priority, old: .absent, new: .integer(9))
        do {
            let edited = try ConfigurationEditor.apply([change], to: document)
            Issue.record("not refused: \(String(decoding: edited.bytes, as: UTF8.self))")
        } catch {
            #expect(error.line == line && error.column == column && error.reason.contains(reason), "\(error)")
        }
    }

    private let file = "endpoints:\n  - name: a\n    url: http://a\n  - name: b\n    url: http://b\n"

    @Test func valuesThatWouldNotValidateAreNeverWritten() throws {
        let document = try YAMLDocument(bytes: Array(file.utf8))
        let changes: [ConfigurationChange] = [
            .setField(endpoint: "b", field: .url, old: .absent, new: .text("nonsense")),
            .setField(endpoint: "b", field: .name, old: .absent, new: .text("a")),
            .setField(endpoint: "b", field: .name, old: .absent, new: .text("")),
            .setField(endpoint: "b", field: .url, old: .absent, new: .absent),
            .setField(endpoint: "b", field: .authType, old: .absent, new: .text("nonsense")),
            .setField(
                endpoint: "b", field: .headers, old: .absent, new: .headers([.init(name: "A", value: "x\r\nB: y")])),
            .setField(endpoint: "b", field: .headers, old: .absent, new: .headers([.init(name: "A: x", value: "")])),
            .setField(endpoint: "b", field: .priority, old: .absent, new: .text("first")),
            .addEndpoint(EndpointSettings(name: "without a URL")),
            .removeEndpoint(name: "nobody"),
        ]
        for change in changes {
            #expect(throws: YAMLError.self, "\(change)") {
                try ConfigurationEditor.apply([change], to: document)
            }
        }
    }

    /// A mapping that an entry merges keeps its values; the entry's own key goes over them.
    @Test func mergedValuesAreOverriddenNotChanged() throws {
        let text = "d: &d {enabled: true, auth_type: none}\nendpoints:\n  - <<: *d\n    name: a\n    url: http://a\n"
        let result = try rewrite(text) { $0.endpoints[0].settings.enabled = false }
        #expect(result == text.replacing("    name: a\n", with: "    name: a\n    enabled: false\n"))
    }

    /// What only a merged mapping says is hidden by an empty key of the entry's own.
    @Test func mergedValuesAreHiddenWhereTheyAreToGo() throws {
        let text = "d: &d {priority: 3}\nendpoints:\n  - <<: *d\n    name: a\n    url: http://a\n"
        let document = try YAMLDocument(bytes: Array(text.utf8))
        let result = try ConfigurationEditor.apply(
            [.setField(endpoint: "a", field: .priority, old: .integer(3), new: .absent)], to: document)
        let expected = text.replacing("    name: a\n", with: "    name: a\n    priority: null\n")
        #expect(String(decoding: result.bytes, as: UTF8.self) == expected)
    }
}
