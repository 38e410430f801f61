import Testing

@testable import YAMLDocument

/// The last guard before a file is written: it must see every difference that was not meant.
@Suite struct VerificationTests {
    private static let before = "a: 1\nb: 'x' # c\nc: [p, {q: r}]\nd:\n  - &n e: f\n  - !!str g\n"
    private static let edits: [YAMLEdit] = [
        .set(["a"], .integer(2)), .remove(["c", 0]), .insertEntry(.string("h"), into: ["d"], at: 2),
    ]
    private static let after = "a: 2\nb: 'x' # c\nc: [{q: r}]\nd:\n  - &n e: f\n  - !!str g\n  - h\n"

    private func isAccepted(_ text: String) throws -> Bool {
        let tree = try YAMLDocument(bytes: Array(Self.before.utf8)).tree
        let plan = try EditPlan(Self.edits, tree: tree)
        return Verification.firstDifference(plan, try YAMLDocument(bytes: Array(text.utf8)).tree) == nil
    }

    @Test func acceptsWhatWasMeant() throws {
        #expect(try edit(Self.before, Self.edits[0], Self.edits[1], Self.edits[2]) == Self.after)
        #expect(try isAccepted(Self.after))
        #expect(try isAccepted(Self.after.replacingFirst("# c", with: "# another comment")))
    }

    @Test(arguments: [
        ("a: 2", "a: 3"), ("a: 2", "a: '2'"), ("a: 2", "a: 1"), ("a: 2\n", ""), ("a: 2", "A: 2"), ("'x'", "x"),
        ("'x'", "\"x\""),
        ("'x'", "'y'"), ("'x'", "!!str 'x'"), ("[{q: r}]", "[p, {q: r}]"), ("[{q: r}]", "[]"), ("[{q: r}]", "[{q: s}]"),
        ("[{q: r}]", "[{q: r, t: u}]"), ("[{q: r}]", "[[q, r]]"), ("c: [{q: r}]", "c:\n  - {q: r}"), ("&n e", "e"),
        ("&n e", "&m e"),
        ("!!str g", "g"), ("  - h\n", ""), ("  - h\n", "  - h\n  - h\n"), ("  - h\n", "  - 'h'\n  - i\n"),
        ("- h\n", "- h\ni: j\n"),
        ("  - h\n", "  - [h]\n"), ("  - &n e: f\n  - !!str g\n", "  - !!str g\n  - &n e: f\n"),
    ]) func refusesEverythingElse(_ text: String, _ replacement: String) throws {
        let changed = Self.after.replacingFirst(text, with: replacement)
        #expect(changed != Self.after)
        #expect(try !isAccepted(changed), "\(changed)")
    }

    /// What cannot be spliced without side effects is caught here: the quoted name looks like another entry's dash.
    @Test func anEditThatGoesWrongIsRefused() throws {
        let text = "endpoints:\n  - ? name: \"a\n# not a comment\n  - no\"\n  - name: b\n"
        let document = try YAMLDocument(bytes: Array(text.utf8))
        #expect(throws: YAMLError.self) {
            try document.applying([.insertEntry(.string("x"), into: ["endpoints"], at: 1)])
        }
    }
}
