import Testing
import YAMLDocument

@Suite struct CorpusTests {
    private static let priority: YAMLPath = ["endpoints", 1, "priority"]

    @Test(arguments: Corpus.files.indices) func changesOneScalarAndNothingElse(_ index: Int) throws {
        let (name, text) = Corpus.files[index]
        let document = try YAMLDocument(bytes: Corpus.bytes(text))
        let value = try #require(document.root?["endpoints"]?.entries[1]["priority"], "\(name)")
        #expect(value.scalar == .integer(2))
        #expect(Array(document.bytes[value.span]) == Array("2".utf8))

        let edited = try document.applying([.set(Self.priority, .integer(17))])
        var expected = document.bytes
        expected.replaceSubrange(value.span, with: Array("17".utf8))
        #expect(edited.bytes == expected, "\(name)")
        #expect(edited.root?["endpoints"]?.entries[1]["priority"]?.scalar == .integer(17))
    }

    @Test(arguments: Corpus.files.indices) func writingTheSameValueChangesNothing(_ index: Int) throws {
        let document = try YAMLDocument(bytes: Corpus.bytes(Corpus.files[index].text))
        #expect(try document.applying([.set(Self.priority, .integer(2))]).bytes == document.bytes)
    }

    /// Adding and taking away again leaves the file as it was.
    @Test(arguments: Corpus.files.indices) func insertedKeysCanBeRemoved(_ index: Int) throws {
        let (name, text) = Corpus.files[index]
        let document = try YAMLDocument(bytes: Corpus.bytes(text))
        for placement in [KeyPlacement.first, .last, .after("name")] {
            for entry in 0...1 {
                let path: YAMLPath = ["endpoints", .index(entry)]
                let edit = YAMLEdit.insertKey("pinned", .boolean(true), into: path, placement: placement)
                let edited = try document.applying([edit])
                #expect(edited.root?["endpoints"]?.entries[entry]["pinned"]?.scalar == .boolean(true))
                #expect(edited.bytes.count > document.bytes.count)
                let restored = try edited.applying([.remove(path.appending("pinned"))])
                #expect(
                    Self.withoutLayout(restored.bytes) == Self.withoutLayout(document.bytes), "\(name) \(placement)")
            }
        }
    }

    @Test(arguments: Corpus.files.indices) func appendedEntriesCanBeRemoved(_ index: Int) throws {
        let (name, text) = Corpus.files[index]
        let document = try YAMLDocument(bytes: Corpus.bytes(text))
        let entry = YAMLValue.mapping(["name": .string("c"), "tags": .sequence([.string("x"), .string("1")])])
        let edited = try document.applying([.insertEntry(entry, into: ["endpoints"], at: 2)])
        let added = try #require(edited.root?["endpoints"]?.entries[2], "\(name)")
        #expect(added["tags"]?.entries.map(\.scalar) == [.string("x"), .string("1")])
        let restored = try edited.applying([.remove(["endpoints", 2])])
        #expect(Self.withoutLayout(restored.bytes) == Self.withoutLayout(document.bytes), "\(name)")
    }

    /// Removing an entry keeps the values of the others; `CorpusTests` files have no aliases from one entry to another.
    @Test(arguments: Corpus.files.indices) func removesEitherEntry(_ index: Int) throws {
        let (name, text) = Corpus.files[index]
        let document = try YAMLDocument(bytes: Corpus.bytes(text))
        let names = try #require(document.root?["endpoints"]).entries.map { $0["name"]?.text }
        for entry in 0...1 {
            let edited = try document.applying([.remove(["endpoints", .index(entry)])])
            let rest = try #require(edited.root?["endpoints"]?.entries.map { $0["name"]?.text }, "\(name)")
            #expect(rest == [names[1 - entry]], "\(name)")
        }
    }

    /// The bytes without spaces, line breaks and commas: what an edit and its reverse may leave behind in layout.
    private static func withoutLayout(_ bytes: [UInt8]) -> String {
        String(
            String.UnicodeScalarView(
                String(decoding: bytes, as: UTF8.self).unicodeScalars.filter {
                    !$0.properties.isWhitespace && $0 != ","
                }))
    }
}
