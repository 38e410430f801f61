import Testing

@testable import YAMLDocument

/// Edits that want what is there already, and edits that contradict each other.
@Suite struct NoOpTests {
    @Test(arguments: [
        ("a: 1230-name.yml # c\n", YAMLValue.string("1230-name.yml")), ("a: nan\n", .string("nan")),
        ("a: 2021-12-12\n", .string("2021-12-12")), ("a: 0644\n", .integer(0o644)), ("a: 1_000\n", .integer(1_000)),
        ("a: no\n", .boolean(false)), ("a: On\n", .boolean(true)), ("a: ~\n", .null), ("a:\n", .null),
        ("a: 'x'\n", .string("x")), ("a: >-\n  x\n  y\n", .string("x y")),
        ("a: [1230-x, 0644, no]\n", .sequence([.string("1230-x"), .integer(0o644), .boolean(false)])),
        ("a: {b: 0x1F}\n", .mapping([YAMLPair(key: "b", value: .integer(31))])),
    ]) func whatReadsAsTheValueIsLeftAlone(_ text: String, _ value: YAMLValue) throws {
        #expect(try edit(text, .set(["a"], value)) == text)
    }

    /// The text is the same, the value is not; and readers disagree about a bare `y`.
    @Test(arguments: [
        ("a: 0644\n", YAMLValue.string("0644"), "a: \"0644\"\n"), ("a: no\n", .string("no"), "a: \"no\"\n"),
        ("a: '1'\n", .integer(1), "a: 1\n"), ("a: y\n", .boolean(true), "a: true\n"),
    ]) func whatOnlyLooksTheSameIsWritten(_ text: String, _ value: YAMLValue, _ expected: String) throws {
        #expect(try edit(text, .set(["a"], value)) == expected)
    }

    /// The first of each pair changes nothing by itself, so no bytes overlap.
    @Test(arguments: [
        [YAMLEdit.set(["a"], .integer(1)), .set(["a"], .integer(2))],
        [.set(["b"], .sequence([.string("x"), .string("y")])), .insertEntry(.string("z"), into: ["b"], at: 0)],
        [.set(["b"], .sequence([.string("x"), .string("y")])), .remove(["b", 1])],
        [.set(["b", 0], .string("x")), .remove(["b"])],
        [.set(["c"], .mapping([:])), .insertKey("k", .null, into: ["c"], placement: .last)],
        [.remove(["a"]), .remove(["a"])],
    ]) func contradictionsAreRefused(_ edits: [YAMLEdit]) throws {
        let document = try YAMLDocument(bytes: Array("a: 1\nb:\n  - x\n  - y\nc: {}\n".utf8))
        for order in [edits, edits.reversed()] {
            let error = #expect(throws: YAMLError.self) { try document.applying(order) }
            #expect(error?.reason == "two of the changes concern the same text")
        }
    }

    @Test func changesBesideEachOtherAreNoContradiction() throws {
        let text = "a: 1\nb:\n  - x\n  - y\n"
        let edited = try YAMLDocument(bytes: Array(text.utf8)).applying([
            .set(["a"], .integer(1)), .set(["b", 0], .string("x")), .remove(["b", 1]),
            .insertEntry(.string("z"), into: ["b"], at: 2),
        ])
        #expect(String(decoding: edited.bytes, as: UTF8.self) == "a: 1\nb:\n  - x\n  - z\n")
    }
}
