import Testing

@testable import YAMLDocument

/// Which comments and blank lines belong to what is added or removed.
@Suite struct OwnershipTests {
    @Test func aCommentedOutEntryStays() throws {
        let file = "e:\n  - a: 1\n  # - b: 2\n  #   c: 3\n  - d: 4\n"
        #expect(try edit(file, .remove(["e", 1])) == "e:\n  - a: 1\n  # - b: 2\n  #   c: 3\n")
    }

    @Test func aCommentAtAnotherColumnStays() throws {
        let file = "e:\n  - a: 1\n# top\n    # inner\n  # own\n  - d: 4\n"
        #expect(try edit(file, .remove(["e", 1])) == "e:\n  - a: 1\n# top\n    # inner\n")
    }

    @Test func aLastKeyGoesBehindTheEntrysComments() throws {
        let file = "e:\n  - a: 1 # x\n    # b: 2\n  # next\n  - c: 3\n"
        #expect(
            try edit(file, .insertKey("k", .integer(1), into: ["e", 0], placement: .last))
                == "e:\n  - a: 1 # x\n    # b: 2\n    k: 1\n  # next\n  - c: 3\n")
    }

    @Test func blankLinesDoNotPileUp() throws {
        let file = "e:\n  - a: 1\n\n  - b: 2\n"
        let added = try edit(file, .insertEntry(.mapping(["c": .integer(3)]), into: ["e"], at: 2))
        #expect(added == file + "\n  - c: 3\n")
        #expect(try edit(added, .remove(["e", 2])) == file)
        #expect(try edit(added, .remove(["e", 1])) == "e:\n  - a: 1\n\n  - c: 3\n")
        #expect(try edit(added, .remove(["e", 0])) == "e:\n  - b: 2\n\n  - c: 3\n")
    }

    @Test func itemsInLinesOfBracketsKeepTheirComments() throws {
        let file = "e: [\n  a, # 1\n  b # 2\n]\n"
        #expect(try edit(file, .insertEntry(.string("c"), into: ["e"], at: 2)) == "e: [\n  a, # 1\n  b, # 2\n  c\n]\n")
        #expect(try edit(file, .insertEntry(.string("c"), into: ["e"], at: 1)) == "e: [\n  a, # 1\n  c,\n  b # 2\n]\n")
        #expect(try edit(file, .remove(["e", 0])) == "e: [\n  b # 2\n]\n")
    }

    /// An entry whose end the parser can only tell from what follows is not read alone.
    @Test func anEntryThatReadsDifferentlyAloneIsReadInItsPlace() throws {
        let file =
            "e:\n  - x: 1\n    y:\n      ? a\n  - b: 2\n    c: a longer text, so that the first entry is the smaller part\n"
        let document = try YAMLDocument(bytes: Array(file.utf8))
        let edited = try document.applying([.set(["e", 0, "x"], .integer(20))])
        #expect(edited.readsTheSameAsAWhole)
        #expect(String(decoding: edited.bytes, as: UTF8.self) == file.replacingFirst("x: 1", with: "x: 20"))
    }
}
