import Testing

@testable import Console

@Suite("A line being typed")
struct LineEditorTests {
    /// Keys as a shell's line editing knows them, at the | of the text.
    @Test(
        "Editing keys",
        arguments: [
            (.control("A"), "one two|", "|one two"), (.home, "one| two", "|one two"),
            (.control("E"), "o|ne two", "one two|"), (.end, "|one", "one|"),
            (.control("U"), "one| two", "| two"), (.control("K"), "one| two", "one|"), (.control("K"), "one|", "one|"),
            (.control("W"), "one two |three", "one |three"), (.control("W"), "|one", "|one"),
            (.delete, "o|ne", "o|e"), (.backspace, "o|ne", "|ne"), (.left, "|a", "|a"), (.right, "a|", "a|"),
        ] as [(Key, String, String)])
    func keys(key: Key, before: String, after: String) {
        let parts = before.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        var editor = LineEditor(parts.joined())
        for _ in parts[1] { _ = editor.handle(.left) }
        let isEditing = editor.handle(key)
        #expect(isEditing)
        var shown = editor.text
        shown.insert("|", at: shown.index(shown.startIndex, offsetBy: editor.cursor))
        #expect(shown == after)
    }
}
